"""Whether what secrets are fetched from is declared: every `NAME:WHERE` names a source of credentials.yaml.

Nothing of a `from:` is quoted here: who writes a value in its place must not find it in a log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wharfinger.rules.documents.names import Declared
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.models.origins import NEVER, REMEDY, Origin, Place

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration


def check_sources(built: Configuration, declared: Declared, problems: Problems) -> None:
    """Report origins in sources that are not there, and places that no source can have."""
    for at, origin in _origins(built):
        if not origin.is_declared:
            continue
        if declared.sources.missing(origin.scheme):
            known = ", ".join(sorted(declared.sources.known))
            problems.error(at, NEVER, f"{REMEDY}, or name one of `sources:` ({known or 'none is declared'})")
        elif Place.of(origin.text) is None:
            problems.error(at, "this is not a place in a source", "write it like vault:path/of/secret#field")


def _origins(built: Configuration) -> Iterator[tuple[Position, Origin]]:
    for credential in built.credentials.values():
        for key, origin in credential.origins.items():
            yield credential.at(key), origin
    for channel in built.settings.channels.declared.values():
        for key, origin in channel.secrets.items():
            yield channel.at(key), origin
