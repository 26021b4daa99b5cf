"""What the control socket can ask of a runtime: what it is told, and what is done for a person."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wharfinger import __version__
from wharfinger.audit.event import Who
from wharfinger.authoring import explaining, snapshot
from wharfinger.channels.opening import Channels
from wharfinger.control.services import Services
from wharfinger.credentials import issued
from wharfinger.credentials.keeper import Keeper
from wharfinger.deciding.permits import Session
from wharfinger.isolation.choice import ISOLATED
from wharfinger.rules.policies import observing
from wharfinger.rules.policies.nearest import nearest
from wharfinger.rules.types import JSON, Origin
from wharfinger.running import collecting, measuring, readiness
from wharfinger.running.reloading import Reloader
from wharfinger.running.selftest import SelfTest

if TYPE_CHECKING:
    from wharfinger.running.wiring import Runtime

_ASSUMED: Final = (
    "suspensions, placeholders, denials and what limits have counted are those of the running proxy",
    "where a limit counts by run: a run that has made no calls",
)


class Commanding:
    """Does what is asked for. `stop` ends the process, for a reason; `say` tells whoever started it."""

    def __init__(
        self,
        runtime: Runtime,
        reloader: Reloader,
        selftest: SelfTest,
        *,
        stop: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._reloader = reloader
        self._selftest = selftest
        self._stop = stop
        self._say = say
        self.console: str | None = None
        """The office's address, once it is there, …"""
        self.channels: Channels | None = None
        """… and where approvers are told, if anywhere."""

    def services(self) -> Services:
        """All of it, as the control socket's actions take it."""
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
            channels=lambda: None if self.channels is None else self.channels.courier,
            credentials=Keeper(runtime.desk.data.root, runtime.credentials),
            files=lambda: (runtime.snapshot.files, runtime.live.policy_digest),
            reload=self.reload,
            resume_book=runtime.desk.resume_book,
            forget_segment=runtime.desk.forget_segment,
            stop=self._kill,
        )

    async def reload(self, person: str) -> JSON:
        """Read the configuration anew. Raises `Fault` where it is refused: the old one stays in force."""
        taken = await asyncio.to_thread(snapshot.read, self._runtime.snapshot.folder)
        done = await self._reloader.reload(taken, person)
        collecting.set_aside()
        self._say(f"reloaded: policy {done.digest[:12]}")
        return {"policy_digest": done.digest, "remarks": list(done.remarks)}

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
            "console": self.console,
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
        known = {} if self.channels is None else self.channels.courier.health
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

    async def _kill(self, person: str, reason: str) -> object:
        said = f"stopped by {person}" + (f": {reason}" if reason else "")
        self._runtime.live.stop_all(f"everything was {said}")
        asyncio.get_running_loop().call_later(0.1, self._stop, said)
        return None


def _checkpoint(runtime: Runtime) -> JSON:
    """How far the book is signed, and what keeps it from being."""
    book = runtime.desk.book
    size = book.checkpoint.checkpoint.size if book.checkpoint is not None else 0
    return {"size": size, "trouble": book.checkpoint_trouble, "full": book.full}
