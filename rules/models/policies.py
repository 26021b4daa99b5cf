"""Files in policies/: rules that allow, ask or deny, and the tests that prove them (DESIGN 5.3).

A rule's `when` is kept as it was written, a mapping or a CEL text; `rules.conditions.when`
compiles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from wharfinger.rules.models.base import Flag, Text, Whole, Written, wrong
from wharfinger.rules.models.limits import History, Limit
from wharfinger.rules.models.redacting import Detected, Redacting
from wharfinger.rules.models.selections import Tools
from wharfinger.rules.models.values import Duration, HeaderName, HostPattern, Name, Pattern, Variable
from wharfinger.rules.types import UNMATCHED, Verdict

DEFAULT_INSTANT: Final = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
"""When a test without `at:` takes place: a Wednesday, at noon."""


def instant(value: Any) -> datetime:
    """A date, a time and its offset from UTC, as ISO 8601 writes them."""
    hint = "write it like 2026-01-14T12:00+01:00 or 2026-01-14T12:00Z"
    if not isinstance(value, str) or "T" not in value:
        raise wrong("expected a date and a time", hint)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise wrong(f'"{value}" is not a date and a time', hint) from None
    if read.tzinfo is None:
        raise wrong(f'"{value}" does not say its offset from UTC', hint)
    return read


def _condition(value: Any) -> Any:
    if value is not None and not isinstance(value, dict | str):
        raise wrong(
            "expected conditions", 'a mapping like {max_amount: 50}, or a text like "input.amount <= 50"'
        )
    if not value:
        raise wrong("the condition is empty", "leave `when` out if the rule always holds")
    return value


def until(value: Any) -> datetime:
    """A date, which means its first moment in UTC, or an instant."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            raise wrong(f'"{value}" is not a date', "write it like 2026-01-28") from None
    return instant(value)


_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
Until = Annotated[datetime, BeforeValidator(until), WithJsonSchema({"type": "string"})]
Environments = tuple[Name, ...]
Instant = Annotated[
    datetime, BeforeValidator(instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
When = Annotated[
    Any, BeforeValidator(_condition), WithJsonSchema({"type": ["object", "string"], "minLength": 1})
]


def _known_tool(value: str) -> str:
    """The short form names tools; what no tool fits is opened by a rule that lists hosts, or not at all."""
    if value == UNMATCHED:
        raise wrong(
            f'"{UNMATCHED}" is no tool', "write an allow rule for `tool: unmatched`, which lists its hosts"
        )
    return value


Tool = Annotated[Name, AfterValidator(_known_tool)]


class Rule(Written):
    """What the entries of `allow`, `ask` and `deny` have in common."""

    verdict: ClassVar[Verdict]
    remedies: ClassVar[dict[str, str]] = {
        "tools": "write one rule for each tool, with `tool`, or a glob like github_*",
        "if": "write `when`",
        "host": "write `hosts: […]`",
        "environment": "write `environments: […]`",
    }

    tool: Tools = Field(
        description="A tool's name, a glob over names, `unmatched`, or a selection: {effect: destructive}."
    )
    when: When = Field(default=None, description="Conditions that must all hold, or a CEL expression.")
    because: Text = Field(default="", description="What to tell the agent when the rule decides.")
    environments: Environments | None = Field(
        default=None, min_length=1, description="The rule is about agents of these environments only."
    )

    @property
    def unmatched(self) -> bool:
        """Whether the rule is about requests that no tool fits."""
        return self.tool == UNMATCHED


class _Opens(Rule):
    """A rule that may let a request out."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"tool": {"const": UNMATCHED}}},
            "then": {"required": ["hosts"]},
            "else": {"properties": {"hosts": False}},
        }
    )

    hosts: tuple[HostPattern, ...] | None = Field(
        default=None, min_length=1, description="For `tool: unmatched`: the hosts it is about."
    )
    timeout: Duration | None = Field(
        default=None, description="How long the exchange may take, from sending; then it is cut off."
    )

    @model_validator(mode="after")
    def _hosts_for_unmatched(self) -> Self:
        if self.unmatched and self.hosts is None:
            raise wrong(f'a rule that opens "{UNMATCHED}" must list its hosts', "add `hosts: [name, …]`")
        if not self.unmatched and self.hosts is not None:
            raise wrong('"hosts" is for `tool: unmatched`', "a tool's hosts stand in its url; drop `hosts`")
        return self


class Allow(_Opens):
    """A rule that lets the call out."""

    verdict: ClassVar[Verdict] = Verdict.ALLOW

    review: Flag = Field(
        default=False, description="Whether a person looks at the outcome afterwards; nothing is held."
    )


class Escalate(Written):
    """Who else may answer when nobody has for a while."""

    remedies: ClassVar[dict[str, str]] = {
        "approvers": "write `to: […]`",
        "people": "write `to: […]`",
        "within": "write `after`",
    }

    after: Duration = Field(description="How long the question must have stood.")
    to: tuple[Name, ...] = Field(min_length=1, description="Teams or people who may answer then, too.")


class Ask(_Opens):
    """A rule that lets the call out once people have approved it."""

    verdict: ClassVar[Verdict] = Verdict.ASK

    approvers: tuple[Name, ...] = Field(default=(), description="Teams or people; left out: the policy's.")
    quorum: Whole = Field(default=1, ge=1, le=100, description="How many different people must approve.")
    separate: Flag = Field(default=False, description="Whether the agent's owner is kept from approving.")
    escalate: Escalate | None = Field(
        default=None, description="Who else may answer after a while: {after: 10m, to: [team]}."
    )
    expires: Duration | None = Field(
        default=None, description="How long the approval may be waited for; left out: approvals.expires."
    )


class Deny(Rule):
    """A rule that keeps the call in, whatever else allows it."""

    verdict: ClassVar[Verdict] = Verdict.DENY
    remedies: ClassVar[dict[str, str]] = {
        "hosts": 'write `when: input.host == "…"`',
        "approvers": "a denial has none; write the rule under `ask`",
        "timeout": "a denial sends nothing; write it on the rule that allows",
        "review": "a denial has no outcome; write it on the rule that allows",
    }


class Case(Written):
    """One test of a policy: a call or a request, and the verdict it must get."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["call"]}, {"required": ["request"]}],
            "dependentRequired": {"input": ["call"], "headers": ["request"], "body": ["request"]},
        }
    )
    remedies: ClassVar[dict[str, str]] = {"tool": "write `call`", "inputs": "write `input`"}

    agent: Name = Field(description="The agent that makes it.")
    call: Name | None = Field(default=None, description="The tool that is called.")
    input: dict[Variable, Any] = Field(default_factory=dict, description="The call's inputs.")
    request: Text | None = Field(default=None, description="Instead of `call`: METHOD URL.")
    headers: dict[HeaderName, Text] = Field(default_factory=dict, description="The request's headers.")
    body: Any = Field(default=None, description="The request's body: text as it is, else as JSON.")
    reason: Text | None = Field(default=None, description="The reason the agent gives.")
    confinement: Literal["none", "landlock", "isolated"] = Field(
        default="none", description="How `run` keeps the agent: isolated is its sandbox."
    )
    instant: Instant = Field(default=DEFAULT_INSTANT, alias="at", description="When it takes place.")
    after: History | None = Field(
        default=None, description="What limits have counted before; left out: nothing."
    )
    expect: Verdict = Field(description="allow, ask or deny.")

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.call is None) == (self.request is None):
            raise wrong('a test has either "call" or "request"', "keep one of them")
        wrong_keys = {"headers", "body"} if self.call is not None else {"input"}
        for key in sorted(wrong_keys & self.model_fields_set):
            subject = "call" if self.call is not None else "request"
            raise wrong(f'"{key}" does not go with "{subject}"', "drop it")
        if self.request is not None and len(self.request.split(" ")) != 2:
            raise wrong(f'"{self.request}" is not METHOD URL', "write it like GET https://api.example.com/v1")
        return self

    @property
    def says_when(self) -> bool:
        """Whether the test says when it takes place."""
        return "instant" in self.model_fields_set


