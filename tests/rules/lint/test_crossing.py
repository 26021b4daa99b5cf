"""Templates that cross are found when loaded, with a request that shows it."""

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.lint import crossing
from wharfinger.rules.lint.view import View


def loaded(*runs: str) -> Configuration:
    tools = "\n".join(f"  - {{tool: t{n}, run: {run}}}" for n, run in enumerate(runs))
    files = {
        "wharfinger.yaml": "version: 1",
        "tools/a.yaml": f"api: a\nbase: https://a.example\ntools:\n{tools}",
    }
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def get(url: str, **more: str) -> str:
    held = "".join(f", {key}: {value}" for key, value in more.items())
    return f'{{method: POST, url: "{url}"{held}}}'


CROSS = [
    (get("/items/${id}"), get("/${team}/latest"), "POST https://a.example/items/latest"),
    (get("/a/${x}/c"), get("/a/b/${y}"), "POST https://a.example/a/b/c"),
    (get("/a-${x}"), get("/${y}-b"), "POST https://a.example/a-x-b"),
    (get("/a/${rest...}"), get("/${x}/b"), "POST https://a.example/a/b"),
    (get("/a/${x}/${rest...}"), get("/${y}/b/${rest...}"), "POST https://a.example/a/b/x"),
    (
        get("/a", body="{kind: b}", encoding="json"),
        get("/a", query="{mode: c}"),
        "POST https://a.example/a with body kind=str:b, query mode=str:c",
    ),
]
APART = [
    (get("/items/${id}"), get("/items/latest")),
    (get("/items/${id}"), get("/items/a-${id}")),
    (get("/items/${id}"), get("/items/${rest...}")),
    (get("/items/${id}"), get("/others/${id}")),
    (get("/items/${id}/a"), get("/items/${id}/b")),
    (get("/items/${id}"), get("/${a}/${b}/${c}")),
    (get("/a-${x}"), get("/b-${y}")),
    (get("/a", body="{kind: b}"), get("/a", body="{kind: c}")),
    (get("/a", body="{kind: b}"), get("/a")),
    (get("/${a}/x"), '{method: GET, url: "/y/${b}"}'),
]


@pytest.mark.parametrize(("one", "other", "shown"), CROSS)
def test_templates_that_cross_are_named_with_a_request_of_both(one: str, other: str, shown: str) -> None:
    configuration = loaded(one, other)
    (problem,) = crossing.templates(View(configuration))
    assert problem.message == f'a request can be "t0" as well as "t1": {shown}'


@pytest.mark.parametrize(("one", "other", "shown"), CROSS)
def test_the_request_shown_is_both(one: str, other: str, shown: str, make_request: Any) -> None:
    line, _, _ = shown.partition(" with ")
    fields, body = {}, b""
    if "body" in shown:
        line, fields, body = f"{line}?mode=c", {"Content-Type": "application/json"}, b'{"kind":"b"}'
    read = loaded(one, other).tools.recognise(make_request(line, fields, body))
    assert {fit.tool.name for fit in read.fitting} == {"t0", "t1"}


@pytest.mark.parametrize(("one", "other"), APART)
def test_special_cases_and_strangers_are_not(one: str, other: str) -> None:
    assert list(crossing.templates(View(loaded(one, other)))) == []


def test_two_of_one_shape_are_an_error_with_a_request_that_shows_it() -> None:
    with pytest.raises(ConfigurationError, match=r"such as POST https://a\.example/items/key"):
        loaded(get("/items/${id}"), get("/items/${key}"))


def test_many_tools_take_no_time_in_pairs() -> None:
    """A thousand tools of one parent are told apart by their constants, not compared with one another."""
    configuration = loaded(*(get(f"/v1/kind{n}/${{id}}") for n in range(1_000)))
    assert list(crossing._candidates(list(configuration.tools))) == []
