"""What a condition must say of one input so that it admits the values that were seen, and few others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.rules.requests.strictjson import INT64

MOST_VALUES: Final = 5
"""Values that are listed; of more, what they have in common is looked for."""
MOST_TEXT: Final = 200
"""Characters of a value that is listed."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What is said of one input. `open` says why nothing is, where nothing is."""

    values: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    prefix: str = ""
    items: tuple[Any, ...] | None = None
    """Of a list: what each of it may be."""
    empty: bool = False
    """Whether the list may be empty."""
    open: str = ""
    once: tuple[Any, ...] = ()
    """Values among these that were seen only once."""

    @property
    def mapping(self) -> Any:
        """As it is written in a mapping."""
        if self.values:
            return self.values[0] if len(self.values) == 1 else {"in": list(self.values)}
        if self.prefix:
            return {"startswith": self.prefix}
        if self.items is not None:
            each = {"all": {"in": list(self.items)}}
            return {**each, "empty": "ok"} if self.empty else each
        return {"min": self.low, "max": self.high}

    def cel(self, name: str) -> str:
        """As it is written in CEL."""
        subject = f"input.{name}"
        if self.values:
            listed = [quoted(value) for value in self.values]
            return f"{subject} == {listed[0]}" if len(listed) == 1 else f"{subject} in [{', '.join(listed)}]"
        if self.prefix:
            return f"{subject}.startsWith({quoted(self.prefix)})"
        if self.items is not None:
            listed = [quoted(value) for value in self.items]
            each = f"{subject}.all(each, each in [{', '.join(listed)}])"
            return each if self.empty else f"size({subject}) > 0 && {each}"
        return f"{subject} >= {quoted(self.low)} && {subject} <= {quoted(self.high)}"

    def outside(self) -> Iterator[Any]:
        """Values that are not admitted, and near those that are."""
        if self.values:
            first = self.values[0]
            if isinstance(first, bool):
                yield from (each for each in (True, False) if each not in self.values)
            elif isinstance(first, str):
                yield f"{first}x"
            else:
                yield from _beside(first, first)
        elif self.prefix:
            yield f"x{self.prefix}x"
        elif self.items is not None:
            texts = [item for item in self.items if isinstance(item, str)]
            yield [*self.items, f"{texts[0]}x" if texts else "x"]
        elif self.high is not None and self.low is not None:
            yield from _beside(self.low, self.high)


def bound(seen: Iterable[Any]) -> Bound:
    """What holds for all of these values."""
    held = list(seen)
    if all(_is_number(value) for value in held):
        return _numbers(held)
    if all(isinstance(value, str) for value in held) or all(isinstance(value, bool) for value in held):
        return _scalars(held)
    if all(isinstance(value, list) for value in held):
        return _lists(held)
    return Bound(open="values of several types" if len({type(each) for each in held}) > 1 else "an object")


def _beside(low: float, high: float) -> Iterator[float]:
    """The numbers next to a range, where they can be written."""
    yield from (each for each in (high + 1, low - 1) if not isinstance(each, int) or each in INT64)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(held: list[Any]) -> Bound:
    low, high = min(held), max(held)
    counts = Counter(held)
    once = tuple(each for each in dict.fromkeys((low, high)) if counts[each] == 1)
    return Bound(values=(low,), once=once) if low == high else Bound(low=low, high=high, once=once)


def _scalars(held: list[Any]) -> Bound:
    counts = Counter(held)
    if len(counts) <= MOST_VALUES and all(len(str(value)) <= MOST_TEXT for value in counts):
        values = tuple(sorted(counts, key=str))
        return Bound(values=values, once=tuple(value for value in values if counts[value] == 1))
    prefix = common_folder(list(counts))
    return Bound(prefix=prefix) if prefix else Bound(open=f"{len(counts)} values")


def _lists(held: list[list[Any]]) -> Bound:
    counts: Counter[str] = Counter()
    spelled: dict[str, Any] = {}
    for value in held:
        for item in value:
            if isinstance(item, list | dict) or item is None:
                return Bound(open="lists of more than plain values")
            spelled[json.dumps(item)] = item
            counts[json.dumps(item)] += 1
    if not counts:
        return Bound(open="empty lists")
    if len(counts) > MOST_VALUES or any(len(text) > MOST_TEXT for text in counts):
        return Bound(open=f"{len(counts)} values in lists")
    items = tuple(spelled[text] for text in sorted(counts))
    once = tuple(spelled[text] for text in sorted(counts) if counts[text] == 1)
    return Bound(items=items, empty=not all(held), once=once)


def common_folder(texts: list[str]) -> str:
    """What all paths begin with, up to and with a slash; empty if there is no such thing."""
    first, last = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: first.rfind("/", 0, length) + 1]


def quoted(value: Any) -> str:
    """A value as JSON, with what is not printable as escapes: the same in YAML, and in CEL."""
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
