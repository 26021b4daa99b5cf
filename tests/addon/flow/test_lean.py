"""What takes the place of mitmproxy's own gives back the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.coretypes import multidict
from wharfinger.flow import lean

NAMES = st.sampled_from(
    [b"Accept", b"accept", b"ACCEPT", b"X-One", b"x-one", b"\xc3\x84", b"\xe4", b"", b"Cookie"]
)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=6)), max_size=8)
ASKED = st.one_of(NAMES, NAMES.map(lambda name: name.decode("utf-8", "surrogateescape")))


class Original(http.Headers):
    """The look-ups as they are in mitmproxy 12.3.1, where `Headers` inherits the latter two."""

    def get_all(self, name: str | bytes) -> list[str]:
        key = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
        found = multidict._MultiDict.get_all(self, key)
        return [value.decode("utf-8", "surrogateescape") for value in found]

    get = Mapping.get
    __contains__ = Mapping.__contains__


@given(FIELDS, ASKED)
def test_look_ups_are_those_of_mitmproxy(fields: list[tuple[bytes, bytes]], name: str | bytes) -> None:
    headers, original = http.Headers(fields), Original(fields)
    assert lean.get_all(headers, name) == original.get_all(name)
    assert lean.get(headers, name) == original.get(name)
    assert lean.get(headers, name, "none") == original.get(name, "none")
    assert lean.contains(headers, name) is (name in original)


@pytest.mark.parametrize("look", [lean.get_all, lean.get, lean.contains])
def test_a_name_that_is_no_text_is_an_error(look: object) -> None:
    with pytest.raises(TypeError):
        look(http.Headers(), 1)  # type: ignore[operator]


@given(FIELDS)
def test_headers_are_made_as_by_mitmproxy(fields: list[tuple[bytes, bytes]]) -> None:
    made = http.Headers.__new__(http.Headers)
    lean.init(made, [list(field) for field in fields])  # type: ignore[misc]
    assert made == http.Headers(fields)
    assert made.fields == tuple(fields)


def test_headers_of_keywords_and_of_text_are_as_ever() -> None:
    made = http.Headers.__new__(http.Headers)
    lean.init(made, [(b"A", b"1")], content_type="text/plain")
    assert made.fields == ((b"A", b"1"), (b"content-type", b"text/plain"))
    with pytest.raises(TypeError):
        lean.init(made, [("A", "1")])  # type: ignore[list-item]
