"""The book: letting it go on after trouble, and destroying keys of its sensitive inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.audit.errors import BookUnavailable
from wharfinger.control.dispatcher import Action, Context, Parameter, Proof, Role
from wharfinger.control.protocol import Code, ControlError
from wharfinger.control.services import Services, needs_runtime
from wharfinger.rules.types import JSON


def actions(services: Services) -> tuple[Action, ...]:
    """Both, for an administrator with their own key."""

    async def resume(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.resume_book is None:
            needs_runtime("audit.resume")
        try:
            return await services.resume_book(context.name)
        except BookUnavailable as trouble:
            raise ControlError(Code.FAILED, trouble.reason, trouble.hint) from None

    async def forget(context: Context, args: Mapping[str, Any]) -> JSON:
        if services.forget_segment is None:
            needs_runtime("audit.forget")
        try:
            return await services.forget_segment(args["segment"])
        except BookUnavailable as trouble:
            raise ControlError(Code.FAILED, trouble.reason, trouble.hint) from None

    return (
        # The book cannot be told before it goes on: the first thing it takes then is this.
        Action("audit.resume", resume, role=Role.ADMIN, recorded=False, proof=Proof.KEY),
        Action("audit.forget", forget, (Parameter("segment", int),), role=Role.ADMIN, proof=Proof.KEY),
    )
