"""Where clients put a placeholder for a key, the request goes out with the credential in its stead."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.decide import decide
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Facts, Verdict

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
DUMMIES = {
    "sk_test_placeholder0000000000": "STRIPE_API_KEY",
    "ghp_placeholder00000000000000000000000000": "GITHUB_TOKEN",
    "xoxb-placeholder-0000000000": "SLACK_BOT_TOKEN",
    "sk-proj-placeholder000000000000": "OPENAI_API_KEY",
    "sk-ant-placeholder000000000000": "ANTHROPIC_API_KEY",
    "glpat-placeholder0000000000": "GITLAB_TOKEN",
    "ya29.placeholder-000000000000": "GOOGLE_TOKEN",
    "eyJ0placeholder000000000000": "MSGRAPH_TOKEN",
    "cf-placeholder-000000000000000000": "CLOUDFLARE_API_TOKEN",
    "ntn_placeholder0000000000000000": "NOTION_TOKEN",
    "jira-placeholder-0000000000": "JIRA_TOKEN",
    "confluence-placeholder-000000": "CONFLUENCE_TOKEN",
    "pat-placeholder-00000000000000": "HUBSPOT_TOKEN",
    "00Dplaceholder!0000000000000000": "SALESFORCE_TOKEN",
    "zendesk-placeholder-0000000000": "ZENDESK_TOKEN",
    "pd-placeholder-00000000": "PAGERDUTY_TOKEN",
    "dd-placeholder-00000000": "DATADOG_API_KEY",
    "dd-app-placeholder-00000000": "DATADOG_APP_KEY",
    "AKIAPLACEHOLDER00000": "AWS_CREDENTIALS",
    "123456:placeholder-000000000000000000000000": "TELEGRAM_BOT_TOKEN",
    "twilio-placeholder-0000000000": "TWILIO_AUTH",
    "SG.placeholder000000000000": "SENDGRID_API_KEY",
    "shpat_placeholder00000000": "SHOPIFY_ACCESS_TOKEN",
    "MTplaceholder.000000.0000000000000000000000000": "DISCORD_TOKEN",
    "hf_placeholder00000000000000000000000": "HF_TOKEN",
    "sb_secret_placeholder000000000000000000": "SUPABASE_KEY",
    "lin_api_placeholder0000000000000000000000": "LINEAR_API_KEY",
    "vercel_placeholder_000000000000": "VERCEL_TOKEN",
    "bb-placeholder-00000000000000": "BITBUCKET_TOKEN",
    "cb-placeholder-00000000000000": "CODEBERG_TOKEN",
}
"""What the recorder gave the clients for keys, taken here for the agent's own placeholders."""
FIELDS = (
    "authorization",
    "x-api-key",
    "private-token",
    "dd-api-key",
    "dd-application-key",
    "x-shopify-access-token",
    "apikey",
)
"""Where clients put them."""
FACTS = Facts(Placeholders({dummy: Owner("agent", name) for dummy, name in DUMMIES.items()}), agent_id="1")
LOGINS = {"claude_code", "codex"}


@pytest.fixture(scope="module")
def open_house(loaded, catalogue: Toolset) -> Configuration:
    """An agent that may do everything that has a name."""
    names = sorted({path.stem for path in (ROOT / "tools").glob("*.yaml")} - LOGINS)
    written = {
        "agents.yaml": {"agents": {"agent": {"owner": "alice", "policies": ["all"]}}},
        "people.yaml": {"people": {"alice": {"role": "admin"}}},
        "credentials.yaml": {
            "credentials": {
                name: {"from": f"env:{name}", "hosts": held, "kind": "aws" if "AWS" in name else "bearer"}
                for name, held in hosts(catalogue).items()
            }
        },
        "policies/all.yaml": {"policy": "all", "allow": [{"tool": "*"}]},
    }
    return loaded(names, written)


def hosts(catalogue: Toolset) -> dict[str, list[str]]:
    """Where the tools send each credential that the clients were given a dummy of."""
    found: dict[str, set[str]] = {}
    for tool in catalogue:
        for placement in tool.placements:
            found.setdefault(placement.credential, set()).update(tool.hosts)
    found["AWS_CREDENTIALS"] |= {f"*.{host}" for host in found["AWS_CREDENTIALS"] if host.startswith("s3.")}
    return {name: sorted(held) for name, held in found.items() if name in DUMMIES.values()}


def presented(line) -> list[str]:
    """The credentials whose dummies a recorded request holds: in its path, plain or inside Basic."""
    found = [name for dummy, name in DUMMIES.items() if dummy in line.request.target]
    for value in (value for name in FIELDS for value in line.request.values(name)):
        scheme, space, rest = value.partition(" ")
        rest = rest if space else value
        text = base64.b64decode(rest).decode() if scheme.lower() == "basic" else rest
        for dummy, name in DUMMIES.items():
            if dummy in text:
                found.append(name)
    return list(dict.fromkeys(found))


def test_a_recorded_request_goes_out_with_its_credential_and_nothing_of_the_placeholder(
    line, open_house: Configuration
) -> None:
    decision = decide(open_house, line.request, FACTS, NOW)
    if open_house.tools.recognise(line.request).refusal is not None:
        assert decision.verdict is Verdict.DENY
        return
    assert decision.verdict is Verdict.ALLOW, decision.reason
    assert [placement.credential for placement in decision.placements] == presented(line)
    sent = repr(decision.forward)
    assert not [dummy for dummy in DUMMIES if dummy in sent]
    assert {"authorization", "x-api-key"}.isdisjoint(field.lower() for field, _ in decision.forward)


def test_a_key_of_the_agents_own_is_refused_where_one_is_bound(line, open_house: Configuration) -> None:
    from dataclasses import replace

    if not presented(line):
        return
    headers = tuple(
        (n, "Bearer sk_live_of_the_agent_itself_0001") if n.lower() in FIELDS else (n, v)
        for n, v in line.request.headers
    )
    target = line.request.target.replace("/bot123456:placeholder", "/bot123456:of-its-own")
    decision = decide(open_house, replace(line.request, headers=headers, target=target), FACTS, NOW)
    assert decision.verdict is Verdict.DENY
