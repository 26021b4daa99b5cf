"""Commands over a real control socket: who may have what done."""

from dataclasses import replace

import pytest
from wharfinger.approvals.states import State
from wharfinger.control.dispatcher import Outcome
from wharfinger.control.protocol import Code, ControlError


async def test_an_approver_approves_from_another_process(served, do) -> None:
    approval = await served.ask()
    assert [found["id"] for found in await do("approvals.list")] == [approval.id]
    answer = await do("approvals.approve", "bob", id=approval.id, reason="fine")
    assert (answer["state"], answer["person"], answer["comment"]) == ("approved", "bob", "fine")
    shown = await do("approvals.show", id=approval.id)
    assert [step["move"] for step in shown["history"]] == ["ask", "approve"]
    assert await do("approvals.list") == []
    assert [found["state"] for found in await do("approvals.list", states=["approved"])] == ["approved"]


CHANGES = {
    "approvals.approve": {"id": "ID"},
    "approvals.deny": {"id": "ID"},
    "approvals.cancel": {"id": "ID"},
    "grants.propose": {"approval": "ID", "until": "2099-01-01T00:00Z", "uses": 1},
    "grants.add": {"agent": "bot", "tool": "refund", "until": "2099-01-01T00:00Z", "uses": 1},
    "grants.approve": {"id": "ID"},
    "grants.revoke": {"id": "ID"},
    "agents.suspend": {"agent": "bot"},
    "agents.resume": {"agent": "bot"},
    "agents.rotate": {"agent": "bot"},
    "agents.add": {"agent": "new"},
    "agents.retire": {"agent": "bot"},
    "runs.issue": {"agent": "bot"},
    "runs.end": {"run": "x"},
    "people.register": {"person": "alice", "public_key": "00"},
    "people.revoke": {"fingerprint": "x"},
    "approvals.reviewed": {"decision": "d_1"},
    "deny.add": {"tool": "*"},
    "deny.remove": {"id": "x"},
    "reload": {},
    "stop": {},
    "tools.approve": {"tools": {"x": "1"}},
    "tools.withdraw": {"tools": ["x"]},
    "people.password": {"password": "correct horse battery staple"},
    "people.link": {"person": "alice"},
    "configuration.files": {},
    "sessions.end": {"id": "s_1"},
    "sessions.list": {},
    "sessions.show": {},
    "tokens.add": {"label": "x"},
    "tokens.list": {},
    "tokens.revoke": {"id": "t_1"},
    "audit.resume": {},
    "audit.forget": {"segment": 1},
    "credentials.set": {"name": "API_KEY", "value": "of sixteen bytes or more"},
    "credentials.rotate": {"name": "API_KEY", "value": "of sixteen bytes or more"},
    "credentials.remove": {"name": "API_KEY"},
    "credentials.rekey": {"key": "file"},
    "credentials.refresh": {"name": "API_KEY"},
}


ADMIN = [
    "agents.suspend",
    "agents.resume",
    "agents.rotate",
    "deny.add",
    "deny.remove",
    "reload",
    "stop",
    "tools.approve",
    "tools.withdraw",
    "audit.resume",
    "audit.forget",
]


def test_every_action_that_changes_anything_is_in_the_table(house) -> None:
    changing = {name for name, action in house.dispatcher._actions.items() if action.changes}
    assert changing == CHANGES.keys()


@pytest.mark.parametrize("action", CHANGES)
async def test_nothing_is_changed_without_a_persons_key(served, do, action) -> None:
    approval = await served.ask()
    args = {key: approval.id if value == "ID" else value for key, value in CHANGES[action].items()}
    with pytest.raises(ControlError, match="needs a person's key") as caught:
        await do(action, **args)
    assert caught.value.code is Code.UNSIGNED
    assert (await served.services.approvals.show(approval.id)).state is State.PENDING
    assert [change.move for change in served.told] == [None]


@pytest.mark.parametrize("action", CHANGES)
async def test_nothing_is_changed_by_a_key_that_is_not_registered(served, do, action) -> None:
    served.declared.people["mallory"] = served.declared.people["alice"]
    with pytest.raises(ControlError, match="no key of this person is registered") as caught:
        await do(action, "mallory", **CHANGES[action])
    assert caught.value.code is Code.FORBIDDEN
    assert [(done.person, done.outcome) for done in served.book] == [("mallory", Outcome.REFUSED)]
    assert served.told == []


@pytest.mark.parametrize("action", ADMIN)
async def test_an_approver_does_not_administer(served, do, action) -> None:
    with pytest.raises(ControlError, match="may not do") as caught:
        await do(action, "bob", **CHANGES[action])
    assert caught.value.code is Code.FORBIDDEN
    assert served.told == served.book == []


async def test_an_approver_of_another_team_does_not_answer(served, do) -> None:
    approval = await served.ask()
    for action in ("approvals.approve", "approvals.deny", "approvals.cancel"):
        with pytest.raises(ControlError, match="'eve' may not answer"):
            await do(action, "eve", id=approval.id)
    assert (await served.services.approvals.show(approval.id)).state is State.PENDING


