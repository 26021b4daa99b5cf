"""Serve in the foreground: the proxy, its control socket, the office beside it, signals, the ready file."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from wharfinger import __version__, turns
from wharfinger.audit.events import Who
from wharfinger.authoring import checking, explaining, snapshot
from wharfinger.authoring.places import Places
from wharfinger.authoring.snapshot import Snapshot
from wharfinger.channels import opening
from wharfinger.channels.opening import Channels
from wharfinger.clock import SystemClock
from wharfinger.control import actions
from wharfinger.control.server import ControlServer
from wharfinger.control.services import Services
from wharfinger.credentials import issued
from wharfinger.credentials.keeper import Keeper
from wharfinger.deciding.permits import Session
from wharfinger.faults import Fault
from wharfinger.isolation.choice import ISOLATED
from wharfinger.keeping import agents, people, private
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.policies import observing
from wharfinger.rules.policies.nearest import nearest
from wharfinger.rules.types import JSON, Origin
from wharfinger.running import collecting, measuring, readiness, wiring
from wharfinger.running.doors import Doors
from wharfinger.running.office import Office
from wharfinger.running.reloading import Reloader
from wharfinger.running.selftest import SelfTest
from wharfinger.running.wiring import Runtime
from wharfinger.shipping import beside
from wharfinger.shipping.beside import Beside, setup_of
from wharfinger.signin import first

logger = logging.getLogger(__name__)

_LAST_RUN_GRACE = 1.0
"""Seconds without any run after which a proxy started for runs ends."""
_FIRST_RUN_GRACE = 30.0


class Serving:
    """One runtime in the foreground."""

    def __init__(self, runtime: Runtime, ready_file: Path | None, *, for_runs: bool) -> None:
        self._runtime = runtime
        self._reloader = Reloader(runtime)
        self._ready_file = ready_file
        self._for_runs = for_runs
        self._stopping = "stopped"
        self._selftest = SelfTest(runtime)
        self._office: Office | None = None
        self._channels: Channels | None = None

    async def run(self) -> None:
        """Serve until told to stop."""
        runtime = self._runtime
        control = ControlServer(
            runtime.desk.data.root, actions.dispatcher(self._services(), runtime.desk.record)
        )
        doors = Doors(runtime.desk.data.root, runtime.live.callers, runtime.master.listener, self._end_run)
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, f"signal {number.name}")
        loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)
        serving = loop.create_task(runtime.serve(ready))
        collecting.set_aside()
        copies = self._copies()
        try:
            await _first(ready, serving)
            await self._selftest.begin()
            runtime.tasks.start(self._selftest.watch(), name="self-test")
            runtime.tasks.start(collecting.when_quiet(turns.idle), name="collector")
            await control.start()
            await doors.start()
            settings = runtime.live.configuration.settings
            self._office = await Office.start(
                settings.console, runtime.desk.data.root, settings.channels.url or ""
            )
            runtime.own_listener(*self._office.address)
            await self._open_channels(self._office.url)
            self._announce()
            await self._invite()
            runtime.tasks.start(copies.run(), name="copies of the audit log")
            if self._for_runs:
                runtime.tasks.start(self._end_after_runs(), name="end after runs")
            await serving
        finally:
            if self._office is not None:
                await self._office.stop()
            await doors.close()
            await control.close()
            runtime.stop()
            await asyncio.gather(serving, return_exceptions=True)
            await runtime.close(self._stopping)
            await copies.stop()

    async def _open_channels(self, console: str) -> None:
        runtime = self._runtime
        self._channels = await opening.opened(
            runtime.desk, runtime.live, runtime.channel_secrets, runtime.snapshot.folder, console
        )
        if self._channels is not None:
            runtime.gate.misuses.watch(self._channels.alarming.tell)
            self._channels.start(runtime.tasks)

    def _copies(self) -> Beside:
        data, snapshot = self._runtime.desk.data, self._runtime.snapshot
        settings = self._runtime.live.configuration.settings
        state = data.root / "shipping"
        return Beside(setup_of(settings.audit, data.audit, state, snapshot.folder, settings.traces))

    def _stop(self, reason: str) -> None:
        self._stopping = reason
        self._runtime.stop()

    def _announce(self) -> None:
        runtime = self._runtime
        told = {
            "proxy": runtime.proxy_url,
            "console": self._office.url if self._office else None,
            "ca": str(runtime.authority.certificate_file),
            "bundle": str(runtime.client.bundle),
            "pid": os.getpid(),
            "data": str(runtime.desk.data.root),
        }
        if self._ready_file is not None:
            private.replace(self._ready_file.absolute(), json.dumps(told).encode() + b"\n")
        configuration = runtime.live.configuration
        click.echo(f"wharfinger {__version__}: proxy {told['proxy']}  console {told['console']}", err=True)
        click.echo(
            f"  {checking.counted(configuration)}; policy {configuration.digest[:12]}; data {told['data']}",
            err=True,
        )
        for name in observing.free_agents(configuration, runtime.desk.clock.now()):
            text = f"  warning: all policies of {name} OBSERVE: whatever they would deny passes"
            click.echo(text, err=True)
        if not configuration.settings.audit.durable:
            click.echo("  warning: audit.durable is false: a power cut may lose the last events", err=True)
        click.echo(
            "  note: without isolation a process of your own user can read this one's files (see README)",
            err=True,
        )

    async def _invite(self) -> None:
        """A way into the console for whoever runs this, told to a terminal and to nothing else."""
        if self._office is None or self._for_runs or not sys.stdout.isatty():
            return
        desk, configuration = self._runtime.desk, self._runtime.live.configuration
        keys = await desk.store.run(people.registered)
        found = await first.link(
            desk.sessions, configuration.people, (key.person for key in keys), Places.of_user().state
        )
        if found is not None:
            name, link = found
            where = f"{self._office.url}/sign-in/link#{link}"
            click.echo(f"  {name}, sign in (once, within ten minutes): {where}")

    # Reload.

    def _reload_by_signal(self) -> None:
        self._runtime.tasks.start(self._reload_and_log(), name="reload")

    async def _reload_and_log(self) -> None:
        try:
            await self._reload("(signal)")
        except Fault as fault:
            click.echo(f"reload refused: {fault.message}\n{fault.hint}", err=True)

    async def _reload(self, person: str) -> JSON:
        taken = await asyncio.to_thread(snapshot.read, self._runtime.snapshot.folder)
        done = await self._reloader.reload(taken, person)
        collecting.set_aside()
        click.echo(f"reloaded: policy {done.digest[:12]}", err=True)
        return {"policy_digest": done.digest, "remarks": list(done.remarks)}

    async def _end_after_runs(self) -> None:
        idle = 0.0
        while True:
            await asyncio.sleep(0.25)
            live = self._runtime.live
            idle = 0.0 if live.callers.runs else idle + 0.25
            if idle >= (_LAST_RUN_GRACE if live.callers.begun else _FIRST_RUN_GRACE):
                self._stop("the last run has ended")
                return

    # What the control socket can ask for.

    def _services(self) -> Services:
        runtime = self._runtime
        return Services(
            approvals=runtime.desk.approvals,
            store=runtime.desk.store,
            clock=runtime.desk.clock,
            keys=runtime.desk.keys,
            reviews=runtime.desk.reviews,
            ledger=runtime.desk.ledger,
            grants=runtime.desk.grants,
            activity=runtime.desk.activity,
            agent_retired=runtime.live.retire_agent,
            reach=lambda name: issued.reach(runtime.live.configuration, name),
            sessions=runtime.desk.sessions,
            denied=runtime.live.deny,
            configuration=lambda: runtime.live.configuration,
            agent_changed=runtime.live.update_agent,
            tools_changed=runtime.live.approve_tools,
            run_began=runtime.live.callers.begin_run,
            run_ended=runtime.live.end_run,
            status=self._status,
            metrics=self._metrics,
            ready=self._ready,
            explain=self._explain,
            screen=self._screen,
            channels=lambda: None if self._channels is None else self._channels.courier,
            credentials=Keeper(runtime.desk.data.root, runtime.credentials),
            files=lambda: (runtime.snapshot.files, runtime.live.policy_digest),
            reload=self._reload,
            resume_book=runtime.desk.resume_book,
            forget_segment=runtime.desk.forget_segment,
            stop=self._kill,
        )

    async def _metrics(self) -> JSON:
        refused = bool(self._reloader.refused)
        passed = self._selftest.passed
        return await measuring.families(self._runtime, self_test=passed, reload_refused=refused)

    async def _ready(self) -> JSON:
        return readiness.checks(self._runtime, self_test=self._selftest.passed)

    async def _status(self) -> JSON:
        runtime = self._runtime
        return {
            "running": True,
            "version": __version__,
            "pid": os.getpid(),
            "proxy": runtime.proxy_url,
            "console": self._office.url if self._office else None,
            "configuration": str(runtime.snapshot.folder),
            "policy_digest": runtime.live.policy_digest,
            "generation": runtime.live.generation,
            "refused_reload": self._reloader.refused,
            "book": "writable" if runtime.desk.book.trouble is None else str(runtime.desk.book.trouble),
            "checkpoint": _checkpoint(runtime),
            "credentials": list(runtime.credentials.names()),
            "self_test": list(self._selftest.missed),
            "connections": len(runtime.sessions),
            "runs": runtime.live.callers.runs,
            "channels_down": self._channels_down(),
            "credentials_down": self._credentials_down(),
            "misuse": [
                {"agent": each.agent, "reason": each.reason, "count": each.count}
                for each in runtime.gate.misuses.lately()
            ],
            "observed": list(observing.observed_agents(runtime.live.configuration, runtime.desk.clock.now())),
            "denials": len(runtime.live.denials),
        }

    def _credentials_down(self) -> list[JSON]:
        standings = self._runtime.credentials.standings()
        return [f"{each.name}: {each.problem}" for each in standings if each.problem]

    def _channels_down(self) -> list[JSON]:
        known = {} if self._channels is None else self._channels.courier.health
        return [f"{name}: {health.why}" for name, health in known.items() if not health.up]

    async def _explain(self, args: Mapping[str, Any]) -> JSON:
        runtime = self._runtime
        agent = runtime.live.agents.get(args["agent"])
        headers = [(str(name), str(value)) for name, value in args.get("headers", ())]
        body = base64.b64decode(args.get("body", ""))
        request = explaining.request_of(args["agent"], args["method"], args["url"], headers, body)
        confinement = ISOLATED if args.get("isolated") else "none"
        who = Who(args["agent"], agent.id if agent else "", confinement=confinement)
        session = Session(who, args.get("reason"), Origin.EXPLAIN)
        decision = runtime.live.decide(request, session, explain=True)
        given: JSON = explaining.as_json(
            decision,
            _ASSUMED,
            nearest(runtime.live.configuration, request, decision),
        )
        return given

    def _screen(self, values: Mapping[str, str]) -> list[str]:
        secrets = self._runtime.live.secrets.all()
        return [name for name, value in values.items() if secrets.redact(value.encode())[1]]

    async def _end_run(self, run_id: str) -> JSON:
        desk = self._runtime.desk
        self._runtime.live.end_run(run_id)
        await desk.store.run(agents.end_run, run_id, desk.clock.now())
        return None

    async def _kill(self, person: str, reason: str) -> object:
        said = f"stopped by {person}" + (f": {reason}" if reason else "")
        self._runtime.live.stop_all(f"everything was {said}")
        asyncio.get_running_loop().call_later(0.1, self._stop, said)
        return None


_ASSUMED: Final = (
    "suspensions, placeholders, denials and what limits have counted are those of the running proxy",
    "where a limit counts by run: a run that has made no calls",
)


def _checkpoint(runtime: Runtime) -> JSON:
    """How far the book is signed, and what keeps it from being."""
    book = runtime.desk.book
    size = book.checkpoint.checkpoint.size if book.checkpoint is not None else 0
    return {"size": size, "trouble": book.checkpoint_trouble, "full": book.full}


async def _first(ready: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait until the proxy accepts connections, or raise what kept it from it."""
    waiting = asyncio.get_running_loop().create_task(ready.wait())
    await asyncio.wait((waiting, serving), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        serving.result()


async def serve(
    taken: Snapshot, configuration: Configuration, data: Path, *, ready_file: Path | None, for_runs: bool
) -> int:
    """Open a runtime and serve it until it is told to stop. Returns the exit code."""
    beside.check(configuration.settings.traces)
    runtime = await wiring.assemble(taken, configuration, data, clock=SystemClock())
    await Serving(runtime, ready_file, for_runs=for_runs).run()
    return 0
