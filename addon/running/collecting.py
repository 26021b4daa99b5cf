"""When the collector of garbage looks at what: everything when nobody waits, and else as seldom as can be.

What serves a request is freed with it, by reference counts, so that the collector finds next to nothing; but
its rounds stop the event loop for as long as there are objects to look at: 0.1 s for all with 1,000 tools,
and as long for the new ones alone while connections come and go by the hundred.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

THRESHOLDS: Final = (200_000, 10, 10_000)
"""Objects more than at the last round (some 20 MB) that make one by themselves, and such rounds.

That is more than as many connections as there may be consist of, so it takes something that is not freed.
"""
DUE = 2_000
"""Objects more after which a whole round is due."""
EVERY = 1.0
"""Seconds between two looks at whether it is."""
QUIET = 1.0
"""Seconds for which nobody has had a turn at the event loop, when nobody is taken to wait."""


def set_aside() -> None:
    """Keep what is there for long (code, the configuration) out of later rounds; at start, after a reload."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


async def when_quiet(idle: Callable[[], float]) -> None:
    """Make whole rounds for ever, when one is due and nobody waits. `idle`: seconds since the last turn."""
    while True:
        await asyncio.sleep(EVERY)
        more, rounds, _ = gc.get_count()
        if (more >= DUE or rounds) and idle() >= QUIET:
            gc.collect()
