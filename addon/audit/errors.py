"""What can be wrong with the book. All of them mean: nothing more is sent."""

from __future__ import annotations


class BookUnavailable(Exception):
    """The book cannot be written or read; `hint` says what an operator can do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class BookBusy(BookUnavailable):
    """More events wait to be written than may: this one was not taken. Not final."""


class BookFull(BookUnavailable):
    """There is no room on the disk: this event was not taken. Not final."""


class BookDamaged(BookUnavailable):
    """The stored log is not as it was written; it is never continued as if it were."""
