"""What the trials stand on: an origin with a record of its own, and wharfinger as a user would run it.

All are processes of their own, on loopback. The far leg is plain HTTP, so that what is sent can be read off
the wire and off system calls; the decision, the book and the store are the same as for any other request.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nursery import Forked, Nursery

HOST = "plain.example.com"
AGENT = "bot"
PATIENCE = 120.0
"""Seconds any one process may take to start or to end."""

_FILES = {
    "wharfinger.yaml": (
        "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n"
        'resolve: {{"{host}:80": "127.0.0.1:{port}"}}\n'
    ),
    "agents.yaml": "agents: {{{agent}: {{owner: alice, policies: [main]}}}}\n",
    "people.yaml": "people: {{alice: {{email: alice@example.com, role: admin}}}}\n",
    "policies/main.yaml": (
        "policy: main\ndescription: What the trials need\n"
        "allow:\n  - {{tool: unmatched, hosts: [{host}], when: {{method: {{in: [GET]}}}}}}\n"
    ),
}


@dataclass
class Ground:
    """One configuration, its origin, and whatever proxy runs on it at the moment."""

    root: Path
    origin: subprocess.Popen[bytes]
    port: int
    wrapper: Sequence[str] = ()
    """What the proxy is started under, such as strace."""
    nursery: Nursery | None = None
    """What forks it, where it is started often."""
    attach: Callable[[int], None] | None = None
    """Called with the pid of one that was forked, before it does anything."""
    patience: float = PATIENCE
    proxy: subprocess.Popen[bytes] | Forked | None = None
    address: tuple[str, int] = ("", 0)
    pid: int = 0
    login: str = ""
    starts: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def book(self) -> Path:
        """The folder of the audit log."""
        return self.root / "config" / "data" / "audit"

    def command(self, *arguments: str) -> list[str]:
        """One of wharfinger's commands on this configuration."""
        return [sys.executable, "-m", "wharfinger.cli.main", *self.arguments(*arguments)]

    def arguments(self, *arguments: str) -> list[str]:
        """The same without the interpreter."""
        return [*arguments, "--config", str(self.root / "config")]

    def run(self, *arguments: str) -> str:
        """What a command prints; it must end well."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self) -> None:
        """Start the proxy, and wait until it is ready."""
        ready = self.root / "ready.json"
        ready.unlink(missing_ok=True)
        self.pid = 0
        self.proxy = self._begun("up", "--ready-file", str(ready))
        end = time.monotonic() + self.patience
        while not ready.exists():
            if self.proxy.poll() is not None or time.monotonic() > end:
                raise SystemExit("the proxy did not start\n" + (self.root / "up.log").read_text()[-4000:])
            time.sleep(0.01)
        told = json.loads(ready.read_text())
        url = urlsplit(told["proxy"])
        self.address, self.pid = (str(url.hostname), int(url.port or 0)), told["pid"]
        self.starts += 1
        if not self.login:
            variables = json.loads(self.run("env", "--agent", AGENT, "--format", "json"))
            given = urlsplit(variables["HTTPS_PROXY"])
            self.login = base64.b64encode(f"{given.username}:{given.password}".encode()).decode()

    def _begun(self, *arguments: str) -> subprocess.Popen[bytes] | Forked:
        said = self.root / "up.log"
        if self.nursery is not None:
            forked = self.nursery.start(self.arguments(*arguments), said, stopped=self.attach is not None)
            if self.attach is not None:
                self.attach(forked.pid)
                os.kill(forked.pid, signal.SIGCONT)
            return forked
        with said.open("ab") as log:
            return subprocess.Popen(
                [*self.wrapper, *self.command(*arguments)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def end(self, number: int) -> None:
        """Send the proxy a signal, and wait until it has ended. What was forked is killed with its office."""
        if self.proxy is None:
            return
        if number == signal.SIGKILL and isinstance(self.proxy, Forked):
            self.proxy.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid or self.proxy.pid, number)
        self.proxy.wait(PATIENCE)
        self.proxy = None

    def request(self, name: str, method: str = "GET") -> bytes:
        """The request called `name`."""
        return (
            f"{method} http://{HOST}/{name} HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Proxy-Authorization: Basic {self.login}\r\n\r\n"
        ).encode()

    def received(self) -> list[str]:
        """The names of all requests that the origin has seen, by its own record."""
        return (self.root / "origin.log").read_text().split()

    def events(self) -> Iterator[dict[str, Any]]:
        """All events of the book, read from its files."""
        for path in sorted(self.book.glob("*.jsonl")):
            with path.open("rb") as file:
                yield from (json.loads(line) for line in file if line.endswith(b"}\n"))


@contextlib.contextmanager
def laid(wrapper: Sequence[str] = (), *, forking: bool = False) -> Iterator[Ground]:
    """Lay the ground, and clear it; `forking` for a proxy that is started often."""
    with tempfile.TemporaryDirectory(prefix="wharfinger-torture-") as name:
        root = Path(name)
        origin = subprocess.Popen(
            [sys.executable, __file__, str(root / "origin.log")], stdout=subprocess.PIPE
        )
        assert origin.stdout is not None
        port = int(origin.stdout.readline())
        for file, text in _FILES.items():
            path = root / "config" / file
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text.format(host=HOST, port=port, agent=AGENT))
        (root / "home").mkdir(mode=0o700)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(root / "home"), "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        } | {key: value for key, value in os.environ.items() if key == "PYTHONPATH"}  # fmt: skip
        nursery = Nursery(environment) if forking else None
        ground = Ground(root, origin, port, wrapper, nursery, environment=environment)
        try:
            yield ground
        finally:
            if ground.proxy is not None:
                ground.proxy.kill()
                ground.proxy.wait()
            if nursery is not None:
                nursery.close()
            origin.kill()
            origin.wait()
            origin.stdout.close()


class Load:
    """Requests, one after the other on each of some connections, until it is stopped or the proxy is gone."""

    def __init__(self, ground: Ground, prefix: str, connections: int, each: int | None = None) -> None:
        """`each`: how many on every connection; None for no end. Every fourth is one that policy denies."""
        self.answered: dict[str, int] = {}
        """Status by request, of those that were answered."""
        self._ground, self._prefix, self._each = ground, prefix, each
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(connections)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all is done."""
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._ground.address, 20) as stream:
            count = 0
            while not self._stop.is_set() and (self._each is None or count < self._each):
                name = f"{self._prefix}-{number}-{count}"
                stream.sendall(self._ground.request(name, "DELETE" if count % 4 == 3 else "GET"))
                self.answered[name] = status_of(stream)
                count += 1


