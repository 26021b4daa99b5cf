"""What a tool names is masked wherever it stands, or the body is not given out."""

import json
import pickle
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.redact import steps
from wharfinger.rules.redact.fields import MASK, FieldPath, NotAPath, Unredactable, redact_fields
from wharfinger.rules.redact.steps import MOST_PLACES, Member

LIMIT = 1 << 20
DOCUMENT = {
    "user": {
        "email": "a@example.com",
        "name": "A",
        "keys": [{"id": 1, "token": "t1"}, {"id": 2, "token": None}],
    },
    "token": {"deep": [1]},
    "x y": 1,
    "list": [1, 2, 3, 4],
    "items": [{"kind": "secret", "v": "1"}, {"kind": "open", "v": "2"}, "text", {"v": 3}],
}


def masked(*paths: str, document: object = DOCUMENT) -> tuple[object, int]:
    body, count = redact_fields(
        json.dumps(document).encode(), [FieldPath.compile(path) for path in paths], LIMIT
    )
    return json.loads(body), count


def places(document: object, at: str = "$") -> set[str]:
    """Where in a document a mask stands."""
    if document == MASK:
        return {at}
    if isinstance(document, dict):
        return set().union(*(places(value, f"{at}.{key}") for key, value in document.items()))
    if isinstance(document, list):
        return set().union(*(places(value, f"{at}[{index}]") for index, value in enumerate(document)))
    return set()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", "$"),
        ("$.user.email", "$.user.email"),
        ("$['x y']", "$.x y"),
        ("$.user['email','name']", "$.user.email $.user.name"),
        ("$.user.*", "$.user.email $.user.name $.user.keys"),
        ("$..token", "$.token $.user.keys[0].token $.user.keys[1].token"),
        ("$.user.keys[*].token", "$.user.keys[0].token $.user.keys[1].token"),
        ("$.list[0]", "$.list[0]"),
        ("$.list[-1]", "$.list[3]"),
        ("$.list[1:3]", "$.list[1] $.list[2]"),
        ("$.list[::2]", "$.list[0] $.list[2]"),
        ("$.list[9]", ""),
        ("$.items[?(@.kind == 'secret')].v", "$.items[0].v"),
        ("$.items[?(@.kind == 'secret' || @.v == 3)].v", "$.items[0].v $.items[3].v"),
        ("$.items[?(@.v)]", "$.items[0] $.items[1] $.items[3]"),
        ("$.nothing.here", ""),
        ("$.list.email", ""),
        ("$.user[0]", ""),
    ],
)
def test_a_path_masks_what_it_names_and_nothing_else(path: str, expected: str) -> None:
    document, count = masked(path)
    names = [f"${name}".strip() for name in expected.split("$")[1:]]
    assert places(document) == set(names)
    assert count == len(names)


def test_several_paths_that_overlap_count_each_place_once() -> None:
    document, count = masked("$.user.email", "$..email", "$.user.*")
    assert places(document) == {"$.user.email", "$.user.name", "$.user.keys"}
    assert count == 3


def test_a_filter_sees_what_another_path_masks() -> None:
    document, _ = masked("$.items[*].kind", "$.items[?(@.kind == 'secret')].v")
    assert "$.items[0].v" in places(document)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "arse"),
        ("$.", "parse|Parse"),
        ("$.a[", "."),
        ("user.email", 'starts with "\\$"'),
        ("user", 'starts with "\\$"'),
        ("@.a", "not supported|starts"),
        ("$.a[?(@.b =~ '(a+)+$')]", "=~"),
        ("$.a[?(@.c == 1 || @.b =~ 'x')]", "=~"),
        ("$..a..b", "once"),
        ("$..*..*", "once"),
        ("$.a[?(@..b == 1)]", "in a filter"),
        ("$.a[?(@.b[?(@.c == 1)])]", "not supported|parse|Parse"),
        ("$.a[?($.b == 1)]", "not supported"),
        ("$.a.`parent`", "not supported"),
        ("$.a.`len`", "not supported"),
        ("$.a.`sub(/(a+)+/, b)`", "not supported"),
        ("$.a | $.b", "deprecated|not supported"),
        ("$.a[?(@.b == 1 & @.c == 2)]", "deprecated"),
        ("$.a + 1", "."),
        ("$" + ".a" * 17, "16 steps"),
        ("$." + "a" * 300, "256 characters"),
    ],
)
def test_a_path_that_is_none_or_has_no_bound_is_refused_when_compiled(path: str, why: str) -> None:
    with pytest.raises(NotAPath, match=why):
        FieldPath.compile(path)


