"""Signing in over the control socket, and commands given in a session."""

import asyncio
import json

import pytest
from wharfinger.control.client import Client
from wharfinger.control.dispatcher import Outcome, Proof
from wharfinger.control.protocol import Code, ControlError, read_command
from wharfinger.signin import passwords
from wharfinger.signin.session import Kind

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)


@pytest.fixture
async def signed_in(served, do):
    """The token of a session of a person, who has a password."""

    async def sign_in(person: str) -> str:
        await do("people.password", person, password=PASSWORD)
        return (await do("sessions.begin", person="".join(person), password=PASSWORD))["token"]

    return sign_in


@pytest.fixture
def within(served):
    """One command in a session."""

    def once(token, action, args):
        with Client.connect(served.data) as client:
            client.session = token
            return client.do(action, args)

    async def command(token, action, /, **args):
        return await asyncio.to_thread(once, token, action, args)

    return command


@pytest.fixture
def do(served):
    """One command on a connection of its own, of which an argument may be called `person`."""

    def once(action, args, person):
        with Client.connect(served.data) as client:
            return client.do(action, args, served.keys[person] if person else None)

    async def command(action, by=None, /, **args):
        return await asyncio.to_thread(once, action, args, by)

    return command


async def test_a_session_commands_what_its_person_may(served, signed_in, within):
    approval = await served.ask()
    token = await signed_in("bob")
    shown = await within(token, "sessions.show")
    assert (shown["person"], shown["role"], shown["password"]) == ("bob", "approver", True)
    answer = await within(token, "approvals.approve", id=approval.id)
    assert (answer["state"], answer["person"]) == ("approved", "bob")
    with pytest.raises(ControlError, match="may not do") as caught:
        await within(token, "agents.suspend", agent="bot")
    assert caught.value.code is Code.FORBIDDEN


async def test_the_book_names_the_session(served, signed_in, within):
    token = await signed_in("alice")
    session = (await within(token, "sessions.show"))["id"]
    served.book.clear()
    await within(token, "agents.suspend", agent="bot")
    assert [(done.action, done.person, done.by) for done in served.book] == [
        ("agents.suspend", "alice", session)
    ]


async def test_a_role_that_changes_holds_at_once(served, signed_in, within):
    token = await signed_in("alice")
    await within(token, "agents.suspend", agent="bot")
    served.declared.people["alice"] = served.declared.people["bob"]
    with pytest.raises(ControlError, match="may not do"):
        await within(token, "agents.resume", agent="bot")
    del served.declared.people["alice"]
    with pytest.raises(ControlError) as caught:
        await within(token, "agents.list")
    assert caught.value.code is Code.SIGNED_OUT


@pytest.mark.parametrize("token", ["", "ws_", "ws_" + "A" * 43, "wt_" + "A" * 43])
async def test_a_session_that_is_none_does_not_even_read(served, within, token):
    with pytest.raises(ControlError) as caught:
        await within(token, "status")
    assert caught.value.code is Code.SIGNED_OUT


async def test_it_is_over_after_signing_out(served, signed_in, within):
    token = await signed_in("bob")
    await within(token, "sessions.end")
    with pytest.raises(ControlError) as caught:
        await within(token, "agents.list")
    assert caught.value.code is Code.SIGNED_OUT


async def test_one_ends_ones_own_sessions_an_admin_any(served, do, signed_in, within):
    bob, eve, alice = [await signed_in(person) for person in ("bob", "eve", "alice")]
    assert len(await within(bob, "sessions.list")) == 1
    ids = {row["person"]: row["id"] for row in await within(alice, "sessions.list")}
    assert ids.keys() == {"alice", "bob", "eve"}
    with pytest.raises(ControlError, match="there is no session"):
        await within(bob, "sessions.end", id=ids["eve"])
    await within(alice, "sessions.end", id=ids["eve"])
    with pytest.raises(ControlError):
        await within(eve, "sessions.show")
    assert await within(bob, "sessions.show")