async def test_a_person_who_was_removed_commands_nothing(served, do) -> None:
    approval = await served.ask()
    del served.declared.people["bob"]
    with pytest.raises(ControlError, match="is not a person of this configuration"):
        await do("approvals.approve", "bob", id=approval.id)


async def test_a_revoked_key_commands_nothing(served, do) -> None:
    found = {person["name"]: person for person in await do("people.list")}
    await do("people.revoke", "bob", fingerprint=found["bob"]["keys"][0]["fingerprint"])
    approval = await served.ask()
    with pytest.raises(ControlError, match="no key of this person"):
        await do("approvals.approve", "bob", id=approval.id)
    with pytest.raises(ControlError, match="is revoked"):
        await do("people.register", "alice", person="bob", public_key=served.keys["bob"].public.hex())


async def test_keys_are_registered_by_their_own_or_by_an_admin(served, do, person_keys) -> None:
    served.declared.people["mallory"] = served.declared.people["bob"]
    public = person_keys["mallory"].public.hex()
    with pytest.raises(ControlError, match="may not decide on the keys of"):
        await do("people.register", "bob", person="mallory", public_key=public)
    with pytest.raises(ControlError, match="may not decide on the keys of"):
        await do("people.register", "bob", person="alice", public_key=public)
    await do("people.register", "alice", person="mallory", public_key=public)
    with pytest.raises(ControlError, match="registered already"):
        await do("people.register", "alice", person="bob", public_key=public)
    for bad in ("zz", "00"):
        with pytest.raises(ControlError):
            await do("people.register", "alice", person="bob", public_key=bad)


async def test_suspending_tells_the_runtime_and_withdraws_what_waits(served, do) -> None:
    shown = await do("agents.suspend", "alice", agent="bot", reason="odd")
    assert (shown["status"], shown["suspended"]) == ("suspended", "odd")
    assert served.told[-1].suspended == "odd"
    assert (await do("agents.show", agent="bot"))["status"] == "suspended"
    assert (await do("agents.resume", "alice", agent="bot"))["status"] == "active"
    assert (await do("agents.rotate", "alice", agent="bot"))["generation"] == 2
    assert [(done.action, done.person) for done in served.book] == [
        (name, "alice") for name in ("agents.suspend", "agents.resume", "agents.rotate")
    ]
    with pytest.raises(ControlError, match='no agent "nobody"'):
        await do("agents.suspend", "alice", agent="nobody")
    assert served.book[-1].outcome is Outcome.FAILED


async def test_a_suspension_cancels_the_agents_approvals(served, do) -> None:
    agent_id = (await do("agents.suspend", "alice", agent="bot"))["id"]
    await do("agents.resume", "alice", agent="bot")
    approval = await served.ask()
    served.services.approvals._standing._live[approval.id] = approval = _owned(approval, agent_id)
    await do("agents.suspend", "alice", agent="bot", reason="odd")
    shown = await served.services.approvals.show(approval.id)
    assert (shown.state, shown.person) == (State.CANCELLED, "alice")


def _owned(approval, agent_id):
    return replace(approval, agent_id=agent_id)


async def test_a_run_is_issued_to_owner_or_admin_and_ends(served, do) -> None:
    run = await do("runs.issue", "alice", agent="bot", reason="nightly")
    assert served.told[-1] == (run["run"], "nightly")
    agent = await do("agents.show", agent="bot")
    identity = served.services.keys.verify_token(run["token"], agent["id"], 1, served.services.clock.now())
    assert identity is not None
    assert identity.run_id == run["run"]
    assert run["token"] not in repr(served.book)
    with pytest.raises(ControlError, match="may not run agent"):
        await do("runs.issue", "bob", agent="bot")
    await do("runs.end", "bob", run=run["run"])
    assert served.told[-1] == run["run"]


async def test_reload_knows_its_person(served, do) -> None:
    assert await do("reload", "alice") == {"digest": "new"}
    assert served.told == [("reload", "alice")]


async def test_arguments_are_checked_and_all_that_is_wrong_is_named(do) -> None:
    with pytest.raises(ControlError) as caught:
        await do("approvals.approve", "bob", id=7, resaon="typo")
    assert str(caught.value) == 'approvals.approve: "resaon" is not an argument; "id" is not of type str'
    with pytest.raises(ControlError, match="no state of an approval: 'open', 3"):
        await do("approvals.list", states=["open", 3])
    with pytest.raises(ControlError, match='there is no action "approve"') as caught:
        await do("approve")
    assert caught.value.code is Code.UNKNOWN


async def test_what_the_book_does_not_take_is_not_done(served, do) -> None:
    async def broken(done) -> None:
        raise OSError("book is gone")

    served.dispatcher._record = broken
    with pytest.raises(ControlError, match="internal error: OSError"):
        await do("agents.suspend", "alice", agent="bot")
    assert served.told == []
