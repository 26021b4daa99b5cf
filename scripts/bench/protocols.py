#!/usr/bin/env python3
"""HTTP/2 beside HTTP/1 through the proxy, in turns, in one run.

    .venv/bin/python scripts/bench/protocols.py [--rounds N] [--seconds S]

Sixteen small JSON requests under way at a time: on sixteen connections of HTTP/1, or as sixteen streams of
one connection of HTTP/2; the origin speaks HTTP/1 only, or HTTP/2 too. What counts is the processor time that
the proxy takes for each request, which neither the client's nor the origin's own costs are part of.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import stage
from wharfinger.demo import certificates, processes
from wharfinger.demo.processes import Running

WIDTH = 16
ANSWER = b'{"id": "re_1", "object": "refund", "amount": 100, "status": "succeeded"}'
WAYS = {"h1": ("http/1.1", WIDTH, 1), "h2": ("h2", 1, WIDTH)}
"""By protocol: ALPN, connections, and requests under way on each."""


class Peer:
    """One connection of HTTP/2, whichever end."""

    def __init__(self, writer: asyncio.StreamWriter, *, client: bool) -> None:
        self.writer = writer
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=client, validate_outbound_headers=False)
        )
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**24)
        self.flush()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def received(self, data: bytes) -> list[h2.events.Event]:
        events = self.h2.receive_data(data)
        for event in events:
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        return events


async def origin(chain: str, *, modern: bool) -> None:
    """Answer every request with the same JSON."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            await serve_h2(reader, writer)
            return
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            writer.write(answer % (len(ANSWER), ANSWER))

    async def serve_h2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(writer, client=False)
        fields = [(":status", "200"), ("content-type", "application/json")]
        while data := await reader.read(65536):
            for event in peer.received(data):
                if isinstance(event, h2.events.StreamEnded):
                    peer.h2.send_headers(event.stream_id, fields)
                    peer.h2.send_data(event.stream_id, ANSWER, end_stream=True)
            peer.flush()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["h2", "http/1.1"] if modern else ["http/1.1"])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def opened(job: dict[str, Any], alpn: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection through the tunnel, with its handshake done."""
    reader, writer = await asyncio.open_connection(*job["address"])
    login = f"Proxy-Authorization: {job['proxy_authorization']}\r\n"
    writer.write(f"CONNECT {job['authority']} HTTP/1.1\r\nHost: {job['authority']}\r\n{login}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    context = ssl.create_default_context(cafile=job["ca"])
    context.set_alpn_protocols([alpn])
    await writer.start_tls(context, server_hostname=job["host"])
    return reader, writer


async def ask_h1(job: dict[str, Any], until: list[float], taken: list[float]) -> None:
    reader, writer = await opened(job, "http/1.1")
    for number in range(10**9):
        begin = time.perf_counter()
        if begin > until[0]:
            return
        writer.write(job["requests"][number % len(job["requests"])].encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(head.decode("latin-1"))
        while await reader.readline() != b"0\r\n":
            pass
        await reader.readline()
        taken.append(time.perf_counter() - begin)


async def ask_h2(job: dict[str, Any], until: list[float], taken: list[float]) -> None:
    reader, writer = await opened(job, "h2")
    peer = Peer(writer, client=True)
    asked = [text.partition("\r\n\r\n") for text in job["requests"]]
    prepared = []
    for head, _, body in asked:
        line, *rest = head.split("\r\n")
        method, path, _ = line.split(" ")
        given = [(name.lower(), value) for name, _, value in (field.partition(": ") for field in rest)]
        fields = [(":method", method), (":scheme", "https"), (":authority", job["host"]), (":path", path)]
        fields += [(name, value) for name, value in given if name not in {"host", "connection"}]
        prepared.append((fields, body.encode()))
    began: dict[int, float] = {}
    number = 0

    def send() -> None:
        nonlocal number
        fields, body = prepared[number % len(prepared)]
        number += 1
        stream_id = peer.h2.get_next_available_stream_id()
        began[stream_id] = time.perf_counter()
        peer.h2.send_headers(stream_id, fields)
        peer.h2.send_data(stream_id, body, end_stream=True)

    for _ in range(WIDTH):
        send()
    peer.flush()
    while data := await reader.read(65536):
        for event in peer.received(data):
            if isinstance(event, h2.events.ResponseReceived) and dict(event.headers)[b":status"] != b"200":
                raise SystemExit(repr(event.headers))
            if isinstance(event, h2.events.StreamReset):
                raise SystemExit(f"a stream was reset: {event.error_code}")
            if isinstance(event, h2.events.StreamEnded):
                now = time.perf_counter()
                taken.append(now - began.pop(event.stream_id))
                if now > until[0]:
                    return
                send()
        peer.flush()


async def client(job: dict[str, Any]) -> None:
    """Ask for so many seconds, and print the latencies."""
    _, connections, _ = WAYS[job["way"]]
    until, taken = [time.perf_counter() + job["seconds"]], list[float]()
    ask = ask_h1 if job["way"] == "h1" else ask_h2
    begin = time.perf_counter()
    await asyncio.gather(*(ask(job, until, taken) for _ in range(connections)))
    print(json.dumps({"seconds": time.perf_counter() - begin, "latencies": taken}))


def measured(rounds: int, seconds: float, *, modern: bool) -> None:
    """Both protocols against one origin, in turns."""
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as name:
        root = Path(name)
        environment = processes.bare_environment(root / "home")
        ca = certificates.make(root, [stage.API, stage.FILES, "localhost"])
        program = [sys.executable, __file__, "--origin", str(ca.chain), *(["--modern"] if modern else [])]
        running = Running(program, environment, root, "origin")
        port = int(stage._until(lambda: (root / "origin.out").read_text().strip(), running))
        found: dict[str, dict[str, list[float]]] = {way: {"cpu": [], "rate": [], "p50": []} for way in WAYS}
        with stage._ours(root, environment, ca.root, port) as ours:
            for _ in range(rounds):
                for way, into in found.items():
                    job = ours.job("", ours.calls(), way=way, seconds=seconds)
                    before = ours.cpu()
                    got = _run(job, environment)
                    taken = got["latencies"]
                    into["cpu"].append((ours.cpu() - before) / len(taken) * 1e6)
                    into["rate"].append(len(taken) / got["seconds"])
                    into["p50"].append(statistics.median(taken) * 1e3)
        processes.stop_all()
    print(f"\norigin speaks {'HTTP/2 and HTTP/1' if modern else 'HTTP/1 only'}")
    for way, into in found.items():
        cpu, rate, p50 = (statistics.median(into[key]) for key in ("cpu", "rate", "p50"))
        print(f"  {way}  {cpu:6.0f} µs CPU of the proxy a request   {rate:6.0f}/s   p50 {p50:6.2f} ms")
    ratios = [a / b for a, b in zip(found["h1"]["cpu"], found["h2"]["cpu"], strict=True)]
    print(f"  h1 : h2 = {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
          f"; wanted: at least 1.00: {'met' if statistics.median(ratios) >= 1 else 'NOT MET'}")  # fmt: skip


def _run(job: dict[str, object], environment: Any) -> Any:
    import subprocess

    done = subprocess.run(
        [sys.executable, __file__, "--client", json.dumps(job)],
        env=dict(environment), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the client failed\n{done.stderr}")
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--origin", help=argparse.SUPPRESS)
    options.add_argument("--modern", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--client", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.origin:
        asyncio.run(origin(given.origin, modern=given.modern))
    elif given.client:
        asyncio.run(client(json.loads(given.client)))
    else:
        print(stage.machine())
        for modern in (False, True):
            measured(given.rounds, given.seconds, modern=modern)


if __name__ == "__main__":
    main()
