"""When a rule holds: its `when`, as a mapping or as CEL, compiled once and checked when loaded.

A condition holds, or does not, or is an error: an input that is absent, a value of a wrong type, an
evaluation that fails. An error in any rule denies the request (DESIGN 3, invariant 8), so errors say
what is wrong and never repeat a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Protocol

from wharfinger.rules import blast
from wharfinger.rules.conditions import cel
from wharfinger.rules.conditions.cel import Expression, Reads, Unreadable
from wharfinger.rules.conditions.cel_native import UNSURE
from wharfinger.rules.conditions.constraint import Constraint, Unusable, WrongType, effort
from wharfinger.rules.conditions.constraints import compile_constraint
from wharfinger.rules.detecting import detectors
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.inputs import Input
from wharfinger.rules.types import JSON
from wharfinger.rules.weight import LIMIT, Weight, cut_off, weigh

UNMATCHED_INPUTS: Final[Mapping[str, Input]] = {name: Input(name) for name in ("host", "method", "path")}
"""Inputs of a request that no tool fits."""
SHORT: Final = {"max_": "max", "min_": "min"}
TOO_LARGE: Final = "what it reads is too large to be evaluated in time"


@dataclass(slots=True, eq=False)
class Scope:
    """Everything a condition may read about one call."""

    inputs: Mapping[str, JSON]
    call: dict[str, str | int]
    """`tool`, `effect`, `reason` if one was given, and `blast` once something reads it."""
    agent: dict[str, str]
    request: dict[str, str | int]
    facts: dict[str, str]
    now: datetime
    reversible: bool | None = None
    """What the tool declares, for `call.blast`."""
    _activation: Any = field(default=None, init=False)
    _weight: Weight | None = field(default=None, init=False)
    _cut_off: bool | None = field(default=None, init=False)
    _effort: detectors.Effort | None = field(default=None, init=False)
    _found: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    @property
    def activation(self) -> Any:
        """The same for CEL, made when first needed."""
        if self._activation is None:
            self._activation = cel.activation(self.inputs, self)
        return self._activation

    @property
    def weight(self) -> Weight:
        """How much there is of all inputs together."""
        if self._weight is None:
            self._weight = weigh(self.inputs)
        return self._weight

    @property
    def cut_off(self) -> bool:
        """Whether CEL would not see all of the inputs."""
        if self._cut_off is None:
            self._cut_off = cut_off(self.inputs, self.call)
        return self._cut_off

    def score(self) -> None:
        """Make `call.blast` readable."""
        if "blast" not in self.call:
            found = blast.score(str(self.call["effect"]), self.inputs, self.reversible)
            self.call["blast"] = found.score
            self._activation = None

    def begin(self) -> None:
        """Begin an evaluation, with all the effort that one may take."""
        self._effort = detectors.Effort.of_one_evaluation()

    def findings(self, value: JSON) -> frozenset[str]:
        """What detectors find in a value, by name; once for the same texts. Raises `detectors.TooMuch`."""
        text = "\n".join(detectors.texts(value))
        if text not in self._found:
            self._found[text] = detectors.named(text, effort=self._effort)
        return self._found[text]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a condition holds. With an error it neither holds nor does not."""

    holds: bool
    error: str = ""
    unmet: str = ""
    """If it does not hold: what is required, in words."""


HOLDS: Final = Outcome(True)


class Condition(Protocol):
    """A compiled `when`."""

    @property
    def reads(self) -> Reads:
        """What it reads."""
        ...

    def evaluate(self, scope: Scope) -> Outcome:
        """Whether it holds. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of call that a rule is about: a tool and its inputs, or `unmatched`."""

    name: str
    inputs: Mapping[str, Input]


