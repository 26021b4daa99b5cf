"""How a runtime stands at this moment, in numbers, beside what its meter has counted.

Read when somebody asks, on no request's way; what is in files or in `/proc` is read in a thread.
"""

from __future__ import annotations

import asyncio
import json
import platform
import resource
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wharfinger import __version__
from wharfinger.faults import Fault
from wharfinger.keeping import private
from wharfinger.metering.families import counter, gauge
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.running.wiring import Runtime

STATUS = Path("shipping") / "status.json"
"""Where the process that copies the audit log says how far it is."""
_STATUS_LIMIT = 1024 * 1024


async def families(runtime: Runtime, *, self_test: bool, reload_refused: bool) -> list[JSON]:
    """Everything there is to say, as plain JSON."""
    sinks = await asyncio.to_thread(_sinks, runtime.desk.data.root / STATUS)
    return [
        *runtime.desk.meter.as_json(),
        *_runtime(runtime, self_test=self_test, reload_refused=reload_refused),
        *_shares(runtime),
        *_book(runtime),
        *_copies(runtime, sinks),
        *_credentials(runtime),
        *_process(),
    ]


def _runtime(runtime: Runtime, *, self_test: bool, reload_refused: bool) -> Iterator[JSON]:
    live, about = runtime.live, {(__version__, platform.python_version()): 1}
    configuration = live.configuration
    declared = {
        ("agents",): len(configuration.agents),
        ("policies",): len(configuration.policies),
        ("tools",): len(configuration.tools),
    }
    yield gauge("wharfinger_build_info", "Which version this is.", about, ("version", "python"))
    yield gauge("wharfinger_self_test_passed", "Whether the last self-test found nothing amiss.", self_test)
    yield gauge(
        "wharfinger_reload_refused", "Whether the last reload was refused, and is not mended.", reload_refused
    )
    yield gauge("wharfinger_configuration", "What the configuration in force declares.", declared, ("what",))
    yield gauge("wharfinger_runs", "Runs that are open.", live.callers.runs)
    yield gauge("wharfinger_emergency_denials", "Entries of the emergency deny list.", len(live.denials))


def _shares(runtime: Runtime) -> Iterator[JSON]:
    """What there is only so much of, and who has how much."""
    limits, sessions = runtime.master.parts.limits, runtime.sessions
    connections = Counter(
        (link.session.who.agent if link.session is not None else "",) for link in sessions.links()
    )
    waiting = {
        (name,): pending
        for name, agent in runtime.live.agents.items()
        if (pending := runtime.desk.approvals.pending(agent.id))
    }
    agent = ("agent",)
    yield gauge("wharfinger_connections", "Open connections of agents.", connections, agent)
    yield gauge("wharfinger_connections_limit", "Connections there is room for.", limits.connections)
    yield gauge("wharfinger_approvals_pending", "Requests that wait for people.", waiting, agent)
    if (held := sessions.held) is not None:
        by_agent = {(name,): size for name, size in held.by_agent().items()}
        yield gauge("wharfinger_held_bytes", "Bytes of bodies held in memory.", by_agent, agent)
        yield gauge("wharfinger_held_bytes_limit", "Bytes of bodies there is room for.", held.most)
    yield counter("wharfinger_certificates_made", "Certificates made for hosts.", runtime.minting.taken)
    too_often = {
        (name, what): count
        for what, rate in (("certificates", runtime.minting), ("events", runtime.gate.rate))
        for name, count in rate.refused.items()
    }
    yield counter(
        "wharfinger_rate_refusals",
        "What was refused because it came too often.",
        too_often,
        ("agent", "what"),
    )


def _book(runtime: Runtime) -> Iterator[JSON]:
    book = runtime.desk.book
    signed = book.checkpoint.checkpoint.size if book.checkpoint is not None else 0
    yield gauge("wharfinger_book_size", "Events in the book that are durable.", _size(runtime))
    yield gauge("wharfinger_book_queue", "Events that were taken and are not durable yet.", book.backlog)
    yield gauge("wharfinger_book_open_intents", "Requests let through that have not ended.", book.unsettled)
    yield gauge("wharfinger_book_broken", "Whether nothing can be written.", book.trouble is not None)
    yield gauge("wharfinger_book_full", "Whether its disk has no room.", book.full)
    yield gauge("wharfinger_book_checkpoint_size", "Events that the last checkpoint vouches for.", signed)
    yield gauge(
        "wharfinger_book_checkpoint_failing",
        "Whether the last checkpoint could not be kept.",
        bool(book.checkpoint_trouble),
    )


def _size(runtime: Runtime) -> int:
    position = runtime.desk.book.position
    return 0 if position is None else position.seq


def _copies(runtime: Runtime, sinks: Mapping[str, tuple[int | None, bool]]) -> Iterator[JSON]:
    """How far each place is that the book is copied to; that of checkpoints counts the same way."""
    size = _size(runtime)
    behind = {(name,): max(0, size - (sent or 0)) for name, (sent, _) in sinks.items()}
    failing = {(name,): failing for name, (_, failing) in sinks.items()}
    yield gauge("wharfinger_copy_lag_events", "Events a place does not have yet.", behind, ("place",))
    yield gauge("wharfinger_copy_failing", "Whether a place cannot be reached.", failing, ("place",))


def _sinks(path: Path) -> dict[str, tuple[int | None, bool]]:
    """Each place: how many events it has, and whether it fails."""
    try:
        rows = json.loads(private.read(path, limit=_STATUS_LIMIT))
        return {
            str(row["place"]): (
                _reached(row["place"], row.get("sent")),
                row.get("error") is not None,
            )
            for row in rows
        }
    except (OSError, Fault, ValueError, LookupError, TypeError):
        return {}


def _reached(place: str, sent: int | None) -> int | None:
    """How many events a place has: one for events or traces says the number of the last, counted from 0."""
    return sent + 1 if sent is not None and place.startswith(("events: ", "traces: ")) else sent


def _credentials(runtime: Runtime) -> Iterator[JSON]:
    standings = runtime.credentials.standings()
    name = ("credential",)
    yield gauge(
        "wharfinger_credential_usable",
        "Whether a credential has a value that holds.",
        {(each.name,): each.age is not None and (each.left is None or each.left > 0) for each in standings},
        name,
    )
    yield gauge(
        "wharfinger_credential_left_seconds",
        "How long the value of a credential holds that ends.",
        {(each.name,): each.left for each in standings if each.left is not None},
        name,
    )
    yield counter(
        "wharfinger_credential_failures",
        "Fetches of a credential's value that failed.",
        {(failed,): count for failed, count in runtime.credentials.failures.items()},
        name,
    )


def _process() -> Iterator[JSON]:
    """The proxy's process, under the names that Prometheus' own clients use."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime
    yield counter("process_cpu_seconds", "Processor time of the proxy.", seconds)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    yield gauge("process_resident_memory_bytes", "Memory of the proxy.", pages * resource.getpagesize())
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    yield gauge("process_open_fds", "Open descriptors of the proxy.", descriptors)
