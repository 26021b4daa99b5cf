"""No secret comes through, however it is spelled, and nothing else is touched."""

import base64
import string
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact import matcher
from wharfinger.rules.redact.forms import forms
from wharfinger.rules.redact.secrets import SecretSet

STRIPE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
SECRETS = SecretSet.of({STRIPE: "STRIPE", GITHUB: "GITHUB"})


def test_every_form_is_replaced_by_the_mask() -> None:
    for form in forms(STRIPE):
        data, findings = SECRETS.redact(b"<" + form + b">")
        assert (data, findings) == (b"<[redacted:STRIPE]>", {"STRIPE": 1}), form


def test_what_is_no_secret_passes_byte_for_byte() -> None:
    body = bytes(range(256)) * 40 + STRIPE[:-1].encode()
    assert SECRETS.redact(body) == (body, {})


def test_the_placeholder_of_the_agent_stands_in_the_secrets_place() -> None:
    own = SECRETS.shown_as({"STRIPE": "sk_test_ph", "OTHER": "x"})
    assert own.redact(STRIPE.encode() + GITHUB.encode())[0] == b"sk_test_ph[redacted:GITHUB]"
    assert SECRETS.redact(STRIPE.encode())[0] == b"[redacted:STRIPE]", "the set itself has not changed"


def test_a_secret_that_begins_another_does_not_cut_it() -> None:
    secrets = SecretSet.of({"abcdefgh": "SHORT", "abcdefghijkl": "LONG", "abcdefghijklmnop": "LONGER"})
    assert secrets.redact(b"abcdefghijklmnop abcdefghijklm abcdefghijk")[0] == (
        b"[redacted:LONGER] [redacted:LONG]m [redacted:SHORT]ijk"
    )


def test_the_leftmost_of_two_overlapping_secrets_wins() -> None:
    secrets = SecretSet.of({"abcdefghij": "LEFT", "ghijklmnop": "RIGHT"})
    assert secrets.redact(b"abcdefghijklmnop")[0] == b"[redacted:LEFT]klmnop"


def test_a_false_start_inside_a_head_does_not_hide_a_secret() -> None:
    secrets = SecretSet.of({"aaaaaaaaaaaaaaab": "A"})
    assert secrets.redact(b"a" * 40 + b"b")[0] == b"a" * 25 + b"[redacted:A]"


def test_only_whole_values_are_replaced() -> None:
    """A guess at the beginning of a secret must look like any other text."""
    for size in range(1, len(STRIPE)):
        assert SECRETS.redact(STRIPE[:size].encode())[0] == STRIPE[:size].encode()


def test_the_mask_does_not_tell_the_length() -> None:
    short, long = (SecretSet.of({"k" * size: "K"}).redact(b"k" * size)[0] for size in (8, 800))
    assert short == long


def test_header_text_is_redacted_as_bytes() -> None:
    assert SECRETS.text(f"https://x.test/?key={STRIPE}&n=é") == (
        "https://x.test/?key=[redacted:STRIPE]&n=é",
        {"STRIPE": 1},
    )


def test_basic_credentials_are_found_inside_base64() -> None:
    for user_info in (f"{STRIPE}:", f"user:{STRIPE}", f"me:{STRIPE}:x"):
        data, findings = SECRETS.redact(b"Basic " + base64.b64encode(user_info.encode()))
        assert findings == {"STRIPE": 1}
        assert len(data) <= len("Basic dXNlcjp[redacted:STRIPE]w==")


def test_an_empty_set_touches_nothing() -> None:
    empty = SecretSet.of({"": "NOTHING"})
    assert not empty
    assert empty.redact(STRIPE.encode()) == (STRIPE.encode(), {})


def test_its_repr_names_secrets_and_shows_none() -> None:
    assert repr(SECRETS) == "SecretSet(GITHUB, STRIPE)"


