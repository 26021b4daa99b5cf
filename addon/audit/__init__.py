"""The book: every decision and what became of it, durable before it matters and chained so that changes show.

`events` says what is recorded, `render` and `chain` how it is stored, `book` writes it, `reader` and
`verify` read it. The stored format is described in `docs/audit-format.md`.
"""

from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookBusy, BookDamaged, BookUnavailable
from wharfinger.audit.events import (
    Event,
    EventKind,
    Outcome,
    Sent,
    Who,
    approval,
    control,
    decision_id,
    held,
    intent,
    outcome,
    refused,
    rejected,
    started,
    stopped,
)
from wharfinger.audit.reader import Query, Record
from wharfinger.audit.verify import Failure, Verification, verify
from wharfinger.audit.writer import Receipt

__all__ = [
    "Book",
    "BookBusy",
    "BookDamaged",
    "BookUnavailable",
    "Event",
    "EventKind",
    "Failure",
    "Outcome",
    "Query",
    "Receipt",
    "Record",
    "Sent",
    "Verification",
    "Who",
    "approval",
    "control",
    "decision_id",
    "held",
    "intent",
    "outcome",
    "refused",
    "rejected",
    "started",
    "stopped",
    "verify",
]
