"""The control socket itself: what an attacker on it may try, who may open it, and what it bears."""

import asyncio
import contextlib
import os
import socket
import stat
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wharfinger.approvals.states import State
from wharfinger.control.client import Client, NotRunning, running
from wharfinger.control.protocol import LINE_LIMIT, PURPOSE, Command
from wharfinger.control.server import ControlServer
from wharfinger.control.session import Session
from wharfinger.faults import Fault

# What an attacker on the socket may try.


async def test_a_command_cannot_be_sent_a_second_time(served, raw, signed) -> None:
    approval = await served.ask()
    client, other = await raw(), await raw()
    command = signed(served.keys["bob"], client.nonce, "approvals.deny", {"id": approval.id})
    refused = await other.say(command)
    assert (refused["ok"], refused["code"]) == (False, "forbidden")
    assert await other.hear() is None
    assert (await client.say(command))["ok"]
    again = await client.say(command)
    assert (again["ok"], again["error"]) == (False, "ids have to go up")


@pytest.mark.parametrize("changed", ["id", "do", "args", "person", "signature", "nonce"])
async def test_a_signature_is_over_all_of_the_command(served, raw, signed, changed) -> None:
    approval = await served.ask()
    client = await raw()
    nonce = "another" if changed == "nonce" else client.nonce
    command = signed(served.keys["bob"], nonce, "approvals.deny", {"id": approval.id})
    other = {
        "id": 2,
        "do": "approvals.approve",
        "args": {"id": approval.id, "reason": "x"},
        "person": "alice",
    }
    if changed == "signature":
        first = "B" if command["signature"][0] == "A" else "A"
        command["signature"] = first + command["signature"][1:]
    elif changed != "nonce":
        command[changed] = other[changed]
    reply = await client.say(command)
    assert (reply["ok"], reply["code"]) == (False, "forbidden")
    assert await client.hear() is None
    assert (await served.services.approvals.show(approval.id)).state is State.PENDING


async def test_signing_as_somebody_else_does_not_hold(served, raw, signed) -> None:
    client = await raw()
    reply = await client.say(
        signed(served.keys["eve"], client.nonce, "agents.suspend", {"agent": "bot"}, person="alice")
    )
    assert (reply["ok"], reply["code"]) == (False, "forbidden")
    assert served.book[0].why == "the signature does not hold"


async def test_a_bad_signature_is_refused_even_where_none_is_needed(served, raw, signed) -> None:
    client = await raw()
    command = signed(served.keys["mallory"], client.nonce, "status", {}, person="alice")
    assert (await client.say(command))["ok"] is False


@pytest.mark.parametrize(
    "text",
    [
        b"\n",
        b"\x00\xff\xfe\n",
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b"null\n",
        b'{"id": 1, "id": 2, "do": "status"}\n',
        b'{"id": NaN, "do": "status"}\n',
        b'{"id": true, "do": "status"}\n',
        b'{"id": 0, "do": "status"}\n',
        b'{"id": 1.0, "do": "status"}\n',
        b'{"id": 1, "do": ["status"]}\n',
        b'{"id": 1, "do": "status", "args": []}\n',
        b'{"id": 1, "do": "status", "extra": 1}\n',
        b'{"id": 1, "do": "stop", "person": "alice"}\n',
        b'{"id": 1, "do": "stop", "signature": "AAAA"}\n',
        b'{"id": 1, "do": "stop", "person": "alice", "signature": "AAAA"}\n',
        b'{"id": 1, "do": "stop", "person": ["alice"], "signature": 7}\n',
        b"[" * 100_000 + b"\n",
        b'{"id": ' + b"1" * 5000 + b', "do": "status"}\n',
    ],
)
async def test_garbage_is_answered_plainly_and_the_server_lives(raw, text) -> None:
    client = await raw()
    reply = await client.say(text)
    assert (reply["ok"], reply["code"]) == (False, "bad_request")
    assert (await (await raw()).say({"id": 1, "do": "status"}))["ok"]


async def test_a_line_is_at_most_so_long(raw) -> None:
    client = await raw()
    reply = await client.say(b'{"id": 1, "do": "' + b"x" * (LINE_LIMIT + 100) + b'"}\n')
    assert reply["code"] == "bad_request"
    assert "bytes long" in reply["error"]
    assert await client.hear() is None


