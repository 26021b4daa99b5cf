"""Every text that gives a credential away: it grows, and forgets nothing as long as the process lives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wharfinger.credentials.fetching import Fetched
from wharfinger.credentials.kinds import traces
from wharfinger.rules.types import Placement
from wharfinger.secret import Secret

_LEAST: Final = 8
"""Characters of what stands beside a value: shorter texts are found in answers that have nothing of it."""


class Concealed:
    """See the module's head."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._texts: dict[str, str] = {}
        self.placements: Mapping[str, tuple[Placement, ...]] = {}
        """Where each credential is put in, which makes texts of its value."""

    def __len__(self) -> int:
        """Changes when, and only when, there is one more."""
        return len(self._texts)

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts, each with the name of what it gives away."""
        return MappingProxyType(self._texts)

    def add(self, secret: Secret) -> None:
        """One value, as it is."""
        self._texts.setdefault(secret.reveal(), secret.name)

    def hide(self, fetched: Fetched) -> None:
        """A credential's value in all its forms, and what stands beside it."""
        name = fetched.secret.name
        beside = (text for text in fetched.hidden if len(text) >= _LEAST)
        for text in (*traces(fetched.secret, self.placements.get(name, ())), *beside):
            self._texts.setdefault(text, name)
