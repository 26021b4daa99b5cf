"""Checks of this machine: files, keys, trust, ports and clock. None of them needs a running proxy."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
from wharfinger.audit import reader
from wharfinger.certs import bundle
from wharfinger.certs.authority import KEY_FILE as CA_KEY
from wharfinger.certs.authority import Authority
from wharfinger.control.client import Client
from wharfinger.doctor.findings import Finding, fail, ok, remark
from wharfinger.faults import Fault
from wharfinger.isolation import attaching, landlock, proof
from wharfinger.isolation.proof import Targets
from wharfinger.keeping import lock, people, private
from wharfinger.keeping.keys import KEY_FILE
from wharfinger.keeping.store import STORE_FILE
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.models.values import Endpoint
from wharfinger.running.desk import DataFolder
from wharfinger.running.listening import bind

_SOON = timedelta(days=30)
_LITTLE_SPACE = 200 << 20
_AHEAD = timedelta(seconds=5)
"""How far the last event may lie in the future: clocks are set by small steps all the time."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at."""

    configuration: Configuration
    data: Path
    state: Path
    """The user's state folder, with the keys of people."""
    served: bool
    """Whether a proxy runs on the data folder."""


def data_folder(place: Place) -> Iterator[Finding]:
    """The folder and every file in it that must be its owner's alone."""
    if not place.data.exists():
        yield remark("data", f'"{place.data}" is not there yet', "up, run and env make it")
        return
    private.folder(place.data)
    bad = 0
    for path in (place.data / KEY_FILE, place.data / STORE_FILE, DataFolder(place.data).ca / CA_KEY):
        if not path.exists():
            continue
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
            bad += 1
            mode = f"mode {stat.S_IMODE(found.st_mode):04o}, of user {found.st_uid}"
            yield fail("data", f'"{path}" is not yours alone ({mode})', f'chmod 600 "{path}"')
    free = shutil.disk_usage(place.data).free
    if free < _LITTLE_SPACE:
        text = f'{free >> 20} MiB are left on the disk of "{place.data}"; when it is full all is refused'
        yield remark("data", text, "make room")
    if not bad:
        yield ok("data", f'"{place.data}", yours alone')


def lock_holder(place: Place) -> Iterator[Finding]:
    """Who writes book and store."""
    holder = lock.holder(place.data)
    if holder is None:
        yield ok("lock", "no process holds the data folder")
    elif place.served:
        yield ok("lock", f"held by the running proxy, process {holder}")
    else:
        yield fail(
            "lock",
            f"process {holder} holds the data folder and does not answer on the control socket",
            f"see what it is: ps -p {holder}; end it if it is a proxy that hangs",
        )


def authority(place: Place) -> Iterator[Finding]:
    """The certificate authority: usable, and not about to expire."""
    folder = DataFolder(place.data).ca
    if not (folder / CA_KEY).exists():
        yield remark("ca", "there is no certificate authority yet", "up, run and env make it")
        return
    certificate = Authority.open(folder).certificate
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    text = f"valid until {certificate.not_valid_after_utc:%Y-%m-%d} ({left.days} days)"
    if left < _SOON:
        yield remark("ca", text, "wharfinger stop; wharfinger ca rotate; wharfinger up")
    else:
        yield ok("ca", text)


def roots(place: Place) -> Iterator[Finding]:
    """The public roots, which vouch for upstreams."""
    found = bundle.check_roots(Path(certifi.where()).read_bytes())
    if found:
        text = f"certifi trusts roots whose keys are compromised: {', '.join(found)}"
        yield fail("roots", text, "update it: pip install -U certifi")
    else:
        yield ok("roots", "the public roots hold none that is known to be compromised")


def ports(place: Place) -> Iterator[Finding]:
    """The two addresses to listen on: free, or in use by this proxy."""
    settings = place.configuration.settings
    for name, endpoint in (("listen", settings.listen), ("console", settings.console)):
        if place.served:
            yield ok("ports", f"{name} {endpoint} is of the running proxy")
        elif (why := _taken(endpoint)) is None:
            yield ok("ports", f"{name} {endpoint} is free")
        else:
            yield fail(
                "ports",
                f"{name} {endpoint} cannot be listened on: {why}",
                f"end what listens there, or change `{name}:` in wharfinger.yaml (port 0 takes a free one)",
            )
        if not endpoint.host.startswith("127.") and endpoint.host not in {"localhost", "[::1]", "::1"}:
            text = f"{name} {endpoint} can be reached from other machines"
            yield remark("ports", text, "listen on 127.0.0.1, unless that is meant")


