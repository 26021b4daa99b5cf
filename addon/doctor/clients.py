"""The clients of this machine, each sent through the proxy as an agent: which arrive, and trust what answers.

A client is asked for what nothing allows, at a name of its own that no server has. What it prints does not
count: it is right if its refusal is in the book, for then it went by the proxy, logged in as the agent,
and trusted the proxy's authority, without which it would have sent no request.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wharfinger.audit import reader
from wharfinger.doctor.findings import Finding, fail, ok, remark
from wharfinger.doctor.live import Standing
from wharfinger.doctor.machine import Place
from wharfinger.keeping.keys import Keys
from wharfinger.running import door
from wharfinger.running.desk import DataFolder
from wharfinger.running.door import Door

HOST: Final = "client.wharfinger-doctor.invalid"
"""Below it each client has a name, which no server has (RFC 6761)."""
_SECONDS: Final = 30
_WRITTEN_SECONDS: Final = 3.0
_EVENTS: Final = 2000
"""Events at the end of the book among which refusals are looked for."""
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]{0,20}", re.ASCII)
_NOTHING_NEW: Final = "Picked up JAVA_TOOL_OPTIONS"
"""How a line begins that a JDK prints always."""
_SET_FOR: Final = "run agents with: wharfinger run, or set what `wharfinger env` prints"


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is asked for a URL: `{url}` stands in its arguments and variables."""

    name: str
    program: str
    arguments: tuple[str, ...]
    version: tuple[str, ...] = ("--version",)
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Arguments with which the program ends well only where what the client needs is installed."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that are written for it, by their name below `{folder}`."""
    remedy: str = _SET_FOR
    limit: str = ""
    """Why it is known not to arrive on some machines, and what to do there."""

    def host(self, once: str) -> str:
        """The name that it is asked for this time."""
        return f"{self.name.lower().replace(' ', '-')}-{once}.{HOST}"


def _python(module: str, statement: str) -> Client:
    return Client(
        f"Python {module}",
        "python3",
        ("-c", f"import {module}, sys\n{statement}", "{url}"),
        needs=("-c", f"import {module}"),
    )


_JAVA: Final = """import java.net.*; import java.net.http.*;
class Ask { public static void main(String[] a) throws Exception {
  HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(a[0])).build(),
    HttpResponse.BodyHandlers.discarding()); } }
"""

