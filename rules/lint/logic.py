"""Whether one condition follows from another, and whether one can hold at all. Sound, not complete.

`True` is a proof. What a condition requires is read by `rules.conditions.requirements`; of a condition that
is only partly understood, that part may prove something, and is never itself taken for proved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wharfinger.rules.conditions.constraint import same
from wharfinger.rules.conditions.requirements import ABOVE, BELOW, GIVEN, Requirement, Requirements
from wharfinger.rules.inputs import BadInput, Input
from wharfinger.rules.requests.strictjson import canonical_json

_PIECES: Final = ("startswith", "endswith", "contains")


@dataclass(slots=True)
class _Known:
    """What is known of one value, of all requirements on it together."""

    requirements: list[Requirement] = field(default_factory=list)
    values: list[Any] | None = None
    """All that it can be, where that is a list."""
    low: float = -math.inf
    high: float = math.inf
    over: bool = False
    """Whether it is more than `low`, not just as much."""
    under: bool = False
    absent: bool = False

    def add(self, required: Requirement) -> None:
        self.requirements.append(required)
        argument = required.argument
        match required.operator:
            case "equals":
                self._only([argument])
            case "in":
                self._only(argument)
            case "min" | "above":
                above = required.operator == ABOVE
                self.low, self.over = max((self.low, self.over), (argument, above))
            case "max" | "below":
                below = required.operator == BELOW
                if (-argument, below) > (-self.high, self.under):
                    self.high, self.under = argument, below
            case "given":
                self.absent = self.absent or not argument

    def _only(self, values: Iterable[Any]) -> None:
        held = list(values) if self.values is None else self.values
        self.values = [value for value in held if any(same(value, other) for other in values)]

    def possible(self, spec: Input | None) -> bool:
        """Whether some value may be so; of a tool's input also by what the tool takes."""
        if self.absent:
            return all(each.operator == GIVEN and not each.argument for each in self.requirements)
        if self.low > self.high or (self.low == self.high and (self.over or self.under)):
            return False
        if self.values is not None:
            return any(_takes(spec, value) and self._is(value) for value in self.values)
        if spec is not None and not _overlaps(spec, self.low, self.high):
            return False
        return all(self._agree(piece) for piece in ("startswith", "endswith"))

    def _is(self, value: Any) -> bool:
        return all(required.holds(value) for required in self.requirements)

    def _agree(self, operator: str) -> bool:
        """Whether all beginnings (or ends) that a text must have can be those of one text."""
        texts = [required.argument for required in self.requirements if required.operator == operator]
        longest = max(texts, key=len, default="")
        cut = str.startswith if operator == "startswith" else str.endswith
        return all(cut(longest, text) for text in texts)

    def prove(self, wanted: Requirement) -> bool:
        """Whether a value of which this is known must be as wanted, or cannot be compared."""
        if wanted.operator == GIVEN:
            return self.absent is not bool(wanted.argument)
        if self.absent:
            return False
        if self.values is not None:
            return all(wanted.holds(value) for value in self.values if self._is(value))
        argument = wanted.argument
        match wanted.operator:
            case "max":
                return bool(self.high <= argument)
            case "below":
                return self.high < argument or (self.high == argument and self.under)
            case "min":
                return bool(self.low >= argument)
            case "above":
                return self.low > argument or (self.low == argument and self.over)
            case "not_in":
                return all(self._excludes(value) for value in argument)
            case "startswith" | "endswith" | "contains" as operator:
                return any(self._holds_piece(required, operator, argument) for required in self.requirements)
        return self._said(wanted)

    def _excludes(self, value: Any) -> bool:
        return any(
            required.operator == "not_in" and any(same(value, other) for other in required.argument)
            for required in self.requirements
        ) or any(
            required.operator in {"min", "max", ABOVE, BELOW, *_PIECES, "matches"}
            and not required.holds(value)
            for required in self.requirements
        )

    @staticmethod
    def _holds_piece(required: Requirement, operator: str, piece: object) -> bool:
        text = required.argument
        if not isinstance(text, str) or not isinstance(piece, str):
            return required.operator == operator == "contains" and same(text, piece)
        if operator == "contains":
            return (required.operator in {"startswith", "endswith"} and piece in text) or (
                required.operator == "contains" and text == piece
            )
        return required.operator == operator and (
            text.startswith(piece) if operator == "startswith" else text.endswith(piece)
        )

    def _said(self, wanted: Requirement) -> bool:
        return any(
            required.operator == wanted.operator
            and canonical_json(required.argument) == canonical_json(wanted.argument)
            and type(required) is type(wanted)
            for required in self.requirements
        )


def _takes(spec: Input | None, value: Any) -> bool:
    """Whether a tool's input may have this value."""
    if spec is None:
        return True
    try:
        spec.read(value, textual=False)
    except BadInput:
        return False
    return True


def _overlaps(spec: Input, low: float, high: float) -> bool:
    """Whether a number within these bounds is one that the input takes."""
    if spec.kinds not in {("integer",), ("number",)}:
        return True
    least = -math.inf if spec.minimum is None else spec.minimum
    most = math.inf if spec.maximum is None else spec.maximum
    if spec.kind == "integer" and math.isfinite(low) and math.isfinite(high):
        low, high = math.ceil(low), math.floor(high)
    return low <= high and low <= most and high >= least


def _known(requirements: Iterable[Requirement]) -> dict[tuple[str, str], _Known]:
    found: dict[tuple[str, str], _Known] = {}
    for required in requirements:
        found.setdefault(required.subject, _Known()).add(required)
    return found


@dataclass(slots=True, eq=False)
class Facts:
    """A condition, made ready to be compared with others."""

    of: Requirements
    known: Mapping[tuple[str, str], _Known]

    @classmethod
    def make(cls, of: Requirements) -> Facts:
        """Put together what the condition says of each value."""
        return cls(of, _known(of.each))

    def possible(self, inputs: Mapping[str, Input]) -> bool:
        """False if the condition can hold for no call of a tool with these inputs."""
        return all(
            held.possible(inputs.get(name) if root == "input" else None)
            for (root, name), held in self.known.items()
        )

    def implies(self, other: Facts) -> bool:
        """Whether the other holds wherever this one does."""
        if self.of.source and self.of.source == other.of.source:
            return True
        if not other.of.whole or not other.known.keys() <= self.known.keys():
            return False
        return all(self.known[wanted.subject].prove(wanted) for wanted in other.of.each)