def _taken(endpoint: Endpoint) -> str | None:
    try:
        bind(endpoint.host.strip("[]"), endpoint.port).close()
    except OSError as error:
        return (error.strerror or "unknown error").lower()
    return None


def clock(place: Place) -> Iterator[Finding]:
    """The wall clock, against the last event of the book."""
    folder = DataFolder(place.data).audit
    now = datetime.now(UTC)
    last = reader.tail(folder, 1) if folder.is_dir() else []
    if last and last[0].time - now > _AHEAD:
        yield fail(
            "clock",
            f"the last event is of {last[0].time.astimezone():%Y-%m-%d %H:%M:%S}, which is still to come",
            "set the clock: deadlines of approvals and certificates go by it",
        )
    else:
        yield ok("clock", f"{now.astimezone():%Y-%m-%d %H:%M:%S %z}, not before the last event")


def durable(place: Place) -> Iterator[Finding]:
    """Whether an event is on disk before a request is sent."""
    if place.configuration.settings.audit.durable:
        yield ok("durable", "events are on disk before anything is sent")
    else:
        yield fail(
            "durable",
            "audit.durable is false: a power cut may lose events of what was sent",
            "take `durable: false` out of wharfinger.yaml",
        )


def own_key(place: Place) -> Iterator[Finding]:
    """The keys of people in the user's state folder: what commands are signed with."""
    folder = place.state / "people"
    names = sorted(path.stem for path in folder.glob("*.key")) if folder.is_dir() else []
    if not names:
        yield fail("key", "you have no person's key: nothing can be commanded", "wharfinger people key NAME")
    for name in names:
        if name not in place.configuration.people:
            yield remark("key", f"the key of {name} is of no person of people.yaml", "add them, or remove it")
        elif people.unprotected(place.state, name):
            yield remark(
                "key",
                f"the key of {name} has no passphrase: whoever reads the file can approve",
                f'give it one: ssh-keygen -p -f "{people.path_of(place.state, name)}"',
            )
        else:
            yield ok("key", f"the key of {name} has a passphrase")


def confinement(place: Place) -> Iterator[Finding]:
    """What keeps an agent from going round the proxy: whether a sandbox can be made here, and holds."""
    try:
        tried = proof.attempts(_out_of_reach(place))
    except Fault as fault:
        yield remark(
            "confinement",
            f"none: an agent that runs as your user can go round the proxy, and read your files; and for "
            f"isolation, {fault.message}",
            fault.hint or "run it in a container, or as another user, whose only way out is the proxy",
        )
        return
    out = [name for name, why in tried.items() if not why]
    if out:
        text = f"a command in a sandbox can reach what it must not: {', '.join(out)}"
        yield fail("confinement", text, "do not rely on isolation here; report this")
    else:
        yield ok("confinement", f"what run isolates stays in: {len(tried)} ways out were tried in vain")
        hidden = "but for wharfinger's own" if landlock.is_there() else "wharfinger's own among them"
        yield remark(
            "confinement",
            f"an agent that is run with --no-isolate can go round the proxy, and read your files, {hidden}",
            "run agents with: wharfinger run",
        )


def _out_of_reach(place: Place) -> Targets:
    data = place.data
    return Targets(
        _listening(place),
        (data / "control.sock", data / attaching.SOCKET),
        (data / KEY_FILE, data / STORE_FILE, DataFolder(data).ca / CA_KEY),
        (data, place.state),
    )


def _listening(place: Place) -> dict[str, tuple[str, int]]:
    """Where proxy and console are, or would be; as a running proxy says itself."""
    settings = place.configuration.settings
    if place.served:
        with Client.connect(place.data, 15) as client:
            said: Any = client.do("status")
        urls = {name: urlsplit(str(said[name])) for name in ("proxy", "console")}
        return {name: (url.hostname, url.port) for name, url in urls.items() if url.hostname and url.port}
    return {
        name: (endpoint.host.strip("[]"), endpoint.port)
        for name, endpoint in (("proxy", settings.listen), ("console", settings.console))
        if endpoint.port
    }


CHECKS = (
    ("data", data_folder),
    ("lock", lock_holder),
    ("ca", authority),
    ("roots", roots),
    ("ports", ports),
    ("clock", clock),
    ("durable", durable),
    ("key", own_key),
    ("confinement", confinement),
)
"""All checks of this module, in the order in which they are reported."""
