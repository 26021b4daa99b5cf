"""What is read as an address has one reading; every other spelling is an error, never another answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.rules.conditions.addresses import NoAddress, domain, email, inside, network

TEN = (network("10.0.0.0/8"), network("fd00::/8"))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.com", "example.com"),
        ("Example.COM.", "example.com"),
        ("example.com:8080", "example.com"),
        ("https://API.example.com/a?b@c#d", "api.example.com"),
        ("https://example.com", "example.com"),
        ("https://example.com?x=//y", "example.com"),
        ("wss://example.com:443/", "example.com"),
        ("git+ssh://example.com/x", "example.com"),
        ("alice@Example.com", "example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://[2001:DB8::1]:443/", "[2001:db8::1]"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_domain(text: str, host: str) -> None:
    assert domain(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a b", "https://", "https:///x", "https://good.example@evil.example/", "https://a:b@evil.example",
        "https://evil.example\\@good.example", "https://good.example\\.evil.example", "https://bücher.example",
        "Alice <alice@example.com>", "a@b@c.example", "alice@", "@example.com", "a@localhost",
        "mailto:a@b.example", "https://0x7f.1/", "https://127.1/", "https://2130706433/",
        "https://[::ffff:127.0.0.1]/", "example.com/x",
        "https://example.com:99999/", "//example.com/x", "https:example.com", "example..com", "-a.example",
        "https://example.com\n.evil.example/", "http://" + "a" * 9000 + ".example", "a%2eb.example",
        "https://good.example/a b", "https://good.example/\u00e9", "https://good.example/\\evil", "https://good.example/\t",
    ],
)  # fmt: skip
def test_what_has_no_domain_or_two(text: str) -> None:
    with pytest.raises(NoAddress) as raised:
        domain(text)
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("alice@example.com", True),
        ("a.b+c-d_e@mail.example.co.uk", True),
        ("o'hara@example.com", True),
        ("alice@EXAMPLE.com", True),
        ("alice@example.com.", False),
        ("alice@localhost", False),
        ("alice@10.0.0.1", False),
        ("alice@[10.0.0.1]", False),
        ("Alice <alice@example.com>", False),
        ("alice@example.com, bob@example.com", False),
        ("alice@example.com\nBcc: eve@evil.example", False),
        ('"a b"@example.com', False),
        (".alice@example.com", False),
        ("alice.@example.com", False),
        ("a..b@example.com", False),
        ("a@b@example.com", False),
        ("älice@example.com", False),
        ("@example.com", False),
        ("alice", False),
        ("", False),
        ("a" * 65 + "@example.com", False),
        ("a@" + "b" * 60 + ("." + "c" * 60) * 4, False),
    ],
)
def test_email(text: str, plain: bool) -> None:
    assert email(text) is plain


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("fd12::1", True),
        ("[fd12::1]", True),
        ("2001:db8::1", False),
        ("internal.example", False),
        ("10.example", False),
    ],
)
def test_inside(text: str, within: bool) -> None:
    assert inside(text, TEN) is within


@pytest.mark.parametrize(
    "text",
    ["10.1", "0x0a.0.0.1", "167772161", "010.0.0.1", "10.0.0.256", "::ffff:10.0.0.1", "::ffff:a00:1",
     "64:ff9b::a00:1", "10.0.0.1:80", "10.0.0.1/8", "fd12::1%eth0", "１０.0.0.1", "", " 10.0.0.1", "http://10.0.0.1/"],
)  # fmt: skip
def test_other_spellings_of_addresses_are_errors(text: str) -> None:
    with pytest.raises(NoAddress):
        inside(text, TEN)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "x/8", "", "10.0.0.0/255.0.0.0/1"])
def test_networks(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        network(text)


@given(st.text(max_size=60))
def test_any_text_has_a_domain_or_none(text: str) -> None:
    assert email(text) in {True, False}
    try:
        found = domain(text)
    except NoAddress:
        return
    assert domain(found) == found
