"""Policies: what is wrong in them, each in its place."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.types import Verdict


def read(text: str) -> Policy:
    problems = Problems()
    policy = read_model(Policy, Source("p.yaml", text.encode()), problems)
    assert policy is not None, list(map(str, problems))
    return policy


def test_rules_know_their_verdict_and_their_place() -> None:
    policy = read(
        "policy: p\nallow:\n  - tool: a\nask:\n  - tool: b\n    expires: 15m\ndeny:\n  - tool: '*'\n"
    )
    assert [(rule.verdict, rule.tool, rule.position.line) for rule in policy.rules] == [
        (Verdict.ALLOW, "a", 3), (Verdict.ASK, "b", 5), (Verdict.DENY, "*", 8),
    ]  # fmt: skip
    assert policy.ask[0].expires == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("written", "instant", "says"),
    [
        ("", datetime(2026, 1, 14, 12, tzinfo=UTC), False),
        (", at: 2026-01-14T12:00Z", datetime(2026, 1, 14, 12, tzinfo=UTC), True),
        (
            ", at: 2026-01-14T12:00+01:00",
            datetime(2026, 1, 14, 12, tzinfo=timezone(timedelta(hours=1))),
            True,
        ),
        (", at: '2026-01-14T12:00:30.5-05:00'", datetime(2026, 1, 14, 17, 0, 30, 500_000, UTC), True),
    ],
)
def test_when_a_test_takes_place(written: str, instant: datetime, says: bool) -> None:
    (case,) = read(f"policy: p\ntools: [t]\ntests: [{{agent: a, call: t, expect: deny{written}}}]").tests
    assert (case.instant, case.says_when) == (instant, says)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{}",
            [
                '1:1 missing key "policy"',
            ],
        ),
        (
            "policy: p",
            [
                '1:1 the policy "p" has no rules | add `allow`, `ask` or `deny`',
            ],
        ),
        (
            "policy: a b\nallow: {tool: x}\nlimits: []\nmode: observe\nuntil: x",
            [
                '1:9 "a b" is not a name | use letters, digits, `_`, `-` and `.`, at most 64 of them',
                "2:8 expected a list, not a mapping",
                "5:8 expected a date and a time | write it like 2026-01-14T12:00+01:00 or 2026-01-14T12:00Z",
            ],
        ),
        (
            "policy: p\nallow: [x, {}, {tool: 5}, {tool: ''}]",
            [
                '2:9 expected a mapping, not "x"',
                '2:12 missing key "tool"',
                '2:23 expected text, not "5" | quote it if it is text: "5"',
                "2:34 the text is empty",
            ],
        ),
        (
            "policy: p\nallow:\n  - tol: x\n    when: {}\n",
            [
                '3:5 unknown key "tol" | did you mean "tool"?',
                "4:11 the condition is empty | leave `when` out if the rule always holds",
            ],
        ),
        (
            "policy: p\nallow: [{tool: x, review: true, iff: 1, if: 2}, {tool: x, hosts: [a.b]}, {tool: unmatched}, {tool: unmatched, hosts: []}]",
            [
                '2:33 unknown key "iff" | known keys: because, environments, hosts, review, timeout, tool, when',
                '2:41 unknown key "if" | write `when`',
                '2:49 "hosts" is for `tool: unmatched` | a tool\'s hosts stand in its url; drop `hosts`',
                '2:74 a rule that opens "unmatched" must list its hosts | add `hosts: [name, …]`',
                "2:118 the list is empty | write at least 1",
            ],
        ),
        (
            "policy: p\nask: [{tool: x, quorum: 101, expires: 5, approvers: f}, {tool: x, quorum: 0}]",
            [
                '2:25 expected at most 100, not "101"',
                "2:39 expected a duration like 50s or 15m",
                '2:53 expected a list, not "f" | write it in brackets: […]',
                '2:75 expected at least 1, not "0"',
            ],
        ),
        (
            "policy: p\ndeny: [{tool: x, hosts: [x], approvers: [y], when: 5}, {tool: x, when: ''}]",
            [
                '2:18 unknown key "hosts" | write `when: input.host == "…"`',
                '2:30 unknown key "approvers" | a denial has none; write the rule under `ask`',
                '2:52 expected conditions | a mapping like {max_amount: 50}, or a text like "input.amount <= 50"',
                "2:72 the condition is empty | leave `when` out if the rule always holds",
            ],
        ),
        (
            "policy: p\ntools: x\ndeny_patterns: ['(', '(?=x)', 5]",
            [
                '2:8 expected a list, not "x" | write it in brackets: […]',
                '3:17 "(" is not a pattern: missing ): ( | see github.com/google/re2/wiki/Syntax',
                '3:22 "(?=x)" is not a pattern: invalid perl operator: (?= | see github.com/google/re2/wiki/Syntax',
                "3:31 expected a pattern",
            ],
        ),
        (
            "policy: p\ntools: [x]\nmode: observe\nenvironment: prod",
            [
                "1:1 a policy that observes must say until when | add `until:`, at most 14 days ahead",
                '4:1 unknown key "environment" | write `environments: […]`',
            ],
        ),
        ("policy: p\ntools: [x]\nuntil: 2026-01-01", ['1:1 "until" goes with `mode: observe` | drop it']),
        (
            "policy: p\ntools: [x]\nmode: observ\nuntil: 2026-02-30",
            [
                '3:7 expected "enforce" or "observe", not "observ" | did you mean "observe"?',
                '4:8 "2026-02-30" is not a date | write it like 2026-01-28',
            ],
        ),
        (
            "policy: p\nlimits: [{tool: x}, {tool: x, calls: 5/week}, {tool: x, calls: 1.5/hour}, {tool: x, calls: 0/day}, {tool: x, sum: {a: 5}}, {tool: x, calls: 5/run, approvers: [a]}, {tool: x, calls: 5/run, per: person}, {tool: x, sum: {a: 1.5/day}}]",
            [
                "2:10 the limit counts nothing | add `calls: 20/hour`, or `sum: {input: 100/day}`",
                '2:38 "5/week" is not an amount in a window | write it like 20/hour, 100/day or 50/run',
                '2:64 "1.5/hour" is not a whole number of calls | write it like 20/hour',
                '2:92 "0/day" is not an amount in a window | write it like 20/hour, 100/day or 50/run',
                '2:119 "5" is not an amount in a window | write it like 20/hour, 100/day or 50/run',
                "2:124 a limit that denies asks nobody | write `then: ask`, or drop its approvers",
                '2:194 expected "agent", not "person"',
            ],
        ),
        (
            "policy: p\ntools: [x]\ntests:\n- {agent: a, call: x, request: GET y, expect: allow}\n- {agent: a, expect: deny}\n- {agent: a, call: x, body: y, expect: allow}\n- {agent: a, request: GET y, input: {x: 1}, expect: allow}\n- {agent: a, request: GET, expect: allow}\n- {agent: a, call: x, at: 2026-01-14, expect: allow}\n- {agent: a, call: x, at: '2026-01-14T25:00Z', expect: allw}\n- {agent: a, tool: x, at: 2026-01-14T12:00, expect: allow}\n",
            [
                '4:3 a test has either "call" or "request" | keep one of them',
                '5:3 a test has either "call" or "request" | keep one of them',
                '6:3 "body" does not go with "call" | drop it',
                '7:3 "input" does not go with "request" | drop it',
                '8:3 "GET" is not METHOD URL | write it like GET https://api.example.com/v1',
                "9:27 expected a date and a time | write it like 2026-01-14T12:00+01:00 or 2026-01-14T12:00Z",
                '10:27 "2026-01-14T25:00Z" is not a date and a time | write it like 2026-01-14T12:00+01:00 or 2026-01-14T12:00Z',
                '10:56 expected "allow", "ask" or "deny", not "allw" | did you mean "allow"?',
                '11:14 unknown key "tool" | write `call`',
                '11:27 "2026-01-14T12:00" does not say its offset from UTC | write it like 2026-01-14T12:00+01:00 or 2026-01-14T12:00Z',
            ],
        ),
    ],
)
def test_every_problem_is_told_in_its_place(told: Any, text: str, expected: list[str]) -> None:
    assert told(Policy, text) == expected
