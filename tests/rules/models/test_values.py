"""Durations, sizes, hosts and endpoints are read as documented, and spelled as they are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from wharfinger.rules.models.values import (
    duration,
    endpoint,
    host,
    host_pattern,
    pattern,
    size,
    spelled_duration,
    spelled_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("50s", 50), ("15m", 900), ("1h", 3600), ("2d", 172_800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)
    assert spelled_duration(duration(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0s", "05s", "1.5h", "-1s", "1 h", "1H", "1min", "50", "1h30m", "1e3s", "9" * 10 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "count"), [("512B", 512), ("64KiB", 65_536), ("32MiB", 1 << 25), ("1GiB", 1 << 30)]
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count
    assert spelled_size(count) == text


@pytest.mark.parametrize(
    "text", ["", "0B", "1", "1KB", "1MB", "1M", "1.5MiB", "-1B", "1 MiB", "01KiB", "1mib"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a size"):
        size(text)


@given(st.integers(1, 10**12 - 1), st.integers(1, 10**9 - 1))
def test_spelling_is_read_back(count: int, thousandths: int) -> None:
    span = timedelta(milliseconds=thousandths)
    assert size(spelled_size(count)) == count
    assert duration(spelled_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("*.Example.com", "*.example.com"),
        ("*", "*"),
    ],
)
def test_hosts(text: str, plain: str) -> None:
    assert host_pattern(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "https://a.b",
        "a.b/c",
        "a.b:443",
        "*.*.a.b",
        "a.*.b",
        "a..b",
        "bücher.example",
        "a.b?",
        "user@a.b",
        "::1",
    ],
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a host"):
        host_pattern(text)


def test_a_pattern_is_no_host() -> None:
    with pytest.raises(PydanticCustomError):
        host("*.a.b")


@pytest.mark.parametrize(
    ("text", "written"),
    [("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:0", "[::1]:0"), ("LocalHost:65535", "localhost:65535")],
)
def test_endpoints(text: str, written: str) -> None:
    assert str(endpoint(text)) == written


@pytest.mark.parametrize(
    "text", ["", "8080", "localhost", ":8080", "a.b:", "a.b:65536", "a.b:x", "a.b:-1", "::1:80", "a.b:８０"]
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        endpoint(text)


GOOD = ["BEGIN [A-Z ]*PRIVATE KEY", r"\d+"]
BAD = ["(", "(?=x)", r"(a)\1", "x{1,2000}"]


@pytest.mark.parametrize(("text", "good"), [*((p, True) for p in GOOD), *((p, False) for p in BAD)])
def test_patterns_are_those_of_re2(text: str, good: bool) -> None:
    if good:
        assert pattern(text) == text
    else:
        with pytest.raises(PydanticCustomError, match="is not a pattern"):
            pattern(text)
