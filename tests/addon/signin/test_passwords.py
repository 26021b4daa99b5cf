"""Passwords: what is kept of them, what cannot be one, and how many are checked at once."""

import asyncio
import threading

import pytest
from wharfinger.signin import passwords
from wharfinger.signin.passwords import BadPassword, Busy, Passwords

GOOD = "correct horse battery staple"


def test_what_is_kept_does_not_hold_the_password_and_differs_each_time():
    kept = passwords.derive(GOOD)
    assert kept.startswith("$argon2id$v=19$")
    assert GOOD not in kept
    assert kept != passwords.derive(GOOD)
    assert passwords.matches(kept, GOOD)
    assert not passwords.matches(kept, GOOD + " ")
    assert not passwords.matches(kept, "")


def test_one_password_typed_on_two_systems_is_the_same():
    """Macintosh keyboards give é as two characters, others as one."""
    assert passwords.matches(passwords.derive("caf\u00e9 in the morning"), "cafe\u0301 in the morning")


def test_the_parameters_are_those_of_rfc_9106(monkeypatch):
    monkeypatch.undo()
    assert passwords.derive(GOOD).startswith("$argon2id$v=19$m=65536,t=3,p=1$")


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short", "characters or more"),
        ("x" * 257, "at most"),
        ("aaaaaaaaaaaaaaaa", "repeats itself"),
        ("bartholomew-lee", "person's name"),
        ("Bartholomew-LEE", "person's name"),
        ("bartholomew-leebartholomew-lee", "person's name"),
    ],
)
def test_what_cannot_be_a_password(password, message):
    with pytest.raises(BadPassword, match=message):
        passwords.check(password, "bartholomew-lee")


def test_what_can_be_one():
    passwords.check(GOOD, "alice")
    passwords.check("x" * 200 + "abcdefgh", "alice")


async def test_nobody_has_no_password():
    checking = Passwords()
    assert await checking.matches(passwords.derive(GOOD), GOOD)
    assert not await checking.matches(None, GOOD)
    assert not await checking.matches(None, "")
    checking.close()


async def test_few_wait_and_the_rest_are_turned_away(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(passwords, "matches", lambda kept, password: go.wait(10))
    checking = Passwords()
    asked = [asyncio.get_running_loop().create_task(checking.matches("x", GOOD)) for _ in range(9)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    turned = [task for task in asked if task.done()]
    assert len(turned) == 1
    with pytest.raises(Busy):
        turned[0].result()
    go.set()
    assert all(await asyncio.gather(*(task for task in asked if task not in turned)))
    assert await checking.matches("x", GOOD)
    checking.close()
