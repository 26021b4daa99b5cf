"""Whether channels are fit to ask people by: in reach of no agent, and every sender one person.

Rules: what is certain is an error (the same secret, the same host as a credential's); what depends on whose
mailbox or app a credential is for is a warning that says so. That two credentials hold the same value is
known only when they are read, and refused at start (`wharfinger.channels.secrets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.agents import PeopleFile
from wharfinger.rules.models.channels import Channels, slack_id
from wharfinger.rules.models.origins import Origin

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.models.credentials import Credential

MAIL_APIS: Final = (
    "gmail.googleapis.com", "www.googleapis.com", "graph.microsoft.com", "outlook.office.com",
    "outlook.office365.com", "api.fastmail.com", "mail.zoho.com", "api.nylas.com",
)  # fmt: skip
"""Hosts of APIs that read people's mail."""


def check_channels(built: Configuration, people: PeopleFile, problems: Problems) -> None:
    """Report what keeps the channels from being used."""
    channels = built.settings.channels
    _notified(built, people, problems)
    _shared_sources(channels, built.credentials, problems)
    _slack(channels, built, problems)
    _email(channels, built, problems)
    _console(channels, built, problems)
    _one_person_each(people, problems)


def _notified(built: Configuration, people: PeopleFile, problems: Problems) -> None:
    channels, approvals = built.settings.channels, built.settings.approvals
    declared = channels.declared
    for index, name in enumerate(approvals.notify):
        if name != "console" and name not in declared:
            problems.error(
                approvals.at("notify", index), f'the channel "{name}" is not declared',
                f"declare it in wharfinger.yaml: `channels: {{{name}: …}}`",
            )  # fmt: skip
    for channel in declared:
        if channel not in approvals.notify:
            problems.warning(
                channels.at(channel, key=True), f'nobody is told by the channel "{channel}"',
                f"add {channel} to `approvals.notify`", kinds.UNUSED_CHANNEL,
            )  # fmt: skip
    for channel in ("slack", "email"):  # the key of a person's address is named like the channel
        if channel in declared and channel in approvals.notify:
            _unreached(channel, people, problems)


def _unreached(channel: str, people: PeopleFile, problems: Problems) -> None:
    for name, person in people.people.items():
        if getattr(person, channel) is None:
            problems.warning(
                people.at("people", name, key=True), f'"{name}" is out of reach of the channel "{channel}"',
                f"add `{channel}:`, or let them use the console", kinds.UNREACHED,
            )  # fmt: skip


def _same(one: Origin, other: Origin) -> bool:
    return (one.scheme, one.text) == (other.scheme, other.text)


def _shared_sources(channels: Channels, credentials: Mapping[str, Credential], problems: Problems) -> None:
    for channel, written in channels.declared.items():
        for key, source in written.secrets.items():
            for name, credential in credentials.items():
                if any(_same(source, origin) for origin in credential.origins.values()):
                    problems.error(
                        written.at(key),
                        f"the credential {name} has the same source, so an agent could answer for people",
                        f"make an app, a bot or a mailbox for the channel {channel} that no agent has",
                    )


def _reaching(credentials: Mapping[str, Credential], hosts: Iterable[str]) -> Iterator[str]:
    hosts = tuple(hosts)
    return (name for name, held in credentials.items() if any(held.goes_to(host) for host in hosts))


def _slack(channels: Channels, built: Configuration, problems: Problems) -> None:
    slack = channels.slack
    if slack is None:
        return
    for name in _reaching(built.credentials, (urlsplit(slack.api).hostname or "", "slack.com")):
        problems.warning(
            slack.position,
            f"the credential {name} goes to Slack, too, and cannot be told here from the app that asks",
            f"give {name} to another app, and keep that out of the channel {slack.channel}",
            kinds.CHANNEL_IN_REACH,
        )


def _email(channels: Channels, built: Configuration, problems: Problems) -> None:
    email = channels.email
    if email is None:
        return
    for name in _reaching(built.credentials, (email.server.host,)):
        problems.error(
            email.at("server"),
            f"the credential {name} goes to the mail server, so an agent may read or send what people get",
            "send by a server that no agent has a credential for",
        )
    for name in _reaching(built.credentials, MAIL_APIS):
        problems.warning(
            email.position,
            f"the credential {name} goes to an API that reads mail; whose mailbox it is cannot be told here",
            f"see that {name} is for no approver's mailbox, nor for {email.sender}",
            kinds.CHANNEL_IN_REACH,
        )


def _console(channels: Channels, built: Configuration, problems: Problems) -> None:
    """No credential and no tool may be for the host that people decide at."""
    if not channels.host:
        return
    for name in _reaching(built.credentials, (channels.host,)):
        problems.error(
            channels.at("url"), f"the credential {name} goes to the host of the console",
            "take the host out of the credential: agents never reach the console",
        )  # fmt: skip


def _one_person_each(people: PeopleFile, problems: Problems) -> None:
    for key in ("slack", "email"):
        owner: dict[str, str] = {}
        for name, person in people.people.items():
            given = getattr(person, key)
            if given is None:
                continue
            first = owner.setdefault(given.lower(), name)
            if first != name:
                problems.error(
                    person.at(key), f'"{first}" has the same `{key}:`, so it cannot be told who answers',
                    "give each their own",
                )  # fmt: skip
    for person in people.people.values():
        if person.slack is not None and not slack_id(person.slack, "member"):
            problems.error(
                person.at("slack"), "this is not the id of a member of Slack",
                "copy it from their profile: U024BE7LH",
            )  # fmt: skip
