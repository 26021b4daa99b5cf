"""Put a runtime together: from a configuration folder and a data folder to a proxy that serves.

The order is that of trust: nothing is read that is secret before the process is disarmed, nothing listens
before everything it needs is open, and whatever is missing ends the start with a plain word about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import certifi
from wharfinger.audit import events
from wharfinger.audit.errors import BookUnavailable
from wharfinger.authoring import checking
from wharfinger.authoring.snapshot import Snapshot
from wharfinger.certs import bundle
from wharfinger.certs.authority import Authority
from wharfinger.certs.environment import ClientFiles
from wharfinger.channels import secrets
from wharfinger.clock import Clock
from wharfinger.credentials.own_store import OwnStore
from wharfinger.credentials.registry import Credentials, CredentialUnavailable
from wharfinger.credentials.sources import Asked, Environment
from wharfinger.credentials.store_key import passphrase
from wharfinger.deciding.gate import Gate
from wharfinger.deciding.hold import Hold
from wharfinger.deciding.live import Live
from wharfinger.faults import Fault, StoreUnavailable
from wharfinger.flow import held
from wharfinger.flow.dial import Dialer
from wharfinger.flow.dispatch import Observer
from wharfinger.flow.held import Held
from wharfinger.flow.master import Edge, ProxyMaster
from wharfinger.flow.parts import Limits, Parts
from wharfinger.flow.sessions import Sessions
from wharfinger.flow.tls import roots_by_host
from wharfinger.flow.ways import Reverse
from wharfinger.keeping import agents, denials, proposals
from wharfinger.limits.rates import Rate
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.types import JSON
from wharfinger.running.desk import DataFolder, Desk
from wharfinger.running.listening import bind
from wharfinger.running.tasks import Tasks
from wharfinger.running.telling import Teller
from wharfinger.secret import Secret, disarm_process

logger = logging.getLogger(__name__)

THREADS = 16
"""Threads for look-ups, decisions on large bodies, and sources: one agent occupies at most half of them."""
SWEEP = 1.0
"""Seconds between two looks at deadlines."""
ACTIVITY_SWEEP = 60
"""Looks at deadlines between two at which it is written when agents were seen."""
LEDGER_SWEEP = 3600
"""Looks at deadlines between two at counts that no limit needs any more."""
MINTING_BURST = 4.0
"""Seconds' worth of certificates that may be made at once: agents go to many hosts when they start."""


class CannotStart(Fault):
    """The runtime cannot be put together; the message names every reason."""


