"""The steps to the decision that is open: asked for once, on a thread, and kept until another is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from wharfinger.faults import Fault
from wharfinger.watching.calls import Entry
from wharfinger.watching.detail import Told, decided

type Retell = Callable[[Mapping[str, Any]], Told]
"""From the event of a decision to the steps to it. Called on a thread; may raise `Fault`."""

_NONE: Final[Told] = {}


class Steps:
    """See the module's head."""

    def __init__(self, retell: Retell | None) -> None:
        """Without anybody to ask there are none."""
        self._retell = retell
        self._of = ""
        self._told: Told | None = None

    def lack(self, entry: Entry) -> bool:
        """Whether they are to be asked for."""
        return self._retell is not None and self._of != entry.decision and decided(entry) is not None

    def of(self, entry: Entry) -> Told | None:
        """Steps and note; None while they are worked out."""
        if self._retell is None or decided(entry) is None:
            return _NONE
        return self._told if self._of == entry.decision else None

    async def ask(self, entry: Entry) -> None:
        """Ask for them."""
        event = decided(entry)
        if self._retell is None or event is None:
            return
        self._of, self._told = entry.decision, None
        try:
            told = await asyncio.to_thread(self._retell, event)
        except Fault as fault:
            told = {"note": fault.message}
        except (ValueError, KeyError, TypeError) as error:
            told = {"note": f"what was said of it is not understood: {type(error).__name__}"}
        if self._of == entry.decision:
            self._told = told
