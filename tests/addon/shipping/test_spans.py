"""What spans are made of events: one for each request, with its parts, and nothing that an agent has sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wharfinger.shipping import spans
from wharfinger.shipping.spans import Span, Spans

AT = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def event(kind: str, after_ms: float, decision: str = "d_1", **members: Any) -> dict[str, Any]:
    time = (AT + timedelta(milliseconds=after_ms)).isoformat()
    return {"kind": kind, "time": time, "decision": decision, **members}


TOLD = {
    "agent": "bot", "calls": [{"tool": "pay", "effect": "write", "inputs": {"to": "canary"}}],
    "verdict": "allow", "rules": ["policies/a.yaml:3"], "method": "POST", "scheme": "https",
    "host": "api.example.com", "port": 443, "path": "/pay/canary", "query": ["canary"],
    "reason": "canary", "trace": TRACE, "trace_parent": PARENT, "credentials": ["KEY"],
}  # fmt: skip
OUTCOME = {"outcome": "completed", "status": 200, "timings_ms": {"total": 90.0, "upstream": 40.0}}


def made(*events: dict[str, Any]) -> dict[str, Span]:
    return {span.name: span for span in Spans().of(events)}


def ms(span: Span) -> tuple[float, float]:
    return tuple(round((at - AT) / timedelta(milliseconds=1), 3) for at in (span.begins, span.ends))


def test_a_request_that_was_held_has_all_its_parts() -> None:
    found = made(
        event("held", 20, **TOLD),
        event("intent", 60, **TOLD, approval="a_1"),
        event("outcome", 100, **OUTCOME),
    )
    assert {name: ms(span) for name, span in found.items()} == {
        "pay": (10, 100), "decision": (10, 20), "hold": (20, 60), "upstream": (60, 100),
    }  # fmt: skip
    root = found.pop("pay")
    assert (f"{root.trace:032x}", f"{root.parent:016x}") == (TRACE, PARENT)
    assert {span.parent for span in found.values()} == {root.id}
    assert {span.trace for span in found.values()} == {root.trace}
    assert root.attributes == {
        "wharfinger.agent": "bot", "wharfinger.verdict": "allow", "wharfinger.approval": "a_1",
        "wharfinger.decision": "d_1", "wharfinger.tools": ("pay",), "wharfinger.outcome": "completed",
        "wharfinger.rules": ("policies/a.yaml:3",), "wharfinger.credentials": ("KEY",),
        "server.address": "api.example.com", "server.port": 443, "http.request.method": "POST",
        "http.response.status_code": 200,
    }  # fmt: skip
    assert "canary" not in repr(found) + repr(root)


@pytest.mark.parametrize(
    ("events", "names", "failed"),
    [
        ([event("denied", 5, **TOLD)], {"pay", "decision"}, ""),
        ([event("held", 5, **TOLD), event("denied", 50, **TOLD)], {"pay", "decision", "hold"}, ""),
        ([event("intent", 5, **TOLD), event("outcome", 9, outcome="not_sent")], {"pay", "decision"}, ""),
        (
            [event("intent", 5, **TOLD), event("outcome", 9, outcome="upstream_failed")],
            {"pay", "decision", "upstream"},
            "upstream_failed",
        ),
        ([event("outcome", 9, **OUTCOME)], {"request"}, ""),
        ([event("denied", 9, count=7)], {"request", "decision"}, ""),
        ([event("denied", 9, calls=[{"tool": "a"}, {"tool": "b"}])], {"request", "decision"}, ""),
        ([event("intent", 5, **TOLD)], set(), ""),
        ([event("notice", 5), event("approval", 5)], set(), ""),
    ],
    ids=["denied", "hold denied", "not sent", "failed", "no beginning", "bare", "batch", "open", "others"],
)
def test_every_life_of_a_request(events: list[dict[str, Any]], names: set[str], failed: str) -> None:
    found = made(*events)
    assert set(found) == names
    assert {span.failed for span in found.values() if span.name != "decision"} <= {failed}
    assert all(span.begins <= span.ends for span in found.values())


def test_the_same_events_give_the_same_ids_and_others_give_others() -> None:
    first, again = made(event("denied", 5)), made(event("denied", 5))
    other = made(event("denied", 5, "d_2"))
    assert first == again
    assert {one.id for one in first.values()} & {one.id for one in other.values()} == set()
    assert first["request"].trace != other["request"].trace
    assert len({one.id for one in first.values()}) == len(first)


def test_a_host_that_the_agent_chose_is_not_told() -> None:
    told = TOLD | {"calls": [{"tool": "unmatched", "effect": "write"}], "host": "canary.example.com"}
    root = made(event("denied", 5, **told | {"method": "CANARY"}))["unmatched"]
    assert root.attributes["http.request.method"] == "_OTHER"
    assert "canary" not in repr(root).lower()


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MOST", 3)
    remembering = Spans()
    assert list(remembering.of(event("intent", 1, f"d_{number}", **TOLD) for number in range(9))) == []
    assert len(remembering._lives) == 3
