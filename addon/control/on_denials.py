"""The emergency deny list: what is refused from this moment, without a reload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import denials
from wharfinger.rules.policies.denials import Denial
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON, UNMATCHED

_LONGEST = 400 * 86_400
_SUBJECTS = ("tool", "host", "agent")


def actions(services: Services) -> tuple[Action, ...]:
    """Listing for anyone; adding and removing for an admin."""

    async def tell() -> tuple[Denial, ...]:
        found = await services.store.run(denials.every, services.clock.now())
        if services.denied is not None:
            services.denied(found)
        return found

    async def listing(context: Context, args: Mapping[str, Any]) -> JSON:
        found = await services.store.run(denials.every, services.clock.now())
        return [_shown(denial) for denial in found]

    async def add(context: Context, args: Mapping[str, Any]) -> JSON:
        wanted = {name: args.get(name) or "" for name in _SUBJECTS}
        if not any(wanted.values()):
            raise ControlError(Code.BAD_REQUEST, "deny.add: name a tool, a host or an agent")
        if wanted["agent"] and wanted["agent"] not in services.configuration().agents:
            raise ControlError(Code.FAILED, f'there is no agent "{wanted["agent"][:100]}"')
        now = services.clock.now()
        seconds = args.get("seconds")
        if seconds is not None and not 0 < seconds <= _LONGEST:
            raise ControlError(Code.BAD_REQUEST, f"deny.add: at most {_LONGEST} seconds")
        new = Denial(
            "",
            wanted["tool"],
            _host(wanted["host"]),
            wanted["agent"],
            args.get("because") or "",
            context.name,
            now,
            None if seconds is None else now + timedelta(seconds=seconds),
        )
        added = await services.store.run(denials.add, new, now)
        await tell()
        names = (UNMATCHED, *(tool.name for tool in services.configuration().tools))
        return {**_shown(added), "unknown": bool(new.tool) and not any(map(new.names, names))}

    async def remove(context: Context, args: Mapping[str, Any]) -> JSON:
        await services.store.run(denials.remove, args["id"])
        await tell()
        return {"id": args["id"]}

    optional = tuple(Parameter(name, required=False) for name in (*_SUBJECTS, "because"))
    return (
        Action("deny.list", listing),
        Action("deny.add", add, (*optional, Parameter("seconds", int, required=False)), Role.ADMIN),
        Action("deny.remove", remove, (Parameter("id"),), Role.ADMIN),
    )


def _host(text: str) -> str:
    """A host, `*.` and a host, or `*`, in canonical form."""
    if text in {"", "*"}:
        return text
    try:
        return f"*.{spelling.host(text[2:])}" if text.startswith("*.") else spelling.host(text)
    except Refused as refused:
        raise ControlError(Code.BAD_REQUEST, f'"{text[:200]}" is not a host', refused.refusal.help) from None


def _shown(denial: Denial) -> dict[str, JSON]:
    return {
        "id": denial.id,
        "tool": denial.tool or None,
        "host": denial.host or None,
        "agent": denial.agent or None,
        "because": denial.because,
        "person": denial.person,
        "created": None if denial.created is None else denial.created.isoformat(timespec="seconds"),
        "ends": None if denial.ends is None else denial.ends.isoformat(timespec="seconds"),
    }
