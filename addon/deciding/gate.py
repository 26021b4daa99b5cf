"""The gate: the one place where a request is opened.

`admit` decides, holds for a person where policy says `ask`, and gives a permit once the intent is durable
in the book. `redeem` is called in the step that emits the first upstream byte and checks that nothing the
permit rests on has changed. `finish` records what became of it. Nothing else opens a request, and
every way out of here that is not a permit is a refusal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wharfinger.audit import events
from wharfinger.audit.errors import BookUnavailable
from wharfinger.audit.event import Outcome, Target, Who
from wharfinger.audit.repeats import Repeats
from wharfinger.credentials.registry import CredentialUnavailable
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.misuses import Alert, Misuses
from wharfinger.deciding.permits import Admission, Ending, Permit, Presence, Session, Withdrawn
from wharfinger.deciding.refusing import refusal
from wharfinger.faults import StoreUnavailable
from wharfinger.limits.rates import Rate
from wharfinger.metering.meter import Course, Meter
from wharfinger.rules.types import JSON, Code, Decision, Origin, Request, Verdict

if TYPE_CHECKING:
    from wharfinger.approvals.grants import Grants
    from wharfinger.audit.book import Book
    from wharfinger.credentials.registry import Credentials
    from wharfinger.deciding.activity import Activity
    from wharfinger.deciding.hold import Hold
    from wharfinger.deciding.live import Live
    from wharfinger.keeping.reviews import Reviews
    from wharfinger.limits.ledger import Ledger
    from wharfinger.secret import Secret

logger = logging.getLogger(__name__)

ROUNDS = 8
"""How often a request is decided again because others took what a limit had left in the meantime."""
_EVENTS = {Verdict.ALLOW: 2, Verdict.ASK: 4}
"""What one request comes to in the book: intent and outcome; before them, the question and its answer."""


@dataclass(slots=True)
class Gate:
    """See the module's head."""

    live: Live
    book: Book
    credentials: Credentials
    hold: Hold
    ledger: Ledger
    reviews: Reviews
    grants: Grants
    activity: Activity
    rate: Rate
    """How many events may be made of what is not denied."""
    meter: Meter = field(default_factory=Meter)
    misuses: Misuses = field(default_factory=Misuses)
    """What people are to be told of."""
    _endings: set[asyncio.Future[Any]] = field(default_factory=set)
    _repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        """Denials go to the book by way of what counts those that repeat."""
        self._repeats = Repeats(self.book)
        self.misuses.watch(self._record)

    async def admit(self, request: Request, session: Session, presence: Presence) -> Admission:
        """Decide `request`; wait for a person if it must be asked. Never raises but for cancellation."""
        course = Course()
        admission = await self._admission(events.decision_id(), request, session, presence, course)
        refused = None if admission.refusal is None else admission.refusal.code
        if refused is Code.MISUSE and admission.refusal is not None and session.origin is not Origin.TEST:
            self.misused(session.who, admission.refusal.reason, admission.decision_id)
        self.activity.note(session.who.agent_id, refused)
        if session.origin is not Origin.TEST:
            self.meter.admitted(session.who.agent, course, refused)
        return admission

    def misused(self, who: Who, reason: str, decision_id: str) -> None:
        """Have people told of misuse, which has been refused. Returns at once."""
        logger.warning("misuse by the agent %s: %s", who.agent, reason)
        self.misuses.note(who, reason, decision_id)

    def _record(self, alert: Alert) -> None:
        """What people are told stands in the book, too."""
        for each in alert.found:
            detail: dict[str, JSON] = {"count": each.count, "decision": each.decision, "sum": alert.sum}
            notice = events.notice("agents.misuse", each.reason, who=each.who, detail=detail)
            self._keep(self.book.submit(notice))

    async def _admission(
        self, decision_id: str, request: Request, session: Session, presence: Presence, course: Course
    ) -> Admission:
        try:
            return await self._admit(decision_id, request, session, presence, course)
        except BookUnavailable as error:
            logger.error("the book cannot be written, everything is refused: %s", error)
            return self._refusal(
                decision_id, Code.UNAVAILABLE, "the audit log cannot be written, so nothing is sent",
                "The operator has to mend the audit log; `wharfinger doctor` says how",
            )  # fmt: skip
        except CredentialUnavailable as error:
            reason = str(error)
            await self.reject(Code.UNAVAILABLE, reason, session.who, request, decision_id)
            return self._refusal(decision_id, Code.UNAVAILABLE, reason, "The operator has to mend it")
        except StoreUnavailable as error:
            logger.error("the store cannot be written, and limits and reviews with it: %s", error)
            reason = "what limits count cannot be recorded, so nothing is sent"
            await self.reject(Code.UNAVAILABLE, reason, session.who, request, decision_id)
            return self._refusal(decision_id, Code.UNAVAILABLE, reason, "The operator has to mend the store")
        except Exception as error:
            logger.exception("the gate failed on %s", decision_id)
            await self.reject(
                Code.DENIED, f"internal error: {type(error).__name__}", session.who, request, decision_id
            )
            return self._refusal(decision_id, Code.DENIED, "internal error, so the request is refused")

    async def _admit(
        self, decision_id: str, request: Request, session: Session, presence: Presence, course: Course
    ) -> Admission:
        for _ in range(ROUNDS):
            generation = self.live.generation
            decision = await self.live.decide_aside(request, session)
            course.decision(decision)
            if decision.verdict is not Verdict.DENY and self._floods(request, decision, session):
                return await self._refused(decision_id, request, session, _flood(decision))
            approval = ""
            approvers: tuple[str, ...] = ()
            if decision.verdict is Verdict.ASK:
                settled = await self.hold.settle(decision_id, request, decision, session, presence)
                course.answered()
                if settled.refusal is not None:
                    return Admission(decision_id, refusal=settled.refusal)
                approval, approvers, decision = settled.approval, settled.approvers, settled.decision
                generation = settled.generation
            if decision.verdict is Verdict.DENY:
                return await self._refused(decision_id, request, session, decision)
            await self.credentials.ready(_own(decision))
            secrets = self._secrets(decision)
            permit = Permit(decision_id, session, request, decision, generation, secrets, approval)
            if request.message is not None and not decision.calls:
                return Admission(decision_id, permit=permit)  # part of what the connection's intent says
            # From here to the permit there is no point at which another request could take what is left.
            who = session.who
            if decision.led is not None and not self.live.redirects.take(who.agent_id, decision.led):
                continue
            if self._take(permit):
                return await self._intend(permit, approvers)
            if approval:
                await self.hold.give_back(approval)
        return await self._refused(decision_id, request, session, _outrun(decision))

    def _floods(self, request: Request, decision: Decision, session: Session) -> bool:
        """Whether the agent makes more events than there is room for; denials are counted, and never do."""
        silent = request.message is not None and not decision.calls
        return not silent and not self.rate.take(session.who.agent, _EVENTS[decision.verdict])

    def _take(self, permit: Permit) -> bool:
        """Take what limits have left and what grants give, all of it or nothing."""
        decision_id, decision, who = permit.decision_id, permit.decision, permit.session.who
        if not self.grants.take(decision_id, decision.grants):
            return False
        if self.ledger.reserve(decision_id, who.agent_id, who.run, decision.reservations):
            return True
        self.grants.give_back(decision_id)
        return False

    async def _refused(
        self, decision_id: str, request: Request, session: Session, decision: Decision
    ) -> Admission:
        if session.origin is not Origin.TEST:  # what the self-test finds is recorded by itself
            await self._repeats.write(events.refused(decision_id, session.who, request, decision))
        return Admission(decision_id, refusal=refusal(decision_id, decision, request))

    def _secrets(self, decision: Decision) -> tuple[tuple[Secret, int], ...]:
        return tuple(self.live.secrets.at(placement) for placement in decision.placements)

    async def _intend(self, permit: Permit, approvers: tuple[str, ...]) -> Admission:
        """Make the intent durable, and what was counted for it; then the permit holds."""
        decision_id, who, request = permit.decision_id, permit.session.who, permit.request
        decision = permit.decision
        try:
            if decision.reservations:
                await self.ledger.keep(decision_id)
            if decision.grants:
                await self.grants.keep(decision_id)
            if decision.review:
                await self.reviews.add(decision_id, request, decision)
            await self.book.write(
                events.intent(
                    decision_id, who, request, decision, approval=permit.approval, approvers=approvers
                )
            )
            await self.credentials.ready(_own(decision))  # a disk that is slow may have outlasted a token
        except BaseException:
            # Written or not, no permit comes of it; the book hears so if it can.
            self.finish(permit, Ending(Outcome.NOT_SENT, reason="the agent left"))
            raise
        return Admission(decision_id, permit=permit)

    def redeem(self, permit: Permit, request: Request) -> None:
        """Use the permit for `request`, now. Raises `Withdrawn` and sends nothing if anything has changed.

        Synchronous: between this check and the first upstream byte there is no point at which a reload, a
        suspension or a rotation could run. The request digest is a function of the request and of what the
        generation stands for, so equality of both is equality of the digest.
        """
        if permit.used:
            raise Withdrawn("the permit has been used")
        permit.used = True
        if request != permit.seen:
            raise Withdrawn("the request is not the one that was decided")
        if permit.generation != self.live.generation:
            raise Withdrawn("policies have changed since the request was decided")
        if reason := self.live.barred(permit.session):
            raise Withdrawn(reason)
        try:
            permit.secrets = self._secrets(permit.decision)  # which may have been replaced in the meantime
        except CredentialUnavailable as error:
            raise Withdrawn(str(error)) from None
        permit.cookies = self.live.secrets.cookies(permit.session, permit.request, permit.decision)
        if not self.grants.stands(permit.decision_id):
            raise Withdrawn("the grant has ended")
        if permit.approval and not self.hold.sent(permit.approval):
            raise Withdrawn("the approval has expired")

    def objection(self, permit: Permit) -> str | None:
        """Why a request that has been sent would not be let out now, if so: asked when anything changes."""
        led = permit.decision.led
        again = self.live.decide(permit.request, permit.session, counted=False, led=led)
        return again.reason if again.verdict is Verdict.DENY else None

    def finish(self, permit: Permit, ending: Ending) -> None:
        """Record the outcome; an approval of which no byte was sent is given back. Returns at once."""
        self.meter.ended(permit.session.who.agent, ending.outcome, ending.sent)
        if ending.sent is not None and ending.sent.findings:
            self.live.met(permit.session.who.agent, ending.sent.findings)
        event = events.outcome(
            permit.decision_id, permit.session.who, ending.outcome, ending.sent, reason=ending.reason
        )
        self._keep(self.book.submit(event))
        self._settle(permit, ending)
        if permit.approval and ending.outcome is Outcome.NOT_SENT:
            self._keep(self._start(self.hold.give_back(permit.approval)))

    def _settle(self, permit: Permit, ending: Ending) -> None:
        """Give back what was taken for a request that came to nothing; tell the review queue of it."""
        decision_id = permit.decision_id
        status = ending.sent.status if ending.sent is not None else None
        refused = status is not None and 400 <= status < 500
        if permit.decision.reservations:
            if ending.outcome is not Outcome.NOT_SENT and not refused:
                self.ledger.settle(decision_id)
            elif self.ledger.give_back(decision_id):
                self._keep(self._start(self.ledger.forget(decision_id)))
        if permit.decision.grants:
            if ending.outcome is not Outcome.NOT_SENT:
                self.grants.settle(decision_id)
            elif self.grants.give_back(decision_id):
                self._keep(self._start(self.grants.forget(decision_id)))
        if permit.decision.review:
            self._keep(self._start(self.reviews.end(decision_id, ending.outcome.value, status)))

    async def reject(
        self,
        code: Code,
        reason: str,
        who: Who | None,
        request: Request | None = None,
        decision_id: str | None = None,
    ) -> str:
        """Record a refusal that no policy made. Returns its decision id; a book that fails refuses anyway."""
        decision_id = decision_id or events.decision_id()
        target = None if request is None else Target.of(request)
        event = events.rejected(
            decision_id, who, code, reason, target=target, policy_digest=self.live.policy_digest
        )
        try:
            await self._repeats.write(event)
        except BookUnavailable:
            logger.error("a refusal could not be recorded: %s", reason)
        return decision_id

    def reject_soon(self, answered: Answer, who: Who | None) -> Answer:
        """Record a refusal from synchronous code; the answer comes back with its decision id."""
        decision_id = answered.decision or events.decision_id()
        self.meter.refused(who.agent if who is not None else "", answered.code)
        self._keep(self._start(self.reject(answered.code, answered.reason, who, None, decision_id)))
        return replace(answered, decision=decision_id)

    def _refusal(self, decision_id: str, code: Code, reason: str, help_text: str = "") -> Admission:
        return Admission(decision_id, refusal=Answer(code, reason, help_text, decision_id))

    def _start(self, work: Coroutine[Any, Any, object]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_task(work)

    def _keep(self, future: asyncio.Future[Any]) -> None:
        self._endings.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._endings.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("an outcome could not be recorded: %s", error)

    async def drain(self) -> None:
        """Wait until every outcome handed in so far is written, and every denial that was counted."""
        self.misuses.close()
        for counted in self._repeats.close():
            self._keep(counted)
        while self._endings:
            await asyncio.gather(*tuple(self._endings), return_exceptions=True)
            # Where all of them are done already, nothing above has given way to the callbacks that drop them.
            await asyncio.sleep(0)


def _own(decision: Decision) -> Iterator[str]:
    """The credentials that are put in, but for what APIs have made for agents."""
    return (each.credential for each in decision.placements if not each.sealed)


def _outrun(decision: Decision) -> Decision:
    reason = "other requests of this agent took what its limits had left"
    return _beyond(decision, reason, "Send fewer requests at once.")


def _flood(decision: Decision) -> Decision:
    reason = "this agent sends more requests in a second than the audit log has room for"
    return _beyond(decision, reason, "Send requests more slowly.")


def _beyond(decision: Decision, reason: str, help_text: str) -> Decision:
    return replace(
        decision, verdict=Verdict.DENY, code=Code.LIMIT, reason=reason, help=help_text, reservations=()
    )
