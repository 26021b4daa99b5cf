"""When the collector of garbage looks at what: at everything when nobody waits, and else at nothing.

What serves a request is freed with it, by reference counts, so that the collector finds next to nothing; but
its rounds stop the event loop for as long as there are objects to look at: 0.1 s for all with 1,000 tools,
and as long for the new ones alone while connections come and go by the hundred. So what is new is set aside,
which takes no time, until nobody waits. What is set aside is freed as before once nothing refers to it; only
what refers to itself has to wait for the collector.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

THRESHOLDS: Final = (200_000, 10, 10_000)
"""Objects more than a moment ago (some 20 MB) that make a round by themselves, and such rounds."""
MANY = 2_000
"""Objects more that are worth to be set aside, and to be looked at when nobody waits."""
EVERY = 1.0
"""Seconds between two looks."""
QUIET = 1.0
"""Seconds for which nobody has had a turn at the event loop, when nobody is taken to wait."""
LONGEST = 600.0
"""Seconds after which all is looked at even so."""


def set_aside() -> None:
    """Look at everything, and keep what is left out of later rounds; at start, after a reload."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


async def when_quiet(idle: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
    """Look at what is new when nobody waits, for ever. `idle`: seconds since the last turn."""
    last, unseen = clock(), False
    while True:
        await asyncio.sleep(EVERY)
        many = gc.get_count()[0] >= MANY
        unseen = unseen or many
        if unseen and (idle() >= QUIET or clock() - last >= LONGEST):
            set_aside()
            last, unseen = clock(), False
        elif many:
            gc.freeze()
