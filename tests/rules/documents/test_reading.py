"""YAML is read strictly: what can be read in two ways is refused where it stands, with a remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.documents import reading as documents
from wharfinger.rules.documents.nodes import MappingNode, SequenceNode, locate
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.documents.reading import Source, flow_list, read
from wharfinger.rules.models.base import plain


def read_text(text: str | bytes) -> tuple[MappingNode | None, Problems]:
    problems = Problems()
    return read(Source("f.yaml", text.encode() if isinstance(text, str) else text), problems), problems


def told(text: str | bytes) -> list[str]:
    """What is wrong with a text: `line:column message`, and the hint behind a bar."""
    return [
        f"{p.position}: {p.message} | {p.hint}".removeprefix("f.yaml:") for p in read_text(text)[1].errors
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("a: {b: [x, {c: d}], e: []}", {"a": {"b": ["x", {"c": "d"}], "e": []}}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: >-\n  x\n  y\n", {"a": "x y"}),
        ("a:\nb: ~\nc: null", {"a": None, "b": None, "c": None}),
        ("a: \"no\"\nb: '12:30'", {"a": "no", "b": "12:30"}),
        ("1: a\ntrue: b\nno: c\n2026-01-01: d", {"1": "a", "true": "b", "no": "c", "2026-01-01": "d"}),
        ("a: 2026-01-14T12:00+01:00", {"a": "2026-01-14T12:00+01:00"}),
        ("a: ${x}\nb: ü€😀", {"a": "${x}", "b": "ü€😀"}),
        ("? a\n: 1", {"a": 1}),
        ('"a b": 1', {"a b": 1}),
        ("{}", {}),
    ],
)
def test_what_has_one_reading_is_read(text: str, expected: dict[str, Any]) -> None:
    document, problems = read_text(text)
    assert list(problems) == []
    assert plain(document) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb:\n  a: 1\n  a: 2\n", ['4:3: duplicate key "a" | it stands in line 3 already: keep one of them']),  # noqa: E501
        ("a: 1\n'a': 2", ['2:1: duplicate key "a" | it stands in line 1 already: keep one of them']),
        ("a: !!str 1", ['1:4: the tag "tag:yaml.org,2002:str" is not allowed | quote the value if it is meant as text']),  # noqa: E501
        ("a: !!python/object/apply:os.system [x]",
         ['1:4: the tag "tag:yaml.org,2002:python/object/apply:os.system" is not allowed'
          " | quote the value if it is meant as text"]),
        ("a: ! x", ['1:4: the tag "!" is not allowed | quote the value if it is meant as text']),
        ("a: &x 1\nb: *x", ['1:4: the anchor "&x" is not allowed | write the value out where it is used',
                            '2:4: the alias "*x" is not allowed | write the value out']),
        ("a:\n  <<: {b: 1}", ['2:3: the merge key "<<" is not allowed | write the entries out']),
        ("a: no", ['1:4: "no" may be read as a yes or no | quote it if it is text: "no"; else write false']),
        ("a: [x, ON]", ['1:8: "ON" may be read as a yes or no | quote it if it is text: "ON"; else write true']),  # noqa: E501
        ("a: 12:30", ['1:4: "12:30" may be read as a time or a number to the base 60'
                      ' | quote it if it is text: "12:30"']),
        ("a: 0123", ['1:4: "0123" may be read as an octal, hex or binary number | quote it if it is text: "0123"']),  # noqa: E501
        ("a: .inf", ['1:4: ".inf" may be read as a number that is not finite | quote it if it is text: ".inf"']),  # noqa: E501
        ("a: 1\n---\nb: 2", ["2:1: a second document begins here | use one file for each; remove `---`"]),
        ("- a", ["1:1: expected a mapping at the top of the file | write `key: value` lines"]),
        ("just text", ["1:1: expected a mapping at the top of the file | write `key: value` lines"]),
        ('""', ["1:1: expected a mapping at the top of the file | write `key: value` lines"]),
        ("[a, b]: 1", ["1:1: a key must be a single text | quote it if it has brackets or braces"]),
        ("? {a: 1}\n: 2", ["1:3: a key must be a single text | quote it if it has brackets or braces"]),
        ('"": 1', ["1:1: a key is empty | "]),
    ],
)  # fmt: skip
def test_what_has_two_readings_is_refused_where_it_stands(text: str, expected: list[str]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("a:\n\tb: 1", "2:1", "indent with spaces, not with tabs"),
        (": 1", "1:1", "check the indentation, and that quotes and brackets are closed"),
        ("a: 1\n b: 2", "2:3", "quote the value if it contains `: `, or check the indentation"),
        ("a: b: c", "1:5", "quote the value if it contains `: `, or check the indentation"),
        ("a: @b", "1:4", "quote values that begin with @, ` or %"),
        ("a: `b`", "1:4", "quote values that begin with @, ` or %"),
        ("a: [1, 2\nb: 3", "2:2", ""),
        ("body: {title: ${title}, x: 1}", "1:16", 'inside {…} and […] a variable needs quotes: "${name}"'),
        ('a: "x', "1:6", ""),
        ("a: *", "1:5", ""),
        ("a: 1\n%x\n", "2:3", ""),
        ("a: }", "1:4", "check the indentation, and that quotes and brackets are closed"),
    ],
)
def test_broken_syntax_is_told_with_its_place_and_a_remedy(text: str, where: str, hint: str) -> None:
    (problem,) = read_text(text)[1].errors
    assert f"{problem.position}".removeprefix("f.yaml:") == where
    assert problem.message.startswith("not YAML: ")
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "f.yaml: error: the file is empty\n  hint: write its keys, or remove the file"),
        (b"# only a comment\n", "f.yaml: error: the file is empty\n  hint: write its keys, or remove the file"),  # noqa: E501
        (b"---\n", "f.yaml: error: the file is empty\n  hint: write its keys, or remove the file"),
        (b"~", "f.yaml: error: the file is empty\n  hint: write its keys, or remove the file"),
        (b"a: \xff", "f.yaml:1:4: error: not UTF-8\n  hint: save the file with the encoding UTF-8"),
        ("a: 1".encode("utf-16"), "f.yaml:1:1: error: not UTF-8\n  hint: save the file with the encoding UTF-8"),  # noqa: E501
        ("a: 1".encode("utf-16-le"), "f.yaml:1:2: error: control character U+0000\n  hint: remove it"),
        (b"a: 1\nb: \x00", "f.yaml:2:4: error: control character U+0000\n  hint: remove it"),
        ("a: 1\nä\x1b".encode(), "f.yaml:2:2: error: control character U+001B\n  hint: remove it"),
        (b"a: \xed\xa0\x80", "f.yaml:1:4: error: not UTF-8\n  hint: save the file with the encoding UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused(content: bytes, expected: str) -> None:
    document, problems = read_text(content)
    assert document is None
    assert [str(problem) for problem in problems] == [expected]


def test_a_file_of_more_than_5_mb_is_refused_unread() -> None:
    document, problems = read_text(b"a: [" + b"x, " * (documents.MAX_BYTES // 3) + b"]")
    assert document is None
    assert [p.hint for p in problems] == ["split it"]
    assert "more than 5242880" in str(next(iter(problems)))


@pytest.mark.parametrize("bracket", ["[", "{a: "])
def test_depth_is_bounded(bracket: str) -> None:
    closing = {"[": "]", "{a: ": "}"}[bracket]
    deepest = documents.MAX_DEPTH - 1  # the mapping at the top is one of them
    assert told("x: " + bracket * deepest + closing * deepest) == []
    (problem,) = told("x: " + bracket * 40 + closing * 40)
    assert problem == f"1:{4 + deepest * len(bracket)}: nested more than 32 levels deep | "
    assert len(told("x: " + bracket * 100_000)) == 1


def test_the_number_of_values_is_bounded() -> None:
    (problem,) = told("a: [" + "x," * (documents.MAX_NODES + 10) + "]")
    assert "more than 500000 values in one file" in problem


def test_aliases_are_never_expanded() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    document, problems = read_text(bomb)
    assert document is not None
    assert document["a11"] == [None] * 9
    assert len(problems.errors) == 12 + 11 * 9


def test_all_problems_of_a_file_are_found_at_once() -> None:
    text = "a: no\na: 1\nb: &x 2\nc: *x\nd: !t 3\ne: 0o17\nf:\n  - 1_000\n"
    assert [line.split(": ", 1)[0] for line in told(text)] == [
        "1:4",
        "2:1",
        "3:4",
        "4:4",
        "5:4",
        "6:4",
        "8:5",
    ]


def test_every_value_and_key_knows_its_place() -> None:
    document, _ = read_text("a:\n  - x\n  - b: 1\n    c: {d: e}\n")
    assert isinstance(document, MappingNode)
    for path, value, key in [
        ((), "1:1", "1:1"),
        (("a",), "2:3", "1:1"),
        (("a", 0), "2:5", "2:5"),
        (("a", 1), "3:5", "3:5"),
        (("a", 1, "b"), "3:8", "3:5"),
        (("a", 1, "c", "d"), "4:12", "4:9"),
        (("a", 1, "absent"), "3:5", "3:5"),
        (("a", 7, "x"), "2:3", "2:3"),
    ]:
        assert str(locate(document, path)) == f"f.yaml:{value}"
        assert str(locate(document, path, key=True)) == f"f.yaml:{key}"


def test_a_part_of_a_document_keeps_its_places() -> None:
    document, _ = read_text("a: 1\nb: [x, y, z]\n")
    assert isinstance(document, MappingNode)
    part = document.only(lambda key: key == "b")
    assert (part, str(locate(part, ("b",)))) == ({"b": ["x", "y", "z"]}, "f.yaml:2:4")
    items = part["b"]
    assert isinstance(items, SequenceNode)
    rest = items.only(lambda index: index != 0)
    assert (rest, str(locate(rest, (1,)))) == (["y", "z"], "f.yaml:2:11")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("[/usr/bin/op, read, op://ci/token]", ["/usr/bin/op", "read", "op://ci/token"]),
        ("[]", []),
        ("[\"a, b\", 'no']", ["a, b", "no"]),
        ("[a, [b]]", None),
        ("[a, 1]", None),
        ("[a, no]", None),
        ("[a", None),
        ("a, b", None),
        ("{a: b}", None),
        ("", None),
    ],
)
def test_a_list_inside_a_text_is_read_by_the_same_rules(text: str, items: list[str] | None) -> None:
    assert flow_list(text) == items


ODD = st.sampled_from([*"ab: \n{}[]'\"&*!|>%#?,01._~\t\x00\ufeff", "- ", "<<", "---", "...", "no", "  "])


@given(
    st.one_of(st.binary(max_size=200), st.lists(ODD, max_size=40).map(lambda parts: "".join(parts).encode()))
)
def test_any_bytes_are_a_document_or_problems(content: bytes) -> None:
    document, problems = read_text(content)
    assert document is not None or problems.errors
    assert all(problem.position.file == "f.yaml" for problem in problems)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=5)
KEYS = TEXTS.filter(bool)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSONS, max_size=4))
def test_json_reads_as_itself(value: dict[str, Any]) -> None:
    document, problems = read_text(json.dumps(value, ensure_ascii=False))
    assert list(problems) == []
    assert plain(document) == value


def test_problems_name_the_file_they_are_in() -> None:
    problems = Problems()
    read(Source("tools/x.yaml", b"a: no"), problems)
    assert problems.errors[0].position == Position("tools/x.yaml", 1, 4)
