"""After everything that can go wrong has: no real key in any byte that agent, operator or collector got.

The keys are hunted by a decoder that shares nothing with the redaction, through codings of codings.
"""

from __future__ import annotations

import base64
import gzip
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from staging import apis, spotting
from staging.stage import Agent, Operator, Ran, until
from staging.standins import Reply, Seen
from staging.world import SETTINGS, World
from standins.unearthing import unearth

ASK = """\
import os, sys, httpx2
key = os.environ["MIRROR_KEY"]
login, query = {"Authorization": f"Bearer {key}"}, {"params": {"key": key}}
for how, where in (each.split("/") for each in sys.argv[1:]):
    try:
        answer = httpx2.get(
            f"https://mirror.example.com/{how}/{where}", **(query if where == "query" else {"headers": login})
        )
        print(how, answer.status_code, answer.reason_phrase, answer.headers.multi_items(), answer.text)
    except httpx2.HTTPError as error:
        print(how, type(error).__name__, error)
for host in ("docs.python.org", "api.stripe.com", "nowhere.example.com"):
    try:
        answer = httpx2.get(f"https://{host}/{key}", headers=login)
        print(answer.status_code, answer.text)
    except httpx2.HTTPError as error:
        print(type(error).__name__, error)
"""
WAYS = ("echoed", "refused", "garbled", "cut", "half", "unknown", "upgraded", "lines", "gone")


