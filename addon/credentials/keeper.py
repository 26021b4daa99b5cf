"""What commands do to credentials: list them, change the encrypted store, have one fetched again.

With a running proxy a value that is set or rotated is used from the next request on: every credential that is
had from that entry is fetched anew before the command is answered. Without one, the store alone is changed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from wharfinger.credentials.own_store import Entry, OwnStore
from wharfinger.credentials.sources import NotFetched
from wharfinger.credentials.store_key import Ask, How
from wharfinger.credentials.values import faults
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.credentials.registry import Credentials
    from wharfinger.credentials.standings import Standing


class Keeper:
    """See the module's head."""

    def __init__(self, data: Path, running: Credentials | None = None) -> None:
        """`running` are the credentials in use, where a proxy runs."""
        self._data = data
        self._running = running

    async def listing(self) -> JSON:
        """How those in use stand, and the entries of the store."""
        entries = await asyncio.to_thread(OwnStore(self._data, _nobody).entries)
        standings = None if self._running is None else self._running.standings()
        return {
            "in_use": None if standings is None else [_standing(each) for each in standings],
            "store": [_entry(each) for each in entries],
        }

    async def put(
        self, name: str, value: str, now: datetime, *, replace: bool, key: str, passphrase: str | None
    ) -> JSON:
        """See `services.Credentials`. Raises `Fault`s."""
        store, ask = self._store, _said(passphrase)
        self._check(name, value)
        if replace:
            _, before = await asyncio.to_thread(store.get, name, ask)
            if before == value:
                raise NotFetched("the new value is the old one", "put in the one that is to replace it")
        entry = await asyncio.to_thread(store.put, name, value, now, key=cast("How", key), ask=ask)
        used_by = await self._taken_over(name)
        return {**_entry(entry), "used_by": list(used_by)}

    async def remove(self, name: str, passphrase: str | None) -> JSON:
        """See `services.Credentials`. Raises `Fault`s; an entry that is in use is not removed."""
        if using := self._using(name):
            raise NotFetched(
                f'the entry "{name}" is in use by {", ".join(using)}',
                "take it out of credentials.yaml, and reload",
            )
        await asyncio.to_thread(self._store.remove, name, _said(passphrase))
        return {"name": name}

    async def rekey(self, key: str, passphrase: str | None, new: str | None) -> JSON:
        """See `services.Credentials`. Raises `Fault`s."""
        renew = self._store.rekey
        count = await asyncio.to_thread(renew, cast("How", key), _said(new) or _nobody, _said(passphrase))
        return {"key": key, "entries": count}

    async def refresh(self, name: str) -> JSON:
        """See `services.Credentials`. Raises `NotFetched`."""
        if self._running is None or name not in {each.name for each in self._running.standings()}:
            raise NotFetched(
                f'the credential "{name[:100]}" is not in use',
                "start the proxy, and see: wharfinger credentials list",
            )
        if problems := await self._running.refresh(name):
            raise NotFetched(f"{name} could not be fetched: {problems[0].message}", problems[0].hint)
        return {"name": name, "generation": self._running.generation(name)}

    @property
    def _store(self) -> OwnStore:
        """The store that the proxy has open, or the folder's own."""
        held = None if self._running is None else self._running.means.store
        return held or OwnStore(self._data, _nobody)

    def _using(self, entry: str) -> tuple[str, ...]:
        return () if self._running is None else self._running.had_from("store", entry)

    def _check(self, entry: str, value: str) -> None:
        """A value that could not be used is not written: it would stop what works."""
        for name in self._using(entry):
            credential = None if self._running is None else self._running.declared(name)
            if credential is None or credential.is_minted or "from" not in credential.origins:
                continue
            for message, hint in faults(value, credential):
                raise NotFetched(f"{name} cannot use it: {message}", hint)

    async def _taken_over(self, entry: str) -> tuple[str, ...]:
        using = self._using(entry)
        for name in using if self._running is not None else ():
            if problems := await cast("Credentials", self._running).refresh(name):
                raise NotFetched(
                    f"it is written, and {name} could not be fetched: {problems[0].message}", problems[0].hint
                )
        return using


def _said(passphrase: str | None) -> Ask | None:
    return None if passphrase is None else lambda: passphrase


def _nobody() -> str:
    raise NotFetched("the store of credentials has a passphrase", "give it with --passphrase")


def _entry(entry: Entry) -> dict[str, JSON]:
    changed = entry.changed.isoformat(timespec="seconds")
    return {"name": entry.name, "generation": entry.generation, "changed": changed}


def _standing(standing: Standing) -> dict[str, JSON]:
    return {
        "name": standing.name,
        "generation": standing.generation,
        "version": standing.version,
        "age": standing.age,
        "left": standing.left,
        "used": standing.used,
        "problem": standing.problem,
    }
