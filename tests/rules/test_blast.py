"""The score of what a call could do is the published table, and never costs much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules import blast
from wharfinger.rules.blast import score

WRITE, DESTROY = 20, 45 + 15
MANY = [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    ("effect", "inputs", "reversible", "points"),
    [
        ("read", {}, None, 0),
        ("read", {"to": MANY, "amount": 10**9, "q": "*"}, False, 0),
        ("write", {"id": "x"}, None, WRITE),
        ("write", {"id": "x"}, True, WRITE),
        ("write", {"id": "x"}, False, WRITE + 15),
        ("destructive", {"id": "x"}, None, DESTROY),
        ("destructive", {"id": "x"}, True, DESTROY - 15),
        ("destructive", {"id": "x"}, False, DESTROY),
        ("destructive", {}, None, DESTROY + 10),
        ("destructive", {"filter": ""}, None, DESTROY + 10),
        ("destructive", {"filter": {}}, None, DESTROY + 10),
        ("destructive", {"filter": "a = 1"}, None, DESTROY),
        ("destructive", {"body": {"where": []}}, None, DESTROY + 10),
        ("write", {"path": "logs/*"}, None, WRITE + 15),
        ("write", {"note": "a*" * 40}, None, WRITE),
        ("write", {"scope": "ALL"}, None, WRITE + 15),
        ("write", {"note": "all of it"}, None, WRITE),
        ("write", {"ids": MANY[:9]}, None, WRITE),
        ("write", {"ids": MANY[:10]}, None, WRITE + 5),
        ("write", {"ids": MANY[:100], "others": MANY[:10]}, None, WRITE + 10),
        ("write", {"body": {"ids": MANY}}, None, WRITE + 15 + 30),
        ("write", {"to": MANY[:10]}, None, WRITE + 5),
        ("write", {"to": ", ".join(MANY[:100])}, None, WRITE + 10),
        ("write", {"text": "hello <!channel>"}, None, WRITE + 10),
        ("write", {"text": "hello @here"}, None, WRITE + 10),
        ("write", {"text": "me@home.example"}, None, WRITE),
        ("write", {"amount": 7}, None, WRITE + 3),
        ("write", {"amount_cents": -2500}, None, WRITE + 12),
        ("write", {"totalPrice": "99.50"}, None, WRITE + 6),
        ("write", {"price": 10**30}, None, WRITE + 21),
        ("write", {"price": float("inf")}, None, WRITE + 21),
        ("write", {"quantity": 10**9, "amount": True}, None, WRITE),
        ("destructive", {"to": MANY, "ids": MANY, "amount": 10**9, "q": "*", "t": "@here"}, None, 100),
    ],
)
def test_points(effect: str, inputs: dict[str, Any], reversible: bool | None, points: int) -> None:
    found = score(effect, inputs, reversible)
    assert found.score == points
    assert found.score == min(100, sum(part.points for part in found.parts))


def test_what_it_says() -> None:
    found = score("write", {"amount_cents": 2500, "token": "s3cret*"})
    assert (
        str(found)
        == "47 of 100: it writes (+20), amount_cents is an amount of 4 digits (+12), token is a glob (+15)"
    )
    assert "s3cret" not in str(found)
    assert str(score("read", {})) == "0 of 100: it only reads (+0)"


def test_every_part_is_in_the_table() -> None:
    known = {name for name, _, _ in blast.table()}
    everything = score(
        "destructive", {"filter": "", "to": MANY, "ids": MANY * 2, "amount": 9, "q": "*", "t": "@here"}
    )
    assert {part.name for part in everything.parts} | {"glob"} == known


@pytest.mark.parametrize(
    "hidden", [{"amount": 10**9}, {"q": "*"}, {"to": MANY[:200]}, {"filter": ""}, {"text": "@here"}]
)
def test_nothing_is_hidden_by_more_of_what_means_nothing(hidden: dict[str, Any]) -> None:
    """Padding that an agent adds, wherever it stands, does not lower the score."""
    plain = score("write", hidden).score
    paddings: list[Any] = [
        ["x"] * (blast.MOST * 2),
        [["x"] * 50] * 50,
        {f"k{number}": "x" for number in range(blast.MOST)},
        "x" * blast.MOST_TEXT,
    ]
    for padding in paddings:
        for inputs in ({**hidden, "pad": padding}, {"pad": padding, **hidden}):
            assert score("write", inputs).score >= plain
        deep = {"pad": [*padding, hidden]} if isinstance(padding, list) else {"pad": [padding, hidden]}
        assert score("write", deep).score >= plain


def test_what_is_not_looked_at_counts() -> None:
    assert score("write", {"ids": [1] * (blast.MOST - 1)}).score == WRITE + 10
    assert score("write", {"ids": [1] * blast.MOST}).score == WRITE + 10 + blast.UNSEEN
    wide = {f"k{number}": "x" for number in range(blast.MOST + 1)}
    assert score("write", wide).score == WRITE + blast.UNSEEN
    assert score("write", {"text": "x" * blast.MOST_TEXT}).score == WRITE
    assert score("write", {"text": "x" * blast.MOST_TEXT + "@here"}).score == WRITE + 10


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(["read", "write", "destructive"]), st.dictionaries(st.text(max_size=9), VALUES))
def test_any_call_has_a_score(effect: str, inputs: dict[str, Any]) -> None:
    assert 0 <= score(effect, inputs).score <= 100
    assert score(effect, inputs).score == score(effect, dict(reversed(inputs.items()))).score