def _telling(seen: Seen) -> Reply:
    """An API that tells the key it was shown, in every way that goes wrong."""
    key = seen.header("authorization").removeprefix("Bearer ") or seen.query.partition("=")[2]
    told = json.dumps({"key": key, "login": base64.b64encode(f"user:{key}".encode()).decode()}).encode()
    lined = base64.encodebytes(b"x" * 50 + key.encode() + b"y" * 40)
    match seen.path.split("/")[1]:
        case "refused":
            return Reply(401, told, {"WWW-Authenticate": f'Bearer realm="{quote(key)}"', "X-Key": key})
        case "garbled":
            return Reply(200, told, {"Content-Encoding": "gzip", "X-Key": key})
        case "cut":
            return Reply(200, gzip.compress(told)[:-6], {"Content-Encoding": "gzip"})
        case "half":
            return Reply(
                206, told[: len(told) // 2], {"Content-Range": f"bytes 0-{len(told) // 2}/{len(told)}"}
            )
        case "unknown":
            return Reply(200, told, {"Content-Encoding": key})
        case "upgraded":
            return Reply(101, told, {"Upgrade": key, "Connection": "upgrade"})
        case "lines":
            return Reply(200, lined + json.dumps({"lines": lined.decode()}).encode(), {"X-Key": key})
        case "gone":
            return Reply(302, told, {"Location": f"https://{key.encode().hex()}.example.com/{quote(key)}"})
    return Reply(200, told, {"X-Key": key, "Set-Cookie": f"key={key}"})


class Collector:
    """Keeps the bytes of all traces that it is sent."""

    def __init__(self) -> None:
        self.got = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers.get("Content-Encoding") == "gzip"
                outer.got += str(self.headers).encode() + (gzip.decompress(body) if packed else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def operator(
    world: World, separate: Callable[..., Operator], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setattr(world.hosts[apis.MIRROR], "answer", _telling)
    resolve = json.dumps({f"{host}:443": each.address for host, each in world.hosts.items()})
    settings = SETTINGS.format(listen=0, resolve=resolve, hold="2s") + f"traces: {{to: '{collector.url}'}}\n"
    made = separate(wharfinger=settings)
    made.start()
    return made


def _everything(operator: Operator, agent: Agent) -> list[Ran]:
    """Whatever may go wrong: bad answers, misuse, refused reloads, a crash; and what commands say of it."""
    assert operator.up is not None
    watching = operator.begin("watch", "--json")
    agent.run(sys.executable, "-c", ASK, "echoed/query", *(f"{way}/bearer" for way in WAYS))
    agents = operator.folder / "agents.yaml"
    good = agents.read_text()
    agents.write_text(good.replace("owner: alice", "ownr: alice"))
    said = [operator.run("reload", "--as", "alice", expect=None)]
    assert said[0].code != 0
    secret = operator.folder / "secrets" / "mirror"
    kept = secret.read_text()
    agents.write_text(good)
    secret.write_text("\n")
    said.append(operator.run("reload", "--as", "alice", expect=None))
    secret.write_text(kept)
    said.append(operator.run("reload", "--as", "alice"))
    operator.mark()
    commands = (
        ("audit", "tail", "-n", "500"), ("audit", "search", "--json"), ("credentials", "list"), ("doctor",),
    )  # fmt: skip
    said += [operator.run(*command, expect=None) for command in commands]
    watching.terminate()
    watching.wait()
    operator.stop(signal.SIGSEGV)
    operator.start()
    said.append(operator.run("audit", "verify"))
    return said


def _hunted(places: list[tuple[str, bytes]], world: World) -> list[str]:
    return [f"{key} in {place}" for place, content in places for key in unearth(content, world.keys.values())]


def test_nothing_of_it_is_anywhere(world: World, operator: Operator, collector: Collector) -> None:
    agent = Agent.of(operator)
    said = _everything(operator, agent)
    token = operator.run("tokens", "add", "hunter", "--as", "alice").out.strip()
    with httpx2.Client(base_url=operator.told["console"], trust_env=False, timeout=30) as http:
        answers = [http.get(path) for path in ("/", "/nothing", "/metrics", "/healthz", "/readyz")]
        answers.append(http.get("/metrics", headers={"Authorization": f"Bearer {token}"}))
    until("traces have come", lambda: collector.got)
    assert operator.up is not None
    kinds = {
        "agent": [("what the agent heard", "\n".join(agent.heard).encode()), *spotting.files(agent.home)],
        "data": list(spotting.files(operator.data)),
        "logs": list(spotting.files(operator.logs, operator.home)),
        "processes": list(spotting.processes(operator.up.pid)),
        "commands": [("commands", each.said.encode()) for each in said],
        "office": [(str(a.url), str(a.headers.multi_items()).encode() + a.content) for a in answers],
        "traces": [("traces", collector.got)],
    }
    assert all(kinds.values())
    for kind, places in kinds.items():
        assert _hunted(places, world) == [], kind
    heard = kinds["agent"][0][1]
    assert agent.environment["MIRROR_KEY"].encode() in heard  # the API did tell, and it was exchanged
    assert b"mirror_bearer" in b"".join(content for _, content in kinds["data"])
    assert not [
        path for root in (operator.home, operator.folder) for path in root.rglob("core*") if path.is_file()
    ]


def _hidden(key: str) -> dict[str, bytes]:
    raw = key.encode()
    return {
        "plain": raw,
        "JSON": json.dumps(key).encode(),
        "escaped": b"".join(b"\\u%04x" % byte for byte in raw),
        "percent": quote(key, safe="").encode(),
        "base64": base64.b64encode(b"user:" + raw),
        "base64 in lines": base64.encodebytes(b"x" * 50 + raw + b"y" * 50),
        "lines in JSON": json.dumps(base64.encodebytes(b"x" * 50 + raw + b"y" * 50).decode()).encode(),
        "base32": base64.b32encode(b"xy" + raw),
        "hex": raw.hex().encode(),
        "UTF-16": key.encode("utf-16-le"),
        "HTML": "".join(f"&#{ord(char)};" for char in key).encode(),
        "gzip": b"before" + gzip.compress(raw),
        "hex in base64": base64.b64encode(b"x" + raw.hex().encode()),
        "base64 in gzip": gzip.compress(base64.b64encode(raw)),
    }


def test_the_hunter_finds_what_is_hidden(world: World, tmp_path: Path) -> None:
    """A positive control: a key in each of these spellings, in a file among others."""
    key = world.keys["MIRROR_KEY"]
    for name, hidden in _hidden(key).items():
        (tmp_path / "log").write_bytes(b"{before} " + hidden + b" {after}")
        places = list(spotting.files(tmp_path))
        assert _hunted(places, world) == [f"{key} in {tmp_path / 'log'}"], name
