"""Text templates: what is written is what is read, and what can be split in two ways is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools import template
from wharfinger.rules.tools.template import TemplateError, Variable


@pytest.mark.parametrize(
    ("source", "text", "values"),
    [
        ("", "", {}),
        ("a", "a", {}),
        ("${x}", "a", {"x": "a"}),
        ("${x}", "a-b", {"x": "a-b"}),
        ("a-${x}", "a-b", {"x": "b"}),
        ("${x}.json", "a.json", {"x": "a"}),
        ("${x}.json", "a.json.json", {"x": "a.json"}),
        ("${x}.${y}", "a.b", {"x": "a", "y": "b"}),
        ("v${x}-${y}z", "v1-2z", {"x": "1", "y": "2"}),
        ("${base}...${head}", "main...topic", {"base": "main", "head": "topic"}),
        ("$${x}", "${x}", {}),
        ("$$${x}", "$${x}", {}),
        ("$filter", "$filter", {}),
        ("${x}:run", "m:run", {"x": "m"}),
    ],
)
def test_read(source: str, text: str, values: dict[str, str]) -> None:
    read = template.text(source)
    assert read.read(text) == values
    assert read.write(values) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a", "b"),
        ("a", "a "),
        ("a", ""),
        ("${x}", ""),
        ("a-${x}", "a-"),
        ("a-${x}", "b-c"),
        ("${x}.json", ".json"),
        ("${x}.json", "a.xml"),
        ("${x}.${y}", "ab"),
        ("${x}.${y}", "a."),
        ("${x}.${y}", ".b"),
        ("a${x}a", "aa"),
        ("a${x}a", "a"),
    ],
)
def test_other_constants_do_not_fit(source: str, text: str) -> None:
    assert template.text(source).read(text) is None
    assert not template.text(source).fits(text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("${x}.${y}", "a.b.c"),
        ("${base}...${head}", "a...b...c"),
        ("${base}...${head}", "a....b"),
        ("${x}-${y}-${z}", "a-b-c-d"),
    ],
)
def test_two_splits_are_refused(source: str, text: str) -> None:
    assert template.text(source).fits(text)
    with pytest.raises(Refused):
        template.text(source).read(text)


@pytest.mark.parametrize(
    "source",
    [
        "${",
        "${}",
        "${x",
        "${1}",
        "${x y}",
        "${x:other}",
        "${x..}",
        "${a}${b}",
        "${a}-${a}",
        "${ x }",
        "a${x}${y}b",
        "${x.y}",
    ],
)
def test_templates_that_cannot_be(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        template.text(source)
    assert source in str(caught.value)
    assert caught.value.hint


def test_forms_for_paths() -> None:
    assert template.text("${x...}").single == Variable("x", rest=True)
    assert template.text("${x:encoded}").single == Variable("x", encoded=True)
    for source in ("${x...}", "${x:encoded}"):
        with pytest.raises(TemplateError):
            template.value_text(source)


def test_shape_leaves_out_names_only() -> None:
    shapes = {
        template.text(s).shape
        for s in ("${x}", "a${x}", "${x}a", "${x...}", "${x:encoded}", "a", "$${x}", "$${}")
    }
    assert len(shapes) == 8
    assert template.text("a${x}").shape == template.text("a${y}").shape


LETTERS = st.text(alphabet="ab-.", min_size=1, max_size=4)


@given(
    st.lists(st.sampled_from(["${x}", "${y}", "${z}", "-", ".", "ab"]), max_size=6), LETTERS, LETTERS, LETTERS
)
def test_what_is_read_is_what_was_written_or_it_is_refused(parts: list[str], x: str, y: str, z: str) -> None:
    try:
        read = template.text("".join(parts))
    except TemplateError:
        return
    values = {"x": x, "y": y, "z": z}
    used = {v.name: values[v.name] for v in read.variables}
    try:
        assert read.read(read.write(values)) == used
    except Refused:
        assert len(used) > 1
