"""What the vectors are tried on: the origins, the name server, and one proxy at a time, all processes.

`Wharfinger` is `wharfinger up` with the folder `configuration` as a user would have it. `Plain` is stock
mitmdump with `plain_addon.py`. Both get the same origins and certificates, and placeholders of one make.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wharfinger.demo import certificates

from bypassing import broken, values
from bypassing.vectors import Held
from bypassing.world import ADDRESSES, BROKEN, EVIL, PROXY, REBOUND

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PATIENCE = 120.0
CREDENTIALS = {"API": "API_KEY", "OTHER": "OTHER_KEY", "QUERY": "QUERY_KEY", "LOGIN": "LOGIN_KEY"}
ODDITIES = values.marks()
"""Marks, and the credentials whose placeholders they stand for."""
AGENTS = ("bot", "second", "reader1", "reader2", "reader3")


@dataclass
class Stage:
    """The origins and the name server, with their records."""

    root: Path
    secrets: Mapping[str, str]
    """The real credentials, by mark."""
    ca: Path
    records: tuple[Path, Path]
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def open(cls, root: Path, rng: random.Random) -> Stage:
        """Start them, in a folder of their own."""
        names = [
            *(name for name in ADDRESSES if not name.endswith(BROKEN)),
            f"*.{EVIL}",
            *REBOUND,
            "alias.example.com",
        ]
        ca = certificates.make(root, names)
        ca.root.write_bytes(ca.root.read_bytes() + broken.make(root))
        secrets = {
            mark: f"sk_live_{rng.randbytes(18).hex()}+/{mark.lower()}{rng.randbytes(3).hex()}"
            for mark in CREDENTIALS
        }
        records = (root / "origin.record", root / "names.record")
        for record in records:
            record.touch()
        stage = cls(root, secrets, ca.root, records)
        stage._begin("bypassing.origin", str(records[0]), str(ca.chain))
        stage._begin("bypassing.names", str(records[1]))
        return stage

    def _begin(self, module: str, *arguments: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=HERE.parent, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        self._processes.append(process)

    def clear(self) -> None:
        """Empty the records, for the next proxy. No proxy may be running."""
        for record in self.records:
            os.truncate(record, 0)

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@dataclass
class Wharfinger:
    """`wharfinger up`, from this checkout or from a copy of its code."""

    stage: Stage
    code: Path | None = None
    name: str = "wharfinger"
    held: dict[str, Held] = field(default_factory=dict)
    _up: subprocess.Popen[bytes] | None = None
    _told: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Its configuration."""
        return self.stage.root / f"{self.name}-configuration"

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    @property
    def ca(self) -> Path:
        """What an agent trusts."""
        return Path(self._told["ca"])

    def _environment(self) -> dict[str, str]:
        home = self.stage.root / f"{self.name}-home"
        home.mkdir(mode=0o700, exist_ok=True)
        bare = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if self.code is not None:
            return bare | {"PYTHONPATH": str(self.code)}
        return bare | {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "wharfinger.cli.main", *arguments, "--config", str(self.folder)]

    def run(self, *arguments: str) -> str:
        """What a command prints; it must end well."""
        done = subprocess.run(
            self._command(*arguments), env=self._environment(), cwd=self.stage.root, capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def configure(self) -> None:
        """Write its configuration."""
        shutil.copytree(HERE / "configuration", self.folder)
        self.folder.chmod(0o700)
        policy = self.folder / "policies" / "work.yaml"
        policy.write_text(policy.read_text().replace("@REBOUND@", ", ".join(REBOUND)))
        shutil.copy(self.stage.ca, self.folder / "stand-in-ca.pem")
        with (self.folder / "credentials.yaml").open("a") as listed:
            listed.writelines(values.credentials())
        (self.folder / "tools" / "odd.yaml").write_text(values.tools())
        (self.folder / "secrets").mkdir(mode=0o700)
        odd = {f"odd{number}": value for number, value in enumerate(values.FIT)}
        for name, secret in {**self.stage.secrets, **odd}.items():
            file = self.folder / "secrets" / name.lower()
            file.touch(mode=0o600)
            file.write_bytes(f"{secret}\n".encode())

    def resemble(self, other: Wharfinger) -> None:
        """Take over the configuration and the installation of another, which has ended."""
        shutil.copytree(other.folder, self.folder)
        self.held = other.held

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises RuntimeError if it does not start."""
        ready = self.stage.root / f"{self.name}.ready"
        with (self.stage.root / f"{self.name}.log").open("ab") as log:
            self._up = subprocess.Popen(
                self._command("up", "--ready-file", str(ready)), env=self._environment(),
                cwd=self.stage.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while not ready.exists():
            if self._up.poll() is not None or time.monotonic() > end:
                raise RuntimeError("did not start\n" + self.logged()[-2000:])
            time.sleep(0.02)
        self._told = json.loads(ready.read_text())
        if not self.held:
            self._meet()

    def _meet(self) -> None:
        """Ask what the agents hold."""
        with ThreadPoolExecutor() as pool:
            told = pool.map(lambda agent: self.run("env", "--agent", agent, "--format", "json"), AGENTS)
            held = {agent: self._holding(json.loads(text)) for agent, text in zip(AGENTS, told, strict=True)}
        for agent, mine in held.items():
            other = held["bot" if agent == "second" else "second"]
            self.held[agent] = {**mine, "FOREIGN": other["API"]}

    @staticmethod
    def _holding(environment: Mapping[str, str]) -> Held:
        url = urlsplit(environment["HTTPS_PROXY"])
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        keys = {
            mark: environment[name]
            for mark, name in {**CREDENTIALS, **ODDITIES}.items()
            if name in environment
        }
        return {"AUTH": login, **keys}

    def logged(self) -> str:
        """What it has printed."""
        return (self.stage.root / f"{self.name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """End it in good order, so that its book is whole."""
        if self._up is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._up.send_signal(signal.SIGTERM)
        try:
            self._up.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
        self._up = None

    def events(self) -> Iterator[Any]:
        """All events of its book, read from the files themselves."""
        for path in sorted((self.data / "audit").glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                yield json.loads(line)


@dataclass
class Plain:
    """Stock mitmdump with an addon of sixty lines."""

    stage: Stage
    name: str = "plain"
    held: dict[str, Held] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where it keeps its certificate authority."""
        return self.stage.root / self.name

    @property
    def ca(self) -> Path:
        """What an agent trusts."""
        return self.folder / "mitmproxy-ca-cert.pem"

    def configure(self) -> None:
        """Give it what it needs, and each agent its placeholders."""
        self.folder.mkdir()
        for agent in AGENTS:
            login = base64.b64encode(f"{agent}:token-of-{agent}".encode()).decode()
            keys = {mark: f"dummy-{mark.lower()}-of-{agent}-0123456789" for mark in CREDENTIALS}
            self.held[agent] = {
                "AUTH": login,
                **keys,
                "FOREIGN": f"dummy-api-of-{agent}s-neighbour-0123456789",
            }
        (self.folder / "secrets.json").write_text(json.dumps(self.stage.secrets))

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [
            str(Path(sys.executable).with_name("mitmdump")), "--quiet", "--listen-host", PROXY[0],
            "--listen-port", str(PROXY[1]), "--set", f"confdir={self.folder}",
            "--set", f"ssl_verify_upstream_trusted_ca={self.stage.ca}",
            "-s", str(HERE / "plain_addon.py"),
        ]  # fmt: skip
        with (self.stage.root / "plain.log").open("wb") as log:
            environment = {"PATH": os.environ["PATH"], "SECRETS": str(self.folder / "secrets.json")}
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while not (self.ca.exists() and _listens()):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    "mitmdump did not start\n" + (self.stage.root / "plain.log").read_text()[-2000:]
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None


def _listens() -> bool:
    import socket

    try:
        socket.create_connection(PROXY, 1).close()
    except OSError:
        return False
    return True


def copied(into: Path) -> Path:
    """A copy of the code, in the layout in which it is installed."""
    package = into / "wharfinger"
    pattern = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "addon", package, ignore=pattern)
    for library in ("rules", "certs", "tools", "policies"):
        shutil.copytree(ROOT / library, package / library, ignore=pattern)
    return into