async def test_failures_are_in_the_book_and_alike(served, do, signed_in):
    await signed_in("bob")
    served.book.clear()
    said = []
    for person in ("bob", "carol", "mallory<script>"):
        with pytest.raises(ControlError) as caught:
            await do("sessions.begin", person=person, password="wrong " + PASSWORD)
        said.append((caught.value.code, caught.value.message, caught.value.hint))
    assert len(set(said)) == 1
    assert said[0][0] is Code.NOT_SIGNED_IN
    assert [(done.person, done.outcome, done.args) for done in served.book] == [
        ("bob", Outcome.REFUSED, {}),
        ("(unknown)", Outcome.REFUSED, {}),
        ("(unknown)", Outcome.REFUSED, {}),
    ]


async def test_who_fails_often_waits(served, do, signed_in):
    await signed_in("bob")
    codes = []
    for _ in range(6):
        with pytest.raises(ControlError) as caught:
            await do("sessions.begin", person="bob", password="wrong " + PASSWORD)
        codes.append(caught.value.code)
    assert codes[:4] == [Code.NOT_SIGNED_IN] * 4
    assert codes[5] is Code.TOO_MANY


async def test_who_left_the_configuration_does_not_sign_in(served, do, signed_in):
    await signed_in("bob")
    before = served.services.sessions.live(Kind.BROWSER)
    del served.declared.people["bob"]
    with pytest.raises(ControlError, match="do not go together"):
        await do("sessions.begin", person="bob", password=PASSWORD)
    assert served.services.sessions.live(Kind.BROWSER) == before


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"person": "bob"},
        {"password": PASSWORD},
        {"link": "x", "person": "bob"},
        {"link": "x", "person": "bob", "password": PASSWORD},
    ],
)
async def test_signing_in_takes_a_name_and_a_password_or_a_link(served, do, args):
    with pytest.raises(ControlError) as caught:
        await do("sessions.begin", **args)
    assert caught.value.code is Code.BAD_REQUEST


async def test_a_link_signs_in_once_and_may_set_a_password(served, do, within):
    served.services.status = lambda: None
    made = await do("people.link", "bob", person="bob")
    begun = await do("sessions.begin", link=made["link"])
    assert (begun["person"], begun["began"]) == ("bob", "link")
    await within(begun["token"], "people.password", password=PASSWORD)
    assert (await do("sessions.begin", person="bob", password=PASSWORD))["person"] == "bob"
    with pytest.raises(ControlError) as caught:
        await do("sessions.begin", link=made["link"])
    assert caught.value.code is Code.NOT_SIGNED_IN


async def test_a_link_is_for_oneself_or_made_by_an_admin_with_a_key(served, do, signed_in, within):
    served.services.status = lambda: None
    with pytest.raises(ControlError, match="for oneself"):
        await do("people.link", "bob", person="eve")
    assert (await do("people.link", "alice", person="eve"))["person"] == "eve"
    token = await signed_in("alice")
    with pytest.raises(ControlError, match="cannot be done so"):
        await within(token, "people.link", person="eve")
    with pytest.raises(ControlError, match=r"not in people\.yaml"):
        await do("people.link", "alice", person="carol")


async def test_a_session_changes_a_password_only_knowing_the_present_one(served, do, signed_in, within):
    token = await signed_in("bob")
    for current in ({}, {"current": "wrong"}):
        with pytest.raises(ControlError, match="not the present password"):
            await within(token, "people.password", password="another good password", **current)
    await within(token, "people.password", password="another good password", current=PASSWORD)
    assert await within(token, "sessions.show")
    assert await do("sessions.begin", person="bob", password="another good password")


async def test_a_machines_token_does_what_it_is_for_and_no_more(served, signed_in, within):
    alice = await signed_in("alice")
    approval = await served.ask()
    viewer = (await within(alice, "tokens.add", label="dashboard"))["token"]
    approver = (await within(alice, "tokens.add", label="bot", role="approver", days=1))["token"]
    assert await within(viewer, "approvals.list")
    with pytest.raises(ControlError, match="may not do"):
        await within(viewer, "approvals.approve", id=approval.id)
    assert (await within(approver, "approvals.approve", id=approval.id))["person"] == "alice"
    with pytest.raises(ControlError, match="may not do"):
        await within(approver, "agents.suspend", agent="bot")


