"""What an approval is bound to: one thing changed at a time, and the digest is another."""

from __future__ import annotations

from typing import Any

import pytest

POLICY = "policy: main\nask: [{tool: look, approvers: [finance]}]"
TOOLS = """
    base: ["https://api.github.com", "https://api.github.com:8443"]
    auth: {secret: GITHUB_TOKEN, optional: true}
    headers: {pass: [X-Mode]}
    tools:
      - tool: look
        effect: write
        input: {a: {required: false}, b: {required: false}}
        run: {method: [POST, PUT], url: "/look/${id}", query: {a: "${a}", b: "${b}"}, body: {n: "${n}"}}
    """
CREDENTIALS = """
    credentials:
      GITHUB_TOKEN: {from: "env:GITHUB_TOKEN", hosts: [api.github.com]}
      STRIPE_API_KEY: {from: "env:STRIPE_API_KEY", hosts: [api.stripe.com]}
      SEARCH_KEY: {from: "env:SEARCH_KEY", hosts: [search.example.com], kind: query}
    """
LINE = "POST https://api.github.com/look/1?a=1&b=2"
HEADERS = [("Content-Type", "application/json"), ("Accept-Language", "en"), ("X-Mode", "fast")]
BODY = b'{"n": "x"}'


def digest(make: Any, files: dict[str, str] | None = None, agent_id: str = "agt_1", **sent: Any) -> str:
    usual = {"tools/look.yaml": TOOLS, "policies/main.yaml": POLICY, "credentials.yaml": CREDENTIALS}
    world = make(usual | (files or {})).with_facts(agent_id=agent_id)
    given = {"line": LINE, "headers": HEADERS, "body": BODY} | sent
    decision = world.decide(given["line"], given["headers"], given["body"])
    assert decision.verdict == "ask", decision
    return str(decision.digest)


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": [*HEADERS[:1], ("Accept-Language", "de"), HEADERS[2]]},
        {"headers": [*HEADERS[:2], ("X-Mode", "slow")]},
        {"headers": HEADERS[:2]},
        {"line": LINE.replace("a=1&b=2", "b=2&a=1")},
        {"line": LINE.replace("a=1", "a=3")},
        {"line": LINE.replace("look/1", "look/2")},
        {"line": LINE.replace("POST", "PUT")},
        {"line": LINE.replace(".com/", ".com:8443/")},
        {"body": b'{"n": "y"}'},
        {"agent_id": "agt_2"},
        {"files": {"tools/look.yaml": TOOLS.replace("effect: write", "effect: destructive")}},
        {"files": {"tools/look.yaml": TOOLS.replace("pass: [X-Mode]", "pass: [X-Mode, X-More]")}},
        {
            "files": {
                "credentials.yaml": CREDENTIALS.replace("[api.github.com]", "[api.github.com, x.example]")
            }
        },
        {"files": {"policies/main.yaml": POLICY.replace("finance", "legal")}},
        {"files": {"policies/main.yaml": f"{POLICY}\nallow: [{{tool: get_repo}}]"}},
    ],
    ids=str,
)
def test_one_thing_changed_is_another_request(make: Any, changed: dict[str, Any]) -> None:
    assert digest(make, **changed) != digest(make)


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": [*HEADERS, ("Idempotency-Key", "k2"), ("User-Agent", "another")]},
        {"headers": list(reversed(HEADERS))},
        {"body": b'{ "n" : "x" }'},
        {"files": {"policies/main.yaml": f"{POLICY}\n# a remark"}},
    ],
    ids=str,
)
def test_positive_control_what_means_the_same_is_the_same_request(make: Any, changed: dict[str, Any]) -> None:
    assert digest(make, **changed) == digest(make)
