"""Hold a request that policy answers with `ask` until a person has answered, or the hold ends.

Nothing is sent while holding. A hold ends by answer, expiry, its own limit, or the agent leaving; the
approval outlives it, and the same request sent again takes it up. When an approval is used the decision is
made again: a deny wins, and the approval stands only for the rules it was given for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wharfinger.approvals.approval import Approval, NotUsable, TooManyPending
from wharfinger.approvals.states import ApprovalError, State, WrongState
from wharfinger.audit import events
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.refusing import refusal
from wharfinger.rules.requests import headers
from wharfinger.rules.types import Code, Decision, Request, Verdict

if TYPE_CHECKING:
    from wharfinger.approvals.approvals import Approvals
    from wharfinger.audit.book import Book
    from wharfinger.deciding.live import Live
    from wharfinger.deciding.permits import Presence, Session

AGAIN = "Ask the person to decide, then send exactly the same request again; it goes through once approved."
LEFT = "the agent left"


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of asking: a decision made again (with its approval), or a refusal."""

    decision: Decision
    generation: int = 0
    approval: str = ""
    approvers: tuple[str, ...] = ()
    refusal: Answer | None = None


@dataclass(slots=True)
class Hold:
    """See the module's head."""

    live: Live
    book: Book
    approvals: Approvals
    limit: timedelta

    async def settle(
        self, decision_id: str, request: Request, decision: Decision, session: Session, presence: Presence
    ) -> Settled:
        """Put `request` to a person and wait for the answer."""
        volatile = [pair for pair in request.headers if headers.is_volatile(pair[0].lower())]
        try:
            asked = await self.approvals.ask(session.who.agent_id, request, decision, volatile)
        except TooManyPending as fault:
            return await self._refuse(decision_id, request, decision, session, Code.LIMIT, str(fault.args[0]))
        with self._leaving(decision_id, request, decision, session, asked.id):
            await self.book.write(events.held(decision_id, session.who, request, decision, approval=asked.id))
            answered = await self._wait(asked, presence)
        if answered is None:
            return await self._refuse(
                decision_id, request, decision, session, Code.APPROVAL_PENDING, LEFT, asked.id
            )
        if answered.state is not State.APPROVED:
            return await self._unanswered(decision_id, request, decision, session, answered)
        return await self._use(decision_id, request, session, answered)

    @contextlib.contextmanager
    def _leaving(
        self, decision_id: str, request: Request, decision: Decision, session: Session, approval: str
    ) -> Iterator[None]:
        """Where the agent leaves in the middle of the block, which is then cancelled, say so in the book."""
        try:
            yield
        except asyncio.CancelledError:
            refused = _refused(decision, Code.APPROVAL_PENDING, LEFT)
            self.book.submit(events.refused(decision_id, session.who, request, refused, approval=approval))
            raise

    async def _wait(self, asked: Approval, presence: Presence) -> Approval | None:
        """The approval once answered or once the hold ends; None where the agent left first."""
        wait = asyncio.get_running_loop().create_task(self.approvals.wait(asked.id, self.limit))
        gone = asyncio.get_running_loop().create_task(presence.gone.wait())
        try:
            await asyncio.wait((wait, gone), return_when=asyncio.FIRST_COMPLETED)
            return wait.result() if wait.done() else None
        finally:
            wait.cancel()
            gone.cancel()
            await asyncio.gather(wait, gone, return_exceptions=True)

    async def _use(self, decision_id: str, request: Request, session: Session, approval: Approval) -> Settled:
        generation = self.live.generation
        again = await self.live.decide_aside(request, session, granted=False)
        if again.verdict is not Verdict.ASK:
            return Settled(again, generation)
        try:
            with self._leaving(decision_id, request, again, session, approval.id):
                await self.approvals.consume(approval.id, again)
        except (NotUsable, WrongState) as fault:
            return await self._refuse(
                decision_id, request, again, session, Code.APPROVAL_PENDING, str(fault.args[0]), approval.id
            )
        return Settled(again, generation, approval.id, approval.said_by)

    async def _unanswered(
        self, decision_id: str, request: Request, decision: Decision, session: Session, approval: Approval
    ) -> Settled:
        match approval.state:
            case State.DENIED:
                said = f": {approval.comment}" if approval.comment else ""
                code, reason = Code.DENIED, f"{approval.person or 'a person'} has denied this{said}"
            case State.EXPIRED | State.CANCELLED:
                code, reason = Code.DENIED, f"the approval is {approval.state}"
            case _:
                code, reason = Code.APPROVAL_PENDING, f"this {approval.needs}"
        return await self._refuse(decision_id, request, decision, session, code, reason, approval.id)

    async def _refuse(  # noqa: PLR0917 - one line in the book and one answer, made of all of these
        self,
        decision_id: str,
        request: Request,
        decision: Decision,
        session: Session,
        code: Code,
        reason: str,
        approval: str = "",
    ) -> Settled:
        refused = _refused(decision, code, reason)
        await self.book.write(events.refused(decision_id, session.who, request, refused, approval=approval))
        wait = 20 if code is Code.APPROVAL_PENDING else None
        answer = refusal(decision_id, refused, request, approval=approval or None, retry_after=wait)
        return Settled(refused, refusal=answer)

    def sent(self, approval: str) -> bool:
        """Whether the request may go out on this approval; true once, in the step of its first byte."""
        return self.approvals.sent(approval)

    async def give_back(self, approval: str) -> None:
        """Give back an approval on which nothing was sent."""
        try:
            await self.approvals.give_back(approval)
        except ApprovalError:
            return


def _refused(decision: Decision, code: Code, reason: str) -> Decision:
    help_text = AGAIN if code is Code.APPROVAL_PENDING else ""
    return replace(decision, verdict=Verdict.DENY, code=code, reason=reason, help=help_text)