@dataclass(slots=True)
class Runtime:
    """A runtime that is open. `serve` runs it; `close` ends it in good order."""

    snapshot: Snapshot
    desk: Desk
    credentials: Credentials
    live: Live
    gate: Gate
    sessions: Sessions
    master: ProxyMaster
    authority: Authority
    client: ClientFiles
    minting: Rate
    channel_secrets: Mapping[str, Secret] = field(default_factory=dict)
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
        detail: dict[str, JSON] = {
            "proxy": self.proxy_url,
            "durable": self.live.configuration.settings.audit.durable,
        }
        await self.desk.book.write(events.started(self.live.policy_digest, detail=detail))
        sweeper = self.tasks.start(self._sweep(), name="sweep")
        try:
            await self.master.serve(ready)
        finally:
            sweeper.cancel()

    async def _sweep(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(SWEEP)
            self.live.pass_time()
            self.credentials.keep()
            await self.desk.approvals.sweep()
            await self.desk.grants.sweep()
            turn = (turn + 1) % LEDGER_SWEEP
            if turn % ACTIVITY_SWEEP == 0:
                with contextlib.suppress(StoreUnavailable):
                    await self.desk.activity.sweep()
            if turn == 0:
                with contextlib.suppress(StoreUnavailable):
                    await self.desk.ledger.sweep()

    def stop(self) -> None:
        """End `serve`."""
        self.master.should_exit.set()

    async def close(self, reason: str = "stopped") -> None:
        """Write what is still to be written, and let go of everything."""
        await self.tasks.cancel_all()
        await self.gate.drain()
        with contextlib.suppress(BookUnavailable):
            await self.desk.book.write(events.stopped(reason))
        await self.desk.close()


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
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="aside"))
    settings = configuration.settings
    async with contextlib.AsyncExitStack() as undo:
        desk = await Desk.open(data_root, configuration, clock)
        undo.push_async_callback(desk.close)
        states = await desk.store.run(agents.seen_all, configuration.agents, desk.clock.now())
        environment = Environment()
        credentials = Credentials(environment, store=OwnStore(desk.data.root, passphrase(environment)))
        problems = await credentials.load(
            configuration.credentials,
            snapshot.folder,
            configuration.tools.placements,
            configuration.sources,
        )
        if problems:
            raise CannotStart("credentials cannot be read:\n" + "\n".join(map(str, problems)))
        credentials.watch(Teller(desk.book).tell)
        asked = Asked(snapshot.folder, credentials.means, configuration.sources)
        channel_secrets = await secrets.fetch(settings.channels, asked)
        secrets.check_apart(channel_secrets, map(credentials.current, credentials.names()))
        for secret in channel_secrets.values():
            credentials.conceal(secret)
        own_roots = tuple(snapshot.folder / name for name in sorted(set(settings.upstream.ca.values())))
        authority, client = await asyncio.to_thread(_prepare_trust, desk.data, own_roots)
        live = Live(
            configuration,
            states,
            keys=desk.keys,
            credentials=credentials,
            clock=desk.clock,
            ledger=desk.ledger,
            grants=desk.grants,
            confinement=confinement,
        )
        live.deny(await desk.store.run(denials.every, desk.clock.now()))
        live.approve_tools(await desk.store.run(proposals.digests))
        hold = Hold(live, desk.book, desk.approvals, settings.approvals.hold)
        gate = Gate(
            live, desk.book, credentials, hold, desk.ledger, desk.reviews, desk.grants, desk.activity,
            Rate(settings.limits.events), desk.meter,
        )  # fmt: skip
        await desk.grants.void(configuration)
        sessions = Sessions(gate.finish, Held(held.BODIES * settings.limits.body))
        live.watch(lambda: sessions.recheck(gate.objection))
        parts = Parts(gate, live, sessions, _limits(configuration))
        host, port = listen or (settings.listen.host, settings.listen.port)
        sock = _listening(
            "the proxy", host.strip("[]"), port, "`listen:` in wharfinger.yaml (port 0 takes a free one)"
        )
        undo.callback(sock.close)
        doors: dict[socket.socket, Reverse] = {}
        for door in settings.doors:
            listens = (door.listen.host, door.listen.port)
            made = _listening(
                "the door to " + door.to.host, *listens, "another port for it in wharfinger.yaml"
            )
            undo.callback(made.close)
            doors[made] = Reverse(door.to.host, door.to.port, listens)
        own: list[tuple[str, int]] = []
        extra_roots = _extra_roots(configuration, snapshot.folder, desk.data)
        minting = Rate(settings.limits.certificates, MINTING_BURST)
        trust_for = roots_by_host(Path(certifi.where()), extra_roots)
        dialer = Dialer(
            lambda: live.configuration.settings,
            lambda: [*own, *(one.getsockname()[:2] for one in (sock, *doors))],
            lambda name: _login(credentials, name),
            trust_for,
        )
        edge = Edge(sock, authority, trust_for, dialer, minting, observers, doors)
        master = ProxyMaster(parts, edge, hook_list)
        undo.pop_all()
        return Runtime(
            snapshot, desk, credentials, live, gate, sessions, master, authority, client, minting,
            channel_secrets,
            _extra_own=own,
        )  # fmt: skip


def _listening(what: str, host: str, port: int, other: str) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        raise CannotStart(
            f'{what} cannot listen on "{host}:{port}": {(error.strerror or "unknown error").lower()}',
            f"stop what listens there, or set {other}",
        ) from error


def _prepare_trust(data: DataFolder, extra: tuple[Path, ...]) -> tuple[Authority, ClientFiles]:
    authority = Authority.open_or_create(data.ca)
    return authority, ClientFiles.write(data.client, authority, extra)


async def _login(credentials: Credentials, name: str) -> Secret:
    """The value of a credential of our own, fetched anew where that is due. Raises OSError."""
    await credentials.ready([name])
    try:
        return credentials.current(name)
    except CredentialUnavailable as unavailable:
        raise OSError(str(unavailable)) from None


def _limits(configuration: Configuration) -> Limits:
    limits = configuration.settings.limits
    most = limits.connections
    each = min(limits.per_agent.connections, max(1, most // 2))
    return Limits(limits.headers, limits.body, limits.parse, most, each)


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