async def test_a_token_may_do_no_more_than_who_makes_it(served, signed_in, within):
    bob = await signed_in("bob")
    with pytest.raises(ControlError, match="above your role"):
        await within(bob, "tokens.add", label="x", role="admin")
    for wrong in ({"label": ""}, {"label": "x" * 101}, {"label": "x\n"}, {"label": "x", "days": 0},
                  {"label": "x", "days": 366}, {"label": "x", "role": "anyone"}):  # fmt: skip
        with pytest.raises(ControlError) as caught:
            await within(bob, "tokens.add", **wrong)
        assert caught.value.code is Code.BAD_REQUEST


async def test_a_token_that_was_revoked_is_over(served, signed_in, within):
    alice = await signed_in("alice")
    made = await within(alice, "tokens.add", label="x", role="admin")
    assert [row["label"] for row in await within(alice, "tokens.list")] == ["x"]
    await within(alice, "tokens.revoke", id=made["id"])
    with pytest.raises(ControlError) as caught:
        await within(made["token"], "status")
    assert caught.value.code is Code.SIGNED_OUT


def test_a_machine_cannot_make_itself_a_way_in(house):
    """What gives a lasting way in, or cannot be undone, needs a person who signed in, or their key."""
    actions = house.dispatcher._actions
    personal = {name: action.proof for name, action in actions.items() if action.proof is not Proof.TOKEN}
    assert personal == {
        "audit.forget": Proof.KEY,
        "audit.resume": Proof.KEY,
        "credentials.rekey": Proof.KEY,
        "credentials.remove": Proof.KEY,
        "credentials.rotate": Proof.KEY,
        "credentials.set": Proof.KEY,
        "sessions.end": Proof.SESSION,
        "people.password": Proof.SESSION,
        "people.register": Proof.KEY,
        "people.revoke": Proof.SESSION,
        "people.link": Proof.KEY,
        "tokens.add": Proof.SESSION,
        "tokens.revoke": Proof.SESSION,
    }


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("people.password", {"password": PASSWORD + "!"}),
        ("people.register", {"person": "alice", "public_key": "00"}),
        ("people.revoke", {"fingerprint": "x"}),
        ("people.link", {"person": "alice"}),
        ("tokens.add", {"label": "another"}),
        ("tokens.revoke", {"id": "t_1"}),
        ("sessions.end", {}),
    ],
)
async def test_a_machines_token_is_refused_what_is_personal(served, signed_in, within, action, args):
    alice = await signed_in("alice")
    machine = (await within(alice, "tokens.add", label="x", role="admin"))["token"]
    with pytest.raises(ControlError, match="cannot be done so") as caught:
        await within(machine, action, **args)
    assert caught.value.code is Code.FORBIDDEN


async def test_no_secret_is_in_the_book(served, do, signed_in, within):
    served.services.status = lambda: None
    alice = await signed_in("alice")
    machine = await within(alice, "tokens.add", label="x")
    link = (await do("people.link", "alice", person="alice"))["link"]
    await within(alice, "people.password", password="another good password", current=PASSWORD)
    written = json.dumps([[str(d.args), d.person, d.why, d.by] for d in served.book])
    for secret in (PASSWORD, "another good password", alice, machine["token"], link):
        assert secret not in written
    assert len(served.book) == 5


@pytest.mark.parametrize(
    "said",
    [
        {"session": 7},
        {"session": "x" * 101},
        {"session": "ws_x", "person": "alice", "signature": "A" * 86 + "=="},
    ],
)
def test_a_session_is_a_token_instead_of_a_signature(said):
    with pytest.raises(ControlError) as caught:
        read_command(json.dumps({"id": 1, "do": "status"} | said).encode())
    assert caught.value.code is Code.BAD_REQUEST
