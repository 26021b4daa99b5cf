from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookUnavailable
from wharfinger.audit.event import Event, Who
from wharfinger.audit.event_schema import event_schema
from wharfinger.audit.events import intent
from wharfinger.audit.folder import System
from wharfinger.audit.verify import verify
from wharfinger.rules.types import Call, Code, Decision, Effect, Place, Placement, Request, RuleRef, Verdict

KEY = b"k" * 32
SCHEMA = Draft202012Validator(event_schema())


class SettableClock:
    """The real monotonic clock, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()


class FailingSystem(System):
    """The real system calls, of which chosen ones fail, and a diary of what was called."""

    def __init__(self) -> None:
        self.fail: dict[str, int] = {}
        """Name of a call → errno it fails with from now on."""
        self.short = False
        """Whether a write stores one byte at a time."""
        self.delay = 0.0
        """Seconds that each fdatasync takes longer."""
        self.diary: list[str] = []

    def _maybe(self, name: str) -> None:
        if (number := self.fail.get(name)) is not None:
            self.diary.append(f"{name} failed")
            raise OSError(number, os.strerror(number))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._maybe("write")
        self.diary.append("write")
        return super().write(fd, data[:1] if self.short else data)

    def fdatasync(self, fd: int) -> None:
        self._maybe("fdatasync")
        time.sleep(self.delay)
        super().fdatasync(fd)
        self.diary.append("fdatasync")

    def fsync(self, fd: int) -> None:
        self._maybe("fsync")
        super().fsync(fd)
        self.diary.append("fsync")

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        self._maybe("pwrite")
        return super().pwrite(fd, data, offset)

    def open(self, name: str, flags: int, mode: int, folder: int) -> int:
        if flags & os.O_CREAT:
            self._maybe("open")
        return super().open(name, flags, mode, folder)

    def stat(self, path: str) -> os.stat_result:
        self._maybe("stat")
        return super().stat(path)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def system() -> FailingSystem:
    return FailingSystem()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def opened(folder: Path, clock: SettableClock) -> Iterator[Callable[..., Book]]:
    """Opens the book of `folder`; all are closed at the end."""
    books: list[Book] = []

    def open_book(**options: Any) -> Book:
        books.append(Book.open(folder, **{"hmac_key": KEY, "clock": clock, **options}))
        return books[-1]

    yield open_book
    for book in books:
        book.close()
    if books and _readable(folder):
        wrong = [
            f"event {record.seq}: {error.message}"
            for record in reader.records(folder)
            for error in SCHEMA.iter_errors(record.members)
        ]
        assert wrong == []


def _readable(folder: Path) -> bool:
    """Whether a test left the log as it was written."""
    try:
        return verify(folder).ok
    except BookUnavailable:
        return False


@pytest.fixture
def schema() -> Draft202012Validator:
    """The published schema, which every event of every test here is held to."""
    return SCHEMA


@pytest.fixture
def who() -> Who:
    return Who("support-agent", "ag_1", "run_1", "token", "isolated")


@pytest.fixture
def request_of() -> Callable[..., Request]:
    def build(**changes: Any) -> Request:
        values = {
            "agent": "support-agent",
            "method": "POST",
            "scheme": "https",
            "host": "api.stripe.com",
            "port": 443,
            "target": "/v1/refunds?expand=charge",
            "headers": (("Host", "api.stripe.com"), ("Authorization", "Bearer sk_test_PLACEHOLDER")),
            "body": b"payment_intent=pi_1",
            **changes,
        }
        return Request(**values)

    return build


@pytest.fixture
def decision_of() -> Callable[..., Decision]:
    def build(call: dict[str, Any] | None = None, **changes: Any) -> Decision:
        parts: dict[str, Any] = {
            "tool": "refund_payment",
            "template": "7" * 64,
            "effect": Effect.WRITE,
            "inputs": {"payment_id": "pi_1", "amount_cents": 2500},
            **(call or {}),
        }
        values: dict[str, Any] = {
            "verdict": Verdict.ALLOW,
            "code": Code.ALLOWED,
            "reason": "allowed by support_refunds",
            "help": "",
            "policy_digest": "5" * 64,
            "calls": (Call(**parts),),
            "rules": (RuleRef("support_refunds", "policies/support.yaml", 4, Verdict.ALLOW),),
            "placements": (Placement("STRIPE_API_KEY", Place.HEADER, "Authorization", "Bearer ${secret}"),),
            "dropped": ("x-odd",),
            "digest": "9" * 64,
            **changes,
        }
        return Decision(**values)

    return build


@pytest.fixture
def intent_of(
    who: Who, request_of: Callable[..., Request], decision_of: Callable[..., Decision]
) -> Callable[[str], Event]:
    return lambda decision: intent(decision, who, request_of(), decision_of())
