"""Which part of an answer a request asks for (RFC 9110, 14): one range of bytes, read strictly.

Where an answer may hold a secret, a part of it is asked for with what stands around it, and cut back when it
comes (`rules.redact.parts`). So only what can be cut is let out: one range, of bytes, that reads in one way.
Dropping another would make a larger answer of it than was asked for, and maybe than was allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.requests.refusal import Refused

_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,19})-([0-9]{1,19})?|-([0-9]{1,19}))", re.ASCII | re.IGNORECASE)
_LAST: Final = 2**63 - 1
"""The greatest offset that servers can read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A range of bytes, counted from the beginning, or from the end where `first` is None."""

    first: int | None
    last: int | None
    """The last byte of it, None for that of the whole; without `first`, how many bytes it has."""

    def widened(self, by: int) -> str:
        """The field to send for it, with `by` bytes more on either side where there are so many."""
        if self.first is None:
            return f"bytes=-{min((self.last or 0) + by, _LAST)}"
        first = max(0, self.first - by)
        return f"bytes={first}-" if self.last is None else f"bytes={first}-{min(self.last + by, _LAST)}"


def asked(method: str, fields: Iterable[tuple[str, str]]) -> Asked | None:
    """What part of an answer is asked for; None for all of it, and of one that has no body.

    Raises `Refused` where that cannot be cut out of more.
    """
    values = [value for name, value in fields if name.lower() == "range"]
    if not values or method == "HEAD":
        return None
    found = _RANGE.fullmatch(values[0].strip(" \t")) if len(values) == 1 else None
    if found is not None:
        first, last, size = (None if digits is None else int(digits) for digits in found.groups())
        read = Asked(None, size) if first is None else Asked(first, last)
        bounded = max(first or 0, last or 0, size or 0) <= _LAST
        if bounded and size != 0 and (last is None or first is None or first <= last):
            return read
    raise Refused(
        "of an answer that may hold a secret, only one range of bytes can be given",
        'Ask for one range at a time: "bytes=0-99", "bytes=100-" or "bytes=-100".',
    )


def widened(fields: Iterable[tuple[str, str]], part: Asked, by: int) -> Iterator[tuple[str, str]]:
    """Header fields of a request for `part`, asking for `by` bytes more on either side.

    And for no coding: a part of what is encoded cannot be read.
    """
    for name, value in fields:
        low = name.lower()
        if low == "range":
            yield name, part.widened(by)
        elif low != "accept-encoding":
            yield name, value
    yield "Accept-Encoding", "identity"
