"""URL templates: endpoints and paths, read and written."""

from __future__ import annotations

import pytest
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools import places
from wharfinger.rules.tools.template import TemplateError


def path(template: str) -> places.PathTemplate:
    return places.place("https://a.example" + template).path


@pytest.mark.parametrize(
    ("template", "target", "values"),
    [
        ("", "/", {}),
        ("/", "/", {}),
        ("/v1/refunds", "/v1/refunds", {}),
        ("/v1/refunds", "/v1/%72efunds", {}),
        ("/a%20b", "/a%20b", {}),
        ("/v1/${id}", "/v1/a", {"id": "a"}),
        ("/v1/${id}", "/v1/a%20b", {"id": "a b"}),
        ("/v1/${id}/", "/v1/a/", {"id": "a"}),
        ("/${model}:run", "/m:run", {"model": "m"}),
        ("/c/${path...}", "/c/a", {"path": "a"}),
        ("/c/${path...}", "/c/a/b/", {"path": "a/b/"}),
        ("/p/${id:encoded}/x", "/p/a%2Fb/x", {"id": "a/b"}),
        ("/p/${id:encoded}/x", "/p/a/x", {"id": "a"}),
    ],
)
def test_path_reads_what_it_writes(template: str, target: str, values: dict[str, str]) -> None:
    read = path(template)
    assert read.read(spelling.path(target)) == values
    assert spelling.path(read.write(values)) == spelling.path(target)


@pytest.mark.parametrize(
    ("template", "target"),
    [
        ("/v1/refunds", "/v1/refunds/"),
        ("/v1/refunds/", "/v1/refunds"),
        ("/v1/refunds", "/V1/refunds"),
        ("/v1/${id}", "/v1/"),
        ("/v1/${id}", "/v1/a/b"),
        ("/v1/${id}", "/v1/a%2Fb"),
        ("/c/${path...}", "/c"),
        ("/c/${path...}", "/c/"),
        ("/c/${path...}", "/c/a%2Fb"),
        ("/p/${id:encoded}/${x}", "/p/a%2Fb/c%2Fd"),
        ("/a/b", "/a%2Fb"),
    ],
)
def test_another_path_does_not_fit(template: str, target: str) -> None:
    assert path(template).read(spelling.path(target)) is None


@pytest.mark.parametrize("value", ["..", ".", "a/b", "a\\b", "", "a\nb", "%2e%2e", "..;x", "a%2fb", "/"])
@pytest.mark.parametrize("template", ["/v1/${id}/x", "/v1/${id}", "/v1/${id:encoded}"])
def test_values_that_no_segment_can_hold(template: str, value: str) -> None:
    if template.endswith("encoded}") and value == "a/b":
        return
    with pytest.raises(Refused):
        path(template).write({"id": value})


@pytest.mark.parametrize("value", ["a//b", "../a", "a/..", "/a", ""])
def test_values_that_no_rest_can_hold(value: str) -> None:
    with pytest.raises(Refused):
        path("/v1/${rest...}").write({"rest": value})


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("https://API.example.com", "https", "api.example.com", 443),
        ("http://localhost:9000/x", "http", "localhost", 9000),
        ("https://[::1]:8443/", "https", "[::1]", 8443),
        ("https://a.example./", "https", "a.example", 443),
    ],
)
def test_endpoint(url: str, scheme: str, host: str, port: int) -> None:
    endpoint = places.place(url).endpoint
    assert (endpoint.scheme, endpoint.host, endpoint.port) == (scheme, host, port)


def test_host_with_variables() -> None:
    endpoint = places.place("https://${bucket}.s3-${region}.Example.com/").endpoint
    assert endpoint.host is None
    assert endpoint.read("b.s3-eu.example.com") == {"bucket": "b", "region": "eu"}
    assert endpoint.read("a.b.s3-eu.example.com") is None
    assert endpoint.read("b.s3-eu.example.org") is None
    assert endpoint.read("[::1]") is None
    assert endpoint.write({"bucket": "b", "region": "eu"}) == "b.s3-eu.example.com"


def test_query_of_the_url() -> None:
    assert places.place("https://a.example/x?service=a%20b&q=${q}").query == {"service": "a b", "q": "${q}"}


@pytest.mark.parametrize(
    "url",
    [
        "a.example/x",
        "ftp://a.example",
        "https://",
        "https://user@a.example/",
        "https://a.example:0/",
        "https://a.example/#x",
        "https://a..example/",
        "https://127.1/",
        "https://${x...}.example/",
        "https://${x:encoded}.example/",
        "https://a.example//x",
        "https://a.example/../x",
        "https://a.example/${x...}/y",
        "https://a.example/a${x...}",
        "https://a.example/a${x:encoded}",
        "https://a.example/a;b",
        "https://a.example/a b",
        "https://a.example/a%2Fb",
        "https://a.example/${x",
        "https://a.example/?a=1&a=2",
        "https://a.example/${a}${b}",
        "https://a.example/?=1",
    ],
)
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(TemplateError) as caught:
        places.place(url)
    assert url in str(caught.value) or "${" in str(caught.value)