@given(st.text(alphabet="$.[]?@()'ab*0:,=~|&`!-+ ", max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = FieldPath.compile(text)
    except NotAPath:
        return
    redact_fields(b'{"a": {"b": [0, {"a": "b"}]}, "b": null}', [path], LIMIT)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"a": 1} {"a": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"b": 1e400}',
        b'{"a": 1,}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": 1}\x00',
    ],
    ids=lambda body: repr(body[:16]),
)
def test_a_body_that_does_not_parse_strictly_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unredactable):
        redact_fields(body, [FieldPath.compile("$.a")], LIMIT)


def test_a_body_over_the_limit_is_unreadable() -> None:
    with pytest.raises(Unredactable, match=r"limits\.parse \(10 bytes\)"):
        redact_fields(b'{"a": "12345"}', [FieldPath.compile("$.a")], 10)


def test_the_first_of_two_equal_keys_does_not_survive() -> None:
    body, _ = redact_fields(b'{"a": "first", "a": "second"}', [FieldPath.compile("$.a")], LIMIT)
    assert json.loads(body) == {"a": MASK}
    assert b"first" not in body


def test_an_escaped_key_is_the_same_key() -> None:
    body, count = redact_fields(b'{"\\u0061": "x", "b": "\\ud800"}', [FieldPath.compile("$.a")], LIMIT)
    assert (body, count) == (b'{"a":"[redacted]","b":"\\ud800"}', 1)


def test_numbers_keep_their_value() -> None:
    body = b'{"big":123456789012345678901234567890,"f":0.1,"e":1e+22,"a":0}'
    out, _ = redact_fields(body, [FieldPath.compile("$.a")], LIMIT)
    assert json.loads(out) == {**json.loads(body), "a": MASK}


def test_without_paths_or_body_nothing_is_parsed() -> None:
    assert redact_fields(b"not json", [], LIMIT) == (b"not json", 0)
    assert redact_fields(b"", [FieldPath.compile("$.a")], LIMIT) == (b"", 0)


def test_a_path_is_equal_and_pickled_by_its_text() -> None:
    path = FieldPath.compile("$..token")
    assert pickle.loads(pickle.dumps(path)) == path == FieldPath.compile("$..token")
    assert str(path) == "$..token"


def test_the_costliest_path_costs_in_proportion_to_the_body() -> None:
    """Four times the body takes about four times as long, not sixteen times; the least of several rounds."""
    path = FieldPath.compile("$..*.*.*.*")

    def took(items: int) -> float:
        body = b"[" + b",".join([b'{"a":[[[[1]]]]}'] * items) + b"]"
        times = []
        for _ in range(3):
            start = time.process_time()
            redact_fields(body, [path], LIMIT)
            times.append(time.process_time() - start)
        return min(times)

    assert took(8_000) < 10 * took(2_000)


@pytest.mark.parametrize("path", ["$..*", "$[*]", "$..a", "$[*].a"])
@pytest.mark.parametrize("beyond", [0, 1])
def test_with_more_places_than_are_looked_at_the_body_is_not_given_out(path: str, beyond: int) -> None:
    item = b'{"a":1}' if path.endswith("a") else b"1"
    body = b"[" + b",".join([item] * (MOST_PLACES + beyond)) + b"]"
    if beyond:
        with pytest.raises(Unredactable, match="places"):
            redact_fields(body, [FieldPath.compile(path)], LIMIT)
    else:
        assert redact_fields(body, [FieldPath.compile(path)], LIMIT)[1] == MOST_PLACES


def test_what_has_no_members_is_not_gone_to() -> None:
    """Else a megabyte of empty objects would cost a hundred times what it takes to pass it on."""
    gone_to: list[object] = []

    def step(value: object, _: object) -> Iterator[Member]:
        gone_to.append(value)
        return iter(())

    document = [{}, [], {"a": {}, "b": [[], {"c": 1}]}, "x", 1, None]
    assert list(steps._deep(step)(document, steps.NO_ALIASES)) == []
    inner = document[2]
    assert gone_to == [document, inner, inner["b"], inner["b"][1]]  # type: ignore[index, call-overload]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet="ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "key"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_no_member_of_a_name_is_left_unmasked(document: object) -> None:
    def unmasked(value: object) -> bool:
        if isinstance(value, dict):
            return any((key == "key" and inner != MASK) or unmasked(inner) for key, inner in value.items())
        return isinstance(value, list) and any(map(unmasked, value))

    result, _ = masked("$..key", document=document)
    assert not unmasked(result)
