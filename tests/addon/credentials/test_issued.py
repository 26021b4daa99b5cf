"""Placeholders are issued to those whose policies can reach the credential, and to nobody else."""

import textwrap
from datetime import timedelta
from types import SimpleNamespace

import pytest
from wharfinger.credentials.issued import environment, placeholders, reach
from wharfinger.keeping.keys import Keys
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.agents import Agent
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.policies.compiling import compile_policy
from wharfinger.rules.policies.policy import People
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests.placeholders import Owner

KEYS = Keys(bytes(range(32)))
IDS = {"support": "ag_1", "coder": "ag_2", "idle": "ag_3"}


TOOLS = """
    api: example
    base: https://a.example
    tools:
      - {tool: stripe_refund, run: {method: POST, url: /refund, auth: {secret: STRIPE}}}
      - {tool: github_read, run: {method: GET, url: /repo, auth: {secret: GITHUB}}}
      - {tool: github_write, run: {method: PUT, url: /repo, auth: {secret: GITHUB, in: basic}}}
      - {tool: ci_build, run: {method: POST, url: /build, auth: {secret: CI, in: query, name: key}}}
      - {tool: public, run: {method: GET, url: /public}}
"""


def tools():
    problems = Problems()
    file = read_model(ToolFile, Source("tools/example.yaml", textwrap.dedent(TOOLS).encode()), problems)
    assert file is not None, list(problems)
    return Toolset.compile([file], problems)


def configure(coder):
    """`coder` is what that agent's one policy says."""
    toolset, problems = tools(), Problems()

    def credential(**other):
        return Credential.model_validate({"from": "env:X", "hosts": ["a.example"], **other})

    def policy(name, **said):
        model = Policy.model_validate({"policy": name, **said})
        compiled = compile_policy(model, toolset, People(["alice"]), timedelta(hours=1), problems)
        assert not problems.errors, list(problems)
        return compiled

    return SimpleNamespace(
        agents={
            "support": Agent(owner="alice", policies=("refunds",)),
            "coder": Agent(owner="alice", policies=("coding",)),
            "idle": Agent(owner="alice"),
        },
        policies={"refunds": policy("refunds", tools=["stripe_refund"]), "coding": policy("coding", **coder)},
        tools=toolset,
        credentials={
            "STRIPE": credential(placeholder="sk_test_"),
            "GITHUB": credential(env=("GH_TOKEN", "CI")),
            "CI": credential(env=("CI_KEY", "GH_TOKEN")),
        },
    )


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        ({"allow": [{"tool": "github_read"}]}, {"GITHUB"}),
        ({"ask": [{"tool": "github_read"}]}, {"GITHUB"}),
        ({"allow": [{"tool": "github_*"}], "ask": [{"tool": "ci_build"}]}, {"GITHUB", "CI"}),
        ({"tools": ["ci_build"]}, {"CI"}),
        ({"allow": [{"tool": "*"}]}, {"STRIPE", "GITHUB", "CI"}),
        ({"deny": [{"tool": "*"}]}, set()),
        ({"deny": [{"tool": "github_read"}], "allow": [{"tool": "public"}]}, set()),
        ({"allow": [{"tool": "unmatched", "hosts": ["b.example"]}]}, set()),
    ],
)
def test_reach_follows_allow_and_ask(said, reached):
    assert reach(configure(said), "coder") == reached


def test_without_policies_or_declaration_nothing_is_in_reach():
    configuration = configure({"allow": [{"tool": "*"}]})
    assert reach(configuration, "idle") == frozenset()
    assert reach(configuration, "nobody") == frozenset()


def test_each_agent_has_placeholders_of_its_own_for_what_it_reaches():
    issued = placeholders(configure({"allow": [{"tool": "*"}]}), IDS, KEYS)
    assert issued.of("support", "STRIPE") == KEYS.placeholder("ag_1", "STRIPE", "sk_test_")
    assert issued.of("coder", "STRIPE") == KEYS.placeholder("ag_2", "STRIPE", "sk_test_")
    assert issued.of("support", "GITHUB") is None
    assert issued.of("idle", "STRIPE") is None
    assert issued.exact(issued.of("coder", "CI")) == Owner("coder", "CI")


def test_an_agent_that_took_over_a_name_has_other_placeholders():
    configuration = configure({"allow": [{"tool": "*"}]})
    before = placeholders(configuration, IDS, KEYS).of("coder", "CI")
    assert placeholders(configuration, {**IDS, "coder": "ag_9"}, KEYS).of("coder", "CI") != before


def test_the_environment_names_what_is_reached():
    configuration = configure({"allow": [{"tool": "github_*"}]})
    issued = placeholders(configuration, IDS, KEYS)
    text = issued.of("coder", "GITHUB")
    assert environment(configuration, issued, "coder") == {"GITHUB": text, "GH_TOKEN": text, "CI": text}
    assert environment(configuration, issued, "support") == {"STRIPE": issued.of("support", "STRIPE")}
    assert environment(configuration, issued, "idle") == {}


def test_a_variable_that_two_claim_goes_to_its_namesake_then_to_the_first_by_name():
    configuration = configure({"allow": [{"tool": "*"}]})
    issued = placeholders(configuration, IDS, KEYS)
    found = environment(configuration, issued, "coder")
    assert found["CI"] == issued.of("coder", "CI")
    assert found["GH_TOKEN"] == issued.of("coder", "CI")
    assert set(found) == {"STRIPE", "GITHUB", "CI", "CI_KEY", "GH_TOKEN"}
