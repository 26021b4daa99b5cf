"""The picture of the graph: all of it, in five columns, nothing on top of anything else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from wharfinger.control.office.drawing import COLUMNS, LETTERS, MOST, TITLES, picture
from wharfinger.rules.policies.reach import Way
from wharfinger.rules.types import Effect, RuleRef, Verdict

RULE = RuleRef("main", "policies/main.yaml", 2, Verdict.ALLOW)


def way(agent: str = "bot", tool: str = "pay", effect: Effect | None = Effect.WRITE, **other) -> Way:
    values = {
        "api": "api", "verdict": Verdict.ALLOW, "conditional": False, "observed": False,
        "policies": ("main",),
        "rules": (RULE,), "forbidding": (), "hosts": ("api.example.com",), "credentials": ("KEY",),
    } | other  # fmt: skip
    return Way(agent=agent, tool=tool, effect=effect, **values)


def test_every_kind_has_its_column_and_every_node_a_link() -> None:
    drawn = picture([way()], {})
    assert drawn is not None
    assert [node.kind for node in sorted(drawn.nodes, key=lambda node: node.x)] == list(COLUMNS)
    assert [title for _, title in drawn.heads] == list(TITLES)
    links = {node.kind: node.link for node in drawn.nodes}
    assert links == {
        "agent": "/agents/bot", "policy": "/policies/main", "tool": "/tools/pay",
        "host": "/graph?host=api.example.com", "credential": "/graph?credential=KEY",
    }  # fmt: skip
    assert len(drawn.lines) == 4


def test_nothing_lies_on_anything_else_or_outside() -> None:
    ways = [
        way(f"bot-{a}", f"tool_{t}", hosts=(f"h{t % 5}.example.com",), credentials=(f"KEY_{t % 3}",))
        for a in range(4)
        for t in range(20)
    ]
    drawn = picture(ways, {})
    assert drawn is not None
    for column in COLUMNS:
        nodes = sorted((node for node in drawn.nodes if node.kind == column), key=lambda node: node.y)
        assert nodes[0].y > 20
        assert nodes[-1].y + nodes[-1].height <= drawn.height
        for above, below in pairwise(nodes):
            assert above.y + above.height < below.y
        assert all(node.x + node.width <= drawn.width for node in nodes)


def test_lines_do_not_cross_where_they_need_not() -> None:
    ways = [
        way(tool=f"tool_{n}", hosts=(f"h{n * 7 % 10}",), credentials=(f"K{n * 3 % 10}",)) for n in range(10)
    ]
    drawn = picture(ways, {})
    assert drawn is not None
    order = {
        kind: [node.label for node in sorted(drawn.nodes, key=lambda node: node.y) if node.kind == kind]
        for kind in ("tool", "host", "credential")
    }
    hosts = {f"tool_{n}": f"h{n * 7 % 10}" for n in range(10)}
    keys = {f"h{n * 7 % 10}": f"K{n * 3 % 10}" for n in range(10)}
    assert order["host"] == [hosts[tool] for tool in order["tool"]]
    assert order["credential"] == [keys[host] for host in order["host"]]


def test_columns_follow_what_comes_first() -> None:
    ways = [way("b", "x", policies=("q",)), way("a", "y", policies=("p",)), way("a", "z", policies=("q",))]
    drawn = picture([*ways[1:], ways[0], way("a", "w", policies=("p",))], {})
    assert drawn is not None
    nodes = sorted(drawn.nodes, key=lambda node: node.y)
    assert [node.label for node in nodes if node.kind == "tool"] in (
        ["y", "w", "z", "x"],
        ["x", "z", "w", "y"],
    )


@pytest.mark.parametrize("effect", [*Effect, None])
def test_an_effect_has_a_letter_beside_its_colour(effect) -> None:
    drawn = picture([way(effect=effect)], {})
    assert drawn is not None
    (tool,) = (node for node in drawn.nodes if node.kind == "tool")
    assert tool.letter == LETTERS[effect.value if effect else "unknown"]
    assert (effect.value if effect else "unknown") in tool.says


def test_an_ask_and_a_condition_are_told_by_the_line() -> None:
    ways = [way(tool="a", verdict=Verdict.ASK), way(tool="b", conditional=True), way(tool="c")]
    drawn = picture(ways, {})
    assert drawn is not None
    kinds = sorted((line.kind, line.conditional) for line in drawn.lines if line.kind)
    assert kinds == [("allow", False), ("allow", True), ("ask", False)]


def test_many_tools_of_an_api_stand_together() -> None:
    drawn = picture([way(tool=f"tool_{n}") for n in range(60)], {"agent": "bot"})
    assert drawn is not None
    (tool,) = (node for node in drawn.nodes if node.kind == "tool")
    assert tool.label == "api: 60 tools"
    assert tool.link == "/tools?q=api&effect=write"
    assert {node.link for node in drawn.nodes if node.kind == "host"} == {
        "/graph?agent=bot&host=api.example.com"
    }


def test_what_nobody_could_look_at_is_not_drawn() -> None:
    assert picture([way(f"bot-{n}") for n in range(MOST + 1)], {}) is None
    assert picture([way(f"bot-{n}") for n in range(MOST)], {}) is not None


def test_long_names_are_cut_and_told_whole() -> None:
    drawn = picture([way(agent="a" * 90)], {})
    assert drawn is not None
    (agent,) = (node for node in drawn.nodes if node.kind == "agent")
    assert agent.shown.endswith("…")
    assert len(agent.shown) < 30
    assert "a" * 90 in agent.says
