"""Whether a proxy can serve requests at this moment, and what keeps it from that if it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.running.wiring import Runtime


def checks(runtime: Runtime, *, self_test: bool) -> JSON:
    """What it needs, each with whether it has it. Names of our own only: whoever asks need not sign in.

    A configuration that was refused by a reload keeps nobody out: the one before it is in force.
    """
    book = runtime.desk.book
    return {
        "self_test": self_test,
        "book": book.trouble is None and not book.full,
        "configuration": bool(runtime.live.policy_digest),
        "listening": not runtime.master.should_exit.is_set(),
        "not_stopped": not runtime.live.stopped,
    }
