"""What stores elsewhere have in common: how they are asked, what signs in, a token that is held for all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from wharfinger.credentials.asking import Web
from wharfinger.credentials.sources import Asked
from wharfinger.credentials.token_servers import Minted
from wharfinger.rules.models.sources import DeclaredSource

_EARLY: Final = 60.0
"""Seconds before its end at which a token is not used any more."""


class Remote:
    """A store that is declared under `sources:`."""

    def __init__(self, name: str, declared: DeclaredSource, asked: Asked) -> None:
        """Asks nothing yet."""
        self._name = name
        self._declared = declared
        self._asked = asked
        self._web = Web(self._ca)
        self._lock = threading.Lock()

    @property
    def _ca(self) -> Path | None:
        return self._asked.folder / self._declared.ca if self._declared.ca else None

    def _given(self) -> dict[str, str]:
        """What signs in, fetched anew. Raises `NotFetched`."""
        origins = self._declared.origins.items()
        return {key: self._asked.source(origin).fetch().text for key, origin in origins}


class Tokened(Remote):
    """A store that is read with a token, which is had again shortly before it ends."""

    _token: Minted | None = None

    def _signed_in(self, now: float) -> Minted:
        """The one token of all who ask."""
        with self._lock:
            if self._token is None or self._token.expires - _EARLY <= now:
                self._token = self._sign_in(now)
            return self._token

    def _forget(self, token: Minted) -> None:
        """It was refused: the next who asks signs in anew."""
        with self._lock:
            if self._token is token:
                self._token = None

    def _sign_in(self, now: float) -> Minted:
        raise NotImplementedError
