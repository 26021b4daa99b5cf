"""When the collector of garbage looks at what: a few new objects often, everything only when nobody waits.

What serves a request is freed with it, by reference counts, so that the collector finds next to nothing; but
its rounds stop the event loop for as long as there are objects to look at. With 1,000 tools a whole round
takes 0.1 s, and with hundreds of open connections 0.3 s of what is left.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

THRESHOLDS: Final = (500, 10_000, 10_000)
"""New objects, and rounds, between two rounds of the collector: of itself it looks at new ones only.

With hundreds of connections being opened, what survived that is tens of thousands of objects, and 30 ms.
"""
DUE = 100
"""Rounds of the smallest kind after which a whole one is due."""
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
        if gc.get_count()[1] >= DUE and idle() >= QUIET:
            gc.collect()
