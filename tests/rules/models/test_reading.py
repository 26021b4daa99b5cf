"""What is left of a file without its broken entries is still there to be checked."""

from __future__ import annotations

from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.agents import AgentsFile
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.reading import read_model, read_part


def test_a_file_without_its_broken_entries() -> None:
    text = b"agents:\n  a: {owner: alice}\n  b: {}\n  c: {owner: bob, polices: [p]}\n  'd e': {owner: x}\n"
    problems = Problems()
    part = read_part(AgentsFile, Source("agents.yaml", text), problems)
    assert part.model is not None
    assert part.node is not None
    assert list(part.model.agents) == ["a", "c"]
    assert str(part.model.agents["c"].at("owner")) == "agents.yaml:4:14"
    assert [problem.position.line for problem in problems] == [3, 4, 5]


def test_broken_items_of_lists_and_broken_values_are_left_out() -> None:
    text = b"policy: p\ndescription: 5\nallow: [{tool: a}, {tool: 5}, {tool: b}]\ndeny: x\n"
    problems = Problems()
    policy = read_part(Policy, Source("p.yaml", text), problems).model
    assert policy is not None
    assert [rule.tool for rule in policy.allow] == ["a", "b"]
    assert str(policy.allow[1].at("tool")) == "p.yaml:3:38"
    assert (policy.description, policy.deny) == ("", ())
    assert len(problems.errors) == 3


def test_nothing_is_left_of_a_file_whose_own_keys_are_missing() -> None:
    part = read_part(Policy, Source("p.yaml", b"allow: [{tool: a}]"), Problems())
    assert (part.model, part.node) == (None, {"allow": [{"tool": "a"}]})


def test_a_file_with_errors_is_no_model() -> None:
    assert read_model(AgentsFile, Source("a.yaml", b"agents: {a: {owner: x, y: 1}}"), Problems()) is None
    assert read_model(AgentsFile, Source("a.yaml", b"agents: {a: {owner: no}}"), Problems()) is None
    assert read_model(AgentsFile, Source("a.yaml", b"a: ["), Problems()) is None


def test_problems_of_other_files_do_not_count() -> None:
    problems = Problems()
    read_model(AgentsFile, Source("a.yaml", b"agents: {a: {}}"), problems)
    assert read_model(AgentsFile, Source("b.yaml", b"agents: {a: {owner: x}}"), problems) is not None
