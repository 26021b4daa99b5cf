"""`doors` and `base_env`: one API each, on loopback, with a port of its own; and variables for them."""

from __future__ import annotations

import pytest
from wharfinger.rules import doors
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError, Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.settings import Settings

TOOL = """\
api: example
base: https://api.example.com/v1
base_env: {EXAMPLE_URL: https://api.example.com/v1, EXAMPLE_ROOT: https://api.example.com/}
tools:
  - {tool: get_item, run: {method: GET, url: "/items/${id}"}}
"""


def read(text: str) -> tuple[Settings | None, list[str]]:
    problems = Problems()
    settings = read_model(Settings, Source("w", f"version: 1\n{text}".encode()), problems)
    return settings, [problem.message for problem in problems]


def configured(**files: str) -> Configuration:
    given = {
        "wharfinger.yaml": "version: 1\ndoors: [{listen: 127.0.0.1:8101, to: https://api.example.com}]\n",
        "tools/one.yaml": TOOL,
    } | {f"tools/{name}.yaml": text for name, text in files.items()}
    return load(Sources({name: text.encode() for name, text in given.items()}))


def test_a_door_is_where_it_is_and_leads_where_it_leads() -> None:
    settings, problems = read("doors: [{listen: 127.0.0.1:8101, to: https://API.example.com}]")
    assert problems == []
    assert settings is not None
    (door,) = settings.doors
    assert (door.url, str(door.to)) == ("http://127.0.0.1:8101", "api.example.com:443")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{listen: 0.0.0.0:8101, to: https://a.example}", "not an IPv4 address of loopback"),
        ("{listen: 10.0.0.1:8101, to: https://a.example}", "not an IPv4 address of loopback"),
        ("{listen: 'localhost:8101', to: https://a.example}", "not an IPv4 address of loopback"),
        ("{listen: '[::1]:8101', to: https://a.example}", "not an IPv4 address of loopback"),
        ("{listen: 127.0.0.1:0, to: https://a.example}", "a port that agents can be told"),
        ("{listen: 127.0.0.1:8101, to: http://a.example}", "not the origin of an API"),
        ("{listen: 127.0.0.1:8101, to: https://a.example/v1}", "is not the origin of an API"),
        ("{listen: 127.0.0.1:8101, to: https://u:p@a.example}", "is not the origin of an API"),
        ("{listen: 127.0.0.1:8101, to: 'https://*.example'}", "is not the origin of an API"),
        ("{listen: 127.0.0.1:8080, to: https://a.example}", "two listeners have the port 8080"),
        ("{listen: 127.0.0.1:8081, to: https://a.example}", "two listeners have the port 8081"),
        (
            "{listen: 127.0.0.1:1, to: https://a.example}, {listen: 127.0.0.2:1, to: https://b.example}",
            "two listeners have the port 1",
        ),
        (
            "{listen: 127.0.0.1:1, to: https://a.example}, {listen: 127.0.0.1:2, to: https://A.example:443}",
            "two doors lead to a.example:443",
        ),
    ],
)
def test_what_is_no_door(text: str, said: str) -> None:
    settings, problems = read(f"doors: [{text}]")
    assert settings is None
    assert [problem for problem in problems if said in problem], problems


def test_a_variable_names_the_door_of_its_api_with_its_own_path() -> None:
    found = [(name, door.url, path) for name, door, path in doors.told(configured())]
    assert found == [
        ("EXAMPLE_ROOT", "http://127.0.0.1:8101", ""),
        ("EXAMPLE_URL", "http://127.0.0.1:8101", "/v1"),
    ]


def test_an_api_without_a_door_has_no_variable() -> None:
    other = TOOL.replace("example", "other").replace("EXAMPLE", "OTHER").replace("get_item", "get_other")
    assert {name for name, _, _ in doors.told(configured(two=other))} == {"EXAMPLE_ROOT", "EXAMPLE_URL"}


def test_two_apis_may_share_a_variable_only_where_it_has_one_url() -> None:
    same = (
        TOOL.replace("api: example", "api: same").replace("get_item", "same_item").replace("/items", "/same")
    )
    assert len(configured(two=same).base_urls) == 2
    with pytest.raises(ConfigurationError, match='"EXAMPLE_ROOT" is also at tools/one'):
        configured(two=same.replace("api.example.com/}", "api.elsewhere.example/}"))


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "https://a.example/?q",
        "https://a.example/#f",
        "https://a.example/../v1",
        "https://*.a/",
    ],
)
def test_what_is_no_base(url: str) -> None:
    with pytest.raises(ConfigurationError):
        configured(one=TOOL.replace("https://api.example.com/}", f'"{url}"}}'))
