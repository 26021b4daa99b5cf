"""Rotate secrets at their sources while requests go out with them at a steady rate.

    python scripts/torture/rotation.py [ROTATIONS] [RATE]          # 20 and 50 a second unless told otherwise
    python scripts/torture/rotation.py ROTATIONS RATE strict       # the control: an API without a grace

A real proxy has one credential from each of: a file, a command, a Vault, and an OAuth server (authlib's)
that takes each refresh token once and whose tokens end after seconds. Each goes to an API of its own, which
takes the newest value and the one before it, as services do that rotate; tokens it takes while they last. All
values that the proxy has had, old and new, are sent back in every answer. A source is rotated once the value
before has been seen.

Wrong is: a request that is not answered with 200, a value that the API does not take (one that is older, or a
token that has ended), and an answer that holds any value that there ever was. The control's API takes the
newest value alone, so that the trial must find requests that fail.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # the stand-ins are those of the tests
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

# ruff: noqa: E402 - the path and the variable have to be there first
from ground import described, tell
from standins.oauth import Oauth
from standins.vault import ROOT as VAULT_TOKEN
from standins.vault import Vault
from wharfinger.demo import certificates

AGENT = "bot"
SOURCES = ("file", "command", "vault", "oauth")
CONNECTIONS = 2
"""To each API."""
LIFE = 6
"""Seconds that a token of the OAuth server lasts; it is had anew after five sixths of them or less."""
PATIENCE = 120.0
SHOWN_EVERY = 0.3
"""Seconds between two answers with secrets in them."""


def host(source: str) -> str:
    """The API that has this source's credential."""
    return f"{source}.example.com"


@dataclass
class Api:
    """What the four APIs take and have seen."""

    oauth: Oauth
    strict: bool
    good: dict[str, list[str]] = field(default_factory=lambda: {source: [] for source in SOURCES})
    seen: dict[str, Counter[str]] = field(default_factory=lambda: {source: Counter() for source in SOURCES})
    refused: list[str] = field(default_factory=list)
    _shown: float = 0.0

    def shows(self) -> bool:
        """Whether this answer is one with secrets in it: an agent that has more of them is slowed down."""
        now = time.monotonic()
        if now - self._shown < SHOWN_EVERY:
            return False
        self._shown = now
        return True

    def takes(self, source: str, given: str) -> bool:
        """Whether the API takes this value now."""
        self.seen[source][given] += 1
        if source == "oauth":
            good = self.oauth.knows(given)
        else:
            good = given in self.good[source][-1 if self.strict else -2 :]
        if not good:
            self.refused.append(source)
        return good

    def known(self) -> list[str]:
        """Every value that the proxy has had: what was sent to an API, and refresh tokens that were used."""
        tokens = tuple(self.oauth.tokens)
        used = [each.refresh_token for each in tokens if each.revoked and each.refresh_token]
        return [*(value for seen in self.seen.values() for value in tuple(seen)), *used]


