"""`credentials set|list|rotate|remove|rekey`: a value goes in by standard input and never comes out."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.cli.main import main

OLD = "old-live-key-4eC39HqLyjWDarjtT1zdp7dc"
NEW = "new-live-key-9dR20PqMyjWDarjtT1zdp8ee"
PHRASE = "correct horse battery staple"
DECLARED = 'credentials:\n  EXAMPLE_KEY: {from: "store:EXAMPLE_KEY", hosts: [api.example.com]}\n'


@pytest.fixture
def type_in(home, capsys, monkeypatch):
    """`await type_in(VALUE, "credentials", "set", …)`: a command with something on its standard input."""

    def run(given: bytes, arguments: tuple[str | Path, ...], variables: dict[str, str]) -> Any:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
            for name, text in variables.items():
                patched.setenv(name, text)
            code: Any = 0
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = ended.code or 0
        said = capsys.readouterr()
        return int(code), said.out, said.err

    async def typed(value: str | bytes, *arguments: str | Path, **variables: str) -> Any:
        given = value.encode() if isinstance(value, str) else value
        return await asyncio.to_thread(run, given, arguments, variables)

    return typed


@pytest.fixture
async def folder(configure, type_in, origin, test_ca) -> Path:
    settings = (
        "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n"
        f'resolve: {{"api.example.com:443": "127.0.0.1:{origin.port}"}}\n'
        f'upstream: {{ca: {{"*": "{test_ca.root}"}}}}\n'
    )
    made = configure(wharfinger=settings, credentials=DECLARED)
    code, _, err = await type_in("", "people", "key", "alice", "--no-passphrase", "--config", made)
    assert code == 0, err
    return made


def everything_under(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.rglob("*") if each.is_file())


async def listed(type_in, folder) -> dict[str, Any]:
    code, out, err = await type_in("", "credentials", "list", "--config", folder, "--json")
    assert code == 0, err
    return {row["name"]: row for row in json.loads(out)}["EXAMPLE_KEY"]


async def test_a_value_is_kept_without_a_proxy_and_used_rotated_and_removed_with_one(
    folder, type_in, origin, home
) -> None:
    """The whole life of a credential, by the commands as they are typed; each value is hunted everywhere."""
    assert "no entry" in (await listed(type_in, folder))["problem"]
    code, out, err = await type_in(OLD + "\n", "credentials", "set", "EXAMPLE_KEY", "--config", folder)
    assert (code, err) == (0, "")
    assert out == "EXAMPLE_KEY is set (generation 1)\n  it is had by: EXAMPLE_KEY\n"
    row = await listed(type_in, folder)
    assert (row["version"], row["generation"], row["problem"]) == ("1", None, "")
    assert 0 <= row["age"] < 600
    ready = folder.parent / "ready.json"
    log = folder.parent / "up.log"
    with log.open("wb") as said:
        up = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wharfinger.cli.main", "up", "--config", str(folder),
            "--ready-file", str(ready),
            stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while not ready.exists():
                assert up.returncode is None, log.read_text()
                await asyncio.sleep(0.05)

        async def call() -> str:
            code, _, err = await type_in(
                "",
                "call",
                "--agent",
                "robot",
                "--tool",
                "get_thing",
                "--input",
                '{"id": "t1"}',
                "--config",
                folder,
            )
            assert code == 0, err
            return origin.requests[-1].header("Authorization")

        assert await call() == f"Bearer {OLD}"
        row = await listed(type_in, folder)
        assert (row["generation"], row["version"], row["problem"]) == (1, "1", "")
        assert row["used"] < 600
        code, out, err = await type_in(NEW, "credentials", "rotate", "EXAMPLE_KEY", "--config", folder)
        assert (code, err) == (0, ""), err
        assert await call() == f"Bearer {NEW}"
        row = await listed(type_in, folder)
        assert (row["generation"], row["version"]) == (2, "2")
        code, out, err = await type_in(NEW, "credentials", "rotate", "EXAMPLE_KEY", "--config", folder)
        assert (code, "the new value is the old one" in err) == (1, True)
        code, out, err = await type_in("short", "credentials", "rotate", "EXAMPLE_KEY", "--config", folder)
        assert (code, "fewer than 16 bytes" in err) == (1, True)
        assert await call() == f"Bearer {NEW}"
        code, out, err = await type_in("", "credentials", "remove", "EXAMPLE_KEY", "--config", folder)
        assert (code, "in use by EXAMPLE_KEY" in err) == (1, True)
        code, out, err = await type_in("", "credentials", "refresh", "EXAMPLE_KEY", "--config", folder)
        assert (code, out) == (0, "EXAMPLE_KEY is fetched (generation 2)\n")
    finally:
        up.terminate()
        await up.wait()
    (audit,) = home.rglob("audit")
    events = [dict(record.members) for record in reader.records(audit)]
    rotated = [event for event in events if event.get("action") == "credentials.rotate"]
    assert rotated[0]["person"] == "alice"
    assert rotated[0]["detail"]["args"] == {"name": "EXAMPLE_KEY"}
    code, out, err = await type_in("", "credentials", "remove", "EXAMPLE_KEY", "--config", folder)
    assert (code, out) == (0, "EXAMPLE_KEY is removed\n"), err
    assert "no entry" in (await listed(type_in, folder))["problem"]
    everything = everything_under(home)
    assert b"credentials.rotate" in everything
    assert OLD.encode() not in everything
    assert NEW.encode() not in everything


async def test_a_passphrase_is_asked_of_whoever_starts_it(folder, type_in) -> None:
    phrase = {"WHARFINGER_CREDENTIALS_PASSPHRASE": PHRASE}
    at = ("--config", folder)
    code, _, err = await type_in(
        OLD, "credentials", "set", "EXAMPLE_KEY", "--key", "passphrase", *at, **phrase
    )
    assert (code, err) == (0, "")
    code, out, err = await type_in("", "credentials", "test", *at, **phrase)
    assert (code, out) == (0, "EXAMPLE_KEY: can be had\n"), err
    code, out, err = await type_in(
        "", "credentials", "test", *at, WHARFINGER_CREDENTIALS_PASSPHRASE="wrong " + PHRASE
    )
    assert (code, "the passphrase is wrong" in out) == (1, True)
    code, out, err = await type_in("", "credentials", "test", *at)
    assert (code, "no terminal to ask for it on" in out) == (1, True)
    code, out, err = await type_in("", "up", *at)
    assert code != 0
    assert "no terminal to ask for it on" in err
    assert (await listed(type_in, folder))["version"] == "1"  # which needs no passphrase
    code, out, err = await type_in("", "credentials", "rekey", "--key", "file", *at, **phrase)
    assert (code, out) == (0, "1 values are sealed under a new key (file)\n"), err
    code, out, err = await type_in("", "credentials", "test", *at)
    assert code == 0, out


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "there is no value on standard input"), ("\n", "no value"), (b"\xff\xfe", "not text in UTF-8")],
    ids=["nothing", "a line break", "bytes"],
)
async def test_what_is_no_value_is_not_set(folder, type_in, given, told) -> None:
    code, _, err = await type_in(given, "credentials", "set", "EXAMPLE_KEY", "--config", folder)
    assert (code, told in err) == (1, True), err


async def test_a_value_is_no_argument(folder, type_in) -> None:
    code, _, err = await type_in("", "credentials", "set", "EXAMPLE_KEY", OLD, "--config", folder)
    assert code == 2
    assert "unexpected extra argument" in err.lower()


async def test_nobody_without_a_key_sets_anything(folder, type_in, home) -> None:
    for path in home.rglob("alice.key"):
        path.unlink()
    code, _, err = await type_in(OLD, "credentials", "set", "EXAMPLE_KEY", "--config", folder)
    assert code == 1
    assert "needs a person's key" in err
    assert not list(home.rglob("credentials.store"))


def test_at_a_terminal_it_is_typed_twice_and_not_shown(folder, home) -> None:
    def typed(*answers: str) -> tuple[int, str]:
        child, terminal = pty.fork()
        if child == 0:
            command = [sys.executable, "-m", "wharfinger.cli.main", "credentials", "set", "EXAMPLE_KEY"]
            os.execv(sys.executable, [*command, "--config", str(folder)])
        shown, waiting = b"", list(answers)
        prompts = 0
        while True:
            try:
                part = os.read(terminal, 1000)
            except OSError:
                break
            if not part:
                break
            shown += part
            if waiting and shown.count(b": ") > prompts:
                prompts = shown.count(b": ")
                os.write(terminal, waiting.pop(0).encode() + b"\n")
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    code, shown = typed(OLD, NEW)
    assert (code, "the two are not the same" in shown) == (1, True)
    code, shown = typed(OLD, OLD)
    assert code == 0, shown
    assert "is set (generation 1)" in shown
    assert OLD not in shown


# Sources are never run where nothing is to be sent

SOURCES = """\
credentials:
  EXAMPLE_KEY: {{from: "{key}", hosts: [api.example.com]}}
  VAULTED: {{from: "vault:a/b#c", hosts: [a.example.com]}}
  SECRETS: {{from: "aws:a", hosts: [b.example.com]}}
  GOOGLED: {{from: "google:a", hosts: [c.example.com]}}
  AZURED: {{from: "azure:a", hosts: [d.example.com]}}
  STORED: {{from: "store:STORED", hosts: [e.example.com]}}
  RINGED: {{from: "keyring:a/b", hosts: [f.example.com]}}
  FILED: {{from: "file:{fifo}", hosts: [g.example.com]}}
  MINTED: {{kind: oauth2, token_url: "{url}/t", client_id: a, client_secret: "{key}", hosts: [h.example.com]}}
