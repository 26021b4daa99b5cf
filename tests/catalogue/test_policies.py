"""The starter policies load with the catalogue, and every test they end in holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from wharfinger.rules import cases, configuration
from wharfinger.rules.configuration import Configuration, Sources

ROOT = Path(__file__).resolve().parents[2]
STARTERS = sorted(path.stem for path in (ROOT / "policies").glob("*.yaml"))
WITH_KEYS = ["github", "github_content", "git", "stripe", "slack", "openai", "anthropic", "pypi", "npm"]
SIGNED_IN = ["claude_code", "codex"]
CREDENTIALS = {
    "STRIPE_API_KEY": ["api.stripe.com"],
    "GITHUB_TOKEN": ["api.github.com", "uploads.github.com", "github.com"],
    "SLACK_BOT_TOKEN": ["slack.com"],
    "OPENAI_API_KEY": ["api.openai.com"],
    "ANTHROPIC_API_KEY": ["api.anthropic.com"],
}


def load(policies: list[str], catalogue: list[str]) -> Configuration:
    """A folder with these starters, held by the one agent that their tests name."""
    bound = {} if catalogue is SIGNED_IN else CREDENTIALS
    written = {
        "wharfinger.yaml": {"version": 1, "catalogue": catalogue},
        "agents.yaml": {"agents": {"agent": {"owner": "alice", "policies": policies}}},
        "people.yaml": {"people": {"alice": {"role": "admin"}}, "teams": {"approvers": ["alice"]}},
        "credentials.yaml": {
            "credentials": {name: {"from": f"env:{name}", "hosts": hosts} for name, hosts in bound.items()}
        },
    }
    files = {name: yaml.safe_dump(content).encode() for name, content in written.items()}
    starters = {
        f"policies/{name}.yaml": (ROOT / "policies" / f"{name}.yaml").read_bytes() for name in policies
    }
    built_in = {path.stem: path.read_bytes() for path in (ROOT / "tools").glob("*.yaml")}
    return configuration.load(Sources(files | starters, built_in))


def catalogue_of(starter: str) -> list[str]:
    return SIGNED_IN if starter == "signed_in_agent" else WITH_KEYS


@pytest.mark.parametrize("starter", STARTERS)
def test_every_test_of_a_starter_holds(starter: str) -> None:
    results = cases.run(load([starter], catalogue_of(starter)))
    failed = [str(result) for result in results if not result.passed]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("starter", STARTERS)
def test_a_starter_is_named_as_its_file_and_proves_what_it_allows_and_what_it_does_not(starter: str) -> None:
    policy = load([starter], catalogue_of(starter)).policies[starter].model
    assert policy.description
    expected = {str(case.expect) for case in policy.tests}
    wanted = {"allow", "deny"} | ({"ask"} if policy.ask else set())
    assert wanted <= expected


def test_all_starters_with_keys_hold_together() -> None:
    """An agent may be given all of them: a deny of one may not break what another promises."""
    starters = [name for name in STARTERS if catalogue_of(name) is WITH_KEYS]
    results = cases.run(load(starters, WITH_KEYS))
    failed = [str(result) for result in results if not result.passed]
    assert not failed, "\n".join(failed)
