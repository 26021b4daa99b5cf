"""What the benches stand on: an origin, wharfinger with everything on, and mitmdump as it comes.

All are processes of their own, started from nothing and ended here; the configuration is one that a user
could have written, with 1,000 tools and 100 rules.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import decide
from wharfinger.demo import certificates, processes
from wharfinger.demo.processes import Operator, Running

HERE = Path(__file__).resolve().parent
AGENT = "bot"
SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9Zk3vQ8m1X5b7"
API, FILES, OPEN = "api.example.com", "files.example.com", "open.example.com"
HOSTS = (API, FILES, OPEN, "localhost")

_FILE_TOOLS = f"""
api: files
base: https://{FILES}
auth: {{secret: API_KEY}}
tools:
  - tool: upload
    effect: write
    run: {{method: PUT, url: "/upload/${{name}}", encoding: any, body: stream}}
  - tool: download
    effect: read
    run: {{method: GET, url: "/download/${{size}}"}}
  - tool: events
    effect: read
    run: {{method: GET, url: "/events/${{count}}"}}
"""
_OPEN_TOOLS = f"""
api: open
base: https://{OPEN}
tools:
  - tool: open_download
    effect: read
    run: {{method: GET, url: "/download/${{size}}"}}
  - tool: open_events
    effect: read
    run: {{method: GET, url: "/events/${{count}}"}}
"""
_MORE = ("upload", "download", "events", "open_download", "open_events")


@dataclass(frozen=True, slots=True)
class Contender:
    """A proxy, or none, as the client meets it."""

    name: str
    address: tuple[str, int]
    pid: int
    authority: str
    host: str
    ca: Path
    key: str
    """What the client sends as its API key."""
    proxy_authorization: str = ""
    proxy: bool = True

    def head(
        self, method: str, target: str, length: int | None = None, *, files: bool = False, free: bool = False
    ) -> str:
        """The head of a request, with the fields that an SDK sends; `free` of a credential."""
        host = self.host if self.host == "localhost" else OPEN if free else FILES if files else API
        port = f":{self.authority.partition(':')[2]}" if host == "localhost" else ""
        login = "" if free else f"Authorization: Bearer {self.key}\r\n"
        size = "" if length is None else f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        return (
            f"{method} {target} HTTP/1.1\r\nHost: {host}{port}\r\nAccept-Encoding: identity\r\n"
            f"Accept: application/json\r\nConnection: keep-alive\r\n"
            f"User-Agent: Example/v1 PythonBindings/16.0.0\r\n{login}"
            f"Idempotency-Key: 5f4dcc3b-5aa7-65d6-1d83-27deb882cf99\r\n{size}\r\n"
        )

    def calls(self) -> list[str]:
        """Requests to forty of the tools, each with a small JSON body."""
        body = '{"amount": 100, "note": "duplicate"}'
        targets = [f"/v1/area{n % 40}/kind{n}/acct_1" for n in range(40)]
        return [self.head("POST", target, len(body)) + body for target in targets]

    def job(
        self, work: str, requests: list[str], *, files: bool = False, free: bool = False, **more: object
    ) -> dict[str, object]:
        """What the client is told to do; `files` for the host of large bodies, `free` for the open one."""
        local = self.host == "localhost" or not (files or free)
        there = OPEN if free else FILES
        return {
            "work": work, "address": self.address, "ca": str(self.ca), "proxy": self.proxy,
            "authority": self.authority if local else f"{there}:443",
            "host": self.host if local else there,
            "proxy_authorization": self.proxy_authorization, "requests": requests, **more,
        }  # fmt: skip

    def cpu(self) -> float:
        """Seconds of processor time that its process has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what: str = "VmHWM") -> float:
        """`VmHWM` (the most it ever held) or `VmRSS` of its process, in MB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(what)

    def forget_peak(self) -> None:
        """Count `VmHWM` anew from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@dataclass(frozen=True, slots=True)
class Bench:
    """All that one run has in place."""

    direct: Contender
    ours: Contender
    stock: Contender
    environment: Mapping[str, str]

    def client(self, job: Mapping[str, object]) -> Any:
        """Run the client, and read what it found."""
        return client(job, self.environment)


