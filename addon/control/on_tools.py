"""Actions on proposed tools: a person approves what was imported, or takes that back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.control.dispatcher import Action, Context, Parameter, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services
from wharfinger.keeping import proposals
from wharfinger.rules.types import JSON

MOST = 200
"""Approvals that one answer tells of, where not all are asked for."""


def actions(services: Services) -> tuple[Action, ...]:
    """Listing what is approved, approving, and withdrawing."""
    at = _Proposed(services)
    return (
        Action("tools.approved", at.listing, (Parameter("after", required=False),)),
        Action("tools.approve", at.approve, (Parameter("tools", dict),), Role.ADMIN),
        Action("tools.withdraw", at.withdraw, (Parameter("tools", list),), Role.ADMIN),
    )


class _Proposed:
    def __init__(self, services: Services) -> None:
        self._at = services

    async def listing(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """All of them, by name; with `after`, those of the next names only."""
        after = args.get("after")
        found = await (
            self._at.store.run(proposals.every)
            if after is None
            else self._at.store.run(proposals.some, after, MOST)
        )
        return [
            {"tool": one.tool, "digest": one.digest, "person": one.person, "at": one.at.isoformat()}
            for one in found
        ]

    async def approve(self, context: Context, args: Mapping[str, Any]) -> JSON:
        """Approve tools by the digests that the person saw: those in force now, or nothing is approved."""
        given: Mapping[str, Any] = args["tools"]
        tools = self._at.configuration().tools
        for name, digest in given.items():
            tool = tools.get(name)
            if tool is None or not tool.proposed:
                raise ControlError(
                    Code.FAILED,
                    f'there is no proposed tool "{name[:100]}"',
                    "see: wharfinger tools list --proposed",
                )
            if tool.digest != digest:
                raise ControlError(
                    Code.FAILED,
                    f'the tool "{name[:100]}" is not what you have seen',
                    "reload the running proxy, look at it again, and approve that",
                )
        now = self._at.clock.now()
        left = await self._at.store.run(proposals.approve, dict(given), context.name, now)
        return self._changed(left)

    async def withdraw(self, context: Context, args: Mapping[str, Any]) -> JSON:
        names = [name for name in args["tools"] if isinstance(name, str)]
        return self._changed(await self._at.store.run(proposals.withdraw, names))

    def _changed(self, approved: frozenset[str]) -> JSON:
        if self._at.tools_changed is not None:
            self._at.tools_changed(approved)
        return {"approved": len(approved)}
