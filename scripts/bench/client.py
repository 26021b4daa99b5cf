"""The near end of a bench: raw keep-alive connections through CONNECT and TLS, in a process of its own.

    python scripts/bench/client.py JOB     # JOB: JSON, see `Job`; prints JSON

One thread and one selector serve all connections; each sends its next request as soon as it has the answer.
Before the measurement every connection has made some requests. Where each request is to have a connection of
its own (`fresh`), there is a thread for each that is open at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

WARM_UP = 20
"""Requests of each connection before the clock starts."""


@dataclass(frozen=True)
class Job:
    """What to do: `work` is `load`, `fresh`, `download`, `firsts`, `upload`, `events` or `streams`."""

    work: str
    address: tuple[str, int]
    """Of the proxy, or of the origin where there is no `proxy`."""
    authority: str
    host: str
    """Server name and the name in the certificate."""
    ca: str
    proxy: bool = True
    proxy_authorization: str = ""
    requests: tuple[str, ...] = ()
    connections: int = 1
    seconds: float = 3.0
    amount: int = 0
    """Bytes of a download or upload."""
    times: int = 1
    """How often, on one connection."""


def connect(job: Job, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection through the tunnel, if there is one, with its handshake done."""
    raw = socket.create_connection(job.address, 20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if job.proxy:
        login = f"Proxy-Authorization: {job.proxy_authorization}\r\n" if job.proxy_authorization else ""
        raw.sendall(f"CONNECT {job.authority} HTTP/1.1\r\nHost: {job.authority}\r\n{login}\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += raw.recv(1)
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise ConnectionError(answer.decode())
    return context.wrap_socket(raw, server_hostname=job.host)


class Connection:
    """One of the connections under load."""

    def __init__(self, stream: ssl.SSLSocket, requests: list[bytes], offset: int) -> None:
        self.stream = stream
        self._requests = requests
        self._next = offset
        self._answer = b""
        self.began = 0.0

    def send(self) -> None:
        self._next = (self._next + 1) % len(self._requests)
        self._answer = b""
        self.began = time.perf_counter()
        self.stream.send(self._requests[self._next])

    def receive(self) -> bool:
        """Whether the answer has now come whole."""
        while True:
            try:
                data = self.stream.recv(65536)
            except ssl.SSLWantReadError:
                return False
            if not data:
                raise ConnectionError(f"closed in the middle of an answer: {self._answer[:500]!r}")
            self._answer += data
            if complete(self._answer):
                if not self._answer.startswith(b"HTTP/1.1 200 "):
                    raise ConnectionError(self._answer.decode("latin-1"))
                return True


def complete(answer: bytes) -> bool:
    """Whether the bytes are a whole answer."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    _, found, value = head.lower().partition(b"\r\ncontent-length:")
    if found:
        return len(body) >= int(value.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n")


def load(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Latencies in seconds of every request within the time."""
    requests = [text.encode() for text in job.requests]
    with selectors.DefaultSelector() as selector:
        everyone = []
        for number in range(job.connections):
            one = Connection(connect(job, context), requests, number)
            one.stream.setblocking(False)
            selector.register(one.stream, selectors.EVENT_READ, one)
            everyone.append(one)
        for one in everyone:
            one.send()
        for _ in answers(selector, WARM_UP * len(everyone)):
            pass
        begin = time.perf_counter()
        taken = list(answers(selector, None, until=begin + job.seconds))
        seconds = time.perf_counter() - begin
    return {"latencies": taken, "seconds": seconds, "all": len(taken) + WARM_UP * job.connections}


def answers(
    selector: selectors.BaseSelector, count: int | None, *, until: float = float("inf")
) -> Iterator[float]:
    """The latency of each answer as it comes; each is followed by the next request."""
    got = 0
    while count is None or got < count:
        for key, _ in selector.select(20):
            one: Connection = key.data
            if one.receive():
                now = time.perf_counter()
                got += 1
                yield now - one.began
                if now >= until:
                    return
                one.send()


def fresh(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Latencies in seconds of requests that each have a connection of their own, its making included."""
    requests = [text.encode() for text in job.requests]
    until = time.perf_counter() + job.seconds

    def worker(number: int) -> list[float]:
        taken = []
        while (began := time.perf_counter()) < until:
            with connect(job, context) as stream:
                stream.sendall(requests[(number + len(taken)) % len(requests)])
                answer = b""
                while not complete(answer):
                    data = stream.recv(65536)
                    if not data:
                        raise ConnectionError(f"closed in the middle of an answer: {answer[:500]!r}")
                    answer += data
                if not answer.startswith(b"HTTP/1.1 200 "):
                    raise ConnectionError(answer.decode("latin-1"))
            taken.append(time.perf_counter() - began)
        return taken

    began = time.perf_counter()
    with ThreadPoolExecutor(job.connections) as pool:
        taken = [one for each in pool.map(worker, range(job.connections)) for one in each]
    return {"latencies": taken, "seconds": time.perf_counter() - began, "all": len(taken)}


def download(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Read one large answer."""
    with connect(job, context) as stream:
        begin = time.perf_counter()
        stream.sendall(job.requests[0].encode())
        received = head = 0
        answer = tail = b""
        chunked = False
        while not (tail.endswith(b"0\r\n\r\n") if chunked else head and received - head >= job.amount):
            data = stream.recv(1 << 18)
            if not data:
                break
            received += len(data)
            tail = (tail + data)[-5:]
            if not head:
                answer += data
                end = answer.find(b"\r\n\r\n")
                head = end + 4 if end >= 0 else 0
                chunked = b"chunked" in answer[:head].lower()
        return {
            "seconds": time.perf_counter() - begin,
            "bytes": received,
            "head": answer[:200].decode("latin-1"),
        }


def _punctual() -> None:
    """Go before others, where that may be: what is told is when something came, not when there was time."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def firsts(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Seconds from the origin's beginning of each large answer to its first byte here, and to its body's."""
    _punctual()
    first, taken = [], []
    with connect(job, context) as stream:
        for _ in range(job.times):
            stream.sendall(job.requests[0].encode())
            answer, end, came = b"", -1, 0
            while end < 0 or len(answer) == end + 4:
                answer += stream.recv(65536)
                came = came or time.monotonic_ns()
                end = answer.find(b"\r\n\r\n")
            now = time.monotonic_ns()
            head = answer[:end].lower()
            began = int(head.partition(b"\r\nx-at:")[2].partition(b"\r\n")[0])
            first.append((came - began) / 1e9)
            taken.append((now - began) / 1e9)
            chunked, received, tail = b"chunked" in head, len(answer) - end - 4, answer[-5:]
            while not tail.endswith(b"0\r\n\r\n") if chunked else received < job.amount:
                data = stream.recv(1 << 18)
                received, tail = received + len(data), (tail + data)[-5:]
    return {"latencies": first, "bodies": taken}


def upload(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Send one large request, and read its answer."""
    piece = b"0123456789abcdef" * 4096
    with connect(job, context) as stream:
        begin = time.perf_counter()
        stream.sendall(job.requests[0].encode())
        left = job.amount
        while left > 0:
            stream.sendall(piece[:left])
            left -= len(piece)
        answer = b""
        while not complete(answer):
            data = stream.recv(65536)
            if not data:
                break
            answer += data
        return {"seconds": time.perf_counter() - begin, "head": answer[:200].decode("latin-1")}


def under_way(buffer: bytes) -> tuple[list[float], bytes]:
    """For how many seconds each of the events was under way that has come whole, and what is left."""
    now, taken = time.monotonic_ns(), []
    while (at := buffer.find(b'"at":')) >= 0 and (end := buffer.find(b"}", at)) >= 0:
        taken.append((now - int(buffer[at + 5 : end])) / 1e9)
        buffer = buffer[end:]
    return taken, buffer


def events(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """Seconds from the instant that stands in each event to its coming here."""
    taken = []
    with connect(job, context) as stream:
        stream.sendall(job.requests[0].encode())
        buffer = b""
        while not buffer.endswith(b"0\r\n\r\n"):
            data = stream.recv(65536)
            if not data:
                break
            come, buffer = under_way(buffer + data)
            taken += come
    return {"latencies": taken}


def streams(job: Job, context: ssl.SSLContext) -> dict[str, object]:
    """The same of many streams at a time, while all of them stand; they begin one by one in `seconds`."""
    _punctual()
    taken: list[float] = []
    everyone = [connect(job, context) for _ in range(job.connections)]
    buffers = dict.fromkeys(everyone, b"")
    waiting, begin = list(everyone), time.monotonic()
    with selectors.DefaultSelector() as selector:
        for stream in everyone:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ)
        while buffers:
            due = (time.monotonic() - begin) / job.seconds * job.connections
            while waiting and job.connections - len(waiting) < due:
                waiting.pop().sendall(job.requests[0].encode())
            for key, _ in selector.select(job.seconds / job.connections if waiting else 20):
                one: ssl.SSLSocket = key.fileobj  # type: ignore[assignment]
                try:
                    data = one.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                come, buffers[one] = under_way(buffers[one] + data)
                if not waiting and len(buffers) == len(everyone):
                    taken += come
                if not data or buffers[one].endswith(b"0\r\n\r\n"):
                    selector.unregister(one)
                    one.close()
                    del buffers[one]
    return {"latencies": taken}


def main() -> None:
    """Do one job."""
    given = json.loads(sys.argv[1])
    job = Job(**{**given, "address": tuple(given["address"])})
    context = ssl.create_default_context(cafile=job.ca)
    context.set_alpn_protocols(["http/1.1"])
    works = (load, fresh, download, firsts, upload, events, streams)
    work = next(one for one in works if one.__name__ == job.work)
    print(json.dumps(work(job, context)))


if __name__ == "__main__":
    main()
