"""Actions on agents and their runs: what the store overrides of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.on_limits import used
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import DeclaredAgent, Services, needs_runtime
from wharfinger.isolation.choice import CONFINEMENTS, UNCONFINED
from wharfinger.keeping import agents
from wharfinger.keeping.agents import Agent
from wharfinger.rules.types import JSON

_NAME = Parameter("agent")
_RUN_LIMIT = timedelta(days=7)
MOST = 100
"""Agents that one answer tells of, where not all are asked for."""


def actions(services: Services) -> tuple[Action, ...]:
    """Listing, showing, suspending, resuming and rotating agents; issuing and ending runs.

    Adding and retiring them is in `on_registering`.
    """
    at = _Agents(services)
    reason = Parameter("reason", required=False)
    return (
        Action("agents.list", at.listing, (Parameter("names", list, required=False),)),
        Action("agents.suspended", at.suspended),
        Action("agents.show", at.show, (_NAME,)),
        Action("agents.suspend", at.suspend, (_NAME, reason), Role.ADMIN),
        Action("agents.resume", at.resume, (_NAME, reason), Role.ADMIN),
        Action("agents.rotate", at.rotate, (_NAME, reason), Role.ADMIN),
        Action(
            "runs.issue",
            at.issue,
            (_NAME, reason, Parameter("confinement", required=False)),
            Role.APPROVER,
        ),
        Action("runs.end", at.end, (Parameter("run"),), Role.APPROVER),
    )


class _Agents:
    def __init__(self, services: Services) -> None:
        self._at = services

    async def listing(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """All of them; or those of `names` that there are, with what came of their requests."""
        declared = self._at.configuration().agents
        if (wanted := args.get("names")) is not None:
            return await self._named(wanted)
        seen = {agent.name: agent for agent in await self._at.store.run(agents.every)}
        return [_shown(name, declared[name], seen.get(name)) for name in sorted(declared)]

    async def _named(self, wanted: list[Any]) -> JSON:
        if len(wanted) > MOST:
            raise ControlError(Code.BAD_REQUEST, f"agents.list: at most {MOST} names")
        declared = self._at.configuration().agents
        names = sorted({name for name in wanted if isinstance(name, str) and name in declared})
        seen = {agent.name: agent for agent in await self._at.store.run(agents.some, names)}
        retired = await self._at.store.run(agents.retired_names)
        return [
            _shown(name, declared[name], seen.get(name))
            | _counted(self._at, seen.get(name))
            | ({"status": "retired"} if name in retired else {})
            for name in names
        ]

    async def suspended(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """Those that the store suspends, with the reason; the first of them by name, if there are many."""
        declared = self._at.configuration().agents
        found = await self._at.store.run(agents.suspended, MOST)
        return {agent.name: agent.suspended for agent in found if agent.name in declared}

    async def show(self, context: Context, args: Mapping[str, Any]) -> JSON:
        name = args["agent"]
        declared = self._declared(name)
        agent = await self._at.store.run(agents.find, name)
        shown = _shown(name, declared, agent)
        reach = None if self._at.reach is None else sorted(self._at.reach(name))
        shown |= _activity(self._at, agent)
        if agent is None and await self._at.store.run(agents.is_retired, name):
            shown["status"] = "retired"
        return shown | {"credentials": reach, "limits": await used(self._at, name)}

    async def suspend(self, context: Context, args: Mapping[str, Any]) -> JSON:
        reason = args.get("reason") or f"by {context.name}"
        agent = await self._change(args["agent"], agents.suspend, reason)
        await self._at.approvals.cancel_all(agent.id, context.name, f"agent suspended: {reason}")
        return _shown(agent.name, self._declared(agent.name), agent)

    async def resume(self, context: Context, args: Mapping[str, Any]) -> JSON:
        agent = await self._change(args["agent"], agents.resume)
        return _shown(agent.name, self._declared(agent.name), agent)

    async def rotate(self, context: Context, args: Mapping[str, Any]) -> JSON:
        agent = await self._change(args["agent"], agents.rotate)
        await self._at.grants.void_agent(agent.id, "the agent's tokens have been replaced", agent.generation)
        return _shown(agent.name, self._declared(agent.name), agent)

    async def issue(self, context: Context, args: Mapping[str, Any]) -> JSON:
        if self._at.run_began is None:
            needs_runtime("runs.issue")
        name = args["agent"]
        owner = self._declared(name).owner
        if context.role < Role.ADMIN and context.name != owner:
            raise ControlError(
                Code.FORBIDDEN,
                f'"{context.name}" may not run agent "{name}"',
                f"its owner {owner} may, or an admin",
            )
        if self._declared(name).source is not None:
            raise ControlError(
                Code.FAILED,
                f'"{name}" comes from networks of its own, and is known by its address there',
                "start it there: run --isolate=netns:NAME, or with the proxy's address in its environment",
            )
        confinement = args.get("confinement", UNCONFINED)
        if confinement not in CONFINEMENTS:
            raise ControlError(Code.BAD_REQUEST, f"a run's confinement is one of {', '.join(CONFINEMENTS)}")
        now = self._at.clock.now()
        ends = now + _RUN_LIMIT
        run = await self._at.store.run(agents.begin_run, name, now, ends)
        agent = await self._at.store.run(agents.get, name)
        self._at.run_began(run.id, name, args.get("reason"), confinement=confinement)
        token = self._at.keys.agent_token(agent.id, agent.generation, run.id, ends)
        return {"run": run.id, "agent": name, "agent_id": agent.id, "token": token, "ends": ends.isoformat()}

    async def end(self, context: Context, args: Mapping[str, Any]) -> JSON:
        run = await self._at.store.run(agents.end_run, args["run"], self._at.clock.now())
        if self._at.run_ended is not None:
            self._at.run_ended(run.id)
        return {"run": run.id}

    async def _change(self, name: str, change: Any, *words: str) -> Agent:
        self._declared(name)
        now = self._at.clock.now()
        await self._at.store.run(agents.seen, name, now)
        agent: Agent = await self._at.store.run(lambda conn: change(conn, name, *words, now))
        if self._at.agent_changed is not None:
            self._at.agent_changed(agent)
        return agent

    def _declared(self, name: str) -> DeclaredAgent:
        declared = self._at.configuration().agents.get(name)
        if declared is None:
            raise ControlError(
                Code.FAILED, f'there is no agent "{name[:100]}"', "see: wharfinger agents list"
            )
        return declared


def _counted(services: Services, agent: Agent | None) -> dict[str, JSON]:
    """When it was last seen, and what came of its requests."""
    counts = services.activity.of(agent.id) if services.activity is not None and agent is not None else None
    told: dict[str, JSON] = {"last_seen": None, "allowed": 0, "asked": 0, "denied": 0}
    return told if counts is None else told | counts.as_json()


def _activity(services: Services, agent: Agent | None) -> dict[str, JSON]:
    """The same, and what of it waits or is granted."""
    told = _counted(services, agent)
    if agent is not None:
        told["pending"] = services.approvals.pending(agent.id)
        told["flooding"] = services.approvals.floods().get(agent.id, 0)
        told["grants"] = len(services.grants.of(agent.id, agent.generation))
    return told


def _shown(name: str, declared: DeclaredAgent, agent: Agent | None) -> dict[str, JSON]:
    """Name, owner and standing; of configuration and store the stricter."""
    suspended = agent.suspended if agent is not None else None
    if declared.status != "active" and suspended is None:
        suspended = "in agents.yaml"
    return {
        "name": name,
        "id": None if agent is None else agent.id,
        "owner": declared.owner,
        "environment": declared.environment,
        "description": declared.description,
        "policies": list(declared.policies),
        "status": "active" if suspended is None else "suspended",
        "suspended": suspended,
        "generation": 1 if agent is None else agent.generation,
        "created": None if agent is None else agent.created.isoformat(),
    }
