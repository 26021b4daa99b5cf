"""What a request may ask its answer to be, where the answer has to be read.

An agent must not choose a format or a coding in which a field comes through unmasked: of what it accepts,
only that goes upstream which can be read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from wharfinger.rules.redact.decode import KNOWN
from wharfinger.rules.redact.formats import is_known
from wharfinger.rules.types import ResponseRules


def pinned(fields: Iterable[tuple[str, str]], rules: ResponseRules) -> Iterator[tuple[str, str]]:
    """Header fields of a request, so that its answer can be redacted by `rules`."""
    asked = False
    for name, value in fields:
        low = name.lower()
        if low == "accept-encoding":
            yield name, _of(value, lambda coding: coding in KNOWN, "identity")
        elif low == "accept" and rules.redact:
            asked = True
            yield name, _of(value, is_known, "application/json")
        else:
            yield name, value
    if rules.redact and not asked:
        yield "Accept", "application/json"


def _of(value: str, known: Callable[[str], bool], otherwise: str) -> str:
    """Those members of a list, with their parameters, that are known."""
    kept = [each.strip() for each in value.split(",") if known(each.partition(";")[0].strip().lower())]
    return ", ".join(kept) or otherwise
