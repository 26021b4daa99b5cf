"""What a command needs to go out by the proxy: a run of its agent, and the environment for it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from wharfinger.certs.environment import ClientFiles
from wharfinger.cli import starting
from wharfinger.cli.control import Here
from wharfinger.cli.env import placeholders
from wharfinger.cli.people_keys import person_key
from wharfinger.control.client import Client, NotRunning
from wharfinger.faults import Fault
from wharfinger.isolation.attaching import Hello
from wharfinger.isolation.choice import ISOLATED, UNCONFINED
from wharfinger.isolation.sandbox import ADDRESS
from wharfinger.keeping import lock, private
from wharfinger.keeping.keys import Keys
from wharfinger.keeping.lock import Lock, LockHeld
from wharfinger.keeping.people import PersonKey
from wharfinger.running import door
from wharfinger.running.desk import DataFolder
from wharfinger.running.door import Door

_LOG = "run-proxy.log"
_SECONDS = 30.0
"""How long another's proxy may take to start."""
_BETWEEN = 0.05
_STARTING = "starting"
"""The folder, in the data folder, whose lock the one has that starts a proxy for its run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command needs to go out by the proxy: its environment, and its token, if it has one."""

    door: Door
    hello: Hello | None
    """None for an agent that is known by its address: no run was issued."""
    files: ClientFiles
    environment: Mapping[str, str]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the running proxy has told of itself."""

    proxy: str
    rows: Any
    removed: frozenset[str]

    @classmethod
    def by(cls, client: Client) -> Self:
        status: Any = client.do("status")
        removed: Any = client.do("screen", {"values": dict(os.environ)})
        return cls(status["proxy"], client.do("agents.list"), frozenset(removed))


def connect(place: Here) -> Client:
    """The running proxy, one that somebody else is starting, or one started for this run.

    Raises `NotStarted`, or `LockHeld` where whoever has the data folder does not come to answer.
    """
    with contextlib.suppress(NotRunning):
        return Client.connect(place.data)
    end = time.monotonic() + _SECONDS
    with _alone(private.folder(private.folder(place.data) / _STARTING), end):
        while True:
            with contextlib.suppress(NotRunning):
                return Client.connect(place.data)
            holder = lock.holder(place.data)
            if holder is not None:
                if time.monotonic() > end:
                    raise LockHeld(place.data, holder)
                time.sleep(_BETWEEN)
                continue
            try:
                starting.start(place, _LOG, "--for-runs")
            except starting.NotStarted:
                # It may have been kept from it by one that was started by hand.
                if lock.holder(place.data) is None or time.monotonic() > end:
                    raise


def _alone(folder: Path, end: float) -> Lock:
    """One after the other, of those that would start a proxy for their runs."""
    while True:
        try:
            return Lock.acquire(folder)
        except LockHeld as held:
            if time.monotonic() > end:
                who = f"process {held.pid}" if held.pid else "another command"
                hint = f'wait for it, or see "{folder.parent / _LOG}"'
                raise starting.NotStarted(f"{who} has been starting a proxy for too long", hint) from None
        time.sleep(_BETWEEN)


@contextlib.contextmanager
def issued(
    place: Here, agent: str, reason: str | None, person: str | None, *, confinement: str = UNCONFINED
) -> Iterator[Run]:
    """A run of `agent`, ended when the block ends."""
    key = person_key(person)
    with connect(place) as client:
        args = {"agent": agent, "confinement": confinement, **({"reason": reason} if reason else {})}
        given: Any = client.do("runs.issue", args, key)
        told = _Told.by(client)
    hello = Hello(given["run"], agent, given["token"])
    at_door = confinement == ISOLATED
    way_out = Door(agent, None if at_door else hello.token, ADDRESS if at_door else told.proxy)
    try:
        yield _arranged(place, way_out, told, hello)
    finally:
        _end(place, hello.run, key)


def by_address(place: Here, agent: str) -> Run:
    """What an agent needs that is known by its address, where a proxy runs. Raises `NotRunning`."""
    with Client.connect(place.data) as client:
        told = _Told.by(client)
    return _arranged(place, Door(agent, None, told.proxy), told, None)


def _arranged(place: Here, way_out: Door, told: _Told, hello: Hello | None) -> Run:
    keys = Keys.open(place.data)
    files = door.client_files(DataFolder(place.data), place.configuration, place.found.snapshot.folder)
    base = door.without(os.environ, told.removed)
    known = placeholders(place, told.rows, keys)
    variables = door.environment(way_out, place.configuration, files, known, base)
    removed = tuple(sorted(told.removed - set(variables)))
    return Run(way_out, hello, files, base | variables, removed)


def _end(place: Here, run_id: str, key: PersonKey) -> None:
    with contextlib.suppress(Fault), Client.connect(place.data) as client:
        client.do("runs.end", {"run": run_id}, key)
