"""A user of their own, with a home that no other test sees, and the commands they type."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from wharfinger.authoring.places import Places
from wharfinger.cli.main import main

SECRET = "example-live-key-0123456789abcdef"
"""The value of EXAMPLE_KEY: must turn up nowhere but at the origin."""

FILES = {
    "wharfinger.yaml": "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n",
    "people.yaml": """\
people:
  alice: {role: admin}
  bob: {role: approver}
teams:
  approvers: [alice, bob]
""",
    "agents.yaml": "agents:\n  robot: {owner: alice, policies: [things]}\n",
    "credentials.yaml": "credentials:\n  EXAMPLE_KEY: {from: env:EXAMPLE_KEY, hosts: [api.example.com]}\n",
    "tools/things.yaml": """\
api: example
base: https://api.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: get_thing
    description: Read a thing
    input: {id: string}
    run: {method: GET, url: "/things/${id}"}
  - tool: create_thing
    description: Make a thing
    input: {name: string, size: {type: integer, required: false}}
    run: {method: POST, url: /things, encoding: json, body: {name: "${name}", size: "${size}"}}
  - tool: delete_thing
    description: Remove a thing
    input: {id: string}
    run: {method: DELETE, url: "/things/${id}"}
""",
    "policies/things.yaml": """\
policy: things
allow:
  - tool: get_thing
ask:
  - tool: create_thing
    approvers: [approvers]
deny:
  - tool: delete_thing
    because: things stay
tests:
  - {agent: robot, call: get_thing, input: {id: t1}, expect: allow}
  - {agent: robot, call: create_thing, input: {name: a}, expect: ask}
  - {agent: robot, call: delete_thing, input: {id: t1}, expect: deny}
""",
}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without anything of the one who runs the tests."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("XDG_", "WHARFINGER")) or name.endswith(("_KEY", "_TOKEN")) or "PROXY" in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def places(home: Path) -> Places:
    return Places.of_user()


@pytest.fixture
def configure(home: Path) -> Callable[..., Path]:
    """Write a configuration folder: `FILES`, and what a test gives in their place (None: not at all)."""

    def write(folder: str = "conf", /, **given: str | None) -> Path:
        named = {name.replace("__", "/") + ".yaml": text for name, text in given.items()}
        for name, text in {**FILES, **named}.items():
            if text is not None:
                path = home / folder / name
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.write_text(text)
                path.chmod(0o600)
        return home / folder

    return write


@pytest.fixture
def type_(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command in this process; no terminal."""

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code: Any = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code or 0
        said = capsys.readouterr()
        return Ran(int(code), said.out, said.err)

    return run


async def run_command(*arguments: str | Path, **variables: str) -> Ran:
    """Run a command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wharfinger.cli.main", *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )  # fmt: skip
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def spawn(home: Path) -> Callable[..., Any]:
    """`await spawn("check", …, VARIABLE=…)`: a command in a process of its own."""
    return run_command
