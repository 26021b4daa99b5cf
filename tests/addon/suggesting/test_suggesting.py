"""A suggested policy allows all it was made of, and little else; it loads, and its tests pass."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.replaying.again import Again
from wharfinger.replaying.recorded import recorded
from wharfinger.rules import cases
from wharfinger.rules.types import Request, Verdict
from wharfinger.suggesting.narrowing import Bound, bound, common_folder, quoted
from wharfinger.suggesting.proving import NotProven, prove, under
from wharfinger.suggesting.suggestion import NothingToSuggest, suggest

OPEN = "policy: main\nallow: [{tool: '*'}, {tool: unmatched, hosts: ['*']}]\n"


def held(recorder):
    return [recorded(json.loads(line)) for line in recorder.lines]


@pytest.fixture
def open_recorder(recording):
    """Records what an agent does that may do nearly everything."""
    open_, _ = recording.configuration(
        policies__main=OPEN.replace("['*']", "[docs.example.org, other.example.org]")
    )
    return recording.recorder(open_)


def suggested(recorder):
    made = suggest(recorder.held, "bot", held(recorder))
    return made, under(recorder.held, "bot", made.name, made.text)


def decide(alone, recorder, tool, inputs):
    """What the suggested policy says of another call."""
    other = type(recorder)(alone)
    return other.call(tool, inputs)


def unmatched(line):
    method, _, url = line.partition(" ")
    host, slash, target = url.removeprefix("https://").partition("/")
    return Request("bot", method, "https", host, 443, slash + target or "/", (("Host", host),))


def test_a_suggestion(open_recorder):
    for amount, to in ((10, "a"), (10, "a"), (500, "a"), (20, "b")):
        open_recorder.call("pay", {"amount": amount, "to": to, "note": "n", "tags": ["x"]})
    for number in range(7):
        open_recorder.call("get", {"path": f"docs/{number}"})
    open_recorder.request(unmatched("GET https://docs.example.org/a"))
    made, alone = suggested(open_recorder)
    assert made.text == (
        "# Suggested from 12 requests of bot, from 2026-01-14 to 2026-01-14.\n"
        "# It allows what was seen, and as little else as can be said. Look at each rule before it is used.\n"
        "policy: suggested_bot\n"
        'description: "What bot did"\n'
        "allow:\n"
        "  # 4 calls\n"
        "  # seen once: amount 500\n"
        '  # seen once: to "b"\n'
        "  - tool: pay\n"
        "    when:\n"
        "      amount: {min: 10, max: 500}\n"
        '      to: {in: ["a", "b"]}\n'
        '      note: "n"\n'
        '      tags: {all: {in: ["x"]}}\n'
        "  # 7 calls\n"
        "  - tool: get\n"
        "    when: >-\n"
        '      input.path.startsWith("docs/")\n'
        '      && !given("q")\n'
        "  # 1 call\n"
        "  # seen once: host docs.example.org\n"
        '  # seen once: method "GET"\n'
        '  # seen once: path "/a"\n'
        "  - tool: unmatched\n"
        '    hosts: ["docs.example.org"]\n'
        "    when:\n"
        '      method: "GET"\n'
        '      path: "/a"\n'
        "tests:\n"
        '  - {agent: bot, call: pay, input: {amount: 10, to: "a", note: "n", tags: ["x"]}, expect: allow}\n'
        '  - {agent: bot, call: pay, input: {amount: 501, to: "a", note: "n", tags: ["x"]}, expect: deny}\n'
        '  - {agent: bot, call: get, input: {path: "docs/0"}, expect: allow}\n'
        '  - {agent: bot, call: get, input: {path: "xdocs/x"}, expect: deny}\n'
        '  - {agent: bot, request: "GET https://docs.example.org/a", expect: allow}\n'
        '  - {agent: bot, request: "DELETE https://docs.example.org/a", expect: deny}\n'
    )
    assert [result for result in cases.run(alone) if not result.passed] == []
    assert (made.calls, made.proven) == (12, 11)
    for inputs in (
        {"amount": 9, "to": "a", "note": "n", "tags": ["x"]},
        {"amount": 501, "to": "a", "note": "n", "tags": ["x"]},
        {"amount": 10, "to": "c", "note": "n", "tags": ["x"]},
        {"amount": 10, "to": "a", "note": "m", "tags": ["x"]},
        {"amount": 10, "to": "a", "note": "n", "tags": ["x", "y"]},
        {"amount": 10, "to": "a", "note": "n", "tags": []},
        {"amount": 10, "to": "a"},
    ):
        assert decide(alone, open_recorder, "pay", inputs) is Verdict.DENY
    assert decide(alone, open_recorder, "get", {"path": "docs/99"}) is Verdict.ALLOW
    assert decide(alone, open_recorder, "get", {"path": "docs/9", "q": "x"}) is Verdict.DENY
    assert decide(alone, open_recorder, "get", {"path": "other/9"}) is Verdict.DENY
    assert decide(alone, open_recorder, "ask_rpc", {"id": "1"}) is Verdict.DENY


TEXT = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["a", "b", "src/x", "src/y", "no", '"', "\\", "é\u2028"]
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {"amount": st.integers(-(2**63), 2**63 - 2) | st.integers(0, 9), "to": TEXT},
        optional={"note": TEXT, "tags": st.lists(TEXT | st.integers(0, 3) | st.booleans(), max_size=4)},
    ),
    min_size=1,
    max_size=9,
)


def repr_of(inputs):
    """All texts of a call, one after the other."""
    return "".join(
        str(each) for value in inputs.values() for each in (value if isinstance(value, list) else [value])
    )


@settings(max_examples=60, deadline=None)
@given(CALLS)
def test_it_allows_every_call_it_was_made_from_and_none_beyond_its_bounds(recording, calls):
    recorder = recording.recorder(
        recording.configuration(policies__main=OPEN.replace("['*']", "[d.example]"))[0]
    )
    for inputs in calls:
        assert recorder.call("pay", inputs) is Verdict.ALLOW
    if all("\0" in repr_of(inputs) for inputs in calls):
        return
    made, alone = suggested(recorder)
    again = Again(alone)
    odd = {index for index, inputs in enumerate(calls) if "\0" in repr_of(inputs)}
    for index, each in enumerate(held(recorder)):
        assert again.answer(each).verdict is Verdict.ALLOW or index in odd
    calls = [inputs for index, inputs in enumerate(calls) if index not in odd]
    most = max(inputs["amount"] for inputs in calls)
    assert decide(alone, recorder, "pay", {**calls[0], "amount": most + 1}) is Verdict.DENY
    if all("note" not in inputs for inputs in calls):
        assert decide(alone, recorder, "pay", {**calls[0], "note": "x"}) is Verdict.DENY
    names = {inputs["to"] for inputs in calls}
    if len(names) <= 5:
        other = max(names, key=len) + "x"
        assert decide(alone, recorder, "pay", {**calls[0], "to": other}) is Verdict.DENY
    assert made.text.isascii() or all(c.isprintable() or c == "\n" for c in made.text)


def test_what_is_hidden_or_cut_is_left_open_and_said(open_recorder):
    open_recorder.call("sign_in", {"password": "hunter2"})
    open_recorder.call("pay", {"amount": 1, "to": "x" * 600, "note": "n", "tags": ["t"]})
    made, alone = suggested(open_recorder)
    assert "# left open: password (recorded as a keyed digest)" in made.text
    assert "# left open: to (cut short)" in made.text
    assert "hunter2" not in made.text
    assert "tests:" not in made.text
    assert (
        decide(alone, open_recorder, "pay", {"amount": 2, "to": "y", "note": "n", "tags": ["t"]})
        is Verdict.DENY
    )
    assert (
        decide(alone, open_recorder, "pay", {"amount": 1, "to": "y", "note": "n", "tags": ["t"]})
        is Verdict.ALLOW
    )


def test_what_no_rule_can_open_is_left_out_and_said(open_recorder):
    open_recorder.call("ask_rpc", {"id": "1"})
    open_recorder.request(unmatched("GET https://api.example.com/nowhere"))
    made, _ = suggested(open_recorder)
    assert "# Left out: 1 calls: no tool fits, and its host has a credential bound" in made.text
    with pytest.raises(NothingToSuggest, match="credential bound"):
        suggest(open_recorder.held, "bot", held(open_recorder)[1:])


def test_what_is_not_proven_is_not_shown(open_recorder):
    open_recorder.call("pay", {"amount": 1, "to": "a"})
    narrow = under(open_recorder.held, "bot", "p", "policy: p\nallow: [{tool: pay, when: {max_amount: 0}}]\n")
    with pytest.raises(NotProven, match="would not allow the call d_0"):
        prove(narrow, held(open_recorder))
    with pytest.raises(NotProven, match="cannot be loaded"):
        under(open_recorder.held, "bot", "p", "policy: p\nallow: [{tool: nothing}]\n")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 5, 3], Bound(low=1, high=5, once=(1, 5))),
        ([2, 2], Bound(values=(2,))),
        ([1.5, 2], Bound(low=1.5, high=2, once=(1.5, 2))),
        (["a", "b", "a"], Bound(values=("a", "b"), once=("b",))),
        ([True, True], Bound(values=(True,))),
        (["x/1", "x/2", "x/3", "x/4", "x/5", "x/6"], Bound(prefix="x/")),
        (list("abcdef"), Bound(open="6 values")),
        ([["a"], []], Bound(items=("a",), empty=True, once=("a",))),
        ([[{}]], Bound(open="lists of more than plain values")),
        ([["abcdef"[i]] for i in range(6)], Bound(open="6 values in lists")),
        ([{}], Bound(open="an object")),
        ([1, "a"], Bound(open="values of several types")),
        ([True, 1], Bound(open="values of several types")),
    ],
)
def test_bounds(values, wanted):
    assert bound(values) == wanted


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["a/b/c", "a/b/d"], "a/b/"),
        (["a/bc", "a/bd"], "a/"),
        (["a", "b"], ""),
        (["/a", "/b"], "/"),
        (["a/"], "a/"),
    ],
)
def test_what_paths_have_in_common(texts, wanted):
    assert common_folder(texts) == wanted


def test_text_is_quoted_so_that_nothing_of_it_is_read_otherwise():
    assert quoted('a"b\\c\n\u202e\U000e0001é') == '"a\\"b\\\\c\\u000a\\u202e\\U000e0001é"'
