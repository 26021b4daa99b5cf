"""A credential as it goes upstream: what stands in the sealed copy, and what of it must not come back."""

from __future__ import annotations

import base64
from urllib.parse import quote, unquote_plus

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
