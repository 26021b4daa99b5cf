"""The first way in: a one-time link for whoever runs the proxy, as long as nobody has a password."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from wharfinger.keeping import people
from wharfinger.signin.sessions import Sessions


class Declared(Protocol):
    """A person as the configuration declares it."""

    @property
    def role(self) -> str:
        """`viewer`, `approver` or `admin`."""
        ...


async def link(
    sessions: Sessions, declared: Mapping[str, Declared], registered: Iterable[str], state: Path
) -> tuple[str, str] | None:
    """Name of the admin whose key lies in `state`, and a link for them; None without need, or without one.

    `registered` are the people who have a key.
    """
    if await sessions.with_passwords() & declared.keys():
        return None
    known = set(registered)
    for name, person in declared.items():
        if person.role == "admin" and name in known and people.path_of(state, name).is_file():
            return name, await sessions.link(name)
    return None
