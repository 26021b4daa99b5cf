"""A credential as it goes upstream: what stands in the sealed copy, and what of it must not come back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_plus

from wharfinger.rules import hmacs
from wharfinger.rules.types import Place, Placement
from wharfinger.secret import Secret

_VARIABLE = "${secret}"
_PASSWORD_MIN = 8
"""Shortest password, in characters, that is looked for apart from its user name."""


def render(placement: Placement, secret: Secret) -> str:
    """The text to put where `placement` says; for a query percent-encoded, else plain."""
    text = placement.format.replace(_VARIABLE, secret.reveal())
    if placement.place is Place.BASIC:
        return f"Basic {_base64(text)}"  # RFC 7617
    if placement.place is Place.QUERY:
        return quote(text, safe="")
    return text


def signature(
    placement: Placement, secret: Secret, request: Mapping[str, bytes], now: datetime
) -> tuple[list[tuple[str, str]], str]:
    """The fields with a signature of a request's parts, made now, and it alone. ValueError for a bad key."""
    signing = placement.signing
    if signing is None:
        raise ValueError("its place is none for a signature")
    time = _CLOCKS[signing.clock](now)
    made = hmacs.signature(signing, secret.reveal(), time, request)
    fields = [(placement.name, hmacs.written(signing, time, made))]
    return ([*fields, (signing.time, time)] if signing.time else fields), made


_CLOCKS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "seconds": lambda now: str(int(now.timestamp())),
    "milliseconds": lambda now: str(int(now.timestamp() * 1000)),
    "iso": lambda now: now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
}


def with_query(target: str, name: str, value: str) -> str:
    """`target` with the query parameter `name` set to `value` (percent-encoded), and all else as it was.

    It takes the place of the parameter of that name, if there is one in whatever spelling, else comes last.
    """
    path, mark, query = target.partition("?")
    ours = f"{quote(name, safe='')}={value}"
    kept, done = [], False
    for part in query.split("&") if mark else ():
        if unquote_plus(part.partition("=")[0], errors="surrogateescape") != name:
            kept.append(part)
        elif not done:
            kept.append(ours)
            done = True
    if not done:
        kept = [*(part for part in kept if part), ours]
    return f"{path}?{'&'.join(kept)}"


def traces(secret: Secret, placements: tuple[Placement, ...]) -> frozenset[str]:
    """Every text that gives the secret away: its value, its password if it is a pair, what is rendered.

    Spellings of one text (escaped, percent-encoded, base64 at any alignment) are the redaction's concern;
    these are the texts that it starts from.
    """
    value = secret.reveal()
    found = {value}
    for placement in placements:
        if placement.place is Place.BASIC:
            pair = placement.format.replace(_VARIABLE, value)
            password = pair.partition(":")[2]
            found.add(_base64(pair))
            if password in value and len(password) >= _PASSWORD_MIN:
                found.add(password)
    return frozenset(found)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