@contextlib.contextmanager
def served(api: Api, ca: certificates.StandInCa) -> Iterator[int]:
    """The port that all four APIs answer at."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            source = self.headers.get("Host", "").partition(".")[0]
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status = 200 if source in api.seen and api.takes(source, given) else 401
            body = json.dumps({"before": api.known() if api.shows() else []}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            return

    with Quiet(("127.0.0.1", 0), Handler) as server:
        server.socket = ca.context().wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@dataclass
class Sources:
    """Where the secrets are, and how each is rotated."""

    folder: Path
    vault: Vault
    api: Api
    refresh: Callable[[str], None]
    """Has a credential fetched again, as an operator does."""

    def put(self, source: str) -> None:
        """Another value."""
        value = f"sk_live_{source}_{len(self.api.good[source]):04}_{secrets.token_hex(12)}"
        self.api.good[source].append(value)  # before it can be fetched
        if source == "vault":
            self.vault.entries.setdefault("key", []).append({"value": value})
            return
        made = self.folder / f"{source}.new"
        made.touch(mode=0o600)
        made.write_text(value)
        made.replace(self.folder / f"{source}.key")

    def rotate(self, source: str) -> None:
        """The same, and have it taken over where nothing else does."""
        self.put(source)
        if source == "command":
            self.refresh("COMMAND_KEY")


def configured(folder: Path, port: int, root: Path, vault: Vault, oauth: Oauth) -> None:
    """Write what `up` reads."""
    resolve = {f"{host(source)}:443": f"127.0.0.1:{port}" for source in SOURCES}
    where = {
        "file": '{from: "file:file.key", hosts: [file.example.com]}',
        "command": f'{{from: "exec:[/bin/cat, {folder}/command.key]", hosts: [command.example.com]}}',
        "vault": '{from: "vault:key", hosts: [vault.example.com]}',
        "oauth": f"{{kind: oauth2, token_url: {oauth.url}/token, client_id: wharf, client_secret: "
        'file:client.key, refresh: "file:refresh.key", hosts: [oauth.example.com]}',
    }
    files = {
        "wharfinger.yaml": (
            f"version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n"
            f"resolve: {json.dumps(resolve)}\nupstream: {{ca: {{'*': root.pem}}}}\n"
            "limits: {events: 100000}\n"
        ),
        "agents.yaml": f"agents: {{{AGENT}: {{owner: alice, policies: [main]}}}}\n",
        "people.yaml": "people: {alice: {email: alice@example.com, role: admin}}\n",
        "credentials.yaml": "sources:\n"
        f"  vault: {{kind: vault, address: {vault.url}, token: file:vault.key, refresh: 1s}}\n"
        "credentials:\n" + "".join(f"  {source.upper()}_KEY: {text}\n" for source, text in where.items()),
        "policies/main.yaml": "policy: main\ndescription: What the trial needs\nallow:\n"
        + "".join(f"  - tool: get_{source}\n" for source in SOURCES),
        "vault.key": VAULT_TOKEN,
        "client.key": oauth.client.secret,
        "refresh.key": oauth.given(),
        "root.pem": root.read_text(),
    } | {
        f"tools/{source}.yaml": (
            f"api: {source}\nbase: https://{host(source)}\nauth: {{secret: {source.upper()}_KEY}}\ntools:\n"
            f"  - tool: get_{source}\n    description: Read\n    effect: read\n"
            '    run: {method: GET, url: "/${id}"}\n'
        )
        for source in SOURCES
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)


@dataclass
class Load:
    """Requests at a steady rate, on some connections to each API."""

    address: tuple[str, int]
    variables: dict[str, str]
    trust: ssl.SSLContext
    rate: float
    api: Api
    answered: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, source: str) -> None:
        """One connection's requests, until told to stop."""
        pause = len(SOURCES) * CONNECTIONS / self.rate
        connection = http.client.HTTPSConnection(*self.address, timeout=60, context=self.trust)
        login = urlsplit(self.variables["HTTPS_PROXY"])
        pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        connection.set_tunnel(host(source), 443, {"Proxy-Authorization": f"Basic {pair}"})
        fields = {"Authorization": f"Bearer {self.variables[f'{source.upper()}_KEY']}"}
        at = time.monotonic()
        number = 0
        while not self.stop.is_set():
            number += 1
            before = self.api.known()
            try:
                connection.request("GET", f"/{source}-{number}", headers=fields)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{source}: a request ended with {type(error).__name__}")
                connection.close()
                continue
            self.answered[answer.status] += 1
            if answer.status != 200:
                self.wrong.append(f"{source}: a request was answered with {answer.status}: {reason(body)}")
            if any(value.encode() in body for value in before):
                self.wrong.append(f"{source}: an answer holds a secret")
            at += pause
            self.stop.wait(max(0.0, at - time.monotonic()))


