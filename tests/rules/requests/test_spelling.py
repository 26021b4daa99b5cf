"""A spelling with one reading is read; one with two is refused (THREATS H10-H18, P01-P03)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

GOOD_HOSTS = {
    "api.stripe.com": "api.stripe.com",
    "API.Stripe.COM": "api.stripe.com",
    "api.stripe.com.": "api.stripe.com",
    "localhost": "localhost",
    "_dmarc.example.com": "_dmarc.example.com",
    "r3---sn-4g5e.example": "r3---sn-4g5e.example",
    "xn--mnchen-3ya.de": "xn--mnchen-3ya.de",
    "127.0.0.1": "127.0.0.1",
    "1.example": "1.example",
    "[::1]": "[::1]",
    "[2001:DB8:0:0::1]": "[2001:db8::1]",
    "a" * 63 + ".example": "a" * 63 + ".example",
}

BAD_HOSTS = [
    "",
    ".",
    "a..b",
    ".a",
    "a..",
    "a.-b",
    "a-.b",
    "a b",
    " a",
    "a\t",
    "a\x00b",
    "a\nb",
    "a\x7f",
    "a\u2028b",
    "user@a",
    "a:80@b",
    "a\\@b",
    "a%40b",
    "%41.example",
    "//a",
    "a/b",
    "a#b",
    "a?b",
    "a;b",
    "a,b",
    "\uff21.example",
    "ⓔ.example",
    "a\u00ad.example",
    "a\u200d.example",
    "straße.de",
    "a。example",
    "a．example",
    "xn--.example",
    "xn--abc-.example",
    "xn--99999999.de",
    "xn--a\u00e4.de",
    "a" * 64,
    ("a" * 63 + ".") * 4,
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0o177.0.0.1",
    "127.1",
    "0",
    "127.0.0.01",
    "1.2.3.256",
    "4294967297",
    "1.2.3.4.5",
    "1.2.3",
    "a.0x",
    "a.1",
    "1.2.3.4..",
    "[a.example]",
    "[[::1]]",
    "[::1",
    "::1",
    "[::1]x",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[v1.x]",
    "[]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:1::1]",
    "[fe80::5efe:7f00:1]",
    "[fe80::200:5efe:7f00:1]",
    "[1.2.3.4]",
]


@pytest.mark.parametrize(("text", "canonical"), GOOD_HOSTS.items())
def test_host_is_read(text: str, canonical: str) -> None:
    assert spelling.host(text) == canonical
    assert spelling.host(canonical) == canonical


@pytest.mark.parametrize("text", BAD_HOSTS)
def test_host_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        spelling.host(text)


@pytest.mark.parametrize(
    ("text", "default", "read"),
    [
        ("a.example:443", None, ("a.example", 443)),
        ("a.example", 443, ("a.example", 443)),
        ("A.example.:8443", 443, ("a.example", 8443)),
        ("[::1]:8080", None, ("[::1]", 8080)),
        ("[::1]", 80, ("[::1]", 80)),
    ],
)
def test_authority_is_read(text: str, default: int | None, read: tuple[str, int]) -> None:
    assert spelling.authority(text, default) == read


@pytest.mark.parametrize(
    "port",
    [
        "",
        ":",
        ":0",
        ":00443",
        ":443443",
        ":65536",
        ":-1",
        ":+1",
        ":0x1bb",
        ":443 ",
        ": 443",
        ":٤٤٣",
        ":4_4",
        ":443:1",
        "x443",
    ],
)
def test_port_is_refused(port: str) -> None:
    for host in ("a.example", "[::1]"):
        with pytest.raises(Refused):
            spelling.authority(host + port)


def test_methods() -> None:
    assert spelling.method("PATCH") == "PATCH"
    assert spelling.method("PURGE", frozenset({"PURGE"})) == "PURGE"
    for text in ("get", "GET ", "", "GET:", "TRACE", "CONNECT", "PURGE", "PRI", "G\u0130T"):
        with pytest.raises(Refused):
            spelling.method(text)
    for never in ("TRACE", "TRACK", "CONNECT"):
        assert not spelling.is_method(never)
        with pytest.raises(Refused):
            spelling.method(never, frozenset({never}))


GOOD_PATHS = {
    "/": ("",),
    "/a": ("a",),
    "/a/": ("a", ""),
    "/a/b.json": ("a", "b.json"),
    "/A/b": ("A", "b"),
    "/%41%7e": ("A~",),
    "/a%2eb/c": ("a.b", "c"),
    "/a%20b": ("a b",),
    "/100%25": ("100%",),
    "/50%2520off": ("50%20off",),
    "/a%3Bb": ("a;b",),
    "/m%C3%BCnchen": ("münchen",),
    "/a/.well-known": ("a", ".well-known"),
    "/a/...": ("a", "..."),
    "/a/AC%EF%BC%8FDC": ("a", "AC\uff0fDC"),
    "/a/%E2%80%A6": ("a", "\u2026"),
    "/x@y:z,w=1+2": ("x@y:z,w=1+2",),
}

BAD_PATHS = [
    "",
    "a",
    "*",
    "//a",
    "/a//b",
    "//",
    "/a/../b",
    "/a/./b",
    "/..",
    "/.",
    "/a/..;/b",
    "/a/..%EF%BC%8Fb",
    "/a/%EF%BC%8E%EF%BC%8E/b",
    "/a/%E2%80%A5/b",
    "/a/..%EF%BC%BCb",
    "/a/..;x=y/b",
    "/%2e%2e/",
    "/.%2e/",
    "/%252e%252e/",
    "/a/%2e%2e;/b",
    "/a/%2e%2e%3b/b",
    "/a/..%3bx/b",
    "/a/..%20/b",
    "/%25252e%25252e/",
    "/a%00",
    "/a%0a",
    "/a\x00",
    "/a\n",
    "/a b",
    "/a\\b",
    "/a%5cb",
    "/a%255cb",
    "/a;jsessionid=1",
    "/a%252fb",
    "/a%252Fb",
    "/%c0%af",
    "/%c0%ae%c0%ae/",
    "/a%2f..%2fb",
    "/a%2f",
    "/a%2f%2fb",
    "/m\u00fcnchen",
    "/a#b",
    "/a%",
    "/a%4",
    "/a%zz",
    "/a?b",
    "/" + "a" * 8192,
    "http://a/b",
    "/%2525252525252525252541",
]


@pytest.mark.parametrize(("text", "segments"), GOOD_PATHS.items())
def test_path_is_read(text: str, segments: tuple[str, ...]) -> None:
    read = spelling.path(text)
    assert read.segments == segments
    assert not read.encoded
    assert spelling.path(read.canonical) == read


@pytest.mark.parametrize("text", BAD_PATHS)
def test_path_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        spelling.path(text)


def test_encoded_slash_is_marked() -> None:
    """Whether it may stand there is for the template to say."""
    read = spelling.path("/projects/group%2Fname/issues")
    assert read.segments == ("projects", "group/name", "issues")
    assert read.encoded == {1}
    assert spelling.path(read.canonical) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ()),
        ("a=1&b=2", (("a", "1"), ("b", "2"))),
        ("a=1&a=2", (("a", "1"), ("a", "2"))),
        ("a", (("a", ""),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a+b=c%20d+e", (("a b", "c d e"),)),
        ("a%5B%5D=1", (("a[]", "1"),)),
        ("a?b=1", (("a?b", "1"),)),
        ("a=1&&b=2&", (("a", "1"), ("b", "2"))),
        ("q=x%0Ay", (("q", "x\ny"),)),
        ("q=%3B", (("q", ";"),)),
    ],
)
def test_query_is_read(text: str, read: spelling.Pairs) -> None:
    assert spelling.query(text) == read
    assert spelling.query(spelling.canonical_pairs(read)) == read


@pytest.mark.parametrize(
    "text",
    [
        "a=1;a=2",
        "a=%zz",
        "a=%",
        "a=%f",
        "a=%00",
        "a%0a=1",
        "=1",
        "a=\x01",
        "a=b c",
        "a=#",
        "a=%ff",
        "a=ü",
        "a=\\",
        "&".join(["a=1"] * 1001),
    ],
)
def test_query_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        spelling.query(text)


PIECES = st.sampled_from(
    [
        "/",
        "a",
        "B",
        ".",
        "..",
        "%2e",
        "%2F",
        "%25",
        "%3b",
        ";",
        "\\",
        "%5c",
        "%41",
        "ü",
        "?",
        "&",
        "=",
        "+",
        " ",
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=20)))
def test_reading_a_target_twice_changes_nothing(text: str) -> None:
    try:
        read = spelling.target("/" + text)
    except Refused:
        return
    assert spelling.target(read.canonical) == read
    assert spelling.target(read.canonical).canonical == read.canonical


@given(
    st.one_of(
        st.text(max_size=30),
        st.from_regex(r"\A\[?[0-9a-fx.:-]{1,20}\]?\Z"),
        st.from_regex(r"\A[A-Z0-9.]{1,20}\Z"),
    )
)
def test_reading_a_host_twice_changes_nothing(text: str) -> None:
    try:
        read = spelling.host(text)
    except Refused:
        return
    assert read.isascii()
    assert spelling.host(read) == read


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("api.example.com", "api.example.com", True),
        ("api.example.com", "xapi.example.com", False),
        ("*.example.com", "api.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "apiexample.com", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "api.example.com.evil.org", False),
        ("*", "anything.at.all", True),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, name: str, expected: bool) -> None:
    assert spelling.covers(pattern, name) is expected
