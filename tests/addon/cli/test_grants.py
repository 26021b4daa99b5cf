"""`grants` without a proxy, and how people say until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from wharfinger.cli.granting import instant

NOW = datetime(2026, 1, 14, 12, 30, 15, tzinfo=UTC)
SIGNED = """\
policy: things
ask:
  - {tool: create_thing, approvers: [approvers], quorum: 2}
  - {tool: get_thing, approvers: [bob], separate: true}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("until 18:00", "2026-01-14T18:00:00"),
        ("18:00", "2026-01-14T18:00:00"),
        ("until 9:05", "2026-01-15T09:05:00"),
        ("12:30", "2026-01-15T12:30:00"),
        ("for 2h", "2026-01-14T14:30:15"),
        ("10m", "2026-01-14T12:40:15"),
        ("until 2026-01-15T18:00", "2026-01-15T18:00:00"),
        ("2026-01-15T18:00+01:00", "2026-01-15T17:00:00"),
    ],
)
def test_until_when(text: str, expected: str) -> None:
    assert instant(text, NOW).astimezone(UTC).isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize("text", ["", "until", "25:00", "tomorrow", "for 18:61", "2026-13-01T00:00", "1800"])
def test_what_says_no_end_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        instant(text, NOW)
    assert ended.value.code == 2
    assert "is no end for a grant" in capsys.readouterr().err


def test_a_grant_for_a_tool_waits_for_as_many_as_the_rule(configure, type_) -> None:
    folder = configure(policies__things=SIGNED)
    at = ("--config", folder)
    for person in ("alice", "bob"):
        assert type_("people", "key", person, "--no-passphrase", *at, "--as", "alice").code == 0
    add = ("grants", "add", *at, "--agent", "robot", "--until", "2h", "--uses", "3")
    bare = type_(*add, "--tool", "create_thing", "--as", "alice")
    assert (bare.code, 'the input "name" is not named' in bare.err) == (1, True)
    wish = ("--fix", "name=a", "--max", "size=9")
    added = type_(*add, "--tool", "create_thing", *wish, "--as", "alice", "--json")
    assert added.code == 0, added.err
    assert (added.json["state"], added.json["needed"]) == ("proposed", 1)
    grant = added.json["id"]
    twice = type_("grants", "approve", grant, *at, "--as", "alice")
    assert (twice.code, "alice has agreed" in twice.err) == (1, True)
    given = type_("grants", "approve", grant, *at, "--as", "bob")
    assert (given.code, given.out) == (0, f"{grant} is active\n")
    shown = type_("grants", "show", grant, *at)
    assert 'name is "a"' in shown.out
    assert "size is at most 9" in shown.out
    assert "given by   alice, bob" in shown.out
    assert "3" in type_("grants", "list", *at).out
    revoked = type_("grants", "revoke", grant, *at, "--as", "bob", "--reason", "enough")
    assert revoked.out == f"{grant} is ended\n"
    assert type_("grants", "list", *at, "--json").json == []
    (ended,) = type_("grants", "list", *at, "--all", "--json").json
    assert (ended["state"], ended["comment"]) == ("ended", "enough")


def test_the_owner_gives_nothing_where_the_rule_keeps_the_owner_out(configure, type_) -> None:
    folder = configure(policies__things=SIGNED)
    at = ("--config", folder)
    assert type_("people", "key", "alice", "--no-passphrase", *at).code == 0
    add = ("grants", "add", *at, "--agent", "robot", "--until", "2h", "--uses", "1", "--tool", "get_thing")
    refused = type_(*add, "--any", "id", "--as", "alice")
    assert (refused.code, "'alice' may not give" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tool", "delete_thing", "--any", "id"), 'no rule asks about "delete_thing"'),
        (("--tool", "nothing"), 'there is no tool "nothing"'),
        (("--tool", "create_thing", "--max", "size"), "is not INPUT=VALUE"),
        (("--tool", "create_thing", "--max", "size=x"), 'the bound of "size" is no number'),
        (("--like", "a_none"), "there is no approval"),
        ((), "say --tool NAME, or --like APPROVAL"),
    ],
)
def test_what_cannot_be_granted_is_told(configure, type_, options, said) -> None:
    folder = configure(policies__things=SIGNED)
    at = ("--config", folder)
    assert type_("people", "key", "alice", "--no-passphrase", *at).code == 0
    terms = ("--agent", "robot", "--until", "2h", "--uses", "1", "--as", "alice")
    ran = type_("grants", "add", *at, *terms, *options)
    assert ran.code != 0
    assert said in ran.err


def test_a_grant_ends_in_time() -> None:
    assert instant("for 30m", NOW) - NOW == timedelta(minutes=30)
