"""A credential as it goes upstream."""

import base64
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.credentials.kinds import render, traces, with_query
from wharfinger.rules.types import Place, Placement
from wharfinger.secret import Secret

LONG = "v" * 20
SECRET = Secret("KEY", "s3cret/+=value&x")


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def at(place, name="Authorization", format="${secret}"):  # noqa: A002
    return Placement("KEY", place, name, format)


@pytest.mark.parametrize(
    ("placement", "rendered"),
    [
        (at(Place.HEADER, format="Bearer ${secret}"), "Bearer s3cret/+=value&x"),
        (at(Place.HEADER, format="token ${secret}"), "token s3cret/+=value&x"),
        (at(Place.HEADER, "x-api-key"), "s3cret/+=value&x"),
        (at(Place.BASIC), "Basic " + base64.b64encode(b"s3cret/+=value&x").decode()),
        (at(Place.BASIC, format="${secret}:"), "Basic " + base64.b64encode(b"s3cret/+=value&x:").decode()),
        (
            at(Place.BASIC, format="x-access-token:${secret}"),
            "Basic " + base64.b64encode(b"x-access-token:s3cret/+=value&x").decode(),
        ),
        (at(Place.QUERY, "key"), "s3cret%2F%2B%3Dvalue%26x"),
    ],
)
def test_each_place_has_its_form(placement, rendered):
    assert render(placement, SECRET) == rendered


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("/a", "/a?key=V"),
        ("/a?", "/a?key=V"),
        ("/a?b=1", "/a?b=1&key=V"),
        ("/a?key=placeholder", "/a?key=V"),
        ("/a?b=1&key=placeholder&c=2", "/a?b=1&key=V&c=2"),
        ("/a?%6Bey=placeholder&c=%7e", "/a?key=V&c=%7e"),
        ("/a?key", "/a?key=V"),
        ("/a?keys=1&KEY=2", "/a?keys=1&KEY=2&key=V"),
        ("/a?key=1&key=2", "/a?key=V"),
        ("/a%3Fkey=1?b=a?c", "/a%3Fkey=1?b=a?c&key=V"),
        ("/a?b=%zz", "/a?b=%zz&key=V"),
    ],
)
def test_the_query_is_as_it_was_but_for_the_credential(target, result):
    assert with_query(target, "key", "V") == result


pairs = st.lists(
    st.tuples(st.sampled_from(["a", "b[c]", "key ", "kéy", "Key"]), st.text(max_size=5)), max_size=5
)


@given(pairs, st.text(min_size=1, max_size=20, alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_credential_in_the_query_arrives_whole_and_alone(others, value):
    query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in [*others, ("key", "placeholder")])
    rendered = render(at(Place.QUERY, "key"), Secret("KEY", value))
    sent = with_query(f"/x?{query}", "key", rendered).partition("?")[2]
    assert parse_qsl(sent, keep_blank_values=True) == [*others, ("key", value)]


@pytest.mark.parametrize(
    ("value", "placements", "found"),
    [
        (LONG, (), {LONG}),
        (LONG, (at(Place.HEADER, format="Bearer ${secret}"),), {LONG}),
        (
            "user:password1",
            (at(Place.BASIC),),
            {"user:password1", "password1", encoded("user:password1")},
        ),
        ("user:short", (at(Place.BASIC),), {"user:short", encoded("user:short")}),
        (LONG, (at(Place.BASIC, format="u:${secret}"),), {LONG, encoded(f"u:{LONG}")}),
        (LONG, (at(Place.BASIC, format="${secret}:x-oauth"),), {LONG, encoded(f"{LONG}:x-oauth")}),
    ],
)
def test_the_traces_are_the_value_its_password_and_what_is_rendered(value, placements, found):
    assert traces(Secret("KEY", value), placements) == found


@given(st.text(min_size=16, max_size=40, alphabet=st.characters(min_codepoint=33, max_codepoint=126)))
def test_whatever_is_rendered_is_a_trace_in_a_form_that_redaction_looks_for(value):
    secret = Secret("KEY", value)
    placements = (
        at(Place.HEADER, format="Bearer ${secret}"),
        at(Place.BASIC, format="u:${secret}"),
        at(Place.QUERY),
    )
    found = traces(secret, placements)
    for placement in placements:
        rendered = render(placement, secret)
        assert any(trace in rendered or trace in unquote(rendered) for trace in found)
