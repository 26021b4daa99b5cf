"""What rules ask of people, as decisions carry it; and what of it is wrong before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.types import Absence, Verdict

AWAY = """
    people:
      alice: {email: alice@example.com, role: admin, away: {until: 2026-02-01, to: bob}}
      bob: {}
      carol: {}
      dora: {role: viewer}
    teams: {finance: [alice, bob], legal: [bob, carol], board: [carol]}
    """


def test_a_rule_says_how_many_and_who_else_after_a_while(make: Any) -> None:
    rule = "{tool: refund, approvers: [finance], quorum: 2, escalate: {after: 10m, to: [board]}, expires: 1h}"
    ask = make.policy(f"ask: [{rule}]").refund().ask
    assert (ask.quorum, ask.people, ask.everyone) == (2, {"alice", "bob"}, {"alice", "bob", "carol"})
    (step,) = ask.escalations
    assert (step.after, step.approvers) == (timedelta(minutes=10), ("board",))


def test_separate_keeps_the_agents_owner_out(make: Any) -> None:
    decision = make.policy("ask: [{tool: refund, approvers: [finance], separate: true}]").refund()
    assert (decision.verdict, decision.ask.people) == (Verdict.ASK, {"bob"})


def test_separate_of_one_rule_holds_for_all_that_ask(make: Any) -> None:
    one, other = (
        "{tool: refund, approvers: [finance]}",
        "{tool: refund, approvers: [finance], separate: true}",
    )
    assert make.policy(f"ask: [{one}, {other}]").refund().ask.people == {"bob"}


def test_rules_that_together_leave_too_few_deny(make: Any) -> None:
    one, other = "{tool: refund, approvers: [finance], quorum: 2}", "{tool: refund, approvers: [legal]}"
    decision = make.policy(f"ask: [{one}, {other}]").refund()
    assert (decision.verdict, decision.reason) == (
        Verdict.DENY, "2 people must approve, and only 1 may",
    )  # fmt: skip


def test_absences_of_those_who_may_answer_are_carried(make: Any) -> None:
    policy = "policy: main\nask: [{tool: refund, approvers: [alice]}, {tool: get_refund, approvers: [carol]}]"
    world = make({"people.yaml": AWAY, "policies/main.yaml": policy})
    until = datetime(2026, 2, 1, tzinfo=UTC)
    assert world.refund().ask.absences == (Absence("alice", "bob", until),)
    assert world.decide("GET https://api.stripe.com/v1/refunds/re_1").verdict is Verdict.DENY
    assert (
        make({"people.yaml": AWAY}).configuration.digest
        != make({"people.yaml": AWAY.replace("2026-02-01", "2026-02-02")}).configuration.digest
    )


@pytest.mark.parametrize(
    ("rule", "problems"),
    [
        ("approvers: [finance], quorum: 3", ["3 people must approve, and only 2 may"]),
        ("approvers: [board], quorum: 2", ["2 people must approve, and only 1 may"]),
        ("approvers: [board], quorum: 2, escalate: {after: 5m, to: [finance]}", []),
        ("quorum: 4", ["4 people must approve, and only 3 may"]),
        ("escalate: {after: 10m, to: [boards]}", ['there is no person or team "boards"']),
        ("escalate: {after: 1h, to: [board]}", ["the question has expired by then"]),
        ("escalate: {after: 10m, to: [board]}, expires: 5m", ["the question has expired by then"]),
        ("approvers: [alice], separate: true", ['without the owner of "bot" (alice), no one person may']),
        (
            "approvers: [finance], quorum: 2, separate: true",
            ['without the owner of "bot" (alice), 2 people must approve, and only 1 may'],
        ),
        ("approvers: [dora]", ['"dora" is a viewer, and approves nothing']),
        ("approvers: [bob], escalate: {after: 1m, to: [dora]}", ['"dora" is a viewer, and approves nothing']),
    ],
)
def test_check_says_what_cannot_be_asked(make: Any, rule: str, problems: list[str]) -> None:
    files = {
        "people.yaml": AWAY,
        "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}",
        "policies/main.yaml": f"policy: main\nask: [{{tool: refund, {rule}}}]",
    }
    if not problems:
        make(files)
        return
    with pytest.raises(ConfigurationError) as caught:
        make(files)
    told = [problem.message for problem in caught.value.problems]
    assert len(told) == len(problems), told
    assert all(any(text in message for message in told) for text in problems), told


@pytest.mark.parametrize(
    ("away", "problem"),
    [
        ("{until: 2026-02-01, to: nobody}", 'there is no person "nobody"'),
        ("{until: 2026-02-01, to: alice}", '"alice" cannot answer for "alice" while away'),
        ("{until: soon, to: bob}", "expected a date and a time"),
        ("{to: bob}", "until"),
    ],
)
def test_check_says_what_is_wrong_with_an_absence(make: Any, away: str, problem: str) -> None:
    people = AWAY.replace("{until: 2026-02-01, to: bob}", away)
    with pytest.raises(ConfigurationError) as caught:
        make({"people.yaml": people})
    assert any(problem in str(each) for each in caught.value.problems), caught.value.problems


def test_a_viewer_is_not_among_everyone(make: Any) -> None:
    policy = "policy: main\nask: [{tool: refund}]"
    ask = make({"people.yaml": AWAY, "policies/main.yaml": policy}).refund().ask
    assert ask.people == {"alice", "bob", "carol"}
