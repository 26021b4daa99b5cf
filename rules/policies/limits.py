"""Limits: how often, and for how much in all, an agent may call a tool (DESIGN 5.3).

Rules: every call of a request counts; a limit sees every tool that fits, as deny rules do; what it would
come to is compared with what has been counted, and nothing is counted here. What is to be counted is told
as reservations, which the gate takes in one step with opening the request, or decides again. Two limits of
one policy that count the same thing share what is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, Protocol

from wharfinger.rules.conditions.when import Scope
from wharfinger.rules.models.limits import History, Rate, Window, spelled_amount
from wharfinger.rules.transient import transient
from wharfinger.rules.types import JSON, UNMATCHED, Ask, RuleRef, Step

ONE: Final = Fraction(1)
CALLS: Final = "calls"


class Counters(Protocol):
    """What has been counted for one agent. Read-only; what it says holds for the moment it is asked."""

    def used(self, key: str, window: Window) -> Fraction | None:
        """How much is counted now; None where the window is a run, and there is no run."""
        ...

    def frees(self, key: str, window: Window, room: Fraction) -> datetime | None:
        """When no more than `room` will be counted, if nothing is added; None if that is never."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one request adds to one counter."""

    key: str
    window: Window
    amount: Fraction
    room: Fraction | None = None
    """The request may go out only while no more than this is counted; None where that does not matter."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that a limit counts."""

    key: str
    """Names the counter: the same from start to start, for as long as it counts the same."""
    input: str
    """The input that is added up; empty where calls are counted."""
    rate: Rate


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """One entry of `limits:`, compiled."""

    ref: RuleRef
    tool: str
    """The tool, or the glob, as written."""
    measures: tuple[Measure, ...]
    because: str = ""
    ask: Ask | None = None
    """With `then: ask`: whose approval lets a call beyond it through."""
    environments: frozenset[str] | None = None
    effects: frozenset[str] | None = None
    """Of tools picked by effect: what a request that no tool fits must do to be one of them."""

    def is_about(self, tool: str, scope: Scope) -> bool:
        """Whether it counts this call, which is about its tool."""
        if self.effects and tool == UNMATCHED and scope.call["effect"] not in self.effects:
            return False
        return self.holds_in(scope.agent.get("environment"))

    def holds_in(self, environment: str | None) -> bool:
        """Whether it is about agents of this environment."""
        return self.environments is None or environment in self.environments

    def words(self, measure: Measure) -> str:
        """What it limits, in a few words."""
        most, window = spelled_amount(measure.rate.most), measure.rate.window.words
        what = f"{measure.input} of {self.tool}" if measure.input else f"calls of {self.tool}"
        return f"{most} {what} {window}"


def key_of(policy: str, tool: str, measured: str, window: Window) -> str:
    """The name of a counter; `measured` is an input's name, or empty for calls."""
    return f"{policy}:{tool}:{f'sum({measured})' if measured else CALLS}:{window}"


@dataclass(frozen=True, slots=True)
class Before:
    """`after:` of a test: what has been counted in every window before it takes place, just then."""

    history: History
    instant: datetime

    def used(self, key: str, window: Window) -> Fraction:
        """See `Counters`."""
        measured = key.rsplit(":", 2)[1]
        if measured == CALLS:
            return Fraction(self.history.calls)
        return _number(self.history.sum.get(measured[4:-1], 0)) or Fraction(0)

    def frees(self, key: str, window: Window, room: Fraction) -> datetime | None:
        """See `Counters`."""
        return None if window.span is None else self.instant + window.span


@dataclass(frozen=True, slots=True)
class Passed:
    """A limit that the request would pass, or cannot be held against."""

    limit: Limit
    reason: str
    help: str
    frees: datetime | None = None
    error: bool = False


