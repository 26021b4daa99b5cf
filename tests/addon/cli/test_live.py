"""A proxy in the foreground and the commands that are typed beside it, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from wharfinger.keeping import lock

SECRET = "example-live-key-0123456789abcdef"
AS_ROBOT = ("--no-isolate", "--agent", "robot", "--")
"""Options of `run`, before the command that the agent robot is to be."""


@dataclass
class Proxy:
    """A running `up`, and how to type commands on its configuration."""

    process: asyncio.subprocess.Process
    folder: Path
    ready: dict[str, Any]
    log: Path
    spawn: Callable[..., Any]

    async def type_(self, *arguments: str | Path, **variables: str) -> Any:
        head, rest = arguments[0], arguments[1:]
        groups = {"approvals", "grants", "agents", "people", "audit", "ca", "tools"}
        at = ("--config", self.folder)
        if head in groups:
            return await self.spawn(head, rest[0], *at, *rest[1:], **variables)
        return await self.spawn(head, *at, *rest, **variables)


def settings_of(origin: Any, test_ca: Any) -> str:
    return (
        "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n"
        f'resolve: {{"api.example.com:443": "127.0.0.1:{origin.port}"}}\n'
        f'upstream: {{ca: {{"*": "{test_ca.root}"}}}}\n'
        "approvals: {hold: 20s}\n"
    )


@contextlib.asynccontextmanager
async def up(folder: Path, spawn: Callable[..., Any], **variables: str) -> AsyncIterator[Proxy]:
    ready, log = folder.parent / "ready.json", folder.parent / "up.log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wharfinger.cli.main", "up",
            "--config", str(folder), "--ready-file", str(ready),
            stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said,
            env={**os.environ, "EXAMPLE_KEY": SECRET, **variables},
        )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while not ready.exists():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield Proxy(process, folder, json.loads(ready.read_text()), log, spawn)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()
        ready.unlink(missing_ok=True)


@pytest.fixture
async def proxy(configure, spawn, origin, test_ca) -> AsyncIterator[Proxy]:
    folder = configure(wharfinger=settings_of(origin, test_ca))
    made = await spawn("people", "key", "alice", "--no-passphrase", "--config", folder)
    assert made.code == 0, made.err
    async with up(folder, spawn) as running:
        yield running


async def test_the_ready_file_says_where_everything_is(proxy):
    told = proxy.ready
    assert told["pid"] == proxy.process.pid
    assert Path(told["ca"]).read_text().startswith("-----BEGIN CERTIFICATE")
    assert Path(told["bundle"]).stat().st_size > 100_000
    for name in ("proxy", "console"):
        assert told[name].startswith("http://127.0.0.1:")
        assert "@" not in told[name]
        host, port = told[name].removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()


async def test_call_allowed_and_denied(proxy, origin):
    ran = await proxy.type_("call", "--agent", "robot", "--tool", "get_thing", "--input", '{"id": "t1"}')
    assert (ran.code, ran.json) == (0, {"ok": True}), ran.err
    (seen,) = origin.requests
    assert (seen.method, seen.target, seen.header("Authorization")) == (
        "GET",
        "/things/t1",
        f"Bearer {SECRET}",
    )
    assert seen.header("Wharfinger-Reason") is None
    ran = await proxy.type_(
        "call", "--agent", "robot", "--tool", "delete_thing", "--input", '{"id": "t1"}', "--json"
    )
    assert ran.code == 1
    assert (ran.json["status"], ran.json["refused"][:12]) == (403, "Things stay.")
    assert len(origin.requests) == 1
    shown = await proxy.type_("audit", "show", ran.json["decision"], "--json")
    assert json.loads(shown.out.splitlines()[0])["verdict"] == "deny"


async def test_an_ask_is_approved_from_another_terminal_and_sent_once(proxy, origin):
    call = ("call", "--agent", "robot", "--tool", "create_thing", "--input", '{"name": "a"}')
    calling = asyncio.get_running_loop().create_task(proxy.type_(*call, "--reason", "für Ö"))
    async with asyncio.timeout(20):
        while not (rows := (await proxy.type_("approvals", "list", "--json")).json):
            await asyncio.sleep(0.1)
    (row,) = rows
    assert (row["state"], row["agent"], row["request"]["reason"]) == ("pending", "robot", "für Ö")
    assert origin.requests == []
    assert row["id"] in (await proxy.type_("approvals", "list", COLUMNS="50")).out
    assert "create_thing" in (await proxy.type_("approvals", "show", row["id"])).out
    approved = await proxy.type_("approvals", "approve", row["id"], "--as", "alice")
    assert approved.code == 0, approved.err
    ran = await calling
    assert ran.code == 0, ran.err
    assert [json.loads(seen.body) for seen in origin.requests] == [{"name": "a"}]
    again = await proxy.type_("approvals", "deny", row["id"], "--as", "alice")
    assert again.code == 1
    states = [row["state"] for row in (await proxy.type_("approvals", "list", "--all", "--json")).json]
    assert states == ["used"]


async def test_a_call_is_approved_and_more_like_it_are_granted(proxy, origin):
    """One answer for the call that waits, and for two more: any name, but no more than so large."""
    base = ("call", "--agent", "robot", "--tool", "create_thing", "--input")
    calling = asyncio.get_running_loop().create_task(proxy.type_(*base, '{"name": "a", "size": 1}'))
    async with asyncio.timeout(20):
        while not (rows := (await proxy.type_("approvals", "list", "--json")).json):
            await asyncio.sleep(0.1)
    granting = ("--grant", "for 10m", "--uses", "2", "--any", "name", "--max", "size=5", "--as", "alice")
    granted = await proxy.type_("approvals", "approve", rows[0]["id"], *granting)
    assert granted.code == 0, granted.err
    assert f"{rows[0]['id']} is approved" in granted.out
    assert "name is ANYTHING" in granted.out
    assert "size is at most 5" in granted.out
    assert (await calling).code == 0
    (row,) = (await proxy.type_("grants", "list", "--json")).json
    assert (row["state"], row["uses"], row["used"], row["approval"]) == ("active", 2, 0, rows[0]["id"])
    for number in (2, 3):
        assert (await proxy.type_(*base, json.dumps({"name": f"b{number}", "size": 5}))).code == 0
    assert [json.loads(seen.body)["name"] for seen in origin.requests] == ["a", "b2", "b3"]
    assert "2 of 2" in (await proxy.type_("grants", "list")).out
    assert (await proxy.type_("grants", "revoke", row["id"], "--as", "alice")).code == 0
    assert (await proxy.type_("grants", "list")).out == "nothing is granted\n"


async def test_a_command_behind_the_proxy_holds_placeholders_and_its_exit_code_is_its_own(proxy, origin):
    probe = (
        "import os, sys, urllib.request\n"
        "key = os.environ['EXAMPLE_KEY']\n"
        f"assert {SECRET!r} not in ' '.join(os.environ.values())\n"
        "request = urllib.request.Request('https://api.example.com/things/t9')\n"
        "request.add_header('Authorization', f'Bearer {key}')\n"
        "print(urllib.request.urlopen(request).status)\n"
        "sys.exit(7)\n"
    )
    ran = await proxy.type_(
        "run", *AS_ROBOT, sys.executable, "-c", probe, EXAMPLE_KEY=SECRET, OTHER=f"x{SECRET}"
    )
    assert (ran.code, ran.out) == (7, "200\n"), ran.err
    assert "note: taken out, they hold credentials: OTHER" in ran.err
    assert "not isolated" in ran.err
    assert [seen.header("Authorization") for seen in origin.requests] == [f"Bearer {SECRET}"]
    for command, code in ((("/etc/hostname",), 126), (("no-such-command",), 127)):
        assert (await proxy.type_("run", *AS_ROBOT, *command)).code == code
    assert (await proxy.type_("run", "--no-isolate", "--agent", "nobody", "--", "true")).code == 125
    killed = await proxy.type_("run", *AS_ROBOT, "sh", "-c", "kill -TERM $$")
    assert killed.code == 128 + signal.SIGTERM


async def test_env_by_format(proxy):
    flat = (await proxy.type_("env", "--agent", "robot", "--format", "json")).json
    assert all(isinstance(value, str) for value in flat.values())
    host = proxy.ready["proxy"].removeprefix("http://")
    assert flat["HTTPS_PROXY"].startswith("http://robot:wa_")
    assert flat["HTTPS_PROXY"].endswith(f"@{host}")
    assert SECRET not in json.dumps(flat)
    assert len(flat["EXAMPLE_KEY"]) >= 16
    shell = (await proxy.type_("env", "--agent", "robot")).out
    assert f"export EXAMPLE_KEY={flat['EXAMPLE_KEY']}\n" in shell
    assert (await proxy.type_("env", "--agent", "nobody")).code == 2


async def test_reload_takes_over_what_is_good_and_refuses_what_is_not(proxy, origin):
    path = proxy.folder / "policies" / "things.yaml"
    good = path.read_text()
    status = (await proxy.type_("check", "--format", "json")).json["digest"]
    path.write_text("policy: things\nallow:\n  - tool: get_thnig\n")
    refused = await proxy.type_("reload", "--as", "alice")
    assert refused.code == 1
    assert 'policies/things.yaml:3:11: error: there is no tool "get_thnig"' in refused.err
    base = ("explain", "--agent", "robot", "--json", "GET", "https://api.example.com/things/t1")
    path.write_text(good)
    assert (await proxy.type_(*base)).json["policy_digest"] == status
    path.write_text("policy: things\ndeny:\n  - tool: '*'\n    because: closed\n")
    reloaded = await proxy.type_("reload", "--as", "alice")
    assert (reloaded.code, reloaded.out[:9]) == (0, "reloaded:"), reloaded.err
    explained = await proxy.type_(*base, "--expect", "allow")
    assert (explained.code, explained.json["verdict"], explained.json["reason"]) == (1, "deny", "closed")
    events = (await proxy.type_("audit", "search", "--kind", "control", "reload")).out
    assert events.count("reload") >= 2
    path.write_text(good)
    proxy.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(15):
        while (await proxy.type_(*base)).json["verdict"] != "allow":
            await asyncio.sleep(0.1)


async def test_suspending_stops_an_agent_at_once(proxy, origin):
    call = ("call", "--agent", "robot", "--tool", "get_thing", "--input", '{"id": "t1"}')
    assert (await proxy.type_("agents", "suspend", "robot", "--reason", "odd", "--as", "alice")).code == 0
    ran = await proxy.type_(*call)
    assert (ran.code, "suspended" in ran.err) == (1, True)
    assert (await proxy.type_("agents", "list", "--json")).json[0]["status"] == "suspended"
    assert (await proxy.type_("agents", "resume", "robot", "--as", "alice")).code == 0
    assert (await proxy.type_(*call)).code == 0
    assert len(origin.requests) == 1


async def test_doctor_on_a_running_proxy(proxy):
    ran = await proxy.type_("doctor", "--json")
    grades = {(row["check"], row["grade"]) for row in ran.json}
    assert ran.code == 0, ran.out
    assert not [row for row in ran.json if row["grade"] == "fail"]
    assert {
        ("refusal", "ok"),
        ("identity", "ok"),
        ("credentials", "ok"),
        ("ca", "ok"),
        ("lock", "ok"),
    } <= grades
    assert {("key", "remark"), ("confinement", "remark")} <= grades
    assert all(row["remedy"] for row in ran.json if row["grade"] != "ok" and row["check"] != "refusal")


async def test_preflight_and_graph_of_a_running_proxy(proxy):
    ran = await proxy.type_("preflight", "robot", "--json")
    shown = json.loads(ran.out)
    assert (ran.code, shown["verdict"]) == (0, "ready, with remarks")
    assert {each["check"]: each["grade"] for each in shown["findings"]}["credentials"] == "ok"
    unknown = await proxy.type_("preflight", "robto")
    assert (unknown.code, 'did you mean "robot"?' in unknown.err) == (2, True)
    reached = await proxy.type_("graph", "--agent", "robot", "--format", "json")
    assert {way["tool"] for way in json.loads(reached.out)} >= {"get_thing"}


async def test_a_second_proxy_and_a_rotation_are_refused_while_one_runs(proxy, spawn):
    second = await proxy.type_("up", EXAMPLE_KEY=SECRET)
    assert second.code == 1
    assert f"process {proxy.process.pid} is using the data folder" in second.err
    rotated = await proxy.type_("ca", "rotate", "--as", "alice")
    assert rotated.code == 1
    assert "wharfinger stop" in rotated.err


async def test_stop_is_signed_and_ends_it(proxy, places):
    unknown = await proxy.type_("stop", "--as", "mallory")
    assert unknown.code == 1
    assert proxy.process.returncode is None
    assert (await proxy.type_("stop", "--as", "alice", "--reason", "drill")).code == 0
    async with asyncio.timeout(15):
        assert await proxy.process.wait() == 0
    assert lock.holder(places.state / "data") is None
    verified = await proxy.type_("audit", "verify", "--json")
    assert (verified.code, verified.json["ok"]) == (0, True)
    assert "drill" in (await proxy.type_("audit", "tail")).out
    assert SECRET not in proxy.log.read_text()


async def test_without_a_proxy_run_brings_its_own_and_it_ends(configure, spawn, origin, test_ca, places):
    folder = configure(wharfinger=settings_of(origin, test_ca))
    assert (await spawn("people", "key", "alice", "--no-passphrase", "--config", folder)).code == 0
    probe = (
        "import os, urllib.request as u\n"
        "r = u.Request('https://api.example.com/things/t1')\n"
        "r.add_header('Authorization', 'Bearer ' + os.environ['EXAMPLE_KEY'])\n"
        "print(u.urlopen(r).status)\n"
    )
    command = ("run", "--config", folder, *AS_ROBOT, sys.executable, "-c", probe)
    ran = await spawn(*command, EXAMPLE_KEY=SECRET)
    assert (ran.code, ran.out) == (0, "200\n"), ran.err
    async with asyncio.timeout(20):
        while lock.holder(places.state / "data") is not None:
            await asyncio.sleep(0.1)
    assert len(origin.requests) == 1


async def test_doctor_without_a_proxy_tries_one_of_its_own(configure, spawn, origin, test_ca, places):
    folder = configure(wharfinger=settings_of(origin, test_ca))
    assert (await spawn("people", "key", "alice", "--no-passphrase", "--config", folder)).code == 0
    ran = await spawn("doctor", "--config", folder, "--json", EXAMPLE_KEY=SECRET)
    assert ran.code == 0, ran.out
    assert ("refusal", "ok") in {(row["check"], row["grade"]) for row in ran.json}
    checked = await spawn("check", "--config", folder)
    counted = checked.out.partition("\n")[0].removeprefix("ok: ")
    assert f'"{folder}": {counted}' in {row["text"] for row in ran.json if row["check"] == "configuration"}
    assert lock.holder(places.state / "data") is None
    assert SECRET not in ran.out
    missing = await spawn("doctor", "--config", folder)
    assert missing.code == 1
    assert 'EXAMPLE_KEY: the environment variable "EXAMPLE_KEY" is not set' in missing.out