CLIENTS: Final = (
    Client("curl", "curl", ("-sS", "--max-time", "20", "{url}")),
    Client("wget", "wget", ("-q", "-O", "-", "--tries=1", "--timeout=20", "{url}")),
    Client("git", "git", ("ls-remote", "{url}/repository.git")),
    Client("Python", "python3", ("-c", "import sys, urllib.request as r\nr.urlopen(sys.argv[1])", "{url}")),
    _python("requests", "requests.get(sys.argv[1], timeout=20)"),
    _python("httpx", "httpx.get(sys.argv[1], timeout=20)"),
    Client(
        "pip",
        "python3",
        ("-m", "pip", "download", "--no-deps", "--no-cache-dir", "--retries=0", "--dest={folder}",
         "--index-url={url}/simple", "wharfinger-doctor"),
        version=("-m", "pip", "--version"),
        needs=("-m", "pip", "--version"),
    ),
    Client("uv", "uv",
           ("pip", "install", "--dry-run", "--no-cache", "--target={folder}", "--index-url={url}/simple",
            "wharfinger-doctor")),
    Client("Node fetch", "node", ("-e", "fetch(process.argv[1]).then(() => {})", "{url}"),
           limit="Node before 22.21 takes no proxy: use a later one, or run --isolate"),
    Client("Node https", "node", ("-e", "require('https').get(process.argv[1], a => a.resume())", "{url}"),
           limit="Node before 22.21 takes no proxy: use a later one, or run --isolate"),
    Client("npm", "npm", ("ping", "--registry={url}", "--fetch-retries=0", "--cache={folder}")),
    Client("deno", "deno", ("eval", "await fetch(Deno.args[0])", "{url}")),
    Client("bun", "bun", ("-e", "await fetch(process.argv.at(-1))", "{url}")),
    Client("Go", "go", ("list", "-m", "wharfinger.invalid/doctor@v1.0.0"), version=("version",),
           variables={"GOPROXY": "{url}", "GOFLAGS": "-mod=mod", "GONOSUMDB": "*", "GOMODCACHE": "{folder}"}),
    Client("Java", "java", ("{folder}/Ask.java", "{url}"), version=("-version",),
           needs=("--describe-module", "jdk.compiler"), files={"Ask.java": _JAVA},
           limit="a JDK sends no proxy credentials by itself: use run --isolate, which needs none"),
    Client("Ruby", "ruby", ("-ropen-uri", "-e", "URI.open(ARGV[0])", "{url}")),
    Client("PHP curl", "php", ("-r", "$c = curl_init($argv[1]); exit(curl_exec($c) === false);", "{url}"),
           needs=("-r", "exit(!function_exists('curl_init'));"),
           limit='PHP takes roots from its settings alone: php -d curl.cainfo="$CURL_CA_BUNDLE"'),
    Client("cargo", "cargo", ("search", "--registry", "doctor", "wharfinger"),
           variables={"CARGO_REGISTRIES_DOCTOR_INDEX": "sparse+{url}/", "CARGO_HOME": "{folder}",
                      "CARGO_NET_RETRY": "0"}),
    Client("gh", "gh", ("api", "{url}/doctor"), variables={"GH_TOKEN": "none"}),
    Client("aws", "aws", ("s3api", "list-buckets", "--no-sign-request", "--endpoint-url={url}"),
           variables={"AWS_MAX_ATTEMPTS": "1", "AWS_DEFAULT_REGION": "us-east-1"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of asking a client."""

    client: Client
    version: str
    arrived: bool
    said: str
    """The last line that it printed on standard error."""


def of_agent(place: Place, folder: Path, standing: Standing, agent: str) -> Iterator[Finding]:
    """The clients in the environment of `agent`, behind `standing`; `folder` is the configuration's."""
    row = next((row for row in standing.agents if row["name"] == agent and row["id"]), None)
    if row is None:
        yield fail("client", f'there is no agent "{agent}"', "declare it in agents.yaml, and reload")
        return
    keys, data = Keys.open(place.data), DataFolder(place.data)
    ids = {each["name"]: each["id"] for each in standing.agents if each["id"]}
    at_door = Door(agent, keys.agent_token(row["id"], row["generation"]), str(standing.status["proxy"]))
    files = door.client_files(data, place.configuration, folder)
    placeholders = door.placeholders_of(place.configuration, ids, keys)
    existing = door.without(os.environ)
    variables = door.environment(at_door, place.configuration, files, placeholders, existing)
    yield from findings(existing | variables, data.audit)


def findings(environment: Mapping[str, str], audit: Path) -> Iterator[Finding]:
    """One for each client that is installed."""
    for each in tried(environment, audit):
        what = f"{each.client.name} {each.version}".rstrip()
        if each.arrived:
            yield ok("client", f"{what} goes through the proxy, and trusts it")
            continue
        said = f"; it said: {each.said}" if each.said else ""
        text = f"{what} did not arrive at the proxy, or does not trust it{said}"
        if each.client.limit:
            yield remark("client", text, each.client.limit)
        else:
            yield fail("client", text, each.client.remedy)


def tried(environment: Mapping[str, str], audit: Path) -> Iterator[Tried]:
    """Ask each client that is installed, in the environment of an agent; `audit` is the book's folder."""
    for client in CLIENTS:
        version = _version(client, environment)
        if version is None:
            continue
        with tempfile.TemporaryDirectory(prefix="wharfinger-client-") as folder:
            host = client.host(secrets.token_hex(4))
            said = _ask(client, host, environment, Path(folder))
        yield Tried(client, version, _is_refused(audit, host), said)


def _version(client: Client, environment: Mapping[str, str]) -> str | None:
    """The number of its version, if it says one; None where it is not installed, or what it needs is not."""
    program = shutil.which(client.program, path=environment.get("PATH"))
    if program is None:
        return None
    told = _run((program, *client.version), environment)
    if told.returncode or (client.needs and _run((program, *client.needs), environment).returncode):
        return None
    number = _VERSION.search("\n".join(_lines(told.stdout + told.stderr)))
    return number[0] if number else ""


def _ask(client: Client, host: str, environment: Mapping[str, str], folder: Path) -> str:
    """Have it ask for its URL; the last line of what it said."""
    for name, text in client.files.items():
        (folder / name).write_text(text, "utf-8")

    def filled(text: str) -> str:
        return text.replace("{url}", f"https://{host}").replace("{folder}", str(folder))

    variables = {name: filled(text) for name, text in client.variables.items()}
    told = _run((client.program, *map(filled, client.arguments)), {**environment, **variables}, folder)
    lines = _lines(told.stderr)
    return "".join(letter if letter.isprintable() else "?" for letter in lines[-1][:160]) if lines else ""


def _lines(text: str) -> list[str]:
    """The lines that say something."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(_NOTHING_NEW)]


def _run(
    command: tuple[str, ...], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"it did not end within {_SECONDS} seconds")
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", error.strerror or "it cannot be run")


def _is_refused(audit: Path, host: str) -> bool:
    """Whether a request to that host stands in the book as refused."""
    end = time.monotonic() + _WRITTEN_SECONDS
    while True:
        for record in reader.tail(audit, _EVENTS):
            if record.kind == "denied" and record.members.get("host") == host:
                return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