@given(
    secrets=st.lists(st.text(alphabet="ab/", min_size=1, max_size=9), min_size=1, max_size=6),
    parts=st.lists(st.text(alphabet="ab/", max_size=12), max_size=12),
)
@settings(max_examples=50, deadline=None)
def test_no_secret_is_left_in_the_output(secrets: list[str], parts: list[str]) -> None:
    """Upper-case masks cannot be confused with text of these secrets, so none may remain."""
    known = SecretSet.of(dict.fromkeys(secrets, "X")).shown_as({"X": "#"})
    data, _ = known.redact("".join(parts + secrets).encode())
    assert not any(secret.encode() in data for secret in secrets)


@given(
    secrets=st.lists(st.binary(min_size=8, max_size=12).map(lambda raw: raw.decode("latin-1")), max_size=4),
    data=st.binary(max_size=60),
)
@settings(max_examples=40, deadline=None)
def test_any_bytes_can_be_redacted(secrets: list[str], data: bytes) -> None:
    SecretSet.of(dict.fromkeys(secrets, "X")).redact(data)


@given(
    secrets=st.lists(st.text(string.ascii_letters, min_size=8, max_size=12), max_size=3),
    parts=st.lists(st.text("abcABC ", max_size=6), max_size=4),
    chosen=st.booleans(),
)
@settings(max_examples=40)
def test_to_look_is_to_find_what_redaction_finds(secrets: list[str], parts: list[str], chosen: bool) -> None:
    data = "".join([*parts, *(secrets[:1] if chosen else ()), *parts]).encode()
    known = SecretSet.of(dict.fromkeys(secrets, "KEY"))
    assert known.within(data) is bool(known.redact(data)[1])


def test_a_set_made_from_another_knows_what_one_made_at_once_knows() -> None:
    """However secrets come and go, a few at a time or all at once, what is found is the same."""
    values = {f"secret-number-{number:04}": f"S{number}" for number in range(12)}
    texts = [value.encode() + b" " + base64.b64encode(value.encode()) for value in values]
    known = SecretSet.of({})
    for size in (1, 2, 3, 7, 12, 5, 0, 12):
        now = dict(list(values.items())[:size])
        known = SecretSet.of(now, known)
        at_once = SecretSet.of(now)
        for text in texts:
            assert known.redact(text) == at_once.redact(text)


def test_a_secret_that_changes_its_name_is_shown_under_the_new_one() -> None:
    before = SecretSet.of({STRIPE: "OLD"})
    assert SecretSet.of({STRIPE: "NEW"}, before).redact(STRIPE.encode())[0] == b"[redacted:NEW]"


def test_what_is_known_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = SecretSet.of({f"secret-number-{number:04}": "MANY" for number in range(5)})
    asked: list[str] = []
    monkeypatch.setattr(matcher, "forms", lambda secret: asked.append(secret) or forms(secret))
    SecretSet.of({f"secret-number-{number:04}": "MANY" for number in range(5)} | {STRIPE: "ONE"}, known)
    assert asked == [STRIPE]


def test_the_longest_form_wins_over_layers_too() -> None:
    known = SecretSet.of({"abcdefgh": "SHORT", "zzzzzzzz": "OTHER"})
    known = SecretSet.of({"abcdefgh": "SHORT", "zzzzzzzz": "OTHER", "abcdefghijkl": "LONG"}, known)
    assert known.redact(b"abcdefghijkl abcdefgh")[0] == b"[redacted:LONG] [redacted:SHORT]"
    stream = known.stream()
    assert stream.feed(b"abcdefghij") == b""
    assert stream.feed(b"kl") == b"[redacted:LONG]"


def test_a_scan_that_meets_another_in_the_same_matcher_finds_as_much() -> None:
    body = (b"x" * 5_000 + STRIPE.encode()) * 40
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: SECRETS.redact(body)[1]["STRIPE"], range(64)))
    assert found == [40] * 64
