"""What is written is read back the same by our own strict reader, in lines that are not too long."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.importing import writing
from wharfinger.rules.documents import reading as documents
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.base import plain

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["no", "Yes", "12:30", "0123", "1_000", ".inf", "~", "", "null", "a: b", "a #b", "- x", "${x}", "1e3",
     "=", "<<", "\x7f", "\ufeff", "\u2028", "x\ny", "2026-01-14", "*x", "&x", "!x", "%x", "@x", "`x"]
)  # fmt: skip
SCALARS = TEXTS | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none() | st.floats(
    allow_nan=False, allow_infinity=False
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS.filter(bool), inner, max_size=5),
    max_leaves=20,
)


def read(text: str) -> Any:
    problems = Problems()
    node = documents.read(Source("x.yaml", text.encode()), problems)
    assert not problems.errors, problems.errors
    return plain(node)


@settings(max_examples=300)
@given(st.dictionaries(TEXTS.filter(lambda t: t and t != "tools"), VALUES, max_size=4), VALUES, TEXTS)
def test_reading_gives_back_what_was_written(head: dict[str, Any], value: Any, comment: str) -> None:
    tool = {"tool": "x", "input": value, "run": {"method": "GET", "url": "/x", "body": value}}
    file = head | {"tools": [tool, tool]}
    shown = comment if comment.isprintable() else ""
    assert read(writing.dump(file, shown)) == file


def test_lines_are_not_too_long() -> None:
    inputs = {f"name_{n}": {"type": "string", "required": False, "enum": ["value"] * 30} for n in range(9)}
    file = {"api": "x", "tools": [{"tool": "x_y", "input": inputs, "run": {"method": "GET", "url": "/y"}}]}
    text = writing.dump(file)
    assert max(map(len, text.splitlines())) <= writing.WIDTH
    assert read(text) == file


def test_each_tool_begins_where_it_is_said_to() -> None:
    tools = [{"tool": f"t{n}", "run": {"method": "GET", "url": f"/{n}"}} for n in range(3)]
    written = writing.document({"api": "x", "tools": tools}, "one\ntwo")
    lines = written.text.splitlines()
    assert [lines[at - 1] for at in written.lines] == [f"  - tool: t{n}" for n in range(3)]