sources:
  vault: {{kind: vault, address: "{url}", token: "{key}"}}
  aws: {{kind: aws_secrets, region: eu, address: "{url}", access_key: "{key}", secret_key: "{key}"}}
  google: {{kind: google_secrets, project: acme, address: "{url}", key: "{key}"}}
  azure: {{kind: azure_vault, address: "{url}", tenant: t, client_id: c, client_secret: "{key}"}}
"""

OFFLINE = {
    "check": ("check",),
    "test": ("test",),
    "explain": ("explain", "--offline", "--agent", "robot", "GET", "https://api.example.com/things/t1"),
    "env": ("env", "--agent", "robot"),
    "list": ("credentials", "list"),
}


@pytest.fixture
def trapped(configure, tmp_path):
    """A configuration of which every source leaves a trace when it is asked."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from standins.web import Said, Server

    server = Server(lambda asked: Said(500, {}))
    trace, script, fifo = tmp_path / "trace", tmp_path / "get", tmp_path / "fifo"
    script.write_text(f"#!/bin/sh\necho asked >> {trace}\necho example-live-key-0123456789\n")
    script.chmod(0o700)
    os.mkfifo(fifo, 0o600)
    settings = "version: 1\nlisten: 127.0.0.1:18080\nconsole: 127.0.0.1:0\n"
    made = configure(
        wharfinger=settings, credentials=SOURCES.format(key=f"exec:[{script}]", url=server.url, fifo=fifo)
    )
    yield made, lambda: trace.exists() or bool(server.asked)
    server.close()


@pytest.mark.parametrize("command", OFFLINE)
async def test_a_command_that_sends_nothing_asks_no_source(trapped, type_in, command) -> None:
    folder, asked = trapped
    name, *rest = OFFLINE[command]
    options = (rest[0],) if rest and name == "credentials" else ()
    code, _, err = await type_in("", name, *options, "--config", folder, *rest[len(options) :])
    assert code == 0, err
    assert not asked()


async def test_positive_control_what_fetches_does_ask_them(trapped, type_in) -> None:
    folder, asked = trapped
    code, _, _ = await type_in("", "credentials", "test", "EXAMPLE_KEY", "VAULTED", "--config", folder)
    assert code == 1
    assert asked()
