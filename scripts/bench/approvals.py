#!/usr/bin/env python3
"""Races for one approval: 1,000 rounds of 100 answers, and of 100 uses of the answer, at once.

Each round asks, has 100 answers race for it (as many yes as no, of three people, two of whom must agree in
every second round), and where it is approved 100 requests race to use it. In every round one outcome wins: at
most one approval, one use and one first byte, and the book is one way through the table. Exits 1 if any round
had another outcome. Argument: the number of rounds.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from wharfinger.approvals.approvals import Approvals
from wharfinger.approvals.states import TABLE, ApprovalError, State
from wharfinger.approvals.watching import Change
from wharfinger.clock import SystemClock
from wharfinger.keeping.store import Store
from wharfinger.rules.types import Ask, Call, Code, Decision, Effect, Request, RuleRef, Verdict

ROUNDS = 1_000
RACING = 100
WAYS = {(row.before, row.move): row.after for row in TABLE.rows}
REQUEST = Request("bot", "POST", "https", "api.example.com", 443, "/v1/refunds", (), b"{}")


def decision(number: int) -> Decision:
    """What is asked in one round."""
    return Decision(
        Verdict.ASK,
        Code.APPROVAL_PENDING,
        "a rule asks",
        "",
        "p" * 64,
        calls=(Call("refund", "t", Effect.WRITE, {"amount": number}),),
        rules=(RuleRef("support", "policies/support.yaml", 12, Verdict.ASK),),
        digest=f"{number:064x}",
        ask=Ask(("finance",), frozenset("abc"), timedelta(hours=1), quorum=1 + number % 2),
    )


async def succeeds(work: Coroutine[Any, Any, object]) -> bool:
    """Whether it was not refused."""
    try:
        await work
    except ApprovalError:
        return False
    return True


async def one(approvals: Approvals, number: int, book: list[Change]) -> str:
    """One round: how it ended. Raises `AssertionError` for what must not be."""
    asked = decision(number)
    approval = await approvals.ask("ag_1", REQUEST, asked)
    book.clear()
    answers = [(approvals.approve if n % 2 else approvals.deny) for n in range(RACING)]
    random.shuffle(answers)
    won = await asyncio.gather(*(succeeds(act(approval.id, random.choice("abc"))) for act in answers))
    shown = await approvals.show(approval.id)
    yes = len(shown.given)
    check(shown.state in {State.APPROVED, State.DENIED}, "neither approved nor denied")
    check(sum(won) == yes + (shown.state is State.DENIED), "an answer counted that changed nothing")
    check((shown.state is State.APPROVED) == (yes == shown.quorum), "approved by fewer than must agree")
    uses = await asyncio.gather(*(succeeds(approvals.consume(approval.id, asked)) for _ in range(RACING)))
    sent = sum(approvals.sent(approval.id) for _ in range(RACING))
    wanted = 1 if shown.state is State.APPROVED else 0
    check((sum(uses), sent) == (wanted, wanted), f"{sum(uses)} uses and {sent} first bytes")
    state = State.PENDING
    for change in book:
        check(change.move is not None and (state, change.move) in WAYS, "a move that is not in the table")
        state = WAYS[state, change.move] if change.move is not None else state
    return shown.state.value


def check(holds: bool, otherwise: str) -> None:
    """End the round where it does not hold."""
    if not holds:
        raise AssertionError(otherwise)


async def main(rounds: int) -> int:
    """All rounds; the exit code."""
    book: list[Change] = []

    async def record(change: Any) -> None:
        await asyncio.sleep(0)
        book.append(change)

    ends: Counter[str] = Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        approvals = Approvals(store, SystemClock(), record, usable=timedelta(minutes=15))
        await approvals.open()
        for number in range(rounds):
            try:
                ends[await one(approvals, number, book)] += 1
            except AssertionError as error:
                ends[f"WRONG: {error}"] += 1
    took = time.perf_counter() - began
    for how, count in sorted(ends.items()):
        print(f"{count:6d} {how}")
    print(f"{rounds} rounds of {RACING} answers and {RACING} uses in {took:.1f} s")
    return 1 if any(how.startswith("WRONG") for how in ends) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
