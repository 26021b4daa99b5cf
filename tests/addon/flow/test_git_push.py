"""Pushes by git: decided on what stands before the pack, held if need be, and streamed with nothing kept."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import pytest

from tests.addon.flow.conftest import POLICY

TOOLS = """\
api: git
base: https://files.example.com
auth: {secret: EXAMPLE_KEY}
tools:
  - tool: git_fetch
    effect: read
    run: {type: git, url: "/${owner}/${repo}", service: fetch}
  - tool: git_push
    effect: write
    run: {type: git, url: "/${owner}/${repo}", service: push}
"""
FILES = {
    "tools/git.yaml": TOOLS,
    "policies/everyday.yaml": POLICY.replace(
        "allow:\n",
        "allow:\n  - tool: git_fetch\n  - tool: git_push\n"
        "    when: {refs: {all: {startswith: refs/heads/agent/}}, deletes: 0}\n",
    ).replace(
        "ask:\n",
        "ask:\n  - tool: git_push\n    when: {refs: {all: {startswith: refs/heads/team/}}}\n"
        "    approvers: [alice]\n",
    ),
}
OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40
SENT = [("Content-Type", "application/x-git-receive-pack-request")]
PATH, HOST = "/acme/shop.git/git-receive-pack", "files.example.com"


def opening(ref: str, old: str = OLD, new: str = NEW) -> bytes:
    text = f"{old} {new} {ref}\0 report-status".encode()
    return b"%04x%b0000" % (len(text) + 4, text)


@pytest.fixture
async def git(start: Any) -> Any:
    async with start(FILES) as proxy:
        yield proxy


@pytest.fixture
async def unattended(start: Any) -> Any:
    """The same, where nobody answers before the hold ends."""
    async with start(FILES, attended=False) as proxy:
        yield proxy


async def push(proxy: Any, data: bytes) -> Any:
    return await proxy.request("POST", PATH, SENT, data, host=HOST)


async def pending(proxy: Any) -> Any:
    async with asyncio.timeout(5):
        while not (found := await proxy.runtime.desk.approvals.list()):
            await asyncio.sleep(0.02)
    return found[0]


def code(answered: Any) -> str:
    """Why the push was refused, as git's report of it says; empty where that does not."""
    found = re.match(rb"[0-9a-f]{4}unpack wharfinger: (\w+)\n", answered.body)
    return "" if found is None else found[1].decode()


async def test_a_pack_larger_than_any_limit_passes_whole(git: Any, origin: Any) -> None:
    data = opening("refs/heads/agent/x") + b"PACK" + os.urandom(3 * 1024 * 1024)
    answered = await push(git, data)
    assert answered.status == 200
    (seen,) = origin.requests
    assert seen.body == data
    intent = next(e for e in await git.events(answered.decision) if e["kind"] == "intent")
    assert intent["calls"][0]["inputs"]["refs"] == ["refs/heads/agent/x"]


async def test_in_chunks_and_byte_by_byte_it_is_the_same(git: Any, origin: Any) -> None:
    data = opening("refs/heads/agent/x") + b"PACK" + b"x" * 200
    raw = git.raw("POST", PATH, [*SENT, ("Transfer-Encoding", "chunked")], host=HOST)
    tunnel = await git.connect(HOST)
    tunnel.writer.write(raw)
    for at in range(len(data)):
        tunnel.writer.write(b"1\r\n%b\r\n" % data[at : at + 1])
        if at % 16 == 0:
            await asyncio.sleep(0)
    tunnel.writer.write(b"0\r\n\r\n")
    assert (await tunnel.receive()).status == 200
    assert origin.requests[0].body == data


@pytest.mark.parametrize(
    "data",
    [
        opening("refs/heads/main") + b"PACK" * 1_000,
        opening("refs/heads/agent/x", new=NONE),
        opening("refs/heads/agent/../main") + b"PACK",
        b"zzzz" + b"PACK" * 1_000,
        b"0000" + b"PACK",
        opening("refs/heads/agent/x")[:-4],
        b"",
    ],
)
async def test_what_no_rule_allows_reaches_nobody(git: Any, origin: Any, data: bytes) -> None:
    answered = await push(git, data)
    assert answered.status in {400, 403} or code(answered) == "denied"
    await git.settled()
    assert (origin.connections, origin.bytes_received) == (0, 0)


