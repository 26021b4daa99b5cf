"""Find secrets and personal data in text, by the detectors of `detector_table`.

```python
find("card 4111 1111 1111 1111")            # [Finding("card", 5, 24)]
named({"to": "alice@example.com"})          # frozenset({"email", "personal"})
```

The time is linear: RE2 throughout, one pass for all secrets and one for each other detector. What looks
like a finding until its check digits are counted costs more than other text, so an `Effort` bounds how often
that may happen; conditions set one, and redaction has bounds of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import re2
from wharfinger.rules.detecting.table import DETECTORS, GROUPS, NAMES, Detector
from wharfinger.rules.weight import weigh

LONGEST: Final = 4096
"""Bytes of one secret, at most; of a longer one (a private key) the beginning is the finding."""
MAX_SEARCHED: Final = 40 * 1024
"""Bytes of text that one evaluation of a condition may search."""
MAX_UNITS: Final = 1_000
"""Units of effort that it may spend on what looks like a finding there."""
_SEARCH, _GLANCE, _LOOK = 30, 1, 9
"""Units of effort: for a text, for a beginning of a secret, for one that is matched or checked."""
_ALPHANUMERIC: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class TooMuch(Exception):
    """There is more to look at than may be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: characters `start` to `end` (not included) of the text."""

    name: str
    start: int
    end: int


class Effort:
    """How much may be looked at in all: of text, and of what may be a finding."""

    __slots__ = ("size", "units")

    def __init__(self, size: int, units: int) -> None:
        """`size` in bytes of text; a unit is some two microseconds."""
        self.size = size
        self.units = units

    @classmethod
    def of_one_evaluation(cls) -> Effort:
        """What a condition may take, within the time that it has."""
        return cls(MAX_SEARCHED, MAX_UNITS)

    def text(self, size: int) -> None:
        """Count a text that is searched. Raises `TooMuch`."""
        self.size -= size
        self.spend(_SEARCH)
        if self.size < 0:
            raise TooMuch

    def spend(self, units: int) -> None:
        """Count looks at something that may be a finding. Raises `TooMuch`."""
        self.units -= units
        if self.units < 0:
            raise TooMuch


def find(text: str, names: Collection[str] | None = None, effort: Effort | None = None) -> list[Finding]:
    """All findings in `text`, in their order, none of them overlapping; `names` may be groups, too.

    Raises `TooMuch` if that takes more than `effort`.
    """
    data = text.encode("utf-8", "surrogatepass")
    kept = find_in(data, names, effort)
    return kept if len(data) == len(text) else _by_characters(data, kept)


def find_in(data: bytes, names: Collection[str] | None = None, effort: Effort | None = None) -> list[Finding]:
    """The same in bytes, whatever they stand for, with the places of findings in bytes."""
    if effort is not None:
        effort.text(len(data))
    found = sorted(_all(data, _chosen(names), effort), key=lambda each: (each.start, -each.end))
    kept: list[Finding] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def named(
    value: object, names: Collection[str] | None = None, effort: Effort | None = None
) -> frozenset[str]:
    """The names of what is found in all texts of a value, and the groups that they belong to.

    Whole numbers are looked at, too, and the keys of mappings. Raises `TooMuch` as `find` does.
    """
    if effort is not None and weigh(value).countless:
        raise TooMuch
    data = "\n".join(texts(value)).encode("utf-8", "surrogatepass")
    if effort is not None:
        effort.text(len(data))
    found = {each.name for each in _all(data, _chosen(names), effort, once=True)}
    groups = {group for group, members in GROUPS.items() if members & found}
    return frozenset(found | groups)


def texts(value: object) -> Iterator[str]:
    """Every text in a value, keys and whole numbers among them."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, int) and not isinstance(item, bool):
            yield str(item)


def expanded(names: Iterable[str]) -> frozenset[str]:
    """Names of detectors, for names of detectors and groups. Raises `KeyError` for one there is not."""
    return frozenset().union(*(GROUPS[name] if name in GROUPS else _known(name) for name in names))


def _known(name: str) -> frozenset[str]:
    if name not in NAMES:
        raise KeyError(name)
    return frozenset({name})


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they stand for
    return re2.compile(pattern.encode("ascii"), options)


@dataclass(frozen=True, slots=True)
class _Search:
    """The detectors that are asked for, ready."""

    shaped: tuple[tuple[Detector, Any], ...]
    """Those found by their pattern alone."""
    starts: Any
    """One pattern for the beginnings of all others; None if there are none."""
    begun: dict[bytes, tuple[tuple[Detector, Any], ...]]
    """Those by their beginning, in the order of the table."""


@lru_cache(maxsize=64)
def _search(names: frozenset[str]) -> _Search:
    chosen = [(each, _compiled(each.pattern)) for each in DETECTORS if each.name in names]
    begun: dict[bytes, tuple[tuple[Detector, Any], ...]] = {}
    for detector, pattern in chosen:
        for start in detector.starts:
            begun[start.encode()] = (*begun.get(start.encode(), ()), (detector, pattern))
    longest_first = sorted((start.decode() for start in begun), key=len, reverse=True)
    pattern = "|".join(re2.escape(start) for start in longest_first)
    return _Search(
        tuple(pair for pair in chosen if not pair[0].starts), _compiled(pattern) if begun else None, begun
    )


def _chosen(names: Collection[str] | None) -> _Search:
    return _search(NAMES if names is None else expanded(names))


def _all(data: bytes, search: _Search, effort: Effort | None, *, once: bool = False) -> Iterator[Finding]:
    yield from _begun(data, search, effort)
    for detector, pattern in search.shaped:
        for finding in _shaped(data, detector, pattern, effort):
            yield finding
            if once:
                break


def _begun(data: bytes, search: _Search, effort: Effort | None) -> Iterator[Finding]:
    """Secrets: at every beginning of one, those that begin so."""
    at = 0
    while search.starts is not None and (found := search.starts.search(data, at)) is not None:
        start, at = found.start(), found.end()
        within_word = start and data[start] in _ALPHANUMERIC and data[start - 1] in _ALPHANUMERIC
        if effort is not None:
            effort.spend(_GLANCE)
        if within_word:
            continue
        for detector, pattern in search.begun[data[start:at]]:
            if effort is not None:
                effort.spend(_LOOK)
            match = pattern.match(data, start, min(start + LONGEST, len(data)))
            finding = None if match is None else _checked(detector, start, match.group())
            if finding is not None:
                yield finding
                at = max(at, finding.end)
                break


def _shaped(data: bytes, detector: Detector, pattern: Any, effort: Effort | None) -> Iterator[Finding]:
    at = 0
    while (match := pattern.search(data, at)) is not None:
        if effort is not None:
            effort.spend(_LOOK)
        finding = _checked(detector, match.start(), match.group())
        if finding is None:
            at = match.start() + 1
        else:
            yield finding
            at = finding.end


def _checked(detector: Detector, start: int, found: bytes) -> Finding | None:
    if detector.check is None:
        return Finding(detector.name, start, start + len(found))
    part = detector.check(found.decode("latin-1"))
    return None if part is None else Finding(detector.name, start + part[0], start + part[1])


def _by_characters(data: bytes, findings: list[Finding]) -> list[Finding]:
    """The same by characters: offsets so far are in bytes."""
    at = characters = 0
    counted = []
    for each in findings:
        characters += len(data[at : each.start].decode("utf-8", "surrogatepass"))
        length = len(data[each.start : each.end].decode("utf-8", "surrogatepass"))
        counted.append(Finding(each.name, characters, characters + length))
        at, characters = each.end, characters + length
    return counted
