"""Put a runtime together: from a configuration folder and a data folder to a proxy that serves.

The order is that of trust: nothing is read that is secret before the process is disarmed, nothing listens
before everything it needs is open, and whatever is missing ends the start with a plain word about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import certifi
from wharfinger import agents, checking, private
from wharfinger.approvals.approvals import Approvals, Change
from wharfinger.audit import events
from wharfinger.audit.book import Book
from wharfinger.certs import bundle, hooks
from wharfinger.certs.authority import Authority
from wharfinger.clock import Clock, SystemClock
from wharfinger.credentials.registry import Credentials
from wharfinger.faults import Fault
from wharfinger.flow.dial import Dialer
from wharfinger.flow.dispatch import Observer
from wharfinger.flow.master import Edge, ProxyMaster
from wharfinger.flow.parts import Limits, Parts
from wharfinger.flow.sessions import Sessions
from wharfinger.flow.tls import roots_by_host
from wharfinger.gate import Gate
from wharfinger.hold import Hold
from wharfinger.keys import Keys, Purpose
from wharfinger.listening import bind
from wharfinger.live import Live
from wharfinger.lock import Lock
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.types import Placement
from wharfinger.secret import disarm_process
from wharfinger.snapshot import Snapshot
from wharfinger.store import Store
from wharfinger.tasks import Tasks

logger = logging.getLogger(__name__)

SWEEP = 1.0
"""Seconds between two looks at deadlines."""


class CannotStart(Fault):
    """The runtime cannot be put together; the message names every reason."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What lies in the data folder, and where."""

    root: Path

    @property
    def audit(self) -> Path:
        """Segments of the book."""
        return self.root / "audit"

    @property
    def ca(self) -> Path:
        """The certificate authority."""
        return self.root / "ca"

    @property
    def hooks(self) -> Path:
        """Start-up hooks for agents' interpreters."""
        return self.root / "hooks"

    @property
    def bundle(self) -> Path:
        """Public roots and our own, for agents."""
        return self.root / "ca" / "bundle.pem"


@dataclass(slots=True)
class Runtime:
    """A runtime that is open. `serve` runs it; `close` ends it in good order."""

    snapshot: Snapshot
    data: DataFolder
    clock: Clock
    lock: Lock
    keys: Keys
    store: Store
    book: Book
    credentials: Credentials
    live: Live
    approvals: Approvals
    gate: Gate
    sessions: Sessions
    master: ProxyMaster
    authority: Authority
    refused_reload: str = ""
    """Why the last reload was refused; empty once one has succeeded."""
    tasks: Tasks = field(default_factory=Tasks)
    _extra_own: list[tuple[str, int]] = field(default_factory=list)

    @property
    def proxy_url(self) -> str:
        """Where the proxy listens."""
        ((host, port),) = self.master.addresses()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def own_listener(self, host: str, port: int) -> None:
        """Never dial this address: it is one of ours (the console)."""
        self._extra_own.append((host, port))

    async def serve(self, ready: asyncio.Event) -> None:
        """Serve until `stop`."""
        detail = {"proxy": self.proxy_url, "durable": self.live.configuration.settings.audit.durable}
        await self.book.write(events.started(self.live.policy_digest, detail=detail))
        sweeper = self.tasks.start(self._sweep(), name="sweep")
        try:
            await self.master.serve(ready)
        finally:
            sweeper.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            await self.approvals.sweep()

    def stop(self) -> None:
        """End `serve`."""
        self.master.should_exit.set()

    async def close(self, reason: str = "stopped") -> None:
        """Write what is still to be written, and let go of everything."""
        await self.tasks.cancel_all()
        await self.gate.drain()
        await self.approvals.close()
        with contextlib.suppress(Exception):
            await self.book.write(events.stopped(reason))
        self.book.close()
        self.store.close()
        self.lock.release()

    async def reload(self, snapshot: Snapshot, person: str) -> Configuration:
        """Check one snapshot in another process, then take it over in one step. Raises `CannotStart`."""
        answer = await checking.check_in_child(snapshot.files)
        problems = [*_strings(answer.get("problems")), *_strings(answer.get("failed"))]
        problems.extend(str(problem) for problem in snapshot.problems if problem.severity == "error")
        if problems or not answer.get("digest"):
            self.refused_reload = "; ".join(problems) or "the configuration could not be checked"
            await self._note_reload(person, self.refused_reload, "")
            raise CannotStart("the configuration is refused, and the one in force stays", self.refused_reload)
        checked = await asyncio.to_thread(checking.check_files, snapshot.files, run_cases=False)
        if checked.configuration is None or checked.configuration.digest != answer["digest"]:
            self.refused_reload = "two readings of the configuration differ"
            raise CannotStart(self.refused_reload)
        configuration = checked.configuration
        prepared = await self.credentials.prepare(
            configuration.credentials, snapshot.folder, _placements(configuration)
        )
        for problem in prepared.problems:
            logger.error("%s", problem)
        states = await self.store.run(agents.seen_all, configuration.agents, self.clock.now())
        await self._note_reload(person, "", configuration.digest)
        self.credentials.adopt(prepared)
        self.live.swap(configuration, states)
        self._configure(configuration)
        self.snapshot, self.refused_reload = snapshot, ""
        return configuration

    def _configure(self, configuration: Configuration) -> None:
        settings = configuration.settings
        self.approvals.configure(cap=settings.limits.per_agent.holds, usable=settings.approvals.resume_within)
        self.gate.hold.limit = settings.approvals.hold

    async def _note_reload(self, person: str, refused: str, digest: str) -> None:
        await self.book.write(events.control("reload", person, reason=refused, policy_digest=digest))


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def load(snapshot: Snapshot) -> Configuration:
    """The configuration of `snapshot`, its policies' tests passed. Raises `CannotStart`."""
    checked = checking.check(snapshot)
    if checked.configuration is None or not checked.good:
        lines = [str(problem) for problem in checked.errors] + [str(case) for case in checked.failed]
        raise CannotStart("the configuration cannot be used:\n" + "\n".join(lines))
    return checked.configuration


