"""Names with brackets nest in one way or are refused (THREATS P05)."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.requests import bracketed, spelling
from wharfinger.rules.requests.bracketed import Repeated
from wharfinger.rules.requests.refusal import Refused


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a[0][b]=1&a[1][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a[7]=1", {"a": {"7": "1"}}),
        ("a=1&a=2", {"a": ("1", "2")}),
        ("a.b=1", {"a.b": "1"}),
    ],
)
def test_names_are_nested(text: str, value: Any) -> None:
    assert bracketed.structure(spelling.pairs(text, "form"), "form") == value


def test_repeated_names_are_marked() -> None:
    read = bracketed.structure((("a", "1"), ("a", "2"), ("a", "3"), ("b[]", "1")), "form")
    assert isinstance(read["a"], Repeated)
    assert tuple(read["a"]) == ("1", "2", "3")
    assert not isinstance(read["b"], Repeated)


@pytest.mark.parametrize(
    "text",
    [
        "a=1&a[b]=2",
        "a[b]=2&a=1",
        "a[]=1&a=2",
        "a[b]=1&a[b]=2",
        "a[b=1",
        "a]b=1",
        "a[b]c=1",
        "[a]=1",
        "[]=1",
        "a[][b]=1",
        "a[[b]]=1",
        "a[]=1&a[b]=2",
        "a[b][c]=1&a[b]=2",
        "a" + "[b]" * 70 + "=1",
    ],
)
def test_names_that_nest_in_two_ways_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        bracketed.structure(spelling.pairs(text, "form"), "form")
