# ruff: noqa: E501 -- tables of vectors are read by their rows
"""Attack classes H10 to H16: spellings of hosts and ports, where they decide where a request would go.

What policy compares is the canonical authority. A spelling is either that of the host that is meant, or
refused; none may become another host's, and none slip past a rule about it. On sockets the same classes
stand in `tests/addon/flow/test_hosts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

A, E = "api.example.com", "evil.example"


@dataclass(frozen=True)
class Class:
    """Spellings that must be refused, spellings that are a host's, and a bug that lets one of the former by."""

    refused: tuple[str, ...]
    taken: Mapping[str, tuple[str, int]]
    bug: tuple[str, Callable[[Any], Any]]


def lenient_authority(_: Any) -> Any:
    """What splits at the last colon and takes any digits."""

    def read(text: str, default: int | None = None) -> tuple[str, int]:
        name, _, port = text.rpartition(":")
        return (name or text).rpartition("@")[2].lower(), int(port) if port.isdigit() else default or 443

    return read


def lenient_host(_: Any) -> Any:
    """What lowers a name and takes off dots and brackets."""
    return lambda text: text.lower().strip(".[]")


CLASSES: Mapping[str, Class] = {
    "H10 ports": Class(
        (f"{A}:0", f"{A}:00443", f"{A}:443443", f"{A}:-1", f"{A}:0x1bb", f"{A}:443 ", f"{A}: 443", f"{A}:٤٤٣",
         f"{A}:+443", f"{A}:4_43", f"{A}:65536", f"{A}:443:443", f"{A}::443", f"{A}:https", f"{A}:", f"{A}:4.43",
         f"{A}:443\t", f"{A}:４４３", ":443", ""),
        {A: (A, 443), f"{A}:443": (A, 443), f"{A}:53": (A, 53), f"{A}:65535": (A, 65535)},
        ("authority", lenient_authority),
    ),
    "H11 dots": Class(
        ("..", ".", f"{A}..", f".{A}", f"api..{E}", f"{A}...", f"..{A}"),
        {f"{A}.": (A, 443), f"{E}.": (E, 443), f"{A}.:443": (A, 443)},
        ("host", lenient_host),
    ),
    "H12 brackets": Class(
        (f"[{A}]", f"[[{A}]]", "[[::1]]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1%25eth0]",
         "[fe80::1%eth0]", "[v1.x]", "[]", "[", "]", "[::1", "::1", "[127.0.0.1]", f"[{A}", f"{A}]", "[::1]x"),
        {"[::1]": ("[::1]", 443), "[2001:db8:0::1]:8443": ("[2001:db8::1]", 8443)},
        ("host", lenient_host),
    ),
    "H13 controls": Class(
        tuple(f"{E}{c}.{A}" for c in "\x00\t\r\n\x0b\x0c\x1f\x7f\x85\xa0\u2028\u2029 \u3000")
        + tuple(f"{A}{c}" for c in "\x00\t\r\n\x0b\x0c\x1f\x7f\x85\xa0\u2028\u2029 \u3000"),
        {A: (A, 443)},
        ("host", lenient_host),
    ),
    "H15 user-info": Class(
        (f"{A}@{E}", f"{A}:80@{E}", f"{A}\\@{E}", f"{A}%40{E}", f"//{A}@{E}", f"{A}#@{E}", f"{A}?@{E}", f"{A};@{E}",
         f"{A} &@{E}# @x", f"{A}:80\\@@{E}", f"{A}/", f"{A}/@{E}", f"{A},{E}", f"{A}&{E}", f"{A}|{E}", f"u:p@{A}",
         f"@{A}", f"{A}@", f"{A}\\.{E}", f"{A}$@{E}"),
        {A: (A, 443)},
        ("authority", lenient_authority),
    ),
    "H16 alphabets": Class(
        (f"%41{A}", "%61pi.example.com", "Ａpi.example.com", "ⓐpi.example.com", "a\u00adpi.example.com",
         "a\u200dpi.example.com", "a\u200cpi.example.com", "straße.example", "api。example.com", "api．example.com",
         "xn--api-.example.com", "xn--.example.com", "аpi.example.com", "-a.example.com",
         "a-.example.com", "a" * 64 + ".example.com", ".".join(["a" * 60] * 5), "a*b.example.com", "*.example.com",
         "api example.com", "api!.example.com", "é.example.com"),
        {A.upper(): (A, 443), "xn--bcher-kva.example": ("xn--bcher-kva.example", 443), "_dmarc.example.com": ("_dmarc.example.com", 443)},
        ("host", lenient_host),
    ),
}  # fmt: skip


def read(text: str) -> tuple[str, int] | None:
    """Host and port, or None where the spelling is refused."""
    try:
        return spelling.authority(text, 443)
    except Refused:
        return None


@pytest.mark.parametrize("name", CLASSES)
def test_no_spelling_slips_by(name: str) -> None:
    assert {text: read(text) for text in CLASSES[name].refused if read(text) is not None} == {}


@pytest.mark.parametrize("name", CLASSES)
def test_a_host_in_another_spelling_is_that_host(name: str) -> None:
    taken = CLASSES[name].taken
    assert {text: read(text) for text in taken} == taken


@pytest.mark.parametrize("name", CLASSES)
def test_with_the_line_broken_that_keeps_it_a_spelling_slips_by(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attribute, make = CLASSES[name].bug
    monkeypatch.setattr(spelling, attribute, make(getattr(spelling, attribute)))
    assert [text for text in CLASSES[name].refused if read(text) is not None]


# H14: a suffix is not the host

PATTERNS = {
    A: {A: True, f"evil{A}": False, f"{A}.{E}": False, f"{A}-{E}": False, f"x{A}": False, "example.com": False,
        f"x.{A}": False},
    "*.example.com": {A: True, "example.com": False, "xexample.com": False, f"example.com.{E}": False,
                      "a.b.example.com": False, f"api-example.com.{E}": False},
    "*": {A: True, E: True},
}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_h14_a_pattern_is_about_whole_labels(pattern: str) -> None:
    said = {name: spelling.covers(pattern, name) for name in PATTERNS[pattern]}
    assert said == PATTERNS[pattern]


def test_h14_a_comparison_of_suffixes_would_be_seen() -> None:
    wrong = {name: name.endswith(A) for name in PATTERNS[A]}
    assert wrong != PATTERNS[A]
