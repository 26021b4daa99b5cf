"""What is wrong with a configuration, where, and how to mend it.

Whatever reads a part of the configuration is given one `Problems` and adds to it; nothing stops at
the first problem. At the end `Problems.check()` raises all of them together.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wharfinger.rules.detecting.detectors import find


class Severity(enum.StrEnum):
    """Whether a problem keeps the configuration from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file of the configuration; lines and columns count from 1, 0 is "the file as a whole"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in lower case, quoting the user's text, never a secret value."""

    position: Position
    message: str
    hint: str = ""
    """The remedy, if it is not in the message."""
    severity: Severity = Severity.ERROR
    code: str = ""
    """Of a warning: its kind, as `W101`; see `rules.documents.kinds`."""

    def __str__(self) -> str:
        kind = f" [{self.code}]" if self.code else ""
        text = f"{self.position}: {self.severity}: {self.message}{kind}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` holds everything found, warnings included, sorted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order a reader wants them."""
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems sorted by position, each once."""
    return tuple(sorted(dict.fromkeys(problems), key=_place))


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    at = problem.position
    return at.file, at.line, at.column, problem.severity, problem.message


@dataclass(slots=True)
class Problems:
    """Collects problems while a configuration is read."""

    found: list[Problem] = field(default_factory=list)
    _errors: tuple[int, tuple[Problem, ...]] = (0, ())
    """The errors among the first so many that were found: readers ask after each step."""

    def error(self, position: Position, message: str, hint: str = "") -> None:
        """Note something that keeps the configuration from being used."""
        self.found.append(Problem(position, without_secrets(message), without_secrets(hint)))

    def warning(self, position: Position, message: str, hint: str = "", code: str = "") -> None:
        """Note something a person should look at; `code` is its kind."""
        told = without_secrets(message), without_secrets(hint)
        self.found.append(Problem(position, *told, Severity.WARNING, code))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors, in order of position."""
        if self._errors[0] != len(self.found):
            found = in_order(p for p in self.found if p.severity is Severity.ERROR)
            self._errors = (len(self.found), found)
        return self._errors[1]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings, in order of position."""
        return in_order(p for p in self.found if p.severity is Severity.WARNING)

    def check(self) -> None:
        """Raise `ConfigurationError` with everything found if any of it is an error."""
        if self.errors:
            raise ConfigurationError(self.found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(in_order(self.found))

    def __len__(self) -> int:
        return len(self.found)


def without_secrets(text: str) -> str:
    """`text` with what looks like a key left out: people write keys where only a name may stand."""
    for each in reversed(find(text, {"secret"})):
        text = f"{text[: each.start]}[{each.name}]{text[each.end :]}"
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint naming the nearest of `known`, or the empty string if none is near."""
    near = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""
