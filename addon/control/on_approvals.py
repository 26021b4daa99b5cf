"""Actions on approvals. They record what they do by themselves: every change of state is an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.approvals.approval import NotApprover
from wharfinger.approvals.states import State
from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.rules.types import JSON

_ANSWER = (Parameter("id"), Parameter("reason", required=False))


def actions(services: Services) -> tuple[Action, ...]:
    """Listing, showing, answering and withdrawing approvals."""
    approvals = services.approvals

    async def listing(context: Context, args: Mapping[str, Any]) -> JSON:
        found = await approvals.list(_states(args.get("states", [State.PENDING.value])))
        return [approval.as_json() for approval in found]

    async def show(context: Context, args: Mapping[str, Any]) -> JSON:
        approval = await approvals.show(args["id"])
        return approval.as_json() | {"history": list(await approvals.history(approval.id))}

    async def approve(context: Context, args: Mapping[str, Any]) -> JSON:
        return (await approvals.approve(args["id"], context.name, args.get("reason"))).as_json()

    async def deny(context: Context, args: Mapping[str, Any]) -> JSON:
        return (await approvals.deny(args["id"], context.name, args.get("reason"))).as_json()

    async def cancel(context: Context, args: Mapping[str, Any]) -> JSON:
        approval = await approvals.show(args["id"])
        may = approval.may_answer(context.name, services.clock.now())
        if not may and context.role < Role.ADMIN:
            raise NotApprover(context.name, approval)
        return (await approvals.cancel(approval.id, context.name, args.get("reason"))).as_json()

    async def reviews(context: Context, args: Mapping[str, Any]) -> JSON:
        return await services.reviews.list(everything=args.get("all", False))

    async def reviewed(context: Context, args: Mapping[str, Any]) -> JSON:
        await services.reviews.done(args["decision"], context.name, args.get("comment", ""))
        return {"decision": args["decision"]}

    return (
        Action("approvals.reviews", reviews, (Parameter("all", bool, required=False),)),
        Action(
            "approvals.reviewed",
            reviewed,
            (Parameter("decision"), Parameter("comment", required=False)),
            Role.APPROVER,
        ),
        Action("approvals.list", listing, (Parameter("states", list, required=False),)),
        Action("approvals.show", show, (Parameter("id"),)),
        Action("approvals.approve", approve, _ANSWER, Role.APPROVER, recorded=False),
        Action("approvals.deny", deny, _ANSWER, Role.APPROVER, recorded=False),
        Action("approvals.cancel", cancel, _ANSWER, Role.APPROVER, recorded=False),
    )


def _states(names: list[Any]) -> tuple[State, ...]:
    known = {state.value: state for state in State}
    wrong = [repr(name)[:100] for name in names if not isinstance(name, str) or name not in known]
    if wrong:
        raise ControlError(
            Code.BAD_REQUEST, f"no state of an approval: {', '.join(wrong)}", f"known: {', '.join(known)}"
        )
    return tuple(known[name] for name in names)
