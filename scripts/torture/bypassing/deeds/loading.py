# ruff: noqa: E501 -- tables of files are read by their rows
"""S05 and D04: keys and configurations that must not be taken, and those that must be, soon.

Each configuration is loaded in a process of its own, which may use so much of processor and memory.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ground import Ground, laid
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Facts, Request

from bypassing import values
from bypassing.deeds import Deed, Theme

SECONDS = 10
"""Of processor time, for one configuration."""
MEMORY = 1 << 30
"""Bytes, beyond what the process has at its beginning."""
LOADED, REFUSED, CRASHED = 0, 1, 2
HOST = "api.example.com"
FILES = {
    "wharfinger.yaml": "version: 1\n",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}\n",
    "people.yaml": "people: {alice: {email: alice@example.com}}\n",
    "tools/things.yaml": f"api: things\nbase: https://{HOST}\ntools:\n  - {{tool: get, effect: read, run: {{method: GET, url: /get, extra: allow}}}}\n",
    "policies/main.yaml": "policy: main\nallow: [{tool: get}]\n",
}
BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def _policy(text: str) -> dict[str, str]:
    return {"policies/main.yaml": f"policy: main\n{text}\n"}


def _tool(text: str) -> dict[str, str]:
    return {"tools/things.yaml": f"api: things\nbase: https://{HOST}\ntools:\n{text}\n"}


HOSTILE: dict[str, dict[str, str]] = {
    "a billion laughs": {"wharfinger.yaml": BILLION},
    "an alias": _policy("allow: &x [{tool: get}]\ndeny: *x"),
    "a merge key": _policy("allow:\n  - {<<: {tool: get}}"),
    "a Python object": {"wharfinger.yaml": "version: !!python/object/apply:os.system ['true']\n"},
    "a Python name": {"wharfinger.yaml": "version: !!python/name:os.system\n"},
    "a tag": {"wharfinger.yaml": "version: !!str 1\n"},
    "binary": {"wharfinger.yaml": "version: !!binary MQ==\n"},
    "a key twice": {"wharfinger.yaml": "version: 1\nversion: 1\n"},
    "a key twice, deep": _policy("allow: [{tool: get, tool: other}]"),
    "a key twice, quoted": {"wharfinger.yaml": "version: 1\n\"version\": 1\n"},
    "an agent twice": {"agents.yaml": "agents:\n  bot: {owner: alice, policies: [main]}\n  bot: {owner: alice, policies: []}\n"},
    "two documents": {"wharfinger.yaml": "version: 1\n---\nversion: 1\n"},
    "a list": {"wharfinger.yaml": "- version: 1\n"},
    "text": {"wharfinger.yaml": "version 1\n"},
    "depth": {"wharfinger.yaml": "version: " + "[" * 100_000 + "]" * 100_000 + "\n"},
    "depth of mappings": {"wharfinger.yaml": "version: " + "{a: " * 20_000 + "1" + "}" * 20_000 + "\n"},
    "depth of blocks": {"wharfinger.yaml": "\n".join(" " * n + "a:" for n in range(3000)) + "\n"},
    "not closed": {"wharfinger.yaml": "version: [1, 2\n"},
    "six megabytes": {"wharfinger.yaml": "version: 1\n#" + "x" * 6_000_000 + "\n"},
    "a control": {"wharfinger.yaml": "version: 1\n\x07: 1\n"},
    "NUL": {"wharfinger.yaml": "version: 1\0\n"},
    "yes for true": {"wharfinger.yaml": "version: 1\naudit: {durable: yes}\n"},
    "no for false": {"wharfinger.yaml": "version: 1\naudit: {durable: no}\n"},
    "off": {"wharfinger.yaml": "version: 1\naudit: {durable: off}\n"},
    "an octal": {"wharfinger.yaml": "version: 01\n"},
    "an octal mode": {"wharfinger.yaml": "version: 0o1\n"},
    "hex": {"wharfinger.yaml": "version: 0x1\n"},
    "sexagesimal": {"wharfinger.yaml": "version: 1\nlimits: {connections: 1:30}\n"},
    "a broken number": {"wharfinger.yaml": "version: 1\nlimits: {connections: 64.5}\n"},
    "underscores": {"wharfinger.yaml": "version: 1\nlimits: {connections: 1_000}\n"},
    "infinity": {"wharfinger.yaml": "version: 1\nlimits: {connections: .inf}\n"},
    "a huge number": {"wharfinger.yaml": "version: 1\nlimits: {connections: " + "9" * 5000 + "}\n"},
    "a negative number": {"wharfinger.yaml": "version: 1\nlimits: {connections: -1}\n"},
    "an unknown key": {"wharfinger.yaml": "version: 1\nallow_all: true\n"},
    "an unknown key of a rule": _policy("allow: [{tool: get, unless: x}]"),
    "an empty rule": _policy("allow: [{}]"),
    "null for a list": _policy("allow: null\ndeny: ~\nallows: []"),
    "a look-ahead": _policy("allow: [{tool: get}]\ndeny_patterns: ['(?=a)b']"),
    "a back reference": _policy("allow: [{tool: get}]\ndeny_patterns: ['(a)\\1']"),
    "a counted bomb": _policy("allow: [{tool: get}]\ndeny_patterns: ['(((a{1,1000}){1,1000}){1,1000})']"),
    "not a pattern": _policy("allow: [{tool: get}]\ndeny_patterns: ['(']"),
    "a condition without an end": _policy("allow: [{tool: get, when: '" + "(" * 5000 + "'}]"),
    "a deep condition": _policy("allow: [{tool: get, when: '" + "!" * 100_000 + "true'}]"),
    "a loop in a condition": _policy("allow: [{tool: get, when: 'while(true)'}]"),
    "a condition of text": _policy("allow: [{tool: get, when: '\"true\"'}]"),
    "an unknown name in a condition": _policy("allow: [{tool: get, when: 'secrets.all'}]"),
    "a path with a pattern": _tool("  - {tool: get, effect: read, redact: ['$..[?(@.a =~ \"(a+)+$\")]'], run: {method: GET, url: /get}}"),
    "a path that is none": _tool("  - {tool: get, effect: read, redact: ['$..['], run: {method: GET, url: /get}}"),
    "a tool twice": _tool("  - {tool: get, effect: read, run: {method: GET, url: /get}}\n  - {tool: get, effect: read, run: {method: GET, url: /other}}"),
    "two tools of a shape": _tool("  - {tool: a, effect: read, run: {method: GET, url: '/${x}'}}\n  - {tool: b, effect: read, run: {method: GET, url: '/${y}'}}"),
    "a tool of plain http with a key": {**_tool("  - {tool: get, effect: read, run: {method: GET, url: 'http://api.example.com/get', auth: {secret: K}}}"), "credentials.yaml": "credentials: {K: {from: 'file:k', hosts: [api.example.com]}}\n"},
    "a key for every host": {"credentials.yaml": "credentials: {K: {from: 'file:k', hosts: ['*']}}\n"},
}  # fmt: skip
LONG = "a" * 200_000 + "!"
HARMLESS: dict[str, dict[str, str]] = {
    "as it is": {},
    "a pattern that others take for ever for": _policy(
        "allow: [{tool: get}]\ndeny_patterns: ['(a+)+$', '(a|aa)+$', '([a-zA-Z]+)*$', '(x+x+)+y']"
    ),
    "many rules": _policy("allow:\n" + "  - {tool: get}\n" * 2000),
    "comments and quotes": {"wharfinger.yaml": "# yes\n'version': 1 # no\n"},
    "Windows line ends": {"wharfinger.yaml": "version: 1\r\n"},
    "a byte order mark": {"wharfinger.yaml": "\ufeffversion: 1\n"},
    "no policy at all": {"agents.yaml": "agents: {bot: {owner: alice, policies: []}}\n"},
    "many agents": {
        "agents.yaml": "agents:\n"
        + "".join(f"  bot{n}: {{owner: alice, policies: [main]}}\n" for n in range(2000))
    },
    "a flow of everything": {"people.yaml": '{"people": {"alice": {"email": "alice@example.com"}}}\n'},
}


def _loaded(files: dict[str, str]) -> int:
    """Load it in a process of its own, and decide a long request by it; how that ended."""
    pid = os.fork()
    if not pid:
        code = CRASHED
        with contextlib.suppress(BaseException):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = _load(files)
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _load(files: dict[str, str]) -> int:
    try:
        configuration = load(Sources({name: text.encode() for name, text in {**FILES, **files}.items()}, {}))
    except ConfigurationError:
        return REFUSED
    request = Request("bot", "GET", "https", HOST, 443, "/get?q=1", (("Host", HOST), ("X-Long", LONG)), b"")
    decide(
        configuration, request, Facts(Placeholders({}), agent_id="agt_1"), datetime(2026, 1, 14, tzinfo=UTC)
    )
    return LOADED


_ENDS = {LOADED: "it was taken", CRASHED: "an error that nobody expected"}


def _must(files: dict[str, str], wanted: int, _: None) -> str:
    ended = _loaded(files)
    if ended == wanted:
        return ""
    return _ENDS.get(ended, "it was refused" if ended == REFUSED else f"it took too much (ended {ended})")


def _configurations(_: None) -> Sequence[Deed]:
    hostile = [Deed(name, partial(_must, files, REFUSED)) for name, files in HOSTILE.items()]
    return hostile + [
        Deed(name, partial(_must, files, LOADED), harmless=True) for name, files in HARMLESS.items()
    ]


# Keys


@dataclass(frozen=True)
class Started:
    """How a start with a key of each kind went."""

    code: int
    said: str
    well: bool
    """Whether it starts with keys that are odd and whole."""


def _write(ground: Ground, keys: Sequence[str]) -> None:
    config = ground.root / "config"
    lines = "".join(f"  KEY_{n}: {{from: 'file:secrets/{n}', hosts: [{HOST}]}}\n" for n in range(len(keys)))
    (config / "credentials.yaml").write_text(f"credentials:\n{lines}")
    (config / "secrets").mkdir(mode=0o700, exist_ok=True)
    for number, key in enumerate(keys):
        path = config / "secrets" / str(number)
        path.touch(mode=0o600)
        path.write_bytes(f"{key}\n".encode())


@contextlib.contextmanager
def _keys() -> Iterator[Started]:
    with laid() as ground:
        _write(ground, values.UNFIT)
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                ground.command("up"),
                env=ground.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait() and 0
            said.seek(0)
            text = said.read().decode(errors="replace")
        _write(ground, values.FIT)
        try:
            ground.start()
            well = True
        except SystemExit:
            well = False
        yield Started(code, text, well)


def _is_named(number: int, started: Started) -> str:
    if started.code == 0:
        return "it started"
    return "" if f"KEY_{number}:" in started.said else "it was not objected to"


def _each_key(_: Started) -> Sequence[Deed]:
    shown = [repr(value[:30]) for value in values.UNFIT]
    deeds = [Deed(f"a start with {text}", partial(_is_named, number)) for number, text in enumerate(shown)]
    return [
        *deeds,
        Deed(
            "a start with keys that are odd and whole",
            lambda started: "" if started.well else "it does not start",
            harmless=True,
        ),
    ]


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


def themes() -> tuple[Theme, ...]:
    """The themes of this module."""
    return (
        Theme("S05 odd keys at the start", _keys, _each_key),
        Theme("D04 configurations that explode", _nothing, _configurations),
    )
