"""Ways into the console from a terminal: the first link, links, passwords, tokens."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2

_spec = importlib.util.spec_from_file_location("terminal", Path(__file__).with_name("test_terminal.py"))
assert _spec is not None
assert _spec.loader is not None
terminal = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(terminal)

PASSWORD = "several words make one"
TYPED = [("for the console", PASSWORD), ("the same again", PASSWORD)]


@contextlib.asynccontextmanager
async def up(conf: Path, *, on_a_terminal: bool) -> AsyncIterator[tuple[str, list[str]]]:
    """`up`, ready, and what it says on standard output."""
    ready, said = conf.parent / "ready.json", [""]
    ready.unlink(missing_ok=True)
    ours, theirs = pty.openpty() if on_a_terminal else os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wharfinger.cli.main", "up", "--config", str(conf), "--ready-file", str(ready),
        stdout=theirs, stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "EXAMPLE_KEY": "x" * 32},
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)

    def read() -> None:
        with contextlib.suppress(OSError):
            said[0] += os.read(ours, 65536).decode()

    asyncio.get_running_loop().add_reader(ours, read)
    try:
        async with asyncio.timeout(30):
            while not ready.exists():
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        yield json.loads(ready.read_text())["console"], said
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        process.send_signal(signal.SIGTERM)
        await process.wait()
        os.close(ours)


async def sign_in(console: str, **fields: str) -> int:
    path = "/sign-in/link" if "link" in fields else "/sign-in"
    async with httpx2.AsyncClient(base_url=console, trust_env=False) as http:
        return (await http.post(path, data=fields, headers={"Origin": console})).status_code


async def test_the_first_start_prints_a_link_to_a_terminal_until_there_is_a_password(configure, spawn):
    conf = configure(wharfinger="version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n")
    config = ("--config", str(conf))
    await spawn("people", "key", "alice", "--no-passphrase", *config)
    async with up(conf, on_a_terminal=True) as (console, said):
        assert f"alice, sign in (once, within ten minutes): {console}/sign-in/link#wl_" in said[0]
        link = said[0].partition("#")[2].split()[0]
        assert await sign_in(console, link=link) == 303
        assert await sign_in(console, link=link) == 403
    async with up(conf, on_a_terminal=False) as (_, said):
        assert "link" not in said[0]
        assert (await spawn("people", "link", "alice", *config)).code == 2  # no terminal either
        code, shown = await terminal.talk("people", "link", "alice", *config, said=[])
        assert (code, "/sign-in/link#wl_" in shown) == (0, True), shown
    code, shown = await terminal.talk("people", "password", *config, said=TYPED)
    assert (code, "password of alice is set" in shown) == (0, True), shown
    async with up(conf, on_a_terminal=True) as (console, said):
        assert "sign in" not in said[0]
        assert await sign_in(console, person="alice", password=PASSWORD) == 303
        assert await sign_in(console, person="alice", password=PASSWORD + "!") == 403


async def test_tokens_are_made_listed_and_revoked(configure, spawn):
    conf = configure(wharfinger="version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\ndata: ./data\n")
    config = ("--config", str(conf))
    await spawn("people", "key", "alice", "--no-passphrase", *config)
    made = await spawn("tokens", "add", "dashboard", "--days", "3", *config)
    assert made.code == 0, made.err
    assert made.out.startswith("wt_")
    listed = await spawn("tokens", "list", "--json", *config)
    (row,) = listed.json
    assert (row["label"], row["role"], row["person"]) == ("dashboard", "viewer", "alice")
    assert made.out.strip() not in listed.out
    assert (await spawn("tokens", "revoke", row["id"], *config)).code == 0
    assert (await spawn("tokens", "list", "--json", *config)).json == []
