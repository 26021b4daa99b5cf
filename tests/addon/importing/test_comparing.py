"""What an import changes is told by tool; what tells templates apart is not what their inputs are called."""

from __future__ import annotations

import pytest
from wharfinger.importing import comparing

GET = {"method": "GET", "url": "/a/${x}"}


def test_a_difference_names_every_tool() -> None:
    old = {"api": "x", "base": "https://a", "tools": [
        {"tool": "a", "run": GET}, {"tool": "b", "run": GET, "description": "one"}, {"tool": "c", "run": GET},
    ]}  # fmt: skip
    new = {"api": "x", "base": "https://b", "tools": [
        {"tool": "d", "run": GET}, {"tool": "c", "run": GET, "effect": "read"},
        {"tool": "b", "run": GET, "description": "two"},
    ]}  # fmt: skip
    found = comparing.compare(old, new)
    assert (found.added, found.changed, found.removed, found.head) == (
        ("d",), {"c": ("effect",)}, ("a",), ("base",),
    )  # fmt: skip
    assert list(found.lines()) == ["~ base:", "+ d", "~ c (effect)", "- a"]
    assert not comparing.compare(old, old)


@pytest.mark.parametrize(
    ("run", "same"),
    [
        (GET | {"url": "/a/${other}"}, True),
        (GET | {"url": "https://b/a/${x}"}, True),
        (GET | {"query": {"q": "${q}"}}, True),
        (GET | {"extra": "deny"}, True),
        (GET | {"query": {"q": "1"}}, False),
        (GET | {"method": "PUT"}, False),
        (GET | {"url": "/b/${x}"}, False),
        (GET | {"headers": {"X-Amz-Target": "T.x"}}, False),
    ],
)
def test_places(run: dict[str, object], same: bool) -> None:
    assert (comparing.place(GET) == comparing.place(run, ["https://b"])) is same
