"""Which calls are shown: words such as `agent=bot verdict=deny ms>500`, all of which must hold.

`name=pattern` and `name!=pattern` compare a field with a pattern in which `*` stands for anything; `name>9`
and `name<9` compare a number; a word by itself may stand anywhere. Case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

TEXTS: Final = (
    "agent", "tool", "verdict", "rule", "approval", "state", "where", "reason", "decision", "observed",
)  # fmt: skip
NUMBERS: Final = ("status", "ms", "sent", "received", "findings")
_LONGEST: Final = 500
_TERM: Final = re.compile(r"(?P<name>[a-z]+)(?P<sign>!=|=|>|<)(?P<value>.*)", re.DOTALL)


class NoFilter(ValueError):
    """These words are no filter; the message says why."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a filter."""

    name: str
    """Empty: in any field."""
    sign: str
    value: str

    def lets(self, fields: Mapping[str, str | float | None]) -> bool:
        """Whether it holds."""
        if not self.name:
            return any(isinstance(each, str) and self.value in each.casefold() for each in fields.values())
        found = fields.get(self.name)
        match self.sign:
            case ">" | "<":
                if not isinstance(found, int | float):
                    return False
                return found > float(self.value) if self.sign == ">" else found < float(self.value)
            case _:
                same = fnmatchcase("" if found is None else str(found).casefold(), self.value)
                return same is (self.sign == "=")


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that must all hold."""

    terms: tuple[Term, ...] = ()

    def lets(self, fields: Mapping[str, str | float | None]) -> bool:
        """Whether it lets a call through."""
        return all(term.lets(fields) for term in self.terms)

    def __str__(self) -> str:
        return " ".join(f"{term.name}{term.sign}{term.value}" for term in self.terms)


EVERYTHING: Final = Filter()


def equal(**wanted: str | None) -> Filter:
    """A filter of fields, each like a pattern; those that are None do not matter."""
    return Filter(tuple(Term(name, "=", value.casefold()) for name, value in wanted.items() if value))


def parse(text: str) -> Filter:
    """Read what was typed. Raises `NoFilter`."""
    return Filter(tuple(_term(word) for word in text[:_LONGEST].split()))


def _term(word: str) -> Term:
    found = _TERM.fullmatch(word)
    if found is None:
        return Term("", "", word.casefold())
    name, sign, value = found["name"], found["sign"], found["value"].casefold()
    if name not in (*TEXTS, *NUMBERS):
        raise NoFilter(f'no field is called "{name}"; there are {", ".join((*TEXTS, *NUMBERS))}')
    if sign in "><":
        if name not in NUMBERS:
            raise NoFilter(f"{name} is no number: compare it with =")
        try:
            float(value)
        except ValueError:
            raise NoFilter(f'"{value}" is not a number') from None
    return Term(name, sign, value)
