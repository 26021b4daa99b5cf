"""Where clients put a placeholder for a key, the request goes out with the credential in its stead."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from wharfinger.rules import configuration
from wharfinger.rules.configuration import Configuration, Sources
from wharfinger.rules.decide import decide
from wharfinger.rules.placeholders import Owner, Placeholders
from wharfinger.rules.types import Facts, Verdict

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
DUMMIES = {
    "sk_test_placeholder0000000000": "STRIPE_API_KEY",
    "ghp_placeholder00000000000000000000000000": "GITHUB_TOKEN",
    "xoxb-placeholder-0000000000": "SLACK_BOT_TOKEN",
    "sk-proj-placeholder000000000000": "OPENAI_API_KEY",
    "sk-ant-placeholder000000000000": "ANTHROPIC_API_KEY",
}
"""What the recorder gave the clients for keys, taken here for the agent's own placeholders."""
HOSTS = {
    "STRIPE_API_KEY": ["api.stripe.com"],
    "GITHUB_TOKEN": ["api.github.com", "uploads.github.com", "github.com"],
    "SLACK_BOT_TOKEN": ["slack.com"],
    "OPENAI_API_KEY": ["api.openai.com"],
    "ANTHROPIC_API_KEY": ["api.anthropic.com"],
}
FACTS = Facts(Placeholders({dummy: Owner("agent", name) for dummy, name in DUMMIES.items()}), agent_id="1")
LOGINS = {"claude_code", "codex"}


@pytest.fixture(scope="module")
def open_house() -> Configuration:
    """An agent that may do everything that has a name."""
    built_in = {path.stem: path.read_bytes() for path in (ROOT / "tools").glob("*.yaml")}
    written = {
        "wharfinger.yaml": {"version": 1, "catalogue": sorted(built_in.keys() - LOGINS)},
        "agents.yaml": {"agents": {"agent": {"owner": "alice", "policies": ["all"]}}},
        "people.yaml": {"people": {"alice": {"role": "admin"}}},
        "credentials.yaml": {"credentials": {n: {"from": f"env:{n}", "hosts": h} for n, h in HOSTS.items()}},
        "policies/all.yaml": {"policy": "all", "allow": [{"tool": "*"}]},
    }
    return configuration.load(
        Sources({name: yaml.safe_dump(content).encode() for name, content in written.items()}, built_in)
    )


def presented(line) -> str | None:
    """The credential whose dummy a recorded request holds, plain or inside Basic."""
    for value in (*line.request.values("authorization"), *line.request.values("x-api-key")):
        scheme, space, rest = value.partition(" ")
        rest = rest if space else value
        text = base64.b64decode(rest).decode() if scheme.lower() == "basic" else rest
        for dummy, name in DUMMIES.items():
            if dummy in text:
                return name
    return None


def test_a_recorded_request_goes_out_with_its_credential_and_nothing_of_the_placeholder(
    line, open_house: Configuration
) -> None:
    decision = decide(open_house, line.request, FACTS, NOW)
    if open_house.tools.recognise(line.request).refusal is not None:
        assert decision.verdict is Verdict.DENY
        return
    assert decision.verdict is Verdict.ALLOW, decision.reason
    name = presented(line)
    assert [placement.credential for placement in decision.placements] == ([name] if name else [])
    sent = repr(decision.forward)
    assert not [dummy for dummy in DUMMIES if dummy in sent]
    assert {"authorization", "x-api-key"}.isdisjoint(field.lower() for field, _ in decision.forward)


def test_a_key_of_the_agents_own_is_refused_where_one_is_bound(line, open_house: Configuration) -> None:
    from dataclasses import replace

    if presented(line) is None:
        return
    headers = tuple(
        (n, "Bearer sk_live_of_the_agent_itself_0001")
        if n.lower() in {"authorization", "x-api-key"}
        else (n, v)
        for n, v in line.request.headers
    )
    decision = decide(open_house, replace(line.request, headers=headers), FACTS, NOW)
    assert decision.verdict is Verdict.DENY
