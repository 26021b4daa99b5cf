"""The process as the proxy sees it: started with a bare environment, started again where it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from wharfinger.faults import Fault
from wharfinger.rules.models.audit import Audit
from wharfinger.rules.models.traces import Traces
from wharfinger.shipping.setup import Collector, Setup, Sink

_log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "wharfinger.shipping.process")
_FAREWELL_SECONDS = 8.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"


def setup_of(audit: Audit, book: Path, state: Path, folder: Path, traces: Traces | None = None) -> Setup:
    """What the settings ask for; files named in them are relative to the configuration `folder`."""
    return Setup(
        book,
        state,
        audit.checkpoints,
        tuple(
            Sink(
                sink.to,
                sink.format,
                str(folder / sink.token) if sink.token else None,
                str(folder / sink.ca) if sink.ca else None,
            )
            for sink in audit.sinks
        ),
        _collector(traces, folder),
    )


def check(traces: Traces | None) -> None:
    """Raise `Fault` where traces are to be sent and what sends them is not installed."""
    if traces is None:
        return
    try:
        found = find_spec(_EXPORTER)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise Fault("`traces:` needs OpenTelemetry", "install it: pip install 'wharfinger[otel]'")


def _collector(traces: Traces | None, folder: Path) -> Collector | None:
    if traces is None:
        return None
    token = None if traces.token is None else str(folder / traces.token)
    return Collector(traces.to, token, None if traces.ca is None else str(folder / traces.ca))


class Beside:
    """See the module's head."""

    def __init__(self, setup: Setup, command: Sequence[str] = COMMAND) -> None:
        self._setup = setup
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep the process running until cancelled; without any place there is none."""
        pause = _FIRST_PAUSE
        while self._setup.places:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, env={"PYTHONDONTWRITEBYTECODE": "1"}
            )
            if process.stdin is not None:
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(self._setup.line())
                    await process.stdin.drain()
            code = await process.wait()
            _log.warning("the process that copies the audit log has ended (%d): it is started again", code)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def stop(self) -> None:
        """End it: once the book is closed, so that its end is copied too."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _FAREWELL_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
