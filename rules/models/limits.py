"""What a policy says about amounts: `limits:`, and the history that a test of them begins with."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from wharfinger.rules.models.base import Text, Whole, Written, wrong
from wharfinger.rules.models.selections import Tools
from wharfinger.rules.models.values import Duration, Name, Variable

_RATE: Final = re.compile(r"([1-9][0-9]{0,15}(?:\.[0-9]{1,6})?)/(hour|day|run)", re.ASCII)


class Window(enum.StrEnum):
    """Over what a limit counts: the last hour or day, at every moment anew, or one run of the agent."""

    HOUR = "hour"
    DAY = "day"
    RUN = "run"

    @property
    def span(self) -> timedelta | None:
        """How long what is counted stays counted; None for as long as the run lasts."""
        return _SPANS[self]

    @property
    def words(self) -> str:
        """The same in a sentence."""
        return f"in one {self.value}" if self is Window.RUN else f"in any {self.value}"


_SPANS: Final[Mapping[Window, timedelta | None]] = {
    Window.HOUR: timedelta(hours=1),
    Window.DAY: timedelta(days=1),
    Window.RUN: None,
}


@dataclass(frozen=True, slots=True)
class Rate:
    """So much in a window: `20/hour`."""

    most: Fraction
    window: Window

    def __str__(self) -> str:
        return f"{spelled_amount(self.most)}/{self.window}"


def spelled_amount(amount: Fraction) -> str:
    """An amount as people write it: 20, 12.5."""
    if amount.denominator == 1:
        return str(amount.numerator)
    whole, rest = divmod(round(amount * 10**6), 10**6)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _rate(value: Any) -> Rate:
    hint = "write it like 20/hour, 100/day or 50/run"
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(f'"{value}" is not an amount in a window', hint)
    return Rate(Fraction(found[1]), Window(found[2]))


def _calls(value: Any) -> Rate:
    rate = _rate(value)
    if rate.most.denominator != 1:
        raise wrong(f'"{value}" is not a whole number of calls', "write it like 20/hour")
    return rate


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Calls = Annotated[Rate, BeforeValidator(_calls), _schema(r"[1-9][0-9]{0,15}(?:\.0{1,6})?/(hour|day|run)")]
Sum = Annotated[Rate, BeforeValidator(_rate), _schema(_RATE.pattern)]


class Limit(Written):
    """How often, or for how much in all, each agent that holds the policy may call a tool."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["calls"]}, {"required": ["sum"]}]},
    )
    remedies: ClassVar[dict[str, str]] = {
        "tools": "write one limit for each tool, or a glob over their names",
        "max": "write `sum: {input: amount/window}`, or a rule with `max_input`",
        "when": "write a rule; a limit counts every call of the tool",
    }

    tool: Tools = Field(
        description="A tool's name, a glob over names, `unmatched`, or a selection: {effect: destructive}."
    )
    calls: Calls | None = Field(default=None, description="How many calls: 20/hour, 100/day, 50/run.")
    sum: dict[Variable, Sum] = Field(
        default_factory=dict, description="How much of an input, added up over the calls, by its name."
    )
    then: Literal["deny", "ask"] = Field(
        default="deny", description="What becomes of a call beyond it: ask has a person let it through."
    )
    approvers: tuple[Name, ...] = Field(
        default=(), description="With `then: ask`: teams or people; left out: the policy's."
    )
    expires: Duration | None = Field(
        default=None, description="With `then: ask`: how long the approval may be waited for."
    )
    per: Literal["agent"] = Field(default="agent", description="Whose calls are counted together.")
    because: Text = Field(default="", description="What to tell the agent beyond the limit.")

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.calls is None and not self.sum:
            raise wrong("the limit counts nothing", "add `calls: 20/hour`, or `sum: {input: 100/day}`")
        if self.then == "deny" and (self.approvers or self.expires is not None):
            raise wrong("a limit that denies asks nobody", "write `then: ask`, or drop its approvers")
        return self


def _amount(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise wrong("expected a number of at least 0", "write what has been added up before")
    return value


Amount = Annotated[int | float, BeforeValidator(_amount), WithJsonSchema({"type": "number", "minimum": 0})]


class History(Written):
    """What limits have counted before a test takes place, in every window."""

    calls: Whole = Field(default=0, ge=0, description="Calls of the test's tools that have been made.")
    sum: dict[Variable, Amount] = Field(
        default_factory=dict, description="What the inputs of these calls add up to, by name."
    )