_RULES: Final = ("tools", "allow", "ask", "deny", "deny_patterns", "limits", "redact", "sees", "extends")


class Policy(Written):
    """One file of rules."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in _RULES],
            "if": {"properties": {"mode": {"const": "observe"}}, "required": ["mode"]},
            "then": {"required": ["until"]},
            "else": {"properties": {"until": False}},
        }
    )
    remedies: ClassVar[dict[str, str]] = {
        "name": "write `policy`",
        "rules": "write `allow`, `ask` or `deny`",
        "environment": "write `environments: […]`",
    }

    policy: Name = Field(description="The policy's name, unique among all policies.")
    description: Text = Field(default="", description="What the policy is for.")
    extends: tuple[Name, ...] = Field(
        default=(), description="Policies whose rules, limits and patterns this one has as well."
    )
    abstract: Flag = Field(default=False, description="Whether it is there to be extended only.")
    environments: Environments | None = Field(
        default=None, min_length=1, description="The policy is about agents of these environments only."
    )
    mode: Literal["enforce", "observe"] = Field(
        default="enforce", description="observe: what it would answer is recorded, and not enforced."
    )
    until: Until | None = Field(
        default=None,
        description="With `mode: observe`: when it ends, at most 14 days ahead; a date is its first moment.",
    )
    tools: tuple[Tool, ...] = Field(
        default=(),
        description="Short for an allow rule for each of these tools.",
        json_schema_extra={"not": {"contains": {"const": UNMATCHED}}},
    )
    approvers: tuple[Name, ...] = Field(default=(), description="Turns the policy's allows into asks.")
    allow: tuple[Allow, ...] = Field(default=(), description="What may go out.")
    ask: tuple[Ask, ...] = Field(default=(), description="What may go out once a person agrees.")
    deny: tuple[Deny, ...] = Field(default=(), description="What never goes out.")
    deny_patterns: tuple[Pattern, ...] = Field(
        default=(), description="RE2 patterns that no request may contain."
    )
    limits: tuple[Limit, ...] = Field(default=(), description="How often, and for how much in all.")
    redact: tuple[Redacting, ...] = Field(default=(), description="What is taken out of answers.")
    sees: tuple[Detected, ...] = Field(
        default=(), description="What its agents may see although a tool would mask it: detectors by name."
    )
    tests: tuple[Case, ...] = Field(default=(), description="Calls and the verdicts they must get.")

    @property
    def rules(self) -> Iterator[Allow | Ask | Deny]:
        """All rules as written, without the short form `tools`."""
        yield from self.allow
        yield from self.ask
        yield from self.deny

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not any(getattr(self, key) for key in _RULES):
            raise wrong(f'the policy "{self.policy}" has no rules', "add `allow`, `ask` or `deny`")
        return self

    @model_validator(mode="after")
    def _observes_until(self) -> Self:
        if self.mode == "observe" and self.until is None:
            raise wrong("a policy that observes must say until when", "add `until:`, at most 14 days ahead")
        if self.mode == "enforce" and self.until is not None:
            raise wrong('"until" goes with `mode: observe`', "drop it")
        return self