def status_of(stream: socket.socket) -> int:
    """Read one whole answer with a Content-Length or in chunks; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    low = head.lower()
    if b"\r\ncontent-length: " in low:
        size = int(low.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
        while len(body) < size:
            body += _more(stream)
    else:
        while not body.endswith(b"0\r\n\r\n"):
            body += _more(stream)
    return int(head.split(b" ", 2)[1])


def _more(stream: socket.socket) -> bytes:
    data = stream.recv(65536)
    if not data:
        raise ConnectionError
    return data


def described(seed: int | None, method: str) -> str:
    """What a figure was measured on, and how."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    lines = [
        f"machine: {os.cpu_count()} x {model}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        f"begun: {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {load_now()}",
        f"method: {method}",
    ]
    return "\n".join([*lines, f"seed: {seed}"] if seed is not None else lines)


def load_now() -> str:
    """How busy the machine is, with other work too."""
    return "load {:.1f} {:.1f} {:.1f} (1, 5, 15 minutes)".format(*os.getloadavg())


def tell(failures: Sequence[str], what: Callable[[], str]) -> int:
    """Print what came of it; the exit code."""
    print(what())
    print(f"ended: {load_now()}")
    for failure in failures[:20]:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def _serve(log: str) -> None:
    """The origin: writes down the name of each request before it answers."""
    record = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    for made in _ANSWERS.values():
        made()
    print(server.getsockname()[1], flush=True)
    while True:
        stream, _ = server.accept()
        threading.Thread(target=_one, args=(stream, record), daemon=True).start()


def _one(stream: socket.socket, record: int) -> None:
    """Answer one request after the other; a body is read and forgotten."""
    buffer = b""
    with stream, contextlib.suppress(OSError):
        while data := stream.recv(65536):
            buffer += data
            while b"\r\n\r\n" in buffer:
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                name = head.split(b" ", 2)[1].lstrip(b"/")
                os.write(record, name + b"\n")
                buffer = _without_body(stream, head.lower(), buffer)
                stream.sendall(_ANSWERS.get(name.decode("latin-1"), _ok)())


def _without_body(stream: socket.socket, head: bytes, buffer: bytes) -> bytes:
    left = 0
    if b"\r\ncontent-length: " in head:
        left = int(head.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
    while len(buffer) < left:
        left, buffer = left - len(buffer), _more(stream)
    return buffer[left:]


def _ok() -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@functools.cache
def _bomb() -> bytes:
    body = gzip.compress(bytes(64 << 20), 9)
    fields = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d" % len(body)
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, body)


@functools.cache
def _large() -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (16 << 20, bytes(16 << 20))


_ANSWERS: dict[str, Callable[[], bytes]] = {"origin-bomb": _bomb, "origin-large": _large}
"""By the name of the request; all else gets `ok`."""


if __name__ == "__main__":
    _serve(sys.argv[1])
