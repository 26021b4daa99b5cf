"""One credential's value, had anew: from its source, put together, or minted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharfinger.credentials import certificates, minting, roles, signing
from wharfinger.credentials.sources import Asked, NotFetched, Value
from wharfinger.credentials.values import faults
from wharfinger.rules.models.credentials import Credential
from wharfinger.secret import Secret

AHEAD: Final = 0.2
"""The part of a token's life at the end of which it is replaced ahead of time."""


class Unusable(Exception):
    """A value that was fetched and cannot be used: all that is wrong, each with its remedy."""

    def __init__(self, found: tuple[tuple[str, str], ...]) -> None:
        super().__init__(found[0][0])
        self.found = found


@dataclass(frozen=True, slots=True, repr=False)
class Fetched:
    """A value, as long as it holds."""

    secret: Secret
    due: float | None = None
    """When to fetch it again (seconds since 1970); None for never by itself."""
    expires: float | None = None
    """From when on it is of no use."""
    hidden: tuple[str, ...] = ()
    """What else must never be shown: keys it was made with, tokens beside it."""
    version: str = ""
    """What its source calls this value among those it has had."""
    kept: bool = False
    """Whether it has to be fetched when due even while nobody uses it."""


def fetch(name: str, credential: Credential, asked: Asked) -> Fetched:
    """The value as it is now. May block for seconds. Raises `NotFetched` or `Unusable`."""
    values = {key: asked.source(origin).fetch() for key, origin in credential.origins.items()}
    parts = {key: value.text for key, value in values.items()}
    began = asked.means.now()
    if credential.is_minted:
        return _minted(name, credential, parts, asked.folder, began)
    value = parts.get("from", "")
    hidden: tuple[str, ...] = ()
    expires: float | None = None
    if credential.kind == "aws":
        value, hidden, expires = _keys(parts, began)
    if credential.kind == "mtls":
        value, hidden = certificates.text(parts), certificates.hidden(parts)
        expires = certificates.Pair.read(parts).expires
    else:
        _check(value, credential)
    found = values.values()
    expires = _first((expires, *(each.expires for each in found)))
    if expires is not None and expires <= began:
        raise NotFetched("the value has ended already", "see its source, and the clock")
    ahead = None if expires is None else _due(began, expires)
    return Fetched(
        Secret(name, value),
        _first((ahead, *(each.due for each in found))),
        expires,
        (*hidden, *(text for each in found for text in each.hidden)),
        _version(found),
        any(each.kept for each in found),
    )


def _first(times: Iterable[float | None]) -> float | None:
    return min((time for time in times if time is not None), default=None)


def _version(values: Iterable[Value]) -> str:
    return ", ".join(dict.fromkeys(value.version for value in values if value.version))


def _minted(
    name: str, credential: Credential, parts: Mapping[str, str], folder: Path, began: float
) -> Fetched:
    refresh = credential.refresh
    path = None if refresh is None else folder / Path(refresh.text).expanduser()
    made = minting.mint(credential, parts, began, path)
    _check(made.value, credential)
    hidden = (*parts.values(), *made.hidden)
    return Fetched(Secret(name, made.value), _due(began, made.expires), made.expires, hidden)


def _keys(parts: Mapping[str, str], began: float) -> tuple[str, tuple[str, ...], float | None]:
    """An access key of AWS in one text, what of it is secret by itself, and when it ends."""
    try:
        keys = roles.keys_of(parts)
        expires = signing.expiry(parts["from"]) if "from" in parts else None
    except ValueError as error:
        raise NotFetched(f"the AWS key cannot be read: {error}", "see what the source prints") from None
    if expires is not None and expires <= began:
        raise NotFetched("the AWS key has expired", "have its source give a new one")
    hidden = tuple(text for text in (keys.secret_key, keys.session_token, keys.access_key) if text)
    return keys.text(), hidden, expires


def _due(began: float, expires: float) -> float:
    return expires - AHEAD * (expires - began)


def _check(value: str, credential: Credential) -> None:
    if found := tuple(faults(value, credential)):
        raise Unusable(found)
