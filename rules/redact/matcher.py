"""Find the forms of some secrets in bytes.

Rules: the leftmost match wins, then the longest, so a secret that begins another is never cut out of it.
A `Matcher` knows a group of secrets and never changes. `Layers` searches by several, so that a secret that
comes up while the proxy runs costs what its own forms cost, not those of all others.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.redact.forms import forms
from wharfinger.rules.redact.heads import HEAD, Heads

_LINE_END: Final = re.compile(rb"[\r\n]|\\[rn]|%0[DdAa]")
LAYERS: Final = 3
"""Most matchers that are searched by in turn; beyond it, small ones are made one."""


class Matcher:
    """The forms of one group of secrets."""

    __slots__ = ("_beginnings", "_forms", "_heads", "_shorter", "_sorted", "lined", "longest", "values")

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._forms: dict[bytes, str] = {}
        for value, name in values.items():
            for text in forms(value):
                self._forms.setdefault(text, name)
        self._sorted = sorted(self._forms)
        self._shorter = _prefixes(self._sorted)
        self._heads = Heads(self._sorted)
        self._beginnings = frozenset(_beginnings(self._sorted))
        self.longest = max(map(len, self._sorted), default=0)
        self.lined = _LINE_END.search(b"\0".join(self._sorted)) is not None
        """Whether lines end in one of the forms."""

    def __repr__(self) -> str:
        return f"Matcher({', '.join(sorted(set(self.values.values())))})"

    def __len__(self) -> int:
        return len(self.values)

    def starts(self, data: bytes) -> list[int]:
        """Where a form may begin."""
        return self._heads.starts(data)

    def at(self, data: bytes, start: int) -> tuple[int, str]:
        """The length of the longest form that begins at `start`, and its secret's name; 0 for none.

        It is the one sorted just before the text there, or a beginning of that one.
        """
        text = data[start : start + self.longest]
        index = bisect_right(self._sorted, text)
        form = self._sorted[index - 1] if index else None
        while form is not None and not text.startswith(form):
            form = self._shorter.get(form)
        return (0, "") if form is None else (len(form), self._forms[form])

    def held_from(self, data: bytes, at: int, starts: list[int]) -> int:
        """The first place at or after `at` from which the rest of `data` is the beginning of a longer form;
        `len(data)` if there is none. `starts` are those of `data`.
        """
        place = max(at, len(data) - self.longest + 1)
        late = max(place, len(data) - HEAD + 1)
        for start in starts[bisect_left(starts, place) :]:
            if start >= late:
                break
            if self._begins(data[start:]):
                return start
        return next((end for end in range(late, len(data)) if data[end:] in self._beginnings), len(data))

    def _begins(self, text: bytes) -> bool:
        """Whether a form is longer than `text` and starts with it."""
        index = bisect_right(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)


@dataclass(frozen=True, slots=True)
class Match:
    """One form that was met: bytes `start` to `end` (not included)."""

    start: int
    end: int
    name: str


class Layers:
    """All secrets, in one matcher or some."""

    __slots__ = ("_matchers",)

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._matchers = tuple(matchers)

    def __bool__(self) -> bool:
        return bool(self._matchers)

    @property
    def lined(self) -> bool:
        """Whether lines end in one of the forms."""
        return any(matcher.lined for matcher in self._matchers)

    @property
    def longest(self) -> int:
        """Bytes of the longest form."""
        return max((matcher.longest for matcher in self._matchers), default=0)

    def changed_to(self, values: Mapping[str, str]) -> Layers:
        """The same with these secrets; what is known of them already is kept."""
        kept = [matcher for matcher in self._matchers if matcher.values.items() <= values.items()]
        known = {value for matcher in kept for value in matcher.values}
        new = {value: name for value, name in values.items() if value and value not in known}
        if not new:
            return Layers(kept)
        kept.sort(key=len)
        while kept and (len(kept) >= LAYERS or len(kept[0]) <= len(new)):
            new |= kept.pop(0).values
        return Layers([*kept, Matcher(new)])

    def search(self, data: bytes, *, last: bool) -> tuple[list[Match], int]:
        """What is met in `data`, in order and apart from each other, and from where on the rest may still
        become a form or a longer one: nothing is met from there on. With `last`, nothing more comes.
        """
        size = len(data)
        starts = [matcher.starts(data) for matcher in self._matchers]
        held = size if last else self._held_from(data, 0, starts)
        met: list[Match] = []
        at = 0
        for start in _merged(starts):
            if start >= held:
                break
            if start < at:
                continue
            length, name = max(matcher.at(data, start) for matcher in self._matchers)
            if length:
                at = start + length
                met.append(Match(start, at, name))
                if held < at:
                    held = self._held_from(data, at, starts)
        return met, held

    def covered(self, data: bytes) -> list[Match]:
        """Every form in `data`, in order, whether it overlaps others or not; of those that begin together
        the longest. What is met at one place does not depend on what is met at another.
        """
        starts = [matcher.starts(data) for matcher in self._matchers]
        met: list[Match] = []
        for start in _merged(starts) if starts else ():
            length, name = max(matcher.at(data, start) for matcher in self._matchers)
            if length:
                met.append(Match(start, start + length, name))
        return met

    def _held_from(self, data: bytes, at: int, starts: list[list[int]]) -> int:
        pairs = zip(self._matchers, starts, strict=True)
        return min((matcher.held_from(data, at, its) for matcher, its in pairs), default=len(data))


def _merged(starts: list[list[int]]) -> list[int]:
    return starts[0] if len(starts) == 1 else sorted({start for its in starts for start in its})


def _beginnings(texts: Iterable[bytes]) -> Iterator[bytes]:
    """What is shorter than a head, and begins a longer form."""
    for head in {text[:HEAD] for text in texts}:
        yield from (head[:size] for size in range(1, len(head)))


def _prefixes(ordered: list[bytes]) -> dict[bytes, bytes]:
    """From each form to the longest other form that it starts with, where there is one."""
    shorter: dict[bytes, bytes] = {}
    open_: list[bytes] = []
    for form in ordered:
        while open_ and not form.startswith(open_[-1]):
            open_.pop()
        if open_:
            shorter[form] = open_[-1]
        open_.append(form)
    return shorter
