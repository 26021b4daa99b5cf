"""What happens to credentials, told to the book: names, generations and reasons, never a value."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from wharfinger.audit import events
from wharfinger.credentials.standings import Happened, Turn
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.audit.book import Book

logger = logging.getLogger(__name__)


class Teller:
    """Writes a notice of each change, failure and recovery. Nobody waits for it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._writing: set[asyncio.Future[Any]] = set()

    def tell(self, happened: Happened) -> None:
        """Have it written."""
        detail: dict[str, JSON] = {
            "credential": happened.name,
            "generation": happened.generation,
            "usable": happened.usable,
        }
        reason = happened.reason if happened.turn is Turn.FAILED else ""
        written = self._book.submit(events.notice(f"credentials.{happened.turn}", reason, detail=detail))
        self._writing.add(written)
        written.add_done_callback(self._written)

    def _written(self, future: asyncio.Future[Any]) -> None:
        self._writing.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("what happened to a credential could not be recorded: %s", error)
