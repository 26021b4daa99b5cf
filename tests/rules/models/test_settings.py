"""wharfinger.yaml: the documented file, its defaults, and what is wrong with others, each in its place."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.settings import Pin, Settings

DOCUMENTED = """
version: 1
listen: 127.0.0.1:8080
console: 127.0.0.1:8081
data: ./data
catalogue: [github, stripe, {jira: {site: acme}}]
resolve: {"api.stripe.com:443": "127.0.0.1:9443", api.internal: 10.0.0.5, "six.example": "[::1]:80"}
network: {private: {"*.corp.example": 10.0.0.0/8, a.example: [10.1.0.0/16, "fd00::/8"]}}
upstream: {ca: {"*.corp.example": corp-ca.pem}, proxy: null}
limits: {body: 32MiB, parse: 1MiB, headers: 64KiB, connections: 512, per_agent: {connections: 64, holds: 8}}
approvals: {hold: 50s, expires: 1h, resume_within: 15m, notify: [console]}
audit: {durable: true}
"""


def read(text: str) -> Settings:
    problems = Problems()
    settings = read_model(Settings, Source("wharfinger.yaml", text.encode()), problems)
    assert settings is not None, list(map(str, problems))
    return settings


def test_the_documented_file_is_what_it_says() -> None:
    settings = read(DOCUMENTED)
    assert (str(settings.listen), str(settings.console), settings.data) == (
        "127.0.0.1:8080",
        "127.0.0.1:8081",
        "./data",
    )
    assert [(entry.name, dict(entry.parameters)) for entry in settings.catalogue] == [
        ("github", {}), ("stripe", {}), ("jira", {"site": "acme"}),
    ]  # fmt: skip
    assert [str(network) for network in settings.network.private["a.example"]] == ["10.1.0.0/16", "fd00::/8"]
    assert settings.upstream.ca == {"*.corp.example": "corp-ca.pem"}
    assert (settings.limits.body, settings.limits.parse, settings.limits.headers) == (
        32 << 20,
        1 << 20,
        64 << 10,
    )
    assert settings.approvals.hold == timedelta(seconds=50)


def test_what_is_documented_as_the_default_is_the_default() -> None:
    documented, least = read(DOCUMENTED), read("version: 1")
    for name in ("listen", "console", "limits", "approvals", "audit"):
        assert str(getattr(documented, name)) == str(getattr(least, name))
    assert (least.data, least.catalogue, least.resolve) == (None, (), {})


@pytest.mark.parametrize(
    ("host", "port", "pin"),
    [
        ("api.stripe.com", 443, Pin("127.0.0.1", 9443)),
        ("api.stripe.com", 80, None),
        ("api.internal", 1234, Pin("10.0.0.5", None)),
        ("six.example", 443, Pin("::1", 80)),
        ("sub.api.internal", 443, None),
    ],
)
def test_resolve_pins_names_and_ports(host: str, port: int, pin: Pin | None) -> None:
    assert read(DOCUMENTED).pin(host, port) == pin


def test_an_entry_with_the_port_goes_first() -> None:
    settings = read('{version: 1, resolve: {a.example: 10.0.0.1, "a.example:8443": "10.0.0.2:1"}}')
    assert settings.pin("a.example", 8443) == Pin("10.0.0.2", 1)
    assert settings.pin("a.example", 443) == Pin("10.0.0.1", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{}",
            [
                '1:1 missing key "version"',
            ],
        ),
        (
            "version: 2",
            [
                "1:10 this version of the file's format is not known | write `version: 1`",
            ],
        ),
        (
            "version: true",
            [
                "1:10 this version of the file's format is not known | write `version: 1`",
            ],
        ),
        (
            "version: 1\nlisen: x",
            [
                '2:1 unknown key "lisen" | did you mean "listen"?',
            ],
        ),
        (
            "version: 1\nlisten: 8080",
            [
                "2:9 expected host:port",
            ],
        ),
        (
            "version: 1\nlisten: localhost",
            [
                '2:9 "localhost" is not host:port | write it like "127.0.0.1:8080"; port 0 takes a free one',
            ],
        ),
        (
            "version: 1\nlisten: 'a b:1'",
            [
                '2:9 "a b" is not a host | write the host as ASCII labels (international names as xn--).',
            ],
        ),
        (
            "version: 1\nlisten: 'http://127.0.0.1:8080'",
            [
                '2:9 "http://127.0.0.1" is not a host | write the name alone, without scheme and path',
            ],
        ),
        (
            "version: 1\nlisten: 127.0.0.1:99999",
            [
                '2:9 "127.0.0.1:99999" is not host:port | write it like "127.0.0.1:8080"; port 0 takes a free one',
            ],
        ),
        (
            "version: 1\nlisten: 127.0.0.1:1\nconsole: 127.0.0.1:1",
            [
                "1:1 listen and console are both 127.0.0.1:1 | give one of them another port",
            ],
        ),
        (
            "version: 1\ndata: ''",
            [
                "2:7 the text is empty",
            ],
        ),
        (
            "version: 1\nlimits: {body: 32, parse: 32MB, headers: 4GiB, connections: x, per_agent: {holds: 0}}",
            [
                "2:16 expected a size like 32MiB",
                '2:27 "32MB" is not a size | write a whole number and a unit: 512B, 64KiB, 32MiB or 1GiB',
                '2:42 expected at most 1MiB, not "4GiB"',
                '2:61 expected a whole number, not "x"',
                '2:83 expected at least 1, not "0"',
            ],
        ),
        (
            "version: 1\nlimits: {body: 1MiB, parse: 2MiB}",
            [
                "2:9 limits.parse is greater than limits.body | lower parse, or raise body",
            ],
        ),
        (
            "version: 1\nlimits: []",
            [
                "2:9 expected a mapping, not a list",
            ],
        ),
        (
            "version: 1\napprovals: {hold: 16m, expires: 1 hour, resume_within: 0s, notify: [fax]}",
            [
                '2:19 expected at most 15 minutes, not "16m"',
                '2:33 "1 hour" is not a duration | write it like 500ms, 50s, 15m, 1h or 2d',
                '2:56 "0s" is not a duration | write it like 500ms, 50s, 15m, 1h or 2d',
                '2:69 expected "console", "slack", "email" or "webhook", not "fax"',
            ],
        ),
        (
            "version: 1\nnetwork: {private: {'*.X': 10.0.0.0/8, a.b: 10.0.0.1/8, c.d: []}}",
            [
                '2:21 "*.X" is not in its plain form | write "*.x"',
                '2:45 "10.0.0.1/8" is not a network | write it like 10.0.0.0/8, without host bits',
                "2:62 the list is empty | write at least 1",
            ],
        ),
        (
            "version: 1\nresolve: {'https://a': 1.2.3.4, A.b: 1.2.3.4, 'a.b:0': 1.2.3.4, c.d: e.f, g.h: 5}",
            [
                '2:11 "https://a" is not host or host:port | write it without scheme and path; ports are whole numbers from 1 to 65535',
                '2:33 "A.b" is not in its plain form | write "a.b"',
                '2:47 "a.b:0" is not host or host:port | write it without scheme and path; ports are whole numbers from 1 to 65535',
                '2:70 "e.f" is not an IP address | pin the name to an address, not to a name',
                '2:80 expected an address | write it like "10.0.0.5" or "127.0.0.1:9443"',
            ],
        ),
        (
            "version: 1\nupstream: {proxy: 'ftp://x', ca: {a.b: 5}}",
            [
                "2:19 this is not the URL of a proxy | write it like http://proxy.corp.example:3128",
                '2:40 expected text, not "5" | quote it if it is text: "5"',
            ],
        ),
        (
            "version: 1\naudit: {durable: maybe, chain: x}",
            [
                '2:18 expected true or false, not "maybe"',
                '2:25 unknown key "chain" | known keys: checkpoints, durable, keep, sinks',
            ],
        ),
        (
            "version: 1\ncatalogue: github",
            [
                '2:12 expected a list, not "github" | write it in brackets: […]',
            ],
        ),
        (
            "version: 1\ncatalogue: [{a: 1, b: 2}, {jira: {site: 5}}, 7]",
            [
                "2:13 expected the name of a tool file | write it like github, or {jira: {site: acme}}",
                "2:27 expected the name of a tool file | write it like github, or {jira: {site: acme}}",
                "2:46 expected the name of a tool file | write it like github, or {jira: {site: acme}}",
            ],
        ),
    ],
)
def test_every_problem_is_told_in_its_place(told: Any, text: str, expected: list[str]) -> None:
    assert told(Settings, text) == expected
