"""An approvals desk on a real database, with clocks that a test can step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.watching import Change, Flood
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Ask, Call, Code, Decision, Effect, Request, RuleRef, Verdict


class SteppedClock:
    """Both clocks, stepped by hand."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 14, 12, tzinfo=UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def step(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds


class BreakableStore:
    """The real store, until a test breaks it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.broken = False

    async def run(self, work):
        if self.broken:
            raise OSError("store is gone")
        return await self.store.run(work)


@dataclass
class Desk:
    """Approvals with everything a test looks at."""

    clock: SteppedClock
    store: BreakableStore
    book: list[Change | Flood] = field(default_factory=list)
    book_broken: bool = False

    async def record(self, change: Change | Flood) -> None:
        if self.book_broken:
            raise OSError("book is gone")
        self.book.append(change)

    async def approvals(self, cap: int = 8) -> Approvals:
        made = Approvals(self.store, self.clock, self.record, cap=cap, usable=timedelta(minutes=15))
        await made.open()
        return made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store.open(tmp_path) as store:
        yield Desk(SteppedClock(), BreakableStore(store))


@pytest.fixture
def request_() -> Request:
    return Request("bot", "POST", "https", "api.stripe.com", 443, "/v1/refunds?x=1", (), b"amount=5")


@pytest.fixture
def decision() -> Decision:
    return Decision(
        Verdict.ASK,
        Code.APPROVAL_PENDING,
        "a rule asks",
        "",
        "p" * 64,
        calls=(Call("refund_payment", "t", Effect.WRITE, {"amount_cents": 500}, reason="broken"),),
        rules=(RuleRef("support", "policies/support.yaml", 12, Verdict.ASK),),
        digest="d" * 64,
        ask=Ask(("finance",), frozenset({"alice", "bob"}), timedelta(hours=1)),
    )


@pytest.fixture
def like(decision: Decision) -> Callable[..., Decision]:
    """A decision with some things changed."""

    def changed(**changes: object) -> Decision:
        return replace(decision, **changes)

    return changed


@pytest.fixture(scope="session")
def stepped() -> type[SteppedClock]:
    """Clocks for tests that need many."""
    return SteppedClock
