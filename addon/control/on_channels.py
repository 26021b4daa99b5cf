"""Actions on channels: what comes to the office from people who have not signed in, and from Slack.

A link decides by itself and its code, which prove whose it is; Slack's interactions are proved by its
signature. So nobody needs a key here; what is changed is recorded by the work, under the person's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wharfinger.control.dispatcher import Action, Context, Parameter
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services, needs_runtime
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.channels.courier import Courier

_REPLY_SECONDS = 3.0
"""How long Slack waits for an answer."""
_MOVES = ("approve", "deny")
REASON_LIMIT = 1000


def actions(services: Services) -> tuple[Action, ...]:
    """Showing and using links, and taking interactions."""

    def courier(action: str) -> Courier:
        found = None if services.channels is None else services.channels()
        if found is None:
            needs_runtime(f"{action}, with a channel,")
        return found

    async def show(context: Context, args: Mapping[str, Any]) -> JSON:
        _, approval = await courier("links.show").links.find(args["link"])
        return approval.as_json()

    async def decide(context: Context, args: Mapping[str, Any]) -> JSON:
        move = args["decision"]
        if move not in _MOVES:
            raise ControlError(Code.BAD_REQUEST, '"decision" is neither approve nor deny')
        at = courier("links.decide")
        if move == "approve" and not (await at.links.find(args["link"]))[1].question.complete:
            raise ControlError(
                Code.FORBIDDEN, "not all of this request can be shown here", "so it cannot be approved here"
            )
        link, approval = await at.links.decide(args["link"], args["code"])
        reason = args.get("reason", "").strip()[:REASON_LIMIT]
        return (await at.answer(approval.id, link.person, move, reason, "link")).as_json()

    async def slack(context: Context, args: Mapping[str, Any]) -> JSON:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        courier("channels.slack").interact(
            args["timestamp"], args["signature"], args["body"], lambda status: _settle(done, status)
        )
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                return {"status": await done}
        except TimeoutError:
            return {"status": 503}

    async def status(context: Context, args: Mapping[str, Any]) -> JSON:
        found = None if services.channels is None else services.channels()
        health = () if found is None else found.health.values()
        return [
            {"channel": each.channel, "up": each.up, "why": each.why, "dropped": each.dropped}
            for each in health
        ]

    link = Parameter("link", secret=True)
    return (
        Action("links.show", show, (link,)),
        Action(
            "links.decide",
            decide,
            (
                link,
                Parameter("code", secret=True),
                Parameter("decision"),
                Parameter("reason", required=False),
            ),
        ),
        Action("channels.slack", slack, (Parameter("timestamp"), Parameter("signature"), Parameter("body"))),
        Action("channels.status", status),
    )


def _settle(done: asyncio.Future[int], status: int) -> None:
    if not done.done():
        done.set_result(status)
