"""Events as the audit log tells them, and a log in earnest that they are written to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit.book import Book
from wharfinger.audit.event import Event, Outcome, Sent, Who
from wharfinger.audit.events import held, intent, outcome, refused
from wharfinger.clock import SystemClock
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, RuleRef, Verdict

AT = "2026-01-14T12:00:{:02}.000000Z"
WHO = Who("bot", "ag_1")
REQUEST = Request("bot", "POST", "https", "api.example.com", 443, "/things", (), b"{}")


@pytest.fixture
def told() -> Callable[..., dict[str, Any]]:
    """Events, numbered as they are told."""
    numbers = itertools.count()

    def tell(kind: str, decision: str = "d_1", **members: Any) -> dict[str, Any]:
        seq = next(numbers)
        base: dict[str, Any] = {"seq": seq, "kind": kind, "time": AT.format(seq % 60), "decision": decision}
        if kind in {"intent", "denied", "held"}:
            verdict = {"intent": "allow", "denied": "deny", "held": "ask"}[kind]
            base |= {
                "agent": "bot", "calls": [{"tool": "get_thing", "effect": "read"}], "verdict": verdict,
                "code": "allowed", "rules": ["policies/things.yaml:3"], "method": "GET",
                "host": "api.example.com", "path": "/things/1",
            }  # fmt: skip
        return base | members

    return tell


@pytest.fixture
def decided() -> Callable[..., Event]:
    """Make an event for the log: a call that was decided."""

    def make(kind: str, decision: str, tool: str = "get_thing", agent: str = "bot") -> Event:
        verdict, code = {
            "intent": (Verdict.ALLOW, Code.ALLOWED),
            "denied": (Verdict.DENY, Code.DENIED),
            "held": (Verdict.ASK, Code.APPROVAL_PENDING),
        }[kind]
        made = Decision(
            verdict,
            code,
            "a rule says so",
            "",
            "p" * 64,
            calls=(Call(tool, "t" * 64, Effect.READ, {"id": "t1"}),),
            rules=(RuleRef("things", "policies/things.yaml", 3, verdict),),
        )
        who = Who(agent, "ag_1")
        if kind == "held":
            return held(decision, who, REQUEST, made, approval=f"a_{decision}")
        return (intent if kind == "intent" else refused)(decision, who, REQUEST, made)

    return make


@pytest.fixture
def ended() -> Callable[[str], Event]:
    """Make an event for the log: how an intent ended."""

    def make(decision: str) -> Event:
        times = {"total": 7.5}
        sent = Sent(status=200, request_bytes=10, response_bytes=1000, findings={"card": 1}, timings_ms=times)
        return outcome(decision, WHO, Outcome.COMPLETED, sent)

    return make


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A log of its own, in the folder `audit`."""
    opened = Book.open(tmp_path / "audit", hmac_key=b"k" * 32, clock=SystemClock())
    yield opened
    opened.close()
