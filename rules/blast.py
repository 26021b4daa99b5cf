"""Blast: how much harm a call could do, as a number from 0 to 100 (docs/blast.md).

Points are added up for what the call does to the world, whether that can be taken back, how broad it is, how
much money and how many people it is about. The score is a hint for people and for rules of thumb
(`call.blast > 50`); it never replaces a rule that names an input. It is a pure function of the tool's effect
and the call's inputs, and says what each point is for. It looks at no more than `MOST` values, those that
are nested least first, and counts what it does not look at as harm: nothing is hidden among much.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

MOST: Final = 300
"""Values of a call that are looked at."""
MOST_TEXT: Final = 32 * 1024
"""Characters of texts that are searched, all together."""
SHORT: Final = 64
"""Characters of a text that can be a glob, a word or an amount."""
HIGHEST: Final = 100
EFFECTS: Final[Mapping[str, int]] = {"read": 0, "write": 20, "destructive": 45}
IRREVERSIBLE: Final = 15
GLOB: Final = 15
EVERYTHING: Final = 15
UNBOUNDED: Final = 10
COUNTS: Final = ((1000, 15), (100, 10), (10, 5))
"""From so many entries, so many points; the same for lists and for recipients."""
CROWD: Final = 10
UNSEEN: Final = 30
DIGIT: Final = 3
MONEY: Final = 21

WORDS: Final = frozenset(
    {"all", "any", "each", "every", "everybody", "everyone", "everything", "public", "*", "%"}
)
CROWDS: Final = frozenset({"@all", "@channel", "@everyone", "@here", "<!channel>", "<!everyone>", "<!here>"})
AMOUNTS: Final = frozenset(
    {"amount", "balance", "budget", "cost", "fee", "payment", "payout", "price", "sum", "total"}
)
RECIPIENTS: Final = frozenset({
    "attendees", "bcc", "cc", "channel", "channels", "emails", "members", "recipient", "recipients", "to",
    "users",
})  # fmt: skip
FILTERS: Final = frozenset({"condition", "filter", "filters", "query", "selector", "where"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Part(NamedTuple):
    """Points, and what they are for."""

    name: str
    points: int
    why: str
    """In words; names of inputs, never their values."""


@dataclass(frozen=True, slots=True)
class Blast:
    """A score, and what it is made of."""

    score: int
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        said = ", ".join(f"{part.why} (+{part.points})" for part in self.parts)
        return f"{self.score} of {HIGHEST}: {said}" if said else f"{self.score} of {HIGHEST}"


class _Kinds(NamedTuple):
    """What an input is, by its name."""

    amount: bool
    recipients: bool
    filters: bool


_NOTHING: Final = Blast(0, (Part("effect", 0, "it only reads"),))


def score(effect: str, inputs: Mapping[str, object], reversible: bool | None = None) -> Blast:
    """The blast of a call; `reversible` is what the tool declares, None where it declares nothing.

    What only reads has none. What destroys is taken to be irreversible, what writes to be reversible.
    """
    if effect == "read":
        return _NOTHING
    parts = [Part("effect", EFFECTS[effect], "it destroys" if effect == "destructive" else "it writes")]
    if reversible is False or (reversible is None and effect == "destructive"):
        parts.append(Part("irreversible", IRREVERSIBLE, "it cannot be taken back"))
    if not inputs:
        parts.append(Part("unbounded", UNBOUNDED, "it has no inputs that bound it"))
    parts.extend(_Inputs().parts(inputs))
    return Blast(min(HIGHEST, sum(part.points for part in parts)), tuple(parts))


class _Inputs:
    """Looks at the values of a call, and keeps of each kind of part the one with most points."""

    __slots__ = ("found", "left")

    def __init__(self) -> None:
        self.found: dict[str, Part] = {}
        self.left = MOST_TEXT

    def parts(self, inputs: Mapping[str, object]) -> Iterable[Part]:
        waiting: deque[tuple[str, object]] = deque(islice(inputs.items(), MOST + 1))
        for _ in range(MOST):
            if not waiting:
                break
            name, value = waiting.popleft()
            kind = type(value)
            if kind is str:
                self._text(name, value)  # type: ignore[arg-type]
            elif kind is int or kind is float:
                if _kinds(name).amount:
                    self._money(name, value)  # type: ignore[arg-type]
            elif isinstance(value, Mapping):
                waiting.extend((str(key), item) for key, item in islice(value.items(), MOST + 1))
                self._empty(name, value)
            elif isinstance(value, list | tuple):
                self._list(name, len(value))
                waiting.extend((name, item) for item in value[: MOST + 1])
                self._empty(name, value)
        if waiting:
            self._add("unseen", UNSEEN, "it has more values than are looked at")
        return self.found.values()

    def _add(self, name: str, points: int, why: str) -> None:
        if name not in self.found or self.found[name].points < points:
            self.found[name] = Part(name, points, why)

    def _text(self, name: str, value: str) -> None:
        kinds = _kinds(name)
        if len(value) <= SHORT:
            if "*" in value:
                self._add("glob", GLOB, f"{name} is a glob")
            if value.casefold() in WORDS:
                self._add("everything", EVERYTHING, f"{name} means all of them")
            if kinds.amount:
                with suppress(ValueError):
                    self._money(name, float(value))
            if kinds.filters and not value:
                self._empty(name, value)
        searched = value[: self.left]
        self.left -= len(searched)
        if len(searched) < len(value):
            self._add("crowd", CROWD, f"{name} is too long to be looked through")
        if ("@" in searched or "<!" in searched) and any(word in searched for word in CROWDS):
            self._add("crowd", CROWD, f"{name} calls everyone in a channel")
        if kinds.recipients and "," in searched:
            self._list(name, searched.count(",") + 1)

    def _empty(self, name: str, value: Sized) -> None:
        if not value and _kinds(name).filters:
            self._add("unbounded", UNBOUNDED, f"{name} is empty")

    def _list(self, name: str, size: int) -> None:
        for least, points in COUNTS:
            if size >= least:
                kind = "recipients" if _kinds(name).recipients else "list"
                self._add(kind, points, f"{name} has {least} entries or more")
                return

    def _money(self, name: str, value: float) -> None:
        digits = len(str(int(abs(value)))) if abs(value) < 10**15 else 16  # infinity and NaN among them
        self._add("money", min(MONEY, DIGIT * digits), f"{name} is an amount of {digits} digits")


@lru_cache(maxsize=4096)
def _kinds(name: str) -> _Kinds:
    words = {word.lower() for word in _WORD.findall(name)}
    return _Kinds(bool(words & AMOUNTS), name.lower() in RECIPIENTS, bool(words & FILTERS))


def table() -> Iterator[tuple[str, str, str]]:
    """The rows of the published table: part, points, when."""
    yield "effect", " / ".join(map(str, EFFECTS.values())), "the tool's effect: " + ", ".join(EFFECTS)
    yield "irreversible", str(IRREVERSIBLE), "the tool says `reversible: false`, or destroys and does not say"
    yield "unbounded", str(UNBOUNDED), "no inputs at all, or an empty one named " + _listed(FILTERS)
    yield "glob", str(GLOB), f"a text of at most {SHORT} characters with `*` in it"
    yield "everything", str(EVERYTHING), "a text that is one of " + _listed(WORDS)
    yield "list", _steps(), "the longest list has that many entries"
    yield "recipients", _steps(), "as `list`, of an input named " + _listed(RECIPIENTS)
    yield (
        "crowd",
        str(CROWD),
        f"a text with one of {_listed(CROWDS)}, or texts of more than {MOST_TEXT // 1024} KiB together",
    )
    yield "unseen", str(UNSEEN), f"more than {MOST} values, those within lists and objects among them"
    yield (
        "money",
        f"{DIGIT} a digit, at most {MONEY}",
        (
            "whole digits of the greatest amount: an input with one of these words in its name: "
            + _listed(AMOUNTS)
        ),
    )


def _steps() -> str:
    return ", ".join(f"{points} from {least}" for least, points in reversed(COUNTS))


def _listed(words: frozenset[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))