async def test_the_empty_push_before_a_large_one_goes_as_reading(git: Any, origin: Any) -> None:
    answered = await push(git, b"0000")
    assert answered.status == 200
    assert origin.requests[0].body == b"0000"
    intent = next(e for e in await git.events(answered.decision) if e["kind"] == "intent")
    assert intent["calls"][0]["tool"] == "git_fetch"


async def test_nothing_is_sent_while_the_pack_waits_for_a_person(git: Any, origin: Any) -> None:
    """Nor is more read of it than what had come: the client's own socket holds the rest."""
    data = opening("refs/heads/team/x") + b"PACK" + b"x" * (16 * 1024 * 1024)
    tunnel = await git.connect(HOST)
    tunnel.writer.write(git.raw("POST", PATH, [*SENT, ("Content-Length", str(len(data)))], host=HOST) + data)
    approval = await pending(git)
    await asyncio.sleep(0.2)
    assert origin.connections == 0
    below = tunnel.writer.transport._ssl_protocol._transport  # what TLS writes to
    held = below.get_write_buffer_size()
    assert held > 8 * 1024 * 1024
    await git.runtime.desk.approvals.approve(approval.id, "alice")
    answered = await tunnel.receive()
    assert answered.status == 200
    assert origin.requests[0].body == data
    kinds = [event["kind"] for event in await git.events(answered.decision)]
    assert kinds == ["held", "intent", "outcome"]


async def test_an_approval_is_for_these_refs(unattended: Any, origin: Any) -> None:
    data = opening("refs/heads/team/x") + b"PACK"
    assert code(await push(unattended, data)) == "approval_pending"
    approval = await pending(unattended)
    await unattended.runtime.desk.approvals.approve(approval.id, "alice")
    assert code(await push(unattended, opening("refs/heads/team/y") + b"PACK")) == "approval_pending"
    other = opening("refs/heads/team/x", new="3" * 40) + b"PACK"
    assert code(await push(unattended, other)) == "approval_pending"
    assert origin.requests == []
    done = await push(unattended, data)
    assert (done.status, code(done)) == (200, "")
    assert code(await push(unattended, data)) == "approval_pending"


async def test_a_placeholder_in_the_opening_is_misuse_and_in_the_pack_a_cut(git: Any, origin: Any) -> None:
    known = git.placeholder()
    answered = await push(git, opening(f"refs/heads/agent/{known}") + b"PACK")
    assert code(answered) == "misuse"
    assert origin.connections == 0
    tunnel = await git.connect(HOST)
    data = opening("refs/heads/agent/x") + b"PACK" + known.encode() + b"x" * 100
    tunnel.writer.write(git.raw("POST", PATH, SENT, data, host=HOST))
    assert (await tunnel.receive()).code == "misuse"
    assert all(known.encode() not in seen.body for seen in origin.requests)


async def test_a_client_that_leaves_during_the_hold_sends_nothing(git: Any, origin: Any) -> None:
    data = opening("refs/heads/team/x") + b"PACK"
    tunnel = await git.connect(HOST)
    tunnel.writer.write(
        git.raw("POST", PATH, [*SENT, ("Content-Length", str(len(data) + 9))], host=HOST) + data
    )
    approval = await pending(git)
    tunnel.writer.transport.abort()
    await asyncio.sleep(0.1)
    await git.runtime.desk.approvals.approve(approval.id, "alice")
    await asyncio.sleep(0.1)
    assert origin.requests == []


async def test_requests_after_one_on_the_same_connection_are_read_as_ever(git: Any, origin: Any) -> None:
    tunnel = await git.connect(HOST)
    data = opening("refs/heads/agent/x") + b"PACK"
    for _ in range(3):
        assert (await tunnel.request("POST", PATH, SENT, data, host=HOST)).status == 200
        assert (await tunnel.request("GET", "/download/a", host=HOST)).status == 200
    assert [seen.body for seen in origin.requests] == [data, b""] * 3
