"""Built-in files are fitted to a configuration without touching what stays."""

from fnmatch import fnmatchcase
from importlib import resources

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.authoring import adapting

POLICY = """\
# Tests run as the agent named `agent`.
policy: p
allow:
  - tool: a_get_*   # reading
  - tool: b_make
    when: >-
      input.size > 5
      && input.size < 9
  - tool: unmatched
    hosts: [docs.example.com]

ask:
  - tool: b_drop
    approvers: [approvers]

deny:
  - tool: "*"
    when: false

tests:
  - {agent: agent, call: a_get_x, expect: allow}
  - {agent: agent, call: b_drop, expect: ask}
  - agent: agent
    request: GET https://docs.example.com/
    expect: allow
"""


def names(package):
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in resources.files(f"wharfinger.{package}").iterdir()
        if entry.name.endswith(".yaml")
    )


def text_of(package, name):
    return (resources.files(f"wharfinger.{package}") / f"{name}.yaml").read_text()


STARTERS = {name: text_of("policies", name) for name in names("policies")}
TOOLS = sorted({tool for name in names("tools") for tool in adapting.tool_names(text_of("tools", name))})


def test_rules_and_tests_about_tools_that_are_not_loaded_go():
    assert (
        adapting.policy(POLICY, "coder", frozenset({"a_get_x"}))
        == """\
# Tests run as the agent named `coder`.
policy: p
allow:
  - tool: a_get_*   # reading
  - tool: unmatched
    hosts: [docs.example.com]

deny:
  - tool: "*"
    when: false

tests:
  - {agent: coder, call: a_get_x, expect: allow}
  - agent: coder
    request: GET https://docs.example.com/
    expect: allow
"""
    )


@pytest.mark.parametrize("name", STARTERS)
def test_with_all_tools_nothing_changes(name):
    assert adapting.policy(STARTERS[name], "agent", frozenset(TOOLS)) == STARTERS[name]


@given(st.sampled_from(sorted(STARTERS)), st.frozensets(st.sampled_from(TOOLS), max_size=40))
@settings(max_examples=60, deadline=None)
def test_what_stays_says_the_same_as_before(name, tools):
    """Read as YAML, the result is the starter without what is about other tools, and nothing else."""
    before = yaml.safe_load(STARTERS[name])
    after = yaml.safe_load(adapting.policy(STARTERS[name], "robot", tools))

    def loaded(pattern):
        return pattern in ("*", "unmatched", None) or any(fnmatchcase(tool, pattern) for tool in tools)

    for key in ("allow", "ask", "deny"):
        kept = [rule for rule in before.get(key, []) if loaded(rule["tool"])]
        assert after.get(key, []) == kept
    tests = [{**case, "agent": "robot"} for case in before["tests"] if loaded(case.get("call"))]
    assert after.get("tests", []) == tests
    rest = {"allow", "ask", "deny", "tests"}
    assert {k: v for k, v in after.items() if k not in rest} == {
        k: v for k, v in before.items() if k not in rest
    }


def test_a_tool_file_without_its_login():
    text = adapting.without_login(text_of("tools", "git"), lambda name: name.endswith("_fetch"))
    read = yaml.safe_load(text)
    assert [tool["tool"] for tool in read["tools"]] == ["git_fetch"]
    assert "auth" not in text
    assert "secret" not in text
