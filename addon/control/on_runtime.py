"""Actions on the runtime itself: how it is, what it would decide, reload, stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.services import Services, needs_runtime
from wharfinger.rules.types import JSON

EXPLAIN = (
    Parameter("agent"),
    Parameter("method"),
    Parameter("url"),
    Parameter("headers", list, required=False),
    Parameter("body", required=False),
    Parameter("reason", required=False),
    Parameter("isolated", bool, required=False),
)
"""`headers`: pairs of name and value; `body`: base64."""


def actions(services: Services) -> tuple[Action, ...]:
    """Status, metrics and explanation for anyone; reload and stop for an admin."""

    async def status(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.status is None:
            return {"running": False}
        return await services.status()

    async def metrics(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.metrics is None:
            needs_runtime("metrics")
        return await services.metrics()

    async def ready(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.ready is None:
            return {"running": False}
        return await services.ready()

    async def explain(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.explain is None:
            needs_runtime("explain")
        return await services.explain(args)

    async def screen(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.screen is None:
            needs_runtime("screen")
        return list(services.screen({str(name): str(value) for name, value in args["values"].items()}))

    async def reload(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.reload is None:
            needs_runtime("reload")
        return await services.reload(context.name)

    async def stop(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.stop is None:
            needs_runtime("stop")
        await services.stop(context.name, args.get("reason", ""))
        return {"stopping": True}

    return (
        Action("status", status),
        Action("metrics", metrics),
        Action("ready", ready),
        Action("explain", explain, EXPLAIN),
        Action("screen", screen, (Parameter("values", dict, secret=True),)),
        Action("reload", reload, (), Role.ADMIN, recorded=False),
        Action("stop", stop, (Parameter("reason", required=False),), Role.ADMIN),
    )