async def assemble(
    snapshot: Snapshot,
    configuration: Configuration,
    data_root: Path,
    *,
    clock: Clock | None = None,
    listen: tuple[str, int] | None = None,
    confinement: str = "none",
    hook_list: Sequence[object] | None = None,
    observers: Sequence[Observer] = (),
    disarm: bool = True,
) -> Runtime:
    """Open everything a runtime needs. Raises `Fault`s; what was opened until then is closed again."""
    if disarm:
        disarm_process()
    clock = clock or SystemClock()
    settings = configuration.settings
    data = DataFolder(private.folder(data_root))
    async with contextlib.AsyncExitStack() as undo:
        lock = Lock.acquire(data.root)
        undo.callback(lock.release)
        keys = Keys.open(data.root)
        store = await asyncio.to_thread(Store.open, data.root)
        undo.callback(store.close)
        book = await asyncio.to_thread(
            Book.open,
            data.audit,
            hmac_key=keys.derive(Purpose.AUDIT),
            clock=clock,
            durable=settings.audit.durable,
        )
        undo.callback(book.close)
        states = await store.run(agents.seen_all, configuration.agents, clock.now())
        credentials = Credentials()
        problems = await credentials.load(
            configuration.credentials, snapshot.folder, _placements(configuration)
        )
        if problems:
            raise CannotStart("credentials cannot be read:\n" + "\n".join(map(str, problems)))
        authority = await asyncio.to_thread(_prepare_trust, data)
        live = Live(
            configuration, states, keys=keys, credentials=credentials, clock=clock, confinement=confinement
        )
        approvals = await _open_approvals(store, clock, book, configuration)
        hold = Hold(live, book, approvals, settings.approvals.hold)
        gate = Gate(live, book, credentials, hold)
        sessions = Sessions(gate.finish)
        parts = Parts(gate, live, sessions, _limits(configuration))
        host, port = listen or (settings.listen.host, settings.listen.port)
        try:
            sock = bind(host.strip("[]"), port)
        except OSError as error:
            raise CannotStart(
                f'the proxy cannot listen on "{host}:{port}": {(error.strerror or "unknown error").lower()}',
                "stop what listens there, or set `listen:` in wharfinger.yaml (port 0 takes a free one)",
            ) from error
        undo.callback(sock.close)
        own: list[tuple[str, int]] = []
        dialer = Dialer(lambda: live.configuration.settings, lambda: [*own, sock.getsockname()[:2]])
        extra_roots = _extra_roots(configuration, snapshot.folder, data)
        edge = Edge(sock, authority, roots_by_host(Path(certifi.where()), extra_roots), dialer, observers)
        master = ProxyMaster(parts, edge, hook_list)
        undo.pop_all()
        return Runtime(
            snapshot, data, clock, lock, keys, store, book, credentials, live, approvals, gate, sessions,
            master, authority, _extra_own=own,
        )  # fmt: skip


def _placements(configuration: Configuration) -> tuple[Placement, ...]:
    return tuple(placement for tool in configuration.tools for placement in tool.placements)


def _prepare_trust(data: DataFolder) -> Authority:
    authority = Authority.open_or_create(data.ca)
    bundle.write(data.bundle, authority)
    hooks.materialise(data.hooks)
    return authority


async def _open_approvals(store: Store, clock: Clock, book: Book, configuration: Configuration) -> Approvals:
    async def record(change: Change) -> object:
        approval = change.approval
        return await book.write(
            events.approval(
                approval.id,
                approval.state,
                who=events.Who(approval.agent, approval.agent_id),
                person=approval.person or "",
                reason=approval.comment or "",
                request_digest=approval.digest,
            )
        )

    settings = configuration.settings
    approvals = Approvals(
        store,
        clock,
        record,
        cap=settings.limits.per_agent.holds,
        usable=settings.approvals.resume_within,
    )
    await approvals.open()
    return approvals


def _limits(configuration: Configuration) -> Limits:
    limits = configuration.settings.limits
    return Limits(limits.headers, limits.body, limits.parse, limits.connections, limits.per_agent.connections)


def _extra_roots(configuration: Configuration, folder: Path, data: DataFolder) -> Mapping[str, Path]:
    """For each host of `upstream.ca`, a file with the public roots and the operator's own."""
    files: dict[str, Path] = {}
    for index, (pattern, name) in enumerate(sorted(configuration.settings.upstream.ca.items())):
        target = data.root / "ca" / f"upstream-{index}.pem"
        bundle.write_roots(target, folder / name)
        files[pattern] = target
    return files


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[Runtime]:
    """Serve in the background for the duration of the block."""
    ready = asyncio.Event()
    serving = asyncio.get_running_loop().create_task(runtime.serve(ready))
    waiting = asyncio.get_running_loop().create_task(ready.wait())
    try:
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield runtime
    finally:
        waiting.cancel()
        runtime.stop()
        await asyncio.wait((serving,), timeout=5)
        await runtime.close()


__all__ = ["CannotStart", "DataFolder", "Runtime", "assemble", "load", "running"]
