"""Reload: check one snapshot in another process, then take it over in one step, or refuse it and say why.

A refused reload changes nothing and stays refused until one succeeds. What a runtime cannot change while it
runs (its addresses, its data folder, the trust of upstreams) is named, so that nobody takes it for changed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from wharfinger.audit import events
from wharfinger.authoring import checking
from wharfinger.channels import secrets
from wharfinger.faults import Fault
from wharfinger.keeping import agents
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.documents.problems import Severity
from wharfinger.rules.policies import observing
from wharfinger.running import rechecking

if TYPE_CHECKING:
    from wharfinger.authoring.snapshot import Snapshot
    from wharfinger.running.wiring import Runtime

logger = logging.getLogger(__name__)

FIXED = ("listen", "console", "doors", "data", "upstream", "audit", "channels", "traces")
"""Settings that hold until the next start."""
FIXED_LIMITS = ("body", "headers", "connections", "events", "certificates")


class ReloadRefused(Fault):
    """The configuration on disk is not taken over; the one in force stays."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to."""

    digest: str
    remarks: tuple[str, ...] = ()
    """What was not taken over, or needs a look."""


@dataclass(slots=True)
class Reloader:
    """Reloads the configuration of one runtime, one at a time."""

    runtime: Runtime
    refused: str = ""
    """Why the last reload was refused; empty once one has succeeded."""
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reload(self, taken: Snapshot, person: str) -> Reloaded:
        """Take over `taken`. Raises `ReloadRefused`, and `BookUnavailable` where it cannot be recorded."""
        async with self._one:
            try:
                configuration = await self._checked(taken)
            except ReloadRefused as refusal:
                self.refused = refusal.hint
                self.runtime.desk.meter.reloads.add(("refused",))
                await self._record(person, refusal.hint, "")
                raise
            done = await self._take_over(configuration, taken, person)
            self.runtime.desk.meter.reloads.add(("done",))
            return done

    async def _checked(self, taken: Snapshot) -> Configuration:
        answer = await rechecking.check_in_child(taken.files)
        problems = [*_strings(answer.get("problems")), *_strings(answer.get("failed"))]
        problems.extend(str(problem) for problem in taken.problems if problem.severity is Severity.ERROR)
        if problems or not answer.get("digest"):
            raise _refused("\n".join(problems) or "the configuration could not be checked")
        checked = await asyncio.to_thread(checking.check_files, taken.files, run_cases=False)
        if checked.configuration is None or checked.configuration.digest != answer["digest"]:
            raise _refused("two readings of the configuration differ")
        return checked.configuration

    async def _take_over(self, configuration: Configuration, taken: Snapshot, person: str) -> Reloaded:
        runtime, before = self.runtime, self.runtime.live.configuration
        prepared = await runtime.credentials.prepare(
            configuration.credentials,
            taken.folder,
            configuration.tools.placements,
            configuration.sources,
        )
        secrets.check_apart(runtime.channel_secrets, prepared.values.values())
        now = runtime.desk.clock.now()
        for name in sorted(set(before.agents) - set(configuration.agents)):
            retired = await runtime.desk.store.run(agents.find, name)
            if retired is not None:
                await runtime.desk.store.run(agents.retire, name, now)
                await runtime.desk.grants.void_agent(retired.id, "its agent is no longer declared")
                await runtime.desk.approvals.cancel_all(retired.id, None, "its agent is no longer declared")
        states = await runtime.desk.store.run(agents.seen_all, configuration.agents, now)
        await runtime.desk.grants.void(configuration)
        await self._record(person, "", configuration.digest)
        # From here to the end there is no point at which anything else could run.
        runtime.credentials.adopt(prepared)
        runtime.live.swap(configuration, states)
        settings = configuration.settings
        runtime.desk.approvals.configure(
            cap=settings.limits.per_agent.holds, usable=settings.approvals.resume_within
        )
        runtime.gate.hold.limit = settings.approvals.hold
        runtime.snapshot, self.refused = taken, ""
        remarks = (
            *map(str, prepared.problems),
            *_unchanged(before, configuration),
            *_free(configuration, now),
        )
        for remark in remarks:
            logger.warning("reload: %s", remark)
        return Reloaded(configuration.digest, remarks)

    async def _record(self, person: str, refused: str, digest: str) -> None:
        event = events.control("reload", person, reason=refused, policy_digest=digest)
        await self.runtime.desk.book.write(event)


def _unchanged(before: Configuration, after: Configuration) -> list[str]:
    old, new = before.settings, after.settings
    names = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    names += [f"limits.{n}" for n in FIXED_LIMITS if getattr(old.limits, n) != getattr(new.limits, n)]
    if old.limits.per_agent.connections != new.limits.per_agent.connections:
        names.append("limits.per_agent.connections")
    return [f"`{name}` changes at the next start of the proxy" for name in names]


def _free(configuration: Configuration, now: datetime) -> list[str]:
    free = observing.free_agents(configuration, now)
    return [f"all policies of {name} OBSERVE: whatever they would deny passes" for name in free]


def _refused(why: str) -> ReloadRefused:
    return ReloadRefused("the configuration is refused, and the one in force stays", why)


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
