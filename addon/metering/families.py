"""What is counted: numbers under labels, cheap enough for the way of every request.

Rules: counting is an addition in a dictionary. Nobody who counts formats anything or waits for a lock; what
is counted is read now and then, as plain JSON, and turned into what Prometheus reads in another process. A
family has at most so many rows: what comes beyond them is counted under `other`, so that the sum stays true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wharfinger.rules.types import JSON

MOST = 1000
"""Rows of one family."""
OTHER = "other"
"""Stands in every label of the row for what found no room."""
SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
"""Upper ends of the classes that durations fall into."""

type Labels = tuple[str, ...]
type Rows = Mapping[Any, float] | float
"""Numbers by their labels, or the one number that there is."""


@dataclass(slots=True)
class Counter:
    """A number for each set of labels, which only grows."""

    name: str
    help: str
    labels: Labels = ()
    most: int = MOST
    rows: dict[Labels, float] = field(default_factory=dict)

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Add to the row of these labels."""
        held = self.rows.get(labels)
        if held is None and len(self.rows) >= self.most:
            labels = (OTHER,) * len(self.labels)
            held = self.rows.get(labels)
        self.rows[labels] = (held or 0) + amount

    def as_json(self) -> JSON:
        """All rows."""
        return _family("counter", self.name, self.help, self.labels, _rows(self.rows))


@dataclass(slots=True)
class _Spread:
    """How durations are spread over the classes."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Histogram:
    """Durations in seconds for each set of labels. The labels are of our own making: there is no `other`."""

    name: str
    help: str
    labels: Labels = ()
    bounds: Sequence[float] = SECONDS
    rows: dict[Labels, _Spread] = field(default_factory=dict)

    def add(self, seconds: float, labels: Labels = ()) -> None:
        """Count one duration."""
        row = self.rows.get(labels)
        if row is None:
            row = self.rows[labels] = _Spread([0] * (len(self.bounds) + 1))
        row.counts[bisect_left(self.bounds, seconds)] += 1
        row.total += seconds

    def as_json(self) -> JSON:
        """All rows: for each the number in every class, and the sum."""
        rows: list[JSON] = [
            [list(labels), list(row.counts), row.total] for labels, row in tuple(self.rows.items())
        ]
        return {**_family("histogram", self.name, self.help, self.labels, rows), "bounds": list(self.bounds)}


def gauge(name: str, help_text: str, rows: Rows, labels: Labels = (), *, most: int = MOST) -> JSON:
    """What something is at this moment: a number, or one for each set of labels, the first `most` of them."""
    held = rows if isinstance(rows, Mapping) else {(): rows}
    return _family("gauge", name, help_text, labels, _rows(dict(tuple(held.items())[:most])))


def counter(name: str, help_text: str, rows: Rows, labels: Labels = ()) -> JSON:
    """What somebody else has counted."""
    held = rows if isinstance(rows, Mapping) else {(): rows}
    return _family("counter", name, help_text, labels, _rows(dict(tuple(held.items())[:MOST])))


def _rows(rows: dict[Labels, float]) -> list[JSON]:
    return [[list(labels), value] for labels, value in tuple(rows.items())]


def _family(kind: str, name: str, help_text: str, labels: Iterable[str], rows: list[JSON]) -> dict[str, JSON]:
    return {"type": kind, "name": name, "help": help_text, "labels": list(labels), "rows": rows}
