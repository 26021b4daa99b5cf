"""What is taken out of an answer: what its tool says, and every policy of the agent; and who may see what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.types import ResponseRules, Verdict

TOOLS = {
    "credentials.yaml": "credentials: {}",
    "tools/stripe.yaml": None,
    "tools/github.yaml": None,
    "tools/plain.yaml": None,
    "tools/own.yaml": None,
    "tools/people.yaml": """
        api: people
        base: https://people.example.com
        tools:
          - tool: get_person
            run: {method: GET, url: "/people/${id}"}
            redact: ["$.note", {last4: "$.iban"}, {find: email}, {find: card}]
          - tool: get_list
            run: {method: GET, url: /people}
          - tool: ask_user
            effect: read
            run: {type: graphql, url: /graphql, operation: query, field: user, args: {id: "${id}"}}
            redact: ["$.data.user.email"]
        """,
}
AGENTS = """
    agents:
      bot: {owner: alice, policies: [main], environment: prod}
      support: {owner: alice, policies: [main, support], environment: prod}
      tester: {owner: alice, policies: [main, support], environment: test}
      strict: {owner: alice, policies: [main, support, strict], environment: prod}
      watched: {owner: alice, policies: [main, watching], environment: prod}
    """
POLICIES = {
    "policies/main.yaml": "policy: main\ntools: [get_person, get_list, ask_user]\n",
    "policies/support.yaml": "policy: support\nenvironments: [prod]\nsees: [email]\n",
    "policies/strict.yaml": """
        policy: strict
        redact:
          - {tool: get_*, fields: ["$.phone", {find: email}]}
          - {tool: get_list, fields: [{drop: "$.people[*].ssn"}]}
        """,
    "policies/watching.yaml": """
        policy: watching
        mode: observe
        until: 2026-01-20
        sees: [personal]
        redact: [{tool: "*", fields: [{hash: "$.id"}]}]
        """,
}


@pytest.fixture
def rules(make: Any) -> Any:
    made = make(TOOLS | POLICIES | {"agents.yaml": AGENTS})

    def of(
        agent: str, url: str = "https://people.example.com/people/7", method: str = "GET", **more: Any
    ) -> ResponseRules:
        decision = made.decide(f"{method} {url}", agent=agent, **more)
        assert decision.verdict is Verdict.ALLOW, decision.reason
        response: ResponseRules = decision.response
        return response

    return of


@pytest.mark.parametrize(
    ("agent", "fields", "detectors"),
    [
        ("bot", {"$.note", "last4 $.iban"}, {"email", "card"}),
        ("support", {"$.note", "last4 $.iban"}, {"card"}),
        ("tester", {"$.note", "last4 $.iban"}, {"email", "card"}),
        ("strict", {"$.note", "last4 $.iban", "$.phone"}, {"email", "card"}),
        ("watched", {"$.note", "last4 $.iban", "hash $.id"}, {"email", "card"}),
    ],
)
def test_tool_and_policies_add_up(rules: Any, agent: str, fields: set[str], detectors: set[str]) -> None:
    """`sees` lifts what the tool's detectors mask, not what a policy masks; one that observes, nothing."""
    found = rules(agent)
    assert set(map(str, found.redact)) == fields
    assert found.detectors == detectors


def test_a_policy_redacts_what_its_tool_does_not(rules: Any) -> None:
    found = rules("strict", "https://people.example.com/people")
    assert set(map(str, found.redact)) == {"$.phone", "drop $.people[*].ssn"}
    assert found.detectors == {"email"}
    assert rules("bot", "https://people.example.com/people") == ResponseRules()


def test_the_names_that_an_agent_gives_to_fields_are_known(rules: Any) -> None:
    query = "query($id: ID!) { u: user(id: $id) { ...F } } fragment F on User { e: email n: name e2: email }"
    body = json.dumps({"query": query, "variables": {"id": "7"}}).encode()
    found = rules(
        "bot", "https://people.example.com/graphql", method="POST", body=body,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert found.aliases == {
        "u": {"user"}, "e": {"email"}, "n": {"name"}, "e2": {"email"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"$.a"', "$.a"),
        ('{mask: "$.a"}', "$.a"),
        ('{hash: "$.a"}', "hash $.a"),
        ('{drop: "$.a"}', "drop $.a"),
        ('{last4: "$.a"}', "last4 $.a"),
        ("{find: iban}", "find iban"),
        ("{find: personal}", "find personal"),
    ],
)
def test_an_entry_is_kept_as_one_text(written: str, kept: str) -> None:
    text = f"tool: t\nbase: https://a.example\nrun: {{method: GET, url: /x}}\nredact: [{written}]"
    problems = Problems()
    file = read_model(ToolFile, Source("t.yaml", text.encode()), problems)
    assert file is not None, list(map(str, problems))
    assert file.tools[0].redact == (kept,)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a.b", '"a.b" is no path: a path starts with "$"'),
        ("hash $.a", "expected a JSONPath, or one word and what it is about"),
        ('{hide: "$.a"}', '"hide" is no way to redact'),
        ('{mask: "$.a", drop: "$.b"}', "expected a JSONPath, or one word and what it is about"),
        ("{mask: a}", '"a" is no path: a path starts with "$"'),
        ("{hash: [a]}", '"hash" is about one thing'),
        ("{find: emial}", 'there is no detector "emial"'),
        ("7", "expected a JSONPath, or one word and what it is about"),
    ],
)
def test_an_entry_that_is_none_is_told(written: str, message: str) -> None:
    text = f"policy: p\nredact: [{{tool: a, fields: [{written}]}}]"
    problems = Problems()
    assert read_model(Policy, Source("p.yaml", text.encode()), problems) is None
    assert message in str(next(iter(problems)))
