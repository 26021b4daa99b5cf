"""Limits: how far they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import agents
from wharfinger.limits.usage import usage
from wharfinger.rules.types import JSON


def actions(services: Services) -> tuple[Action, ...]:
    """Listing, for all agents or for one."""

    async def listing(context: Context, args: Mapping[str, Any]) -> JSON:
        return await used(services, args.get("agent"))

    return (Action("limits.list", listing, (Parameter("agent", required=False),)),)


async def used(services: Services, agent: str | None = None) -> list[JSON]:
    """A row for each limit of each agent, or of one."""
    configuration = services.configuration()
    if agent is not None and agent not in configuration.agents:
        raise ControlError(Code.FAILED, f'there is no agent "{agent[:100]}"', "see: wharfinger agents list")
    names = list(configuration.agents) if agent is None else [agent]
    found = await (
        services.store.run(agents.every) if agent is None else services.store.run(agents.some, names)
    )
    ids = {one.name: one.id for one in found}
    runs: dict[str, list[str]] = {}
    for run in await services.store.run(agents.open_runs, services.clock.now()):
        runs.setdefault(run.agent_id, []).append(run.id)
    return usage(configuration, services.ledger, {name: ids.get(name, "") for name in names}, runs)
