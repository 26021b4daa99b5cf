"""The proxy's side of the channels: tells people of questions, and takes their answers.

Rules: nothing here holds up a request or a change of an approval. What is said to the process of the channels
goes through a bounded queue (`beside`). An answer counts only if its value is ours, its message is the one we
posted, and its sender is one person of people.yaml who may answer; it stands in the book before it is given.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from wharfinger.approvals.approval import Approval
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.rows import Store
from wharfinger.approvals.states import ApprovalError, Move, State
from wharfinger.approvals.watching import Change, Flood
from wharfinger.audit import events
from wharfinger.audit.event import Event
from wharfinger.channels import buttons, rows
from wharfinger.channels.buttons import Buttons, Said
from wharfinger.channels.card import Card
from wharfinger.channels.deciding import Links
from wharfinger.channels.notices import (
    Answer,
    Ask,
    Health,
    Heard,
    Interaction,
    Letter,
    Notice,
    Posted,
    Replied,
    Settled,
)
from wharfinger.clock import Clock
from wharfinger.faults import Fault
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.models.agents import Person

_log = logging.getLogger(__name__)

_TOLD_OF = {Move.APPROVE, Move.DENY, Move.EXPIRE, Move.CANCEL}
_MAY_ANSWER = frozenset({"approver", "admin"})
_CATCH_UP = 1_000
NOT_OURS = "this is not a question that was asked here"
NOT_KNOWN = "you are no approver here: nobody in people.yaml has your member id"


class Peer(Protocol):
    """The process of the channels, or what stands in for it."""

    def say(self, notice: Notice) -> bool:
        """Queue a notice for it; False where it was dropped."""
        ...


class Refused(Fault):
    """An answer that does not count; the message is for whoever gave it."""


@dataclass(slots=True)
class Courier:
    """See the module's head. Used from the proxy's event loop only."""

    approvals: Approvals
    store: Store
    clock: Clock
    links: Links
    buttons: Buttons
    configuration: Callable[[], Configuration]
    conceal: Callable[[Mapping[str, str]], Awaitable[None]]
    """Keeps texts from every agent from now on; returns once it does."""
    record: Callable[[Event], Awaitable[object]]
    """Writes to the book; returns when it is durable."""
    url: str
    """Where people open the console."""
    peer: Peer
    health: dict[str, Health] = field(default_factory=dict)
    _replies: dict[int, Callable[[int], None]] = field(default_factory=dict)
    _last: int = 0

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that people are told by at this moment."""
        settings = self.configuration().settings
        return tuple(name for name in settings.approvals.notify if name in settings.channels.declared)

    # Telling.

    async def run(self) -> None:
        """Tell of every change, until cancelled; first of what nobody was told of before."""
        with self.approvals.watch() as changes:
            await self.conceal(self.links.concealed())
            await self._catch_up()
            missed = changes.missed
            async for news in changes:
                await self._tell(news)
                if changes.missed != missed:
                    missed = changes.missed
                    await self._catch_up()

    async def started_again(self) -> None:
        """Ask once more by Slack what the process that has ended may not have posted."""
        for approval in await self._pending():
            if "slack" in self.channels and await self._place("slack", approval.id) is None:
                self.peer.say(self._question(approval, ("slack",), ()))

    async def _catch_up(self) -> None:
        for approval in await self._pending():
            if not await self._known(approval.id):
                await self._ask(approval)

    async def _pending(self) -> list[Approval]:
        return list(reversed(await self.approvals.list((State.PENDING,), _CATCH_UP)))

    async def _place(self, channel: str, approval: str) -> dict[str, str] | None:
        return await self.store.run(lambda conn: rows.place(conn, channel, approval))

    async def _tell(self, news: Change | Flood) -> None:
        try:
            if isinstance(news, Flood):
                return
            if news.move is None and not await self._known(news.approval.id):
                await self._ask(news.approval)
            elif news.move is Move.ESCALATE:
                await self._ask(news.approval, again=True)
            elif news.move in _TOLD_OF:
                await self._settled(news.approval)
        except Fault as fault:
            _log.error("people could not be told: %s", fault.message)
        except Exception as error:  # noqa: BLE001 - one question that cannot be told ends nothing
            _log.error("people could not be told: %s", type(error).__name__)

    async def _known(self, approval: str) -> bool:
        return await self.store.run(lambda conn: rows.told(conn, approval))

    async def _ask(self, approval: Approval, *, again: bool = False) -> None:
        channels = self.channels
        if not channels:
            return
        letters = await self._letters(approval) if "email" in channels else ()
        if not self.peer.say(self._question(approval, channels, letters, again=again)):
            await self._note("channels.dropped", "a question could not be told, the queue is full")
            return
        at = self.clock.now()
        await self.store.run(lambda conn: rows.posted(conn, "", approval.id, {}, at))

    def _question(
        self,
        approval: Approval,
        channels: tuple[str, ...],
        letters: tuple[Letter, ...],
        *,
        again: bool = False,
    ) -> Ask:
        members = (person.slack for person in self._asked(approval).values())
        value = functools.partial(self.buttons.value, "slack", approval.id, approval.digest)
        return Ask(
            self._card(approval),
            channels,
            members=tuple(member for member in members if member),
            buttons={move: value(move) for move in buttons.MOVES},
            letters=letters,
            again=again,
        )

    def _asked(self, approval: Approval) -> dict[str, Person]:
        """The people who may answer at this moment, those who stand in for others among them."""
        people, now = self.configuration().people, self.clock.now()
        return {
            name: person
            for name, person in people.items()
            if person.role in _MAY_ANSWER and approval.may_answer(name, now)
        }

    async def _letters(self, approval: Approval) -> tuple[Letter, ...]:
        """A link and a code for each person with an address who has none yet; concealed before they go."""
        has = await self.store.run(lambda conn: rows.with_link(conn, approval.id))
        made = []
        for name, person in self._asked(approval).items():
            if person.email and name not in has:
                link, code = await self.links.make(approval, name)
                made.append(Letter(person.email, f"{self.url}/approve/{link}", code))
        if made:
            await self.conceal(self.links.concealed())
        return tuple(made)

    async def _settled(self, approval: Approval) -> None:
        place = await self._place("slack", approval.id)
        self.peer.say(
            Settled(
                self._card(approval),
                self.channels,
                approval.state.value,
                approval.person or "",
                approval.comment or "",
                place or {},
                approval.changed,
            )
        )

    def _card(self, approval: Approval) -> Card:
        return Card.of(approval.as_json(), self.looked_at(approval.rules))

    def looked_at(self, rules: Iterable[str]) -> frozenset[str]:
        """The inputs that the conditions of these rules look at."""
        wanted = frozenset(rules)
        return frozenset(
            name
            for policy in self.configuration().policies.values()
            for several in policy.rules.values()
            for rule in several
            if str(rule.ref) in wanted and rule.condition is not None
            for name in rule.condition.reads.inputs
        )

    # Hearing.

    async def hear(self, notice: Notice) -> None:
        """Take what the process of the channels says."""
        match notice:
            case Posted():
                at = self.clock.now()
                await self.store.run(
                    lambda conn: rows.posted(conn, notice.channel, notice.approval, notice.place, at)
                )
            case Answer():
                self.peer.say(await self._heard(notice))
            case Health():
                await self._is(notice)
            case Replied():
                reply = self._replies.pop(notice.ref, None)
                if reply is not None:
                    reply(notice.status)
            case _:
                _log.warning("the process of the channels says what it cannot: %s", type(notice).__name__)

    async def _heard(self, answer: Answer) -> Heard:
        try:
            said, approval = await self._checked(answer)
            person = self._sender(answer)
        except Fault as fault:
            await self._note("channels.refused", fault.message, answer.channel)
            return Heard(answer.ref, good=False, said=fault.message)
        try:
            approval = await self.answer(approval.id, person, said.move, answer.reason, answer.channel)
        except Fault as fault:
            return Heard(answer.ref, good=False, said=fault.message)
        return Heard(answer.ref, good=True, said=approval.state.value)

    async def _checked(self, answer: Answer) -> tuple[Said, Approval]:
        """What the answer says, if its value and its message are ours."""
        said = buttons.read(answer.value)
        if said is None:
            raise Refused(NOT_OURS)
        try:
            approval = await self.approvals.show(said.approval)
        except ApprovalError:
            raise Refused(NOT_OURS) from None
        if not self.buttons.holds(said, answer.channel, approval.digest):
            raise Refused(NOT_OURS)
        place = await self._place(answer.channel, approval.id)
        if place is None or place != dict(answer.place):
            raise Refused(NOT_OURS)
        return said, approval

    def _sender(self, answer: Answer) -> str:
        people = self.configuration().people
        found = [name for name, person in people.items() if person.slack and person.slack == answer.sender]
        if len(found) != 1:
            raise Refused(NOT_KNOWN)
        return found[0]

    async def answer(self, approval: str, person: str, move: str, reason: str, by: str) -> Approval:
        """Give a person's answer, which came `by` a channel; the caller has proved who they are.

        Raises `Fault` where the person may not, or where it is too late.
        """
        declared = self.configuration().people.get(person)
        if declared is None or declared.role not in _MAY_ANSWER:
            raise Refused(f"{person} is no approver here")
        action = f"approvals.{move}"
        await self.record(events.control(action, person, detail={"args": {"id": approval}, "by": by}))
        give = self.approvals.approve if move == "approve" else self.approvals.deny
        return await give(approval, person, reason or None)

    async def _is(self, health: Health) -> None:
        before = self.health.get(health.channel)
        self.health[health.channel] = replace(health)
        if before is None and health.up:
            return
        if before is None or before.up != health.up or before.dropped != health.dropped:
            await self._note(f"channels.{'up' if health.up else 'down'}", health.why, health.channel)

    async def _note(self, action: str, reason: str, channel: str = "") -> None:
        await self.record(events.notice(action, reason, detail={"channel": channel} if channel else {}))

    # Interactions by HTTP, which the office hands on.

    def interact(self, timestamp: str, signature: str, body: str, reply: Callable[[int], None]) -> None:
        """Hand on what came to the office's address for Slack; `reply` is called with a status."""
        self._last += 1
        self._replies[self._last] = reply
        if not self.peer.say(Interaction(self._last, timestamp, signature, body)):
            del self._replies[self._last]
            reply(503)