@dataclass(frozen=True, slots=True)
class Listed:
    """A `when` that is a mapping: every entry must hold."""

    constraints: tuple[tuple[str, Constraint, str], ...]
    """Input, what it must be, and that in words."""
    reason: bool
    """`require_reason: true`."""
    reads: Reads
    searches: bool
    """Whether detectors are asked."""
    written: tuple[tuple[str, object], ...] = ()
    """Input, and what it must be as it was written: operators, or a value alone."""

    def evaluate(self, scope: Scope) -> Outcome:
        """See `Condition`."""
        unmet = []
        inputs = scope.inputs
        spent = 0.0
        if self.searches:
            effort.set(detectors.Effort.of_one_evaluation())
        for name, constraint, words in self.constraints:
            if name not in inputs:
                return Outcome(False, f'the input "{name}" is absent')
            try:
                if constraint.dear:
                    spent += constraint.nanoseconds(inputs[name])
                    if spent > LIMIT:
                        return Outcome(False, f'the input "{name}" is too large to be looked at in time')
                if not constraint.holds(inputs[name]):
                    unmet.append(words)
            except WrongType as error:
                return Outcome(False, f'the input "{name}", or something in it, is {error}')
        if self.reason and "reason" not in scope.call:
            unmet.append("a reason must be given")
        return Outcome(False, unmet="; ".join(unmet)) if unmet else HOLDS


@dataclass(frozen=True, slots=True)
class Written:
    """A `when` that is a CEL expression."""

    expression: Expression
    unmet: Outcome

    @property
    def reads(self) -> Reads:
        """See `Condition`."""
        return self.expression.reads

    def evaluate(self, scope: Scope) -> Outcome:
        """See `Condition`."""
        native = self.expression.native
        if self.expression.reads.blast:
            scope.score()
        value = self.expression.evaluated(scope) if native is None else native(scope)
        if value is UNSURE:
            value = self.expression.evaluated(scope)
        if value is True:
            return HOLDS
        return self.unmet if value is False else Outcome(False, self._error(scope))

    def _error(self, scope: Scope) -> str:
        reads = self.reads
        absent = sorted(name for name in reads.inputs if name not in scope.inputs)
        if absent:
            return f'the input "{absent[0]}" is absent'
        for root, name in sorted(reads.others):
            if name not in getattr(scope, root):
                return f'"{root}.{name}" is absent'
        if self.expression.too_large(scope):
            return TOO_LARGE
        if self.expression.cut_off(scope):
            return "a text holds a NUL character"
        if "findings" in self.expression.functions:
            return f"a value is of a wrong type, or {TOO_LARGE}"
        return "a value is of a wrong type, or cannot be computed with"


@dataclass(frozen=True, slots=True)
class OfEffect:
    """A condition that holds for calls of some effects only."""

    effects: frozenset[str]
    condition: Condition | None
    """What must hold besides; None where nothing must."""

    @property
    def reads(self) -> Reads:
        """See `Condition`."""
        own = Reads() if self.condition is None else self.condition.reads
        return replace(own, others=own.others | {("call", "effect")})

    def evaluate(self, scope: Scope) -> Outcome:
        """See `Condition`."""
        if scope.call["effect"] not in self.effects:
            return Outcome(False, unmet=f"its effect must be {' or '.join(sorted(self.effects))}")
        return HOLDS if self.condition is None else self.condition.evaluate(scope)


def compile_when(
    when: Mapping[str, Any] | str,
    subjects: Iterable[Subject],
    at: Callable[..., Position],
    problems: Problems,
) -> Condition | None:
    """Compile a rule's `when` for the calls it is about; None after reporting why it cannot be.

    `at(*path, key=False)` gives the position of a part of `when`.
    """
    subjects = tuple(subjects)
    if isinstance(when, str):
        return _compile_text(when, subjects, at(), problems)
    return _compile_mapping(when, subjects, at, problems)


def _compile_mapping(
    when: Mapping[str, Any], subjects: tuple[Subject, ...], at: Callable[..., Position], problems: Problems
) -> Condition | None:
    before = len(problems.errors)
    known = {name for subject in subjects for name in subject.inputs}
    constraints: list[tuple[str, Constraint]] = []
    kept: list[tuple[str, object]] = []
    reason = False
    for key, written in when.items():
        name, operator = _resolved(key, known)
        if name is None:
            if key == "require_reason" and written is True:
                reason = True
            else:
                problems.error(at(key, key=True), *_unknown(key, known, subjects))
            continue
        try:
            constraint = compile_constraint({operator: written} if operator else written)
            _check_kinds(name, constraint, subjects)
        except Unusable as error:
            path = error.path[1:] if operator else error.path
            problems.error(at(key, *path), f'"{key}": {error}', error.hint)
            continue
        if _in_all(name, subjects, at(key, key=True), problems):
            constraints.append((name, constraint))
            kept.append((name, {operator: written} if operator else written))
    if len(problems.errors) > before:
        return None
    reads = Reads(inputs=frozenset(name for name, _ in constraints))
    constraints.sort(key=itemgetter(0))
    worded = tuple((name, each, f"{name} must be {each.text}") for name, each in constraints)
    searches = any(each.searches for _, each in constraints)
    return Listed(worded, reason, reads, searches, written=tuple(kept))


