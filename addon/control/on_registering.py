"""Actions that give an agent an identity, and take it away for good.

Files declare: what an agent may do stands in agents.yaml alone, which nothing here writes. An agent that is
added and not declared is `registered`, and can do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import agents
from wharfinger.keeping.agent_states import Move, State, after, standing
from wharfinger.keeping.agents import Agent
from wharfinger.rules.types import JSON

_NAME: Final = Parameter("agent")
_LONGEST: Final = 64


def actions(services: Services) -> tuple[Action, ...]:
    """Adding and retiring agents, and listing those that are registered only."""
    at = _Registering(services)
    reason = Parameter("reason", required=False)
    return (
        Action("agents.registered", at.registered),
        Action("agents.add", at.add, (_NAME,), Role.ADMIN),
        Action("agents.retire", at.retire, (_NAME, reason), Role.ADMIN),
    )


class _Registering:
    def __init__(self, services: Services) -> None:
        self._at = services

    async def registered(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """Those that have an identity and are not declared; and declared names that are retired."""
        declared = self._at.configuration().agents
        found = await self._at.store.run(agents.every)
        retired = await self._at.store.run(agents.retired_names)
        return {
            "registered": [_shown(agent, declared=False) for agent in found if agent.name not in declared],
            "retired": sorted(retired & set(declared)),
        }

    async def add(self, context: Context, args: Mapping[str, Any]) -> JSON:
        name = args["agent"]
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if not (plain.isascii() and plain.isalnum()) or name.startswith(".") or len(name) > _LONGEST:
            raise ControlError(
                Code.BAD_REQUEST,
                f'"{name[:100]}" cannot be the name of an agent',
                "use letters, digits, '-', '_' and '.', at most 64 of them",
            )
        agent = await self._at.store.run(agents.add, name, self._at.clock.now())
        declared = name in self._at.configuration().agents
        if declared and self._at.agent_changed is not None:
            self._at.agent_changed(agent)
        return _shown(agent, declared=declared)

    async def retire(self, context: Context, args: Mapping[str, Any]) -> JSON:
        name, now = args["agent"], self._at.clock.now()
        declared = self._at.configuration().agents.get(name)
        known = await self._at.store.run(agents.find, name)
        if known is None and declared is None:
            raise ControlError(
                Code.FAILED, f'there is no agent "{name[:100]}"', "see: wharfinger agents list"
            )
        gone = known is None and await self._at.store.run(agents.is_retired, name)
        suspended = known is not None and known.suspended is not None
        state = standing(retired=gone, declared=declared is not None, suspended=suspended)
        after(name, state, Move.RETIRE)
        if known is None:
            await self._at.store.run(agents.seen, name, now)
        agent: Agent = await self._at.store.run(agents.retire_for_good, name, context.name, now)
        if self._at.agent_retired is not None:
            self._at.agent_retired(agent)
        why = f"agent retired: {args.get('reason') or f'by {context.name}'}"
        await self._at.approvals.cancel_all(agent.id, context.name, why)
        await self._at.grants.void_agent(agent.id, why)
        return _shown(agent, declared=declared is not None) | {"status": State.RETIRED.value}


def _shown(agent: Agent, *, declared: bool) -> dict[str, JSON]:
    suspended = agent.suspended is not None
    return {
        "name": agent.name,
        "id": agent.id,
        "status": standing(retired=False, declared=declared, suspended=suspended).value,
        "generation": agent.generation,
        "created": agent.created.isoformat(),
    }
