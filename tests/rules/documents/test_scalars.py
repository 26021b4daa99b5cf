"""Unquoted scalars mean what every reader of YAML takes them for, or are errors."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.documents.scalars import resolve

AT = Position("f.yaml", 1, 1)


def resolved(text: str) -> tuple[Any, Problems]:
    problems = Problems()
    return resolve(text, AT, problems), problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None),
        ("true", True), ("True", True), ("TRUE", True), ("false", False),
        ("0", 0), ("-0", 0), ("7", 7), ("+7", 7), ("-12", -12),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
        ("0.5", 0.5), ("-1.25", -1.25), ("1e3", 1000.0), ("1.5E-2", 0.015),
        ("text", "text"), ("nope", "nope"), ("yesterday", "yesterday"), ("only", "only"),
        ("2026-01-14", "2026-01-14"), ("2026-01-14T12:00Z", "2026-01-14T12:00Z"),
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1:8080", "127.0.0.1:8080"), ("10.0.0.0/8", "10.0.0.0/8"),
        ("50s", "50s"), ("32MiB", "32MiB"), ("1.2.3", "1.2.3"), ("-", "-"), ("+x", "+x"), ("...", "..."),
        ("20/hour", "20/hour"), ("0x", "0x"), ("https://a.example", "https://a.example"),
    ],
)  # fmt: skip
def test_what_all_readers_agree_on(text: str, value: object) -> None:
    got, problems = resolved(text)
    assert list(problems) == []
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("yes", "a yes or no"), ("No", "a yes or no"), ("ON", "a yes or no"), ("off", "a yes or no"),
        ("12:30", "base 60"), ("1:20:30", "base 60"), ("8080:8080", ""), ("190:20:30.15", "base 60"),
        ("0123", "octal"), ("00", "octal"), ("0o17", "octal"), ("0x1F", "octal"), ("0b101", "octal"),
        ("08", "octal"), ("1_000", "with `_`"), ("1.", "bare dot"), (".5", "bare dot"), ("-.5", "bare dot"),
        (".inf", "not finite"), ("-.INF", "not finite"), (".NaN", "not finite"),
        ("1e999", "not a finite number"), ("9223372036854775808", "64 bits"), ("9" * 400, "64 bits"),
        ("1_0.5", "with `_`"),
    ],
)  # fmt: skip
def test_what_readers_differ_on_is_an_error(text: str, what: str) -> None:
    _, problems = resolved(text)
    if not what:
        assert list(problems) == []
        return
    (problem,) = problems.errors
    assert what in problem.message
    assert "quote it" in problem.hint


@given(st.text(alphabet="0123456789+-._:eExXoObBaAfFnNyYsSiITtrRuUlL~", max_size=12))
def test_no_scalar_is_silently_something_else_for_a_yaml_11_reader(text: str) -> None:
    """Where PyYAML (1.1) reads something other than a text, and not what we read, it is an error."""
    got, problems = resolved(text)
    if problems.errors or text.strip() != text:
        return
    try:
        other = yaml.safe_load(f"[{text}]") if text else [None]
    except (yaml.YAMLError, ValueError):
        return
    if len(other) == 1 and isinstance(other[0], bool | int | float):
        assert other[0] == got, text
