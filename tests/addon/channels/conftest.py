"""Approvals on a real store, a configuration with people, and a courier whose other end is a list."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.approvals.approval import Approval
from wharfinger.approvals.approvals import Approvals
from wharfinger.audit.event import Event
from wharfinger.channels.buttons import Buttons
from wharfinger.channels.courier import Courier
from wharfinger.channels.deciding import Links
from wharfinger.channels.links import Signer
from wharfinger.channels.notices import Answer, Ask, Heard, Notice, Posted
from wharfinger.keeping.store import Store
from wharfinger.rules import types
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, RuleRef, Verdict

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are imported without packages

FILES = {
    "wharfinger.yaml": """
version: 1
approvals: {notify: [console, slack, email]}
channels:
  url: https://wharf.example.com
  slack: {channel: C0123ABCD, token: "env:BOT", app_token: "env:APP"}
  email: {server: "smtp.example.com:587", from: wharf@example.com}
""",
    "people.yaml": """
people:
  alice: {role: admin, slack: U0000ALICE, email: alice@example.com}
  bob: {slack: U00000BOB, email: bob@example.com}
  eve: {slack: U00000EVE, email: eve@example.com}
""",
}


class Clock:
    """Both clocks, stepped by hand."""

    def __init__(self) -> None:
        self.wall = datetime.now(UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def step(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds


@dataclass
class Peer:
    """What stands in for the process of the channels: it keeps what it is told."""

    said: list[Notice] = field(default_factory=list)
    full: bool = False

    def say(self, notice: Notice) -> bool:
        if not self.full:
            self.said.append(notice)
        return not self.full

    def of[T](self, kind: type[T]) -> list[T]:
        return [notice for notice in self.said if isinstance(notice, kind)]


@dataclass
class House:
    """The proxy's side of the channels."""

    store: Store
    clock: Clock
    approvals: Approvals
    courier: Courier
    peer: Peer
    book: list[Event]
    concealed: list[Mapping[str, str]]

    @property
    def links(self) -> Links:
        return self.courier.links

    async def ask(self, **changes: Any) -> Approval:
        """A question, as the gate asks it."""
        inputs = changes.pop("inputs", {"amount": 500})
        reason = changes.pop("reason", None)
        path = changes.pop("path", "/v1/refunds")
        asked = types.Ask(("finance",), frozenset({"alice", "bob"}), timedelta(hours=2))
        decision = Decision(
            Verdict.ASK,
            Code.APPROVAL_PENDING,
            "a rule asks",
            "",
            "p" * 64,
            calls=(Call("refund", "t", Effect.WRITE, inputs, reason=reason, description="Refund a payment"),),
            rules=(RuleRef("support", "policies/support.yaml", 12, Verdict.ASK),),
            digest=changes.pop("digest", "d" * 64),
            ask=replace(asked, **changes),
        )
        request = Request("bot", "POST", "https", "api.example.com", 443, path, (), b"{}")
        return await self.approvals.ask("ag_1", request, decision)

    async def posted(self, approval: Approval, ts: str = "1.0", channel: str = "C0123ABCD") -> dict[str, str]:
        """The question stands in Slack."""
        await self.courier._ask(approval)
        place = {"channel": channel, "ts": ts}
        await self.courier.hear(Posted("slack", approval.id, place))
        return place

    async def press(self, value: str, place: Mapping[str, str], sender: str, reason: str = "") -> Heard:
        """Somebody presses a button."""
        await self.courier.hear(Answer(7, "slack", value, place, sender, reason))
        heard = self.peer.of(Heard)[-1]
        assert heard.ref == 7
        return heard

    def button(self, approval: Approval, move: str = "approve") -> str:
        """What the button of the posted question says."""
        (ask,) = [ask for ask in self.peer.of(Ask) if ask.card.approval == approval.id]
        return ask.buttons[move]


def configured(**changed: str) -> Configuration:
    files = {**FILES, **{f"{name}.yaml": text for name, text in changed.items()}}
    return load(Sources({name: text.encode() for name, text in files.items()}))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock, book, peer, concealed = Clock(), [], Peer(), []

    async def record(event: Any) -> None:
        book.append(event)

    async def conceal(texts: Mapping[str, str]) -> None:
        concealed.append(texts)

    with Store.open(tmp_path) as store:
        approvals = Approvals(store, clock, record, usable=timedelta(minutes=15))
        await approvals.open()
        links = Links(Signer(b"l" * 32, b"c" * 32), store, approvals, clock)
        configuration = configured()
        courier = Courier(
            approvals, store, clock, links, Buttons(b"b" * 32), lambda: configuration, conceal, record,
            "https://wharf.example.com", peer,
        )  # fmt: skip
        yield House(store, clock, approvals, courier, peer, book, concealed)
        await approvals.close()


@pytest.fixture
def configure() -> Callable[..., Configuration]:
    return configured
