"""Commands without a runtime go through the very same checks."""

import asyncio
import time

import pytest
from wharfinger.control.client import Client
from wharfinger.control.local import Local, connect
from wharfinger.control.protocol import Code, ControlError
from wharfinger.keeping.lock import Lock, LockHeld


def test_the_first_key_is_registered_by_itself_and_no_other_is(opened, person_keys) -> None:
    opener, _ = opened
    alice, bob, mallory = (person_keys[name] for name in ("alice", "bob", "mallory"))
    with Local.open(opener) as local:
        with pytest.raises(ControlError, match="needs a person's key"):
            local.do("people.register", {"person": "alice", "public_key": alice.public.hex()})
        with pytest.raises(ControlError, match="no key of this person"):
            local.do("people.register", {"person": "alice", "public_key": alice.public.hex()}, mallory)
        local.do("people.register", {"person": "alice", "public_key": alice.public.hex()}, alice)
        with pytest.raises(ControlError, match="no key of this person"):
            local.do("people.register", {"person": "bob", "public_key": bob.public.hex()}, bob)
        local.do("people.register", {"person": "bob", "public_key": bob.public.hex()}, alice)
        mark = local.do("people.list")[1]["keys"][0]["fingerprint"]
        local.do("people.revoke", {"fingerprint": mark}, bob)
        alices = local.do("people.list")[0]["keys"][0]["fingerprint"]
        local.do("people.revoke", {"fingerprint": alices}, alice)
        with pytest.raises(ControlError, match="no key of this person"):
            local.do("people.register", {"person": "mallory", "public_key": mallory.public.hex()}, mallory)


async def test_over_the_socket_there_is_no_first_key(data, person_keys, served) -> None:
    """Whoever may open the socket of a runtime cannot make themselves its first person."""
    await served.store.run(lambda conn: conn.execute("DELETE FROM people_keys").rowcount)
    alice = person_keys["alice"]

    def register() -> None:
        with Client.connect(data) as client:
            client.do("people.register", {"person": "alice", "public_key": alice.public.hex()}, alice)

    with pytest.raises(ControlError, match="no key of this person"):
        await asyncio.to_thread(register)


def test_what_is_done_here_stands_for_the_next(opened, person_keys) -> None:
    opener, houses = opened
    alice = person_keys["alice"]
    with Local.open(opener) as local:
        local.do("people.register", {"person": "alice", "public_key": alice.public.hex()}, alice)
        local.do("agents.suspend", {"agent": "bot", "reason": "odd"}, alice)
        assert houses[0].book[-1].action == "agents.suspend"
    with Local.open(opener) as local:
        assert local.do("agents.show", {"agent": "bot"})["suspended"] == "odd"
        assert local.do("status") == {"running": False}
        with pytest.raises(ControlError, match="explain needs a running proxy") as caught:
            local.do("explain", {"agent": "bot", "method": "GET", "url": "https://x/"})
        assert caught.value.code is Code.FAILED
        with pytest.raises(ControlError, match=r"runs\.issue needs a running proxy"):
            local.do("runs.issue", {"agent": "bot"}, alice)


def test_connect_takes_the_folder_where_nobody_serves_it(data, opened) -> None:
    with connect(data, opened[0]) as control:
        assert isinstance(control, Local)
        assert control.do("approvals.list") == []


async def test_connect_takes_the_running_proxy(served, opened) -> None:
    control = await asyncio.to_thread(connect, served.data, opened[0])
    assert isinstance(control, Client)
    control.close()


def test_connect_waits_for_a_proxy_that_starts_but_not_for_ever(data) -> None:
    def opener():
        with Lock.acquire(data):
            raise AssertionError("the lock was free")

    begun = time.monotonic()
    with Lock.acquire(data), pytest.raises(LockHeld):
        connect(data, opener, patience=0.3)
    assert 0.3 <= time.monotonic() - begun < 3
