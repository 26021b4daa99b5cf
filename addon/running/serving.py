"""Serve in the foreground: the proxy, its control socket, the office beside it, signals, the ready file."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import click
from wharfinger import __version__, turns
from wharfinger.authoring import checking
from wharfinger.authoring.places import Places
from wharfinger.authoring.snapshot import Snapshot
from wharfinger.channels import opening
from wharfinger.clock import SystemClock
from wharfinger.control import actions
from wharfinger.control.server import ControlServer
from wharfinger.faults import Fault
from wharfinger.keeping import agents, people, private
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.policies import observing
from wharfinger.rules.types import JSON
from wharfinger.running import collecting, wiring
from wharfinger.running.commanding import Commanding
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
        self._ready_file = ready_file
        self._for_runs = for_runs
        self._stopping = "stopped"
        self._selftest = SelfTest(runtime)
        self._commanding = Commanding(runtime, Reloader(runtime), self._selftest, stop=self._stop, say=_say)
        self._office: Office | None = None

    async def run(self) -> None:
        """Serve until told to stop."""
        runtime = self._runtime
        control = ControlServer(
            runtime.desk.data.root, actions.dispatcher(self._commanding.services(), runtime.desk.record)
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
            self._commanding.console = self._office.url
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
        channels = await opening.opened(
            runtime.desk, runtime.live, runtime.channel_secrets, runtime.snapshot.folder, console
        )
        if channels is not None:
            self._commanding.channels = channels
            runtime.gate.misuses.watch(channels.alarming.tell)
            channels.start(runtime.tasks)

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
        _say(f"wharfinger {__version__}: proxy {told['proxy']}  console {told['console']}")
        _say(f"  {checking.counted(configuration)}; policy {configuration.digest[:12]}; data {told['data']}")
        for name in observing.free_agents(configuration, runtime.desk.clock.now()):
            _say(f"  warning: all policies of {name} OBSERVE: whatever they would deny passes")
        if not configuration.settings.audit.durable:
            _say("  warning: audit.durable is false: a power cut may lose the last events")
        _say("  note: without isolation a process of your own user can read this one's files (see README)")

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

    def _reload_by_signal(self) -> None:
        self._runtime.tasks.start(self._reload_and_log(), name="reload")

    async def _reload_and_log(self) -> None:
        try:
            await self._commanding.reload("(signal)")
        except Fault as fault:
            _say(f"reload refused: {fault.message}\n{fault.hint}")

    async def _end_after_runs(self) -> None:
        idle = 0.0
        while True:
            await asyncio.sleep(0.25)
            live = self._runtime.live
            idle = 0.0 if live.callers.runs else idle + 0.25
            if idle >= (_LAST_RUN_GRACE if live.callers.begun else _FIRST_RUN_GRACE):
                self._stop("the last run has ended")
                return

    async def _end_run(self, run_id: str) -> JSON:
        desk = self._runtime.desk
        self._runtime.live.end_run(run_id)
        await desk.store.run(agents.end_run, run_id, desk.clock.now())
        return None


def _say(text: str) -> None:
    """Tell whoever started this."""
    click.echo(text, err=True)


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
