"""What an answer of a store must be: a text, or one in a field of it; and when it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from wharfinger.credentials.sources import NotFetched
from wharfinger.rules.models.origins import Place

_SAID: Final = {
    400: "does not take the question",
    401: "refuses who asks",
    403: "refuses who asks",
    404: "has no such entry",
    429: "is asked too often",
}
"""What a status means, in words; others stand for themselves."""
_HINT: Final = "see its own audit log, and that the place and the sign-in are right"


def refused(name: str, status: int, hint: str = _HINT) -> NoReturn:
    """Say that the source answered with a status that is no success."""
    said = _SAID.get(status, "answered")
    raise NotFetched(f"the source {name} {said} (status {status})", hint)


def text_in(held: object, name: str, what: str = "a text") -> str:
    """A text that is not empty. Raises `NotFetched`."""
    if not isinstance(held, str) or not held:
        raise NotFetched(f"the source {name} did not give {what}", "see what is stored there")
    return held


def field_of(text: str, place: Place, name: str) -> str:
    """The text itself, or where the place names a field, that of the JSON object which the text is."""
    if not place.field:
        return text
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        held = None
    return in_mapping(held, place.field, name)


def in_mapping(held: object, key: str, name: str) -> str:
    """The text in a field. Raises `NotFetched`."""
    if not isinstance(held, Mapping) or key not in held:
        raise NotFetched(f"the source {name} has no such field there", "write the field after `#`")
    return text_in(held[key], name, "a text in that field")


def moment(held: object, name: str) -> float | None:
    """Seconds since 1970 of an ISO time, or None where there is none. Raises `NotFetched`."""
    if held is None or held == "":
        return None
    try:
        found = datetime.fromisoformat(str(held))
        if found.tzinfo is None:
            raise ValueError
        return found.timestamp()
    except ValueError:
        raise NotFetched(f"the source {name} gives a time that is none", "see its own log") from None


def seconds(held: Mapping[str, Any], key: str, name: str) -> float:
    """A number of seconds that is not negative. Raises `NotFetched`."""
    found = held.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float) or found < 0:
        raise NotFetched(f"the source {name} does not say how long its token holds", "see its own log")
    return float(found)