def reason(body: bytes) -> str:
    """Why the proxy refused; the API's own words are not told."""
    try:
        return str(json.loads(body)["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return "(not the proxy's)"


@dataclass
class Proxy:
    """`wharfinger up` on a folder."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        """One of wharfinger's commands on this configuration."""
        return [sys.executable, "-m", "wharfinger.cli.main", *arguments, "--config", str(self.folder)]

    def run(self, *arguments: str) -> str:
        """What a command prints; it must end well."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            raise SystemExit(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self) -> tuple[str, int]:
        """Where it listens."""
        ready, log = self.folder.parent / "ready.json", self.folder.parent / "up.log"
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                self.command("up", "--ready-file", str(ready)), stdout=said, stderr=said
            )
        end = time.monotonic() + PATIENCE
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the proxy did not start\n" + log.read_text()[-4000:])
            time.sleep(0.02)
        url = urlsplit(json.loads(ready.read_text())["proxy"])
        return str(url.hostname), int(url.port or 0)

    def end(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)


def rotated(sources: Sources, source: str, rotations: int, wrong: list[str], stop: threading.Event) -> None:
    """Rotate one source so often, each time once the value before has been seen twice."""
    api = sources.api
    for number in range(rotations + 1):
        end = time.monotonic() + PATIENCE
        while not stop.is_set():
            there = len(api.seen[source]) > number
            newest = source == "oauth" or api.seen[source][api.good[source][-1]] >= 2
            if there and newest:
                break
            if time.monotonic() > end:
                wrong.append(f"{source}: value {number} was not used within {PATIENCE:g} s")
                return
            time.sleep(0.02)
        if source != "oauth" and number < rotations:
            sources.rotate(source)


def trial(rotations: int, rate: float, *, strict: bool) -> int:
    """Everything; the exit code."""
    print(
        described(
            None, f"{rotations} rotations of each of {len(SOURCES)} sources at {rate:g} requests a second"
        )
    )
    with tempfile.TemporaryDirectory(prefix="wharfinger-rotation-") as name, contextlib.ExitStack() as stack:
        folder = Path(name) / "config"
        folder.mkdir(mode=0o700)
        os.environ["HOME"] = name
        vault, oauth = Vault(), Oauth("", life=LIFE)
        stack.callback(vault.close)
        stack.callback(oauth.close)
        api = Api(oauth, strict)
        ca = certificates.make(Path(name), [host(source) for source in SOURCES])
        port = stack.enter_context(served(api, ca))
        configured(folder, port, ca.root, vault, oauth)
        proxy = Proxy(folder)
        sources = Sources(folder, vault, api, lambda each: proxy.run("credentials", "refresh", each) and None)
        for source in ("file", "command", "vault"):
            sources.put(source)
        proxy.run("people", "key", "alice", "--no-passphrase")
        address = proxy.start()
        stack.callback(proxy.end)
        variables = json.loads(proxy.run("env", "--agent", AGENT, "--format", "json"))
        trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
        load = Load(address, variables, trust, rate, api)
        loading = [
            threading.Thread(target=load.run, args=(each,)) for each in SOURCES for _ in range(CONNECTIONS)
        ]
        turning = [
            threading.Thread(target=rotated, args=(sources, each, rotations, load.wrong, load.stop))
            for each in SOURCES
        ]
        for thread in (*loading, *turning):
            thread.start()
        for thread in turning:
            thread.join()
        load.stop.set()
        for thread in loading:
            thread.join()
        failures = [
            *load.wrong,
            *(f"{each}: a value was sent that the API does not take" for each in api.refused),
        ]
        used = {each: len(api.seen[each]) for each in SOURCES}

    def what() -> str:
        return (
            f"{sum(load.answered.values())} answered, {load.answered[200]} with 200; values used: "
            f"{', '.join(f'{each} {count}' for each, count in used.items())}; "
            f"{oauth.refused} refused by the OAuth server; {len(failures)} wrong"
        )

    if oauth.refused:
        failures.append(f"the OAuth server refused {oauth.refused} times: a refresh token was used twice")
    return tell([f"{count} times: {failure}" for failure, count in Counter(failures).items()], what)


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(
        trial(
            int(given[0]) if given else 20,
            float(given[1]) if len(given) > 1 else 50.0,
            strict="strict" in given,
        )
    )