def client(job: Mapping[str, object], environment: Mapping[str, str]) -> Any:
    """Run the client in a process of its own, and read what it found."""
    program = [sys.executable, str(HERE / "client.py"), json.dumps(job)]
    done = subprocess.run(
        program, env=dict(environment), capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise SystemExit(f"the client failed\n{done.stderr}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def standing(*, rules: bool = True) -> Iterator[Bench]:
    """Start everything, end everything. Without `rules`, with few tools (for a profile)."""
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as name, contextlib.ExitStack() as stack:
        root = Path(name)
        stack.callback(processes.stop_all)
        environment = processes.bare_environment(root / "home")
        ca = certificates.make(root, list(HOSTS))
        port = _origin(root, environment, ca.chain)
        direct = Contender(
            "direct", ("127.0.0.1", port), os.getpid(), f"localhost:{port}", "localhost", ca.root, SECRET,
            proxy=False,
        )  # fmt: skip
        ours = stack.enter_context(_ours(root, environment, ca.root, port))
        stock = _stock(root, environment, ca.root, port)
        yield Bench(direct, ours, stock, environment)


@contextlib.contextmanager
def variants(settings: Mapping[str, str]) -> Iterator[tuple[dict[str, Contender], Mapping[str, str]]]:
    """Our proxy once for each of these, by name: lines that its wharfinger.yaml has besides; one origin."""
    with tempfile.TemporaryDirectory(prefix="wharfinger-bench-") as name, contextlib.ExitStack() as stack:
        root = Path(name)
        stack.callback(processes.stop_all)
        environment = processes.bare_environment(root / "home")
        ca = certificates.make(root, list(HOSTS))
        port = _origin(root, environment, ca.chain)
        ours = {}
        for variant, more in settings.items():
            place = root / variant.replace(" ", "-")
            place.mkdir()
            ours[variant] = stack.enter_context(
                _ours(place, environment, ca.root, port, name=variant, more=more)
            )
        yield ours, environment


def _origin(root: Path, environment: Mapping[str, str], chain: Path) -> int:
    running = Running([sys.executable, str(HERE / "origin.py"), str(chain)], environment, root, "origin")
    return int(_until(lambda: (root / "origin.out").read_text().strip(), running))


def _until(tried: Any, running: Running) -> Any:
    deadline = time.monotonic() + 60
    while not (found := tried()):
        if not running.alive or time.monotonic() > deadline:
            raise SystemExit(f"a process did not start\n{running.so_far().said}")
        time.sleep(0.05)
    return found


def write_configuration(folder: Path, root: Path, port: int, more: str = "", secrets: int = 1) -> None:
    """1,000 tools and 100 rules (those of `decide.py`), an agent, so many credentials; `more` settings."""
    policy = "\n".join(decide.rules()).replace(
        "allow:", "allow:" + "".join(f"\n  - tool: {name}" for name in _MORE), 1
    )
    files = {
        "wharfinger.yaml": (
            "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n"
            f"resolve: {{{', '.join(f'"{host}:443": "127.0.0.1:{port}"' for host in HOSTS[:3])}}}\n"
            f'upstream: {{ca: {{"*": "{root}"}}}}\n{more}'
        ),
        "agents.yaml": f"agents: {{{AGENT}: {{owner: alice, policies: [main], environment: prod}}}}\n",
        "people.yaml": "people: {alice: {email: a@example.com, role: admin}, bob: {email: b@example.com}}\n",
        "credentials.yaml": (
            f'credentials:\n  API_KEY: {{from: "file:api.key", hosts: [{API}, {FILES}],'
            ' placeholder: "sk_test_"}\n'
            + "".join(
                f'  KEY_{number}: {{from: "file:{number}.key", hosts: [{API}]}}\n'
                for number in range(1, secrets)
            )
        ),
        "tools/many.yaml": f"api: many\nbase: https://{API}\nauth: {{secret: API_KEY}}\ntools:"
        + "".join(decide.tool(number) for number in range(decide.TOOLS)),
        "tools/files.yaml": _FILE_TOOLS,
        "tools/open.yaml": _OPEN_TOOLS,
        "policies/main.yaml": f"policy: main\n{policy}\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
    values = {"api": SECRET} | {str(number): f"sk_live_{secret(number)}" for number in range(1, secrets)}
    for name, value in values.items():
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_text(value)


def secret(number: int) -> str:
    """What looks random, and is the same each time."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"secret {number}".encode()).digest()[:30]).decode()


@contextlib.contextmanager
def _ours(
    root: Path,
    environment: Mapping[str, str],
    ca: Path,
    port: int,
    *,
    name: str = "wharfinger",
    more: str = "",
    secrets: int = 1,
) -> Iterator[Contender]:
    folder = root / "config"
    write_configuration(folder, ca, port, more, secrets)
    operator = Operator(folder, environment, root)
    with processes.proxy(operator):
        ready = json.loads((root / "ready.json").read_text())
        variables = operator.json("env", "--agent", AGENT, "--format", "json")
        url = urlsplit(variables["HTTPS_PROXY"])
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        yield Contender(
            name, (str(url.hostname), int(url.port or 0)), ready["pid"], f"{API}:443", API,
            Path(ready["ca"]), variables["API_KEY"], f"Basic {login}",
        )  # fmt: skip


def _stock(root: Path, environment: Mapping[str, str], ca: Path, port: int) -> Contender:
    folder = root / "stock"
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    running = Running(
        [
            str(Path(sys.executable).with_name("mitmdump")), "--listen-host", "127.0.0.1", "-p", str(own),
            "--set", f"confdir={folder}", "--set", f"ssl_verify_upstream_trusted_ca={ca}",
        ],
        environment, root, "mitmdump",
    )  # fmt: skip

    def accepts() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", own), 1):
            return True
        return False

    _until(accepts, running)
    return Contender(
        "mitmdump", ("127.0.0.1", own), running.pid, f"localhost:{port}", "localhost",
        folder / "mitmproxy-ca-cert.pem", SECRET,
    )  # fmt: skip


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()}, {python}"
