"""The meter of one runtime: what the gate, the book and the approvals tell it of, as it happens.

Labels are names of the configuration (agents, tools, credentials, patterns) and words of our own; nothing
that an agent has sent becomes one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from wharfinger.audit.event import Outcome, Sent
from wharfinger.metering.families import Counter, Histogram
from wharfinger.rules.types import JSON, Code, Decision, Verdict

SEVERAL = "several"
"""Stands for the tool of a request that calls more than one."""


@dataclass(slots=True)
class Course:
    """One request on its way through the gate: when what happened, on the monotonic clock."""

    began: float = field(default_factory=time.monotonic)
    decided: float = 0.0
    settled: float = 0.0
    """When its hold ended; 0 where there was none."""
    tool: str = ""
    verdict: Verdict = Verdict.DENY

    def decision(self, decision: Decision) -> None:
        """Note what was decided first; what is decided again later changes nothing."""
        if self.decided:
            return
        self.decided = time.monotonic()
        self.verdict = decision.verdict
        tools = {call.tool for call in decision.calls}
        self.tool = SEVERAL if len(tools) > 1 else next(iter(tools), "")

    def answered(self) -> None:
        """The hold has ended."""
        self.settled = time.monotonic()


class Meter:
    """See the module's head. Of one event loop, but for `synced`, which is the book's thread's alone."""

    def __init__(self) -> None:
        self.decisions = Counter(
            "wharfinger_decisions",
            "Requests that were decided: the verdict, and the code of the refusal if it was one.",
            ("agent", "tool", "verdict", "code"),
        )
        self.refusals = Counter(
            "wharfinger_refusals",
            "Requests refused before they could be decided: malformed, not identified, over a limit.",
            ("agent", "code"),
        )
        self.handshakes = Counter(
            "wharfinger_tls_failures",
            "TLS handshakes with agents that came to nothing: `name`, `trust`, `left`, `hello`, `failed`.",
            ("agent", "why"),
        )
        self.outcomes = Counter(
            "wharfinger_outcomes", "How requests ended that were let through.", ("agent", "outcome")
        )
        self.responses = Counter(
            "wharfinger_upstream_responses", "Answers of upstreams by the class of their status.", ("class",)
        )
        self.bytes = Counter("wharfinger_body_bytes", "Bytes of bodies that passed.", ("agent", "direction"))
        self.findings = Counter(
            "wharfinger_findings", "What redaction found in answers, by its name.", ("finding",)
        )
        self.approvals = Counter(
            "wharfinger_approvals", "What was done to approvals: asked, answered, used, ended.", ("move",)
        )
        self.reloads = Counter("wharfinger_reloads", "Reloads, by how they ended.", ("result",))
        self.durations = Histogram(
            "wharfinger_duration_seconds",
            "Time by phase: `decision`; `hold`, waiting for a person; `added`, all the gate's but the hold;"
            " `upstream`, until its first byte; `total`, of the whole exchange.",
            ("phase",),
        )
        self.syncs = Histogram(
            "wharfinger_book_write_seconds", "Time in which the book makes a batch of events durable."
        )
        self.written = Counter("wharfinger_book_events", "Events that are durable in the book.")

    def admitted(self, agent: str, course: Course, refused: Code | None) -> None:
        """A request has left the gate, with a permit or with a refusal."""
        now = time.monotonic()
        code = "" if refused is None else refused.value
        self.decisions.add((agent, course.tool, course.verdict.value, code))
        held = max(0.0, course.settled - course.decided) if course.settled else 0.0
        if course.decided:
            self.durations.add(course.decided - course.began, ("decision",))
        if course.settled:
            self.durations.add(held, ("hold",))
        self.durations.add(max(0.0, now - course.began - held), ("added",))

    def refused(self, agent: str, code: Code) -> None:
        """A request was refused before it came to the gate."""
        self.refusals.add((agent, code.value))

    def unshaken(self, agent: str, why: str) -> None:
        """A TLS handshake with an agent came to nothing."""
        self.handshakes.add((agent, why))

    def ended(self, agent: str, outcome: Outcome, sent: Sent | None) -> None:
        """A request that had a permit has ended."""
        self.outcomes.add((agent, outcome.value))
        if sent is None:
            return
        if sent.status is not None:
            self.responses.add((f"{sent.status // 100}xx",))
        if sent.request_bytes:
            self.bytes.add((agent, "sent"), sent.request_bytes)
        if sent.response_bytes:
            self.bytes.add((agent, "received"), sent.response_bytes)
        for name, count in sent.findings.items():
            self.findings.add((name,), count)
        self._timed(sent.timings_ms)

    def _timed(self, timings: Mapping[str, float]) -> None:
        for phase in ("upstream", "total"):
            if (milliseconds := timings.get(phase)) is not None:
                self.durations.add(milliseconds / 1000, (phase,))

    def synced(self, seconds: float, events: int) -> None:
        """The book has made so many events durable in one go."""
        self.syncs.add(seconds)
        self.written.add((), events)

    def as_json(self) -> list[JSON]:
        """Everything that was counted so far."""
        counted = (
            self.decisions, self.refusals, self.handshakes, self.outcomes, self.responses, self.bytes,
            self.findings, self.approvals, self.reloads, self.durations, self.syncs, self.written,
        )  # fmt: skip
        return [family.as_json() for family in counted]
