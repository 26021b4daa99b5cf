"""A tool filled in is recognised as that tool with those inputs, or cannot be filled in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests.refusal import Refused

TOOLS = """
api: x
base: ["https://a.example/v1", "http://[::1]:8080/v1"]
tools:
  - {tool: plain, run: {method: GET, url: "/p/${a}/x-${b}/${c:encoded}/${d...}"}}
  - tool: search
    input:
      n: {type: integer, required: false}
      flag: {type: boolean, required: false}
      tags: {type: array, required: false}
    run:
      method: GET
      url: /s?fixed=1
      query: {q: "${q}", n: "${n}", flag: "${flag}", tags: "${tags}", nested: {deep: "in ${deep}"}}
  - tool: json
    input:
      n: {type: number, required: false}
      o: {type: object, required: false}
      l: {type: array, required: false}
    run:
      method: POST
      url: /j
      encoding: json
      body: {s: "${s}", in: {n: "${n}", k: true}, o: "${o}", l: ["${l}", 1]}
  - tool: form
    input:
      n: {type: number, required: false}
      b: {type: boolean, required: false}
    run: {method: POST, url: /f, encoding: form, body: {s: "${s}", in: {n: "${n}", k: x y}, l: [a, "${b}"]}}
  - {tool: text, run: {method: POST, url: /t, encoding: text, body: "say ${a}"}}
  - {tool: head, run: {method: POST, url: /h, headers: {X-A: "v${a}", Stripe-Account: "${b}"}}}
"""

HOST = """
tool: host
run: {method: DELETE, url: "https://${site}.b-${region}.example/x/${site}"}
"""


@pytest.fixture(scope="module")
def tools(compile_tools: Any) -> Toolset:
    toolset, problems = compile_tools(TOOLS, HOST)
    assert not problems.errors, list(map(str, problems))
    return toolset


TEXT = st.one_of(
    st.text(min_size=1, max_size=8), st.text(alphabet="a/.%;\\ +&=[]ü-0", min_size=1, max_size=6)
)
NUMBER = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
ASCII = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6)
JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)


def some(required: dict[str, Any], optional: dict[str, Any] | None = None) -> Any:
    return st.fixed_dictionaries(required, optional=optional or {})


CALLS = st.one_of(
    st.tuples(st.just("plain"), some({"a": TEXT, "b": TEXT, "c": TEXT, "d": TEXT})),
    st.tuples(
        st.just("search"),
        some(
            {"q": TEXT, "deep": TEXT},
            {
                "n": st.integers(-5, 2**63 - 1),
                "flag": st.booleans(),
                "tags": st.lists(TEXT, min_size=1, max_size=3),
            },
        ),
    ),
    st.tuples(
        st.just("json"),
        some(
            {"s": st.text(max_size=8), "n": NUMBER, "l": st.lists(JSONS, max_size=2)},
            {"o": st.dictionaries(st.text(max_size=3), JSONS, max_size=2)},
        ),
    ),
    st.tuples(st.just("form"), some({"s": st.text(max_size=8), "n": NUMBER, "b": st.booleans()})),
    st.tuples(st.just("text"), some({"a": TEXT})),
    st.tuples(st.just("head"), some({"a": ASCII, "b": ASCII})),
    st.tuples(
        st.just("host"),
        some(
            {
                "site": st.sampled_from(["acme", "a-b", "a.b", "A", "-", "ü"]),
                "region": st.sampled_from(["eu", "1", ""]),
            }
        ),
    ),
)


@given(CALLS)
def test_fill_then_recognise_is_the_identity(tools: Toolset, call: tuple[str, dict[str, Any]]) -> None:
    name, values = call
    try:
        filled = tools[name].fill(values)
    except Refused:
        return
    read = tools.recognise(filled.request("a"))
    assert read.refusal is None
    assert read.winner is not None
    assert read.winner.name == name
    assert read.calls[0].inputs == values
    assert not read.calls[0].extras


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plain", {"a": "a b", "b": "ü", "c": "x/y", "d": "p/q/r.txt"}),
        ("search", {"q": "a&b=c;d", "deep": "+", "n": 7, "flag": True, "tags": ["x", "y z"]}),
        ("search", {"q": "x", "deep": "y"}),
        ("json", {"s": "", "n": 2.5, "l": [None], "o": {"a": [1]}}),
        ("form", {"s": "a\r\nb", "n": 2500, "b": False}),
        ("text", {"a": "hé"}),
        ("head", {"a": "1", "b": "acct_1"}),
        ("host", {"site": "acme", "region": "eu"}),
    ],
)
def test_these_can_be_filled_in(tools: Toolset, name: str, values: dict[str, Any]) -> None:
    filled = tools[name].fill(values)
    assert tools.recognise(filled.request("a")).calls[0].inputs == values
    assert filled.url == f"{filled.scheme}://{filled.request('a').values('host')[0]}{filled.target}"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plain", {"a": "..", "b": "x", "c": "x", "d": "x"}),
        ("plain", {"a": "x/y", "b": "x", "c": "x", "d": "x"}),
        ("plain", {"a": "x", "b": "x", "c": "../x", "d": "x"}),
        ("plain", {"a": "x", "b": "x", "c": "x", "d": "x/../y"}),
        ("plain", {"a": "", "b": "x", "c": "x", "d": "x"}),
        ("plain", {"a": "x"}),
        ("search", {"q": 1, "deep": "x"}),
        ("search", {"q": "x", "deep": "x", "tags": []}),
        ("search", {"q": "x", "deep": "x", "other": 1}),
        ("form", {"s": None, "n": 1}),
        ("head", {"a": "x\r\nX-B: y", "b": "x"}),
        ("head", {"a": " x", "b": "x "}),
        ("host", {"site": "evil.example/", "region": "eu"}),
        ("host", {"site": "a.b", "region": "eu"}),
        ("host", {"site": "ACME", "region": "eu"}),
    ],
)
def test_these_cannot(tools: Toolset, name: str, values: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        tools[name].fill(values)
    assert "evil" not in str(caught.value.refusal)