def _resolved(key: str, known: set[str]) -> tuple[str | None, str]:
    """The input that a key is about, and the operator if it is a short form."""
    if key in known:
        return key, ""
    for prefix, operator in SHORT.items():
        if key.startswith(prefix) and key.removeprefix(prefix) in known:
            return key.removeprefix(prefix), operator
    return None, ""


def _unknown(key: str, known: set[str], subjects: tuple[Subject, ...]) -> tuple[str, str]:
    if key == "require_reason":
        return '"require_reason" can only be true', "leave it out where no reason is required"
    if key == "environment":
        return '"environment" is not an input', 'write when: agent.environment == "…"'
    forms = known | {"require_reason"} | {prefix + name for prefix in SHORT for name in known}
    return f'"{key}" is not an input of {_names(subjects)}', did_you_mean(key, forms) or _inputs(known)


def _inputs(known: set[str]) -> str:
    return f"the inputs are: {', '.join(sorted(known))}" if known else "there are no inputs"


def _names(subjects: Iterable[Subject]) -> str:
    names = sorted(subject.name for subject in subjects)
    shown = ", ".join(f'"{name}"' for name in names[:3])
    return f"{shown} and {len(names) - 3} more tools" if len(names) > 3 else shown


def _check_kinds(name: str, constraint: Constraint, subjects: tuple[Subject, ...]) -> None:
    for subject in subjects:
        spec = subject.inputs.get(name)
        if spec is not None and constraint.kinds.isdisjoint(spec.kinds):
            wanted = " or ".join(sorted(constraint.kinds))
            raise Unusable(
                f'the input "{name}" of "{subject.name}" is of type {spec.what}, and this is for {wanted}',
                "compare it with a value of its own type",
            )


def _in_all(name: str, subjects: tuple[Subject, ...], at: Position, problems: Problems) -> bool:
    """Whether every tool of the rule has this input; if not, the rule would be an error for the others."""
    without = [subject for subject in subjects if name not in subject.inputs]
    if without:
        problems.error(
            at,
            f'the rule is also about {_names(without)}, without an input "{name}"',
            f'name the tools that have it, or guard it in CEL: !given("{name}") || …',
        )
    return not without


def _compile_text(
    source: str, subjects: tuple[Subject, ...], at: Position, problems: Problems
) -> Condition | None:
    before = len(problems.errors)
    try:
        expression = cel.compile_expression(source, _kinds(subjects))
    except Unreadable as error:
        problems.error(at, str(error), error.hint)
        return None
    reads = expression.reads
    known = {name for subject in subjects for name in subject.inputs}
    for name in sorted(reads.inputs):
        if name not in known:
            hint = did_you_mean(name, known) or _inputs(known)
            problems.error(at, f'"{name}" is not an input of {_names(subjects)}', hint)
        elif name not in reads.guarded:
            _in_all(name, subjects, at, problems)
    for root, name in sorted(reads.others):
        if name not in cel.KNOWN[root]:
            hint = did_you_mean(name, cel.KNOWN[root]) or f"there are: {', '.join(sorted(cel.KNOWN[root]))}"
            problems.error(at, f'"{root}.{name}" cannot be read', hint)
    if len(problems.errors) > before:
        return None
    return Written(expression, Outcome(False, unmet=f"it must hold that {' '.join(source.split())}"))


def _kinds(subjects: tuple[Subject, ...]) -> dict[str, str | None]:
    """The type of each input, None where the tools of a rule have different ones."""
    found: dict[str, str | None] = {}
    for subject in subjects:
        for name, spec in subject.inputs.items():
            single = found.get(name, spec.kind) == spec.kind and not spec.others
            found[name] = spec.kind if single else None
    return found
