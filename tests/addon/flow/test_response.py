"""What of a response's head the agent is given."""

from __future__ import annotations

import pytest
from mitmproxy import http
from wharfinger.flow.response import Incoming
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.types import ResponseRules

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
KNOWN = SecretSet.of({SECRET: "KEY"})


class Full:
    """Room for nothing: a head takes none."""

    def take(self, size: int) -> bool:
        return False

    def give_back(self, size: int) -> None:
        raise AssertionError("nothing was taken")


def begun(fields: list[tuple[bytes, bytes]], reason: bytes = b"OK") -> tuple[http.Response, Incoming]:
    incoming = Incoming(
        ResponseRules(cookies=False), KNOWN, decision_id="d_1", method="GET", http_version="HTTP/1.1",
        parse_limit=1024, room=Full(),
    )  # fmt: skip
    response = http.Response(b"HTTP/1.1", 200, reason, http.Headers(fields), None, None, 0.0, None)
    return incoming.begin(response, end_stream=True), incoming


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Key", SECRET.encode()),
        (b"X-Key", b"Bearer " + SECRET.encode() + b" and more"),
        (b"X-" + SECRET.encode(), b"1"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_secret_is_taken_out_of_any_field_and_the_others_stay(
    name: bytes, value: bytes, place: int
) -> None:
    fields = [(b"Server", b"nginx"), (b"X-Caf\xe9", b"\xff\xfe")]
    fields.insert(place, (name, value))
    head, incoming = begun(fields)
    assert SECRET.encode() not in b"".join(part for field in head.headers.fields for part in field)
    assert incoming.findings == {"KEY": 1}
    assert [field for field in fields if field != (name, value)] == [
        field for field in head.headers.fields if field in fields
    ]


def test_two_halves_of_a_secret_in_two_fields_are_none() -> None:
    fields = [(b"X-One", SECRET[:14].encode()), (SECRET[14:].encode(), b"2")]
    head, incoming = begun(fields)
    assert list(head.headers.fields[:2]) == fields
    assert incoming.findings == {}


def test_a_secret_in_the_reason_phrase_is_taken_out() -> None:
    head, incoming = begun([], reason=SECRET.encode())
    assert head.data.reason == b"[redacted:KEY]"
    assert incoming.findings == {"KEY": 1}
