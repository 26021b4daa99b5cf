"""What an agent gets of an answer whose fields and findings are redacted, however it was cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.detecting.detectors import NAMES
from wharfinger.rules.detecting.masking import LONGEST_KEY
from wharfinger.rules.redact.answer import AnswerRedactor, Wanted
from wharfinger.rules.redact.fields import FieldPath, Fields, Unredactable
from wharfinger.rules.redact.secrets import SecretSet

KEY = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
SECRETS = SecretSet.of({KEY: "STRIPE"})
NDJSON, EVENTS = "application/x-ndjson", "text/event-stream; charset=utf-8"


def fields(*paths: str, limit: int = 4096) -> Wanted:
    return Wanted(Fields(tuple(map(FieldPath.compile, paths)), limit, b"k" * 32))


def told(wanted: Wanted, parts: Iterable[bytes], content_type: str = "application/json") -> bytes:
    redactor = AnswerRedactor(SECRETS, wanted, content_type=content_type)
    return b"".join([*map(redactor.feed, parts), redactor.finish()])


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        ("$.v", "4111111111111111", "[redacted]"),
        ("mask $.v", {"a": [1]}, "[redacted]"),
        ("last4 $.v", "4111111111111234", "[redacted]1234"),
        ("last4 $.v", 4111111111111234, "[redacted]1234"),
        ("last4 $.v", "short-text", "[redacted]"),
        ("last4 $.v", True, "[redacted]"),
        ("last4 $.v", ["4111111111111234"], "[redacted]"),
        ("drop $.v", "gone", None),
    ],
)
def test_what_becomes_of_a_member(path: str, value: object, left: str | None) -> None:
    out = json.loads(told(fields(path), [json.dumps({"v": value, "w": 1}).encode()]))
    assert out == ({"w": 1} if left is None else {"v": left, "w": 1})


def test_a_hash_is_a_pseudonym_of_one_agent() -> None:
    body = [b'{"a":"alice@example.com","b":"alice@example.com","c":"bob@example.com"}']
    out = json.loads(told(fields("hash $.*"), body))
    assert out["a"] == out["b"] != out["c"]
    assert out["a"].startswith("[hash:")
    other = Wanted(Fields((FieldPath.compile("hash $.*"),), 4096, b"l" * 32))
    assert json.loads(told(other, body))["a"] != out["a"]
    assert "alice" not in str(out)


def test_without_a_key_a_hash_is_a_mask() -> None:
    wanted = Wanted(Fields((FieldPath.compile("hash $.a"),), 99))
    assert told(wanted, [b'{"a":"alice"}']) == b'{"a":"[redacted]"}'


def test_members_of_lists_are_dropped_each_from_its_place() -> None:
    assert told(fields("drop $.a[0,2]", "drop $.a[3]"), [b'{"a":[0,1,2,3,4]}']) == b'{"a":[1,4]}'


def test_the_entry_that_leaves_least_holds() -> None:
    for order in (("last4 $.v", "drop $.v", "hash $.v"), ("drop $.v", "hash $.v", "last4 $.v")):
        assert told(fields(*order), [b'{"v":"4111111111111234"}']) == b"{}"
    assert told(fields("last4 $..v", "$.v"), [b'{"v":"4111111111111234"}']) == b'{"v":"[redacted]"}'


def test_what_is_the_whole_document_cannot_be_dropped() -> None:
    assert told(fields("drop $"), [b'{"v":1}']) == b'"[redacted]"'


def test_an_alias_is_the_field_that_it_stands_for() -> None:
    """GraphQL lets the agent name what it gets; the path holds for the field."""
    aliases = {"u": frozenset({"user"}), "e": frozenset({"email", "name"})}
    body = b'{"data":{"u":{"e":"alice@example.com","id":1},"user":{"email":"bob@example.com"}}}'
    plain = FieldPath.compile("$.data.user.email")
    out = told(Wanted(Fields((plain,), 4096, aliases=aliases)), [body])
    assert out == b'{"data":{"u":{"e":"[redacted]","id":1},"user":{"email":"[redacted]"}}}'
    assert b"alice" in told(Wanted(Fields((plain,), 4096)), [body]), "it is the alias that does it"
    picky = FieldPath.compile('$.data.list[?(@.kind=="x")].email')
    aliases = {"k": frozenset({"kind"})}
    body = b'{"data":{"list":[{"k":"x","email":"alice@example.com"}]}}'
    assert b"alice" not in told(Wanted(Fields((picky,), 4096, aliases=aliases)), [body])


STREAMS = {
    NDJSON: b'{"v":"one","k":1}\n\n{"v":"two"}\r\n{"w":3}',
    EVENTS: (
        b'\xef\xbb\xbfevent: a\nid: 7\ndata: {"v":"one",\ndata: "k":1}\n\n: beat\n\ndata: [DONE]\r\n\r\n'
        b'data:{"v":"two"}\r\rretry: 5\n\n'
    ),
}
WRITTEN = {
    NDJSON: b'{"v":"[redacted]","k":1}\n\n{"v":"[redacted]"}\n{"w":3}',
    EVENTS: (
        b'event: a\nid: 7\ndata: {"v":"[redacted]","k":1}\n\n:\n\ndata: [DONE]\n\n'
        b'data: {"v":"[redacted]"}\n\nretry: 5\n\n'
    ),
}


@pytest.mark.parametrize("content_type", STREAMS)
def test_a_stream_of_documents_is_redacted_document_by_document(content_type: str) -> None:
    assert told(fields("$.v"), [STREAMS[content_type]], content_type) == WRITTEN[content_type]


@given(content_type=st.sampled_from(sorted(STREAMS)), places=st.lists(st.integers(0, 200), max_size=12))
@settings(max_examples=200, deadline=None)
def test_however_a_stream_is_cut_it_is_written_alike(content_type: str, places: list[int]) -> None:
    body = STREAMS[content_type]
    edges = [0, *sorted(place % len(body) for place in places), len(body)]
    parts = [body[start:end] for start, end in pairwise(edges)]
    assert told(fields("$.v"), parts, content_type) == WRITTEN[content_type]


def test_an_event_goes_out_as_soon_as_it_has_ended() -> None:
    redactor = AnswerRedactor(SECRETS, fields("$.v"), content_type=EVENTS)
    assert redactor.feed(b'data: {"v":1}\n') == b""
    assert redactor.feed(b"\n") == b'data: {"v":"[redacted]"}\n\n'
    assert redactor.waiting == 0


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b"{}"),
        ("text/html", b"{}"),
        ("application/xml", b"{}"),
        ("application/json", b"<html>"),
        ("application/json", b'{"v":1}{"v":2}'),
        (NDJSON, b'{"v":1} {"v":2}\n'),
        (NDJSON, b"not json\n"),
        (EVENTS, b"data: not json\n\n"),
        (EVENTS, b"data: [DONE] really\n\n"),
        ("application/json", b'{"v":"' + b"x" * 5000 + b'"}'),
        (NDJSON, b'{"v":"' + b"x" * 5000 + b'"}'),
        (EVENTS, b'data: {"v":"' + b"x" * 5000 + b'"}\n\n'),
    ],
)
def test_what_cannot_be_read_as_declared_is_withheld(content_type: str, body: bytes) -> None:
    with pytest.raises(Unredactable) as refused:
        told(fields("$.v"), [body], content_type)
    assert body.decode()[:12] not in str(refused.value) or body == b"{}"


def test_a_secret_that_comes_up_by_writing_anew_is_taken_out() -> None:
    """Half of its characters by number, half as they are: nothing that is looked for, until it is read."""
    mixed = "".join(f"\\u{ord(char):04x}" if place % 2 else char for place, char in enumerate(KEY))
    for content_type, body in (("application/json", b'{"k":"%b"}'), (NDJSON, b'{"k":"%b"}\n')):
        out = told(fields("$.v"), [body.replace(b"%b", mixed.encode())], content_type)
        assert b"[redacted:STRIPE]" in out
        assert KEY.encode() not in out


PERSONAL = (
    b'{"mail": "alice@example.com", "card": "4111 1111 1111 1111", "no": "4111 1111 1111 1112"}\n'
    b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"
    + b"MIIEx/+A\n" * 900
    + b"-----END RSA PRIVATE KEY-----\nafter +49 170 1234567 <SecretAccessKey>"
    + b"a1B2" * 10
    + b"</SecretAccessKey>"
)
MASKED = (
    b'{"mail": "[redacted:email]", "card": "[redacted:card]", "no": "4111 1111 1111 1112"}\n'
    b"[redacted:private_key]\nafter [redacted:phone] <[redacted:aws_secret_key]</SecretAccessKey>"
)


def test_what_detectors_find_is_masked_and_counted() -> None:
    redactor = AnswerRedactor(SECRETS, Wanted(detectors=NAMES), content_type="image/png")
    assert redactor.feed(PERSONAL) + redactor.finish() == MASKED
    assert redactor.findings == {"email": 1, "card": 1, "private_key": 1, "phone": 1, "aws_secret_key": 1}


@given(places=st.lists(st.integers(0, 10_000), max_size=40))
@settings(max_examples=150, deadline=None)
def test_however_it_is_cut_the_same_is_masked(places: list[int]) -> None:
    edges = [0, *sorted(place % len(PERSONAL) for place in places), len(PERSONAL)]
    parts = [PERSONAL[start:end] for start, end in pairwise(edges)]
    assert told(Wanted(detectors=NAMES), parts) == MASKED


def test_a_run_without_end_goes_on_after_so_many_bytes_wherever_it_is_cut() -> None:
    body = b"x" * 200_000 + b" alice@example.com " + b"y" * 70_000
    for size in (1_000, 65_536, len(body)):
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        redactor = AnswerRedactor(SECRETS, Wanted(detectors=frozenset({"email"})))
        assert b"".join([*map(redactor.feed, parts), redactor.finish()]) == body.replace(
            b"alice@example.com", b"[redacted:email]"
        )


def test_a_private_key_without_end_leaves_out_so_much_and_no_more() -> None:
    body = b"-----BEGIN PRIVATE KEY-----" + b"A" * LONGEST_KEY + b"after"
    for size in (999, len(body)):
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        assert told(Wanted(detectors=frozenset({"private_key"})), parts) == b"[redacted:private_key]after"


def test_detectors_see_what_fields_have_left() -> None:
    wanted = Wanted(Fields((FieldPath.compile("$.v"),), 4096), frozenset({"email"}))
    assert told(wanted, [b'{"v":"a@example.com","w":"b@example.com"}']) == (
        b'{"v":"[redacted]","w":"[redacted:email]"}'
    )
