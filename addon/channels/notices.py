"""What the proxy and the process of the channels say to each other: one JSON object a line, either way.

The first line that the proxy says holds the settings of the channels and their secrets. All others are the
notices below, each under its own name. The two are started together and are of one version, so a line that
cannot be read is an error, and the connection ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from wharfinger.channels.alarm import Alarm, Misused
from wharfinger.channels.card import Card

LINE_LIMIT: Final = 1 << 20
"""Bytes of one line."""


class NotUnderstood(ValueError):
    """A line is no notice."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The channels to serve. Secret values are here and nowhere else; the repr shows none."""

    url: str
    """Where people open the console."""
    channels: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """By name, what is written in the settings, with the secrets' values by key."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A link and a code for one person."""

    address: str
    url: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """Tell people of a question, by the named channels."""

    card: Card
    channels: tuple[str, ...]
    members: tuple[str, ...] = ()
    """Ids in Slack of those who may answer."""
    buttons: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the buttons say: `approve` and `deny`, signed."""
    letters: tuple[Letter, ...] = ()
    again: bool = False
    """Whether it was posted before, and now asks more people."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Tell people how a question came out, or how far it is."""

    card: Card
    channels: tuple[str, ...]
    state: str
    person: str
    comment: str
    place: Mapping[str, str] = field(default_factory=dict)
    """Where it was posted in Slack, if that is known."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """What came to the office's address for Slack: to be verified, and answered by `Replied`."""

    ref: int
    timestamp: str
    signature: str
    body: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an `Answer`."""

    ref: int
    good: bool
    said: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A question was posted here."""

    channel: str
    approval: str
    place: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody pressed a button. Nothing of it is believed before the proxy has checked it."""

    ref: int
    channel: str
    value: str
    place: Mapping[str, str]
    sender: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Replied:
    """What the office is to say to an `Interaction`."""

    ref: int
    status: int


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel is."""

    channel: str
    up: bool
    why: str = ""
    dropped: int = 0
    """Notices that were given up so far."""


type Notice = Setup | Ask | Settled | Alarm | Interaction | Heard | Posted | Answer | Replied | Health

_KINDS: Final[Mapping[str, type[Any]]] = {
    "setup": Setup,
    "ask": Ask,
    "settled": Settled,
    "alarm": Alarm,
    "interaction": Interaction,
    "heard": Heard,
    "posted": Posted,
    "answer": Answer,
    "replied": Replied,
    "health": Health,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def line(notice: Notice) -> bytes:
    """One notice as the line that stands for it."""
    said = {name: _plain(getattr(notice, name)) for name in type(notice).__slots__}
    return json.dumps([_NAMES[type(notice)], said], separators=(",", ":")).encode("ascii") + b"\n"


def read(text: bytes) -> Notice:
    """The notice of a line; raises `NotUnderstood`."""
    try:
        name, said = json.loads(text)
        kind = _KINDS[name]
        notice: Notice = kind(**{key: _read(key, value) for key, value in said.items()})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotUnderstood(f"a line of {len(text)} bytes is no notice") from error
    return notice


def _plain(value: Any) -> Any:
    if isinstance(value, Card):
        return value.as_json()
    if isinstance(value, Letter):
        return [value.address, value.url, value.code]
    if isinstance(value, Misused):
        return [value.agent, value.owner, value.reason, value.count, value.decision]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _read(key: str, value: Any) -> Any:
    if key == "card":
        return Card.from_json(value)
    if key == "letters":
        return tuple(Letter(*item) for item in value)
    if key == "found":
        return tuple(Misused(*item) for item in value)
    if key == "at" and value is not None:
        return datetime.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value