@transient
class Weighed:
    """What the limits say of a request."""

    reservations: tuple[Reservation, ...] = ()
    passed: tuple[Passed, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def denying(self) -> list[Passed]:
        """Those that no approval lets through."""
        return [each for each in self.passed if each.error or each.limit.ask is None]


UNWEIGHED: Final = Weighed()
type Limits = Mapping[str, tuple[Limit, ...]]
"""Limits by the name of a tool."""


def weigh(
    limits: Sequence[Limits],
    parts: Sequence[Sequence[tuple[str, Scope]]],
    counters: Counters | None,
    *,
    assumed: bool = False,
    explain: bool = False,
) -> Weighed:
    """Hold the limits of an agent's policies against a request of these parts.

    `assumed`: where the agent is in no run, it is taken to be in one that has made no calls yet.
    """
    about = _about(limits, parts)
    if not about:
        return UNWEIGHED
    weighing = _Weighing(counters, assumed, explain)
    for limit, scopes in about.items():
        for measure in limit.measures:
            weighing.add(limit, measure, scopes)
    order = sorted(weighing.passed, key=lambda each: (each.limit.ref.file, each.limit.ref.line))
    return Weighed(tuple(weighing.reservations.values()), tuple(order), tuple(weighing.steps))


def _about(
    limits: Sequence[Limits], parts: Sequence[Sequence[tuple[str, Scope]]]
) -> dict[Limit, list[Scope]]:
    """The limits that are about the request, each with the calls it counts: of each part one."""
    found: dict[Limit, list[Scope]] = {}
    for subjects in parts:
        seen: set[Limit] = set()
        for tool, scope in subjects:
            for by_tool in limits:
                for limit in by_tool.get(tool, ()):
                    if limit not in seen and limit.is_about(tool, scope):
                        seen.add(limit)
                        found.setdefault(limit, []).append(scope)
    return found


class _Weighing:
    def __init__(self, counters: Counters | None, assumed: bool, explain: bool) -> None:
        self._counters = counters
        self._assumed = assumed
        self._explain = explain
        self.reservations: dict[str, Reservation] = {}
        self.passed: list[Passed] = []
        self.steps: list[Step] = []

    def add(self, limit: Limit, measure: Measure, scopes: list[Scope]) -> None:
        """Hold one measure of a limit against the calls."""
        amount = Fraction(len(scopes)) if not measure.input else _sum(measure.input, scopes)
        if isinstance(amount, str):
            why = f'the limit at {limit.ref} adds up the input "{measure.input}", which is {amount}'
            self._pass(limit, measure, Passed(limit, why, "Give it as a number of at least 0.", error=True))
            return
        used = self._used(measure)
        if used is None:
            why = f"the limit of {limit.words(measure)} counts by run, and this is in none"
            help_ = "Start the agent with `wharfinger run`."
            self._pass(limit, measure, Passed(limit, why, help_, error=True))
            return
        room = measure.rate.most - amount
        over = used > room
        self._reserve(Reservation(measure.key, measure.rate.window, amount, None if over else room))
        if over:
            self._pass(limit, measure, self._over(limit, measure, amount, room), used, amount)
        elif self._explain:
            self._step(limit, measure, "ok", used, amount)

    def _used(self, measure: Measure) -> Fraction | None:
        if self._counters is None:
            return Fraction(0) if self._assumed or measure.rate.window is not Window.RUN else None
        used = self._counters.used(measure.key, measure.rate.window)
        return Fraction(0) if used is None and self._assumed else used

    def _reserve(self, new: Reservation) -> None:
        """Two limits that count the same reserve once, in the narrower room; one that is passed has none."""
        old = self.reservations.get(new.key)
        rooms = [each.room for each in (old, new) if each is not None and each.room is not None]
        room = min(rooms) if rooms else None
        self.reservations[new.key] = Reservation(new.key, new.window, new.amount, room)

    def _over(self, limit: Limit, measure: Measure, amount: Fraction, room: Fraction) -> Passed:
        because = f": {limit.because}" if limit.because else ""
        reason = f"the limit of {limit.words(measure)} is reached{because}"
        if room < 0:
            what = "This call alone" if amount == ONE or measure.input else "This request alone"
            return Passed(limit, reason, f"{what} is more than it allows; send less at once.")
        counters, window = self._counters, measure.rate.window
        frees = None if counters is None else counters.frees(measure.key, window, room)
        if frees is None:
            return Passed(limit, reason, "It holds until this run ends; do not send the request again.")
        help_ = f"This can be sent again from {_moment(frees)} on, not before."
        return Passed(limit, reason, help_, frees)

    def _pass(self, limit: Limit, measure: Measure, passed: Passed, *numbers: Fraction) -> None:
        self.passed.append(passed)
        if self._explain:
            self._step(limit, measure, "error" if passed.error else "reached", *numbers)

    def _step(self, limit: Limit, measure: Measure, result: str, *numbers: Fraction) -> None:
        counted = f": {spelled_amount(numbers[0])} and {spelled_amount(numbers[1])} more" if numbers else ""
        text = f"{limit.words(measure)} ({limit.ref.policy}){counted}"
        self.steps.append(Step("limit", text, result, limit.ref))


class Uncounted:
    """Counters for a request that is under way already: it was counted when it went out."""

    def used(self, key: str, window: Window) -> Fraction:
        """See `Counters`."""
        return Fraction(0)

    def frees(self, key: str, window: Window, room: Fraction) -> datetime | None:
        """See `Counters`."""
        return None


UNCOUNTED: Final = Uncounted()


def _sum(name: str, scopes: Iterable[Scope]) -> Fraction | str:
    """What the calls come to, or what is wrong with one of them."""
    total = Fraction(0)
    for scope in scopes:
        value = _number(scope.inputs.get(name))
        if value is None:
            return "absent, or no number"
        if value < 0:
            return "negative"
        total += value
    return total


def _number(value: JSON) -> Fraction | None:
    """A number exactly as it was written: 0.1 is a tenth."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def _moment(instant: datetime) -> str:
    """An instant in whole seconds, not before it."""
    whole = instant.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=instant.microsecond > 0)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


def every(limits: Iterable[Limits]) -> Iterator[tuple[Limit, Measure]]:
    """All that limits count, each counter's once."""
    seen: set[tuple[str, Fraction]] = set()
    for by_tool in limits:
        for limit in {id(limit): limit for entries in by_tool.values() for limit in entries}.values():
            for measure in limit.measures:
                if (measure.key, measure.rate.most) not in seen:
                    seen.add((measure.key, measure.rate.most))
                    yield limit, measure
