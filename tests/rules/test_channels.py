"""What `check` says of channels: refused where an agent could answer for people, remarked on where it may."""

# ruff: noqa: E501 - tables of messages
from __future__ import annotations

import pytest
from wharfinger.rules.configuration import Sources, load
from wharfinger.rules.documents.problems import ConfigurationError, Problem

SLACK = "slack: {channel: C012AB3CD, token: 'env:BOT', app_token: 'env:APP'}"
EMAIL = "email: {server: 'smtp.example.com:587', user: u, password: 'env:MAIL', from: w@example.com}"
HOOK = "webhook: {url: 'https://hooks.example.com/w', secret: 'env:HOOK'}"
PEOPLE = "people: {alice: {slack: U00000001, email: a@example.com}}"
USED = "approvals: {notify: [console, slack, email, webhook]}"


def told(channels: str, *, approvals: str = USED, people: str = PEOPLE, credentials: str = "") -> list[str]:
    files = {
        "wharfinger.yaml": f"version: 1\n{approvals}\nchannels: {{{channels}}}\n",
        "people.yaml": people,
        "credentials.yaml": f"credentials: {{{credentials}}}",
    }
    try:
        found: tuple[Problem, ...] = load(
            Sources({name: text.encode() for name, text in files.items()})
        ).warnings
    except ConfigurationError as error:
        found = error.problems
    return [f"{p.position}: {p.severity}: {p.message}" for p in found]


def test_channels_that_no_agent_can_reach_are_taken():
    assert told(f"{SLACK}, {EMAIL}, {HOOK}, url: 'https://wharf.example.com'") == []


@pytest.mark.parametrize(
    ("channels", "credentials", "message"),
    [
        (
            SLACK,
            "KEY: {from: 'env:BOT', hosts: [api.example.com]}",
            "error: the credential KEY has the same source",
        ),
        (
            SLACK,
            "KEY: {from: 'env:APP', hosts: [slack.com]}",
            "error: the credential KEY has the same source",
        ),
        (
            EMAIL,
            "KEY: {from: 'env:MAIL', hosts: [api.example.com]}",
            "error: the credential KEY has the same source",
        ),
        (
            HOOK,
            "KEY: {from: 'env:HOOK', hosts: [api.example.com]}",
            "error: the credential KEY has the same source",
        ),
        (
            SLACK,
            "KEY: {from: 'env:OTHER', hosts: [slack.com]}",
            "warning: the credential KEY goes to Slack, too",
        ),
        (
            EMAIL,
            "KEY: {from: 'env:OTHER', hosts: [smtp.example.com]}",
            "error: the credential KEY goes to the mail server",
        ),
        (
            EMAIL,
            "KEY: {from: 'env:OTHER', hosts: [gmail.googleapis.com]}",
            "warning: the credential KEY goes to an API that reads mail",
        ),
        (
            "url: 'https://wharf.example.com'",
            "KEY: {from: 'env:OTHER', hosts: [wharf.example.com]}",
            "error: the credential KEY goes to the host of the console",
        ),
    ],
)
def test_a_channel_in_reach_of_an_agent(channels: str, credentials: str, message: str):
    declared = [name for name in ("slack", "email", "webhook") if f"{name}:" in channels]
    used = f"approvals: {{notify: [console, {', '.join(declared)}]}}"
    assert any(message in line for line in told(channels, approvals=used, credentials=credentials))


def test_a_credential_of_something_else_is_no_matter():
    """The name of a file is not that of a variable."""
    notified = "approvals: {notify: [slack]}"
    assert told(SLACK, approvals=notified, credentials="KEY: {from: 'file:BOT', hosts: [a.example]}") == []


def test_channels_and_who_is_told_by_them():
    assert told(SLACK, approvals="approvals: {notify: [email]}") == [
        'wharfinger.yaml:2:22: error: the channel "email" is not declared',
        'wharfinger.yaml:3:12: warning: nobody is told by the channel "slack"',
    ]


def test_people_out_of_reach():
    found = told(
        SLACK, approvals="approvals: {notify: [slack]}", people="people: {alice: {}, bob: {slack: U00000002}}"
    )
    assert found == ['people.yaml:1:10: warning: "alice" is out of reach of the channel "slack"']


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("{a: {slack: U00000001}, b: {slack: U00000001}}", '"a" has the same `slack:`'),
        ("{a: {email: x@example.com}, b: {email: X@example.com}}", '"a" has the same `email:`'),
        ("{a: {slack: alice}}", "this is not the id of a member of Slack"),
        ("{a: {slack: u00000001}}", "this is not the id of a member of Slack"),
    ],
)
def test_a_sender_is_one_person(people: str, message: str):
    assert any(f"error: {message}" in line for line in told("", approvals="", people=f"people: {people}"))


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ("slack: {channel: '#ops', token: 'env:BOT', app_token: 'env:APP'}", '"#ops" is not the id of a channel'),
        ("slack: {channel: C012AB3CD, token: 'env:BOT'}", "there is no way for answers to come back"),
        ("slack: {channel: C012AB3CD, token: xoxb-1-secret, app_token: 'env:APP'}", "never written in a file"),
        ("slack: {channel: C012AB3CD, token: 'env:B', app_token: 'env:A', api: 'http://slack.com/api/'}", "this URL is not https"),
        ("email: {server: 'smtp.example.com:587', user: u, from: w@example.com}", "`user` and `password` go together"),
        ("email: {server: 'smtp.example.com:25', tls: none, from: w@example.com}", "without TLS, links and codes can be read"),
        ("email: {server: 'smtp.example.com:25', from: 'W <w@example.com>'}", "is not an e-mail address"),
        ("webhook: {url: 'http://hooks.example.com/', secret: 'env:H'}", "this URL is not https"),
        ("webhook: {url: 'https://u:p@hooks.example.com/', secret: 'env:H'}", "this URL has a user"),
        ("webhook: {url: 'https://1.2.3/', secret: 'env:H'}", "is not a host"),
        ("webhook: {url: 'https://hooks.example.com/', secret: 'env:H', private: 10.0.0.1/8}", "this is not a network"),
        ("url: 'https://wharf.example.com/path'", "this URL has a path"),
        ("url: 'ftp://wharf.example.com'", "this URL is not https"),
        ("teams: {}", 'unknown key "teams"'),
    ],
)  # fmt: skip
def test_what_is_written_wrongly(channels: str, message: str):
    found = told(channels, approvals="")
    assert any(message in line for line in found), found
    assert not any("xoxb" in line for line in found)