async def test_one_long_line_of_nothing_is_cut_off(raw) -> None:
    client = await raw()
    for _ in range(4):
        client.writer.write(b"x" * (LINE_LIMIT // 2))
    assert (await client.hear())["code"] == "bad_request"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "surrogatepass")))
async def test_any_bytes_get_an_answer(house, text) -> None:
    reply = await Session(house.dispatcher).answer(text)
    assert reply.line.endswith(b"\n")
    assert b'"ok":false' in reply.line


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 511))
async def test_no_bit_of_a_signature_may_differ(house, bit) -> None:
    session = Session(house.dispatcher)
    key = house.keys["alice"]
    command = Command(1, "reload", {}, "alice")
    good = key.sign(PURPOSE, command.signed_text(session.nonce))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    line = Command(1, "reload", {}, "alice", bytes(bad)).as_line()
    assert b'"ok":false' in (await session.answer(line)).line
    assert house.told == []


# The socket itself.


async def test_the_socket_is_its_owners_alone(served) -> None:
    mode = (served.data / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(served.data.stat().st_mode) == 0o700


async def test_another_users_process_is_turned_away(served, monkeypatch) -> None:
    monkeypatch.setattr("wharfinger.control.server.peer_is_ours", lambda connection: False)
    reader, writer = await asyncio.open_unix_connection(str(served.data / "control.sock"))
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(100), 5) == b""
    writer.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_the_kernel_is_asked_who_it_is(served) -> None:
    """Even where the modes let anyone in."""
    served.data.chmod(0o777)
    (served.data / "control.sock").chmod(0o777)
    for parent in served.data.parents:
        if (
            parent.stat().st_uid == os.geteuid()
            and not parent.stat().st_mode & 0o001
            and parent.name != "tmp"
        ):
            parent.chmod(parent.stat().st_mode | 0o011)
    script = (
        "import os,socket,sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(5)\n"
        "s.connect(sys.argv[1])\n"
        "try: sys.exit(1 if s.recv(10) else 0)\n"
        "except ConnectionResetError: sys.exit(0)"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(served.data / "control.sock")
    )
    assert await child.wait() == 0


async def test_a_stale_socket_is_replaced_and_anything_else_is_left(house) -> None:
    path = house.data / "control.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert not running(house.data)
    server = ControlServer(house.data, house.dispatcher)
    await server.start()
    assert await asyncio.to_thread(running, house.data)
    await server.close()
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(Fault, match="in the way"):
        await ControlServer(house.data, house.dispatcher).start()
    assert path.read_text() == "mine"


async def test_a_long_path_is_no_hindrance(house, tmp_path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(mode=0o700, parents=True)
    server = ControlServer(deep, house.dispatcher)
    await server.start()
    assert await asyncio.to_thread(running, deep)
    await server.close()


async def test_whoever_is_silent_longest_makes_room(house) -> None:
    server = ControlServer(house.data, house.dispatcher, clients=4, silence=60)
    await server.start()
    clients = [await asyncio.open_unix_connection(str(house.data / "control.sock")) for _ in range(12)]
    assert await asyncio.to_thread(_status, house.data) == {"running": False}
    for reader, _ in clients[:8]:
        await asyncio.wait_for(reader.read(), 5)
    assert not clients[-1][0].at_eof()
    await server.close()
    for _, writer in clients:
        writer.close()


async def test_silence_ends_a_connection(house) -> None:
    server = ControlServer(house.data, house.dispatcher, silence=0.2)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(str(house.data / "control.sock"))
    assert b"nonce" in await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await server.close()


def _status(data):
    with Client.connect(data) as client:
        return client.do("status")


async def test_what_is_under_way_is_answered_before_the_end(served, do) -> None:
    """The command that stops the runtime gets its answer."""
    server = ControlServer(served.data, served.dispatcher)
    stopping = asyncio.Event()

    async def stop(person: str, reason: str) -> None:
        stopping.set()
        await asyncio.sleep(0.1)

    served.services.stop = stop
    await server.start()
    answer = asyncio.get_running_loop().create_task(do("stop", "alice"))
    await stopping.wait()
    await server.close()
    assert await answer == {"stopping": True}


def test_without_a_runtime_it_says_so(data) -> None:
    with pytest.raises(NotRunning, match="no proxy is running") as caught:
        Client.connect(data)
    assert caught.value.hint == "start one with: wharfinger up"
