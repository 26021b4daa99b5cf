"""Grants: a person's yes given in advance, for calls of one tool that a predicate describes (DESIGN 1, 6).

Rules: the predicate names every input as fixed, bounded, absent or any; what it does not name, it does not
cover. A grant satisfies rules that ask, never one that denies and never a limit; those who gave it must be
such as the deciding rules ask for, as many and still. It counts each call of a batch. It covers nothing any
more once the tool's template, a deciding policy, a credential or the agent is another.

Values that are held fixed are kept as marks (SHA-256 under a salt), so that no sensitive input is in a grant.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from wharfinger.rules.policies.asking import Seat, satisfied
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import JSON, UNMATCHED, Ask, Call, RuleRef

if TYPE_CHECKING:
    from wharfinger.rules.inputs import Input

NUMBERS: Final = frozenset({"integer", "number"})


class How(enum.StrEnum):
    """How a grant binds one input."""

    FIXED = "fixed"
    BOUNDED = "bounded"
    ABSENT = "absent"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Bound:
    """What one input may be."""

    how: How
    mark: str = ""
    """Of a fixed one: `mark` of its value."""
    least: Decimal | None = None
    most: Decimal | None = None

    def holds(self, value: JSON, present: bool, salt: str) -> bool:
        """Whether an input of this value, or one that is not there, is within it."""
        if self.how is How.ANY:
            return True
        if self.how is How.ABSENT or not present:
            return self.how is How.ABSENT and not present
        if self.how is How.FIXED:
            return mark(salt, value) == self.mark
        number = _number(value)
        return (
            number is not None
            and (self.least is None or number >= Fraction(self.least))
            and (self.most is None or number <= Fraction(self.most))
        )


def mark(salt: str, value: JSON) -> str:
    """What stands for a value that is held fixed: nothing can be read from it but that it is the same."""
    return hashlib.sha256(salt.encode() + b"\n" + canonical_json(value)).hexdigest()


def _number(value: JSON) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a grant rests on beside the call: where any of it changes, the grant has ended."""

    agent_id: str
    generation: int
    """Of the agent's tokens."""
    template: str
    """Digest of the tool."""
    policies: Mapping[str, str]
    """Digests of the policies whose rules ask, by name."""
    credentials: Mapping[str, str]
    """Digests of the credentials that are put in, by name."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What of a request that asks a grant can be made of."""

    tool: str
    salt: str
    place: str
    """Method and origin: `POST https://api.example.com:443`."""
    inputs: Mapping[str, str | None]
    """Every input of the tool, with the mark of its value; None where it is absent."""
    numbers: frozenset[str]
    """Those that are numbers, and can be bounded."""
    extras: str
    """Mark of what it has beyond the template."""
    headers: str
    """Mark of the header fields that pass for the tool beyond the base set."""
    template: str
    policies: Mapping[str, str]
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Grant:
    """A yes in advance. `seats` are those who gave it."""

    id: str
    tool: str
    salt: str
    place: str | None
    """Method and origin, where it was made of a call; None for all that the tool has."""
    inputs: Mapping[str, Bound]
    extras: Bound
    headers: Bound
    uses: int
    until: datetime
    rests_on: Surroundings
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """A grant as it stands: how many calls it still covers."""

    grant: Grant
    left: int


@dataclass(frozen=True, slots=True)
class Use:
    """What one request takes of a grant."""

    grant: str
    calls: int
    given_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a request, and what the rules ask of people for it."""

    call: Call
    ask: Ask
    rules: tuple[RuleRef, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all calls of a request share."""

    agent_id: str
    now: datetime
    place: str
    passing: tuple[tuple[str, str], ...]
    """Header fields that pass beyond the base set, and are part of the request digest."""
    readable: bool
    """Whether all that is sent stands in the inputs: False for a body that the tool does not read."""
    credentials: Mapping[str, str]
    policies: Mapping[str, str] = field(default_factory=dict)
    """Digests of all policies by name."""


def cover(grants: Iterable[Open], asked: Sequence[Asked], shared: Shared) -> tuple[Use, ...]:
    """What of the grants lets all these calls through; nothing where one of them is not covered."""
    taken: Counter[str] = Counter()
    known = {each.grant.id: each for each in grants}
    order = sorted(known.values(), key=lambda each: (each.grant.until, each.grant.id))
    for one in asked:
        found = next(
            (
                each.grant.id
                for each in order
                if taken[each.grant.id] < each.left and objection(each.grant, one, shared) is None
            ),
            None,
        )
        if found is None:
            return ()
        taken[found] += 1
    return tuple(
        Use(name, calls, tuple(map(str, known[name].grant.seats))) for name, calls in sorted(taken.items())
    )


def objection(grant: Grant, one: Asked, shared: Shared) -> str | None:
    """Why a grant does not cover a call, or None if it does. Says nothing of its uses."""
    call, rests_on = one.call, grant.rests_on
    if call.tool == UNMATCHED or call.tool != grant.tool:
        return "it is for another tool"
    if shared.agent_id != rests_on.agent_id:
        return "it is for another agent"
    if shared.now >= grant.until:
        return "it has ended"
    if call.template != rests_on.template:
        return "the tool has changed"
    if not shared.readable:
        return "the body is not read"
    if grant.place not in {None, shared.place}:
        return "it is for another place"
    if dict(shared.credentials) != dict(rests_on.credentials):
        return "the credential has changed"
    deciding = {rule.policy for rule in one.rules}
    if any(rests_on.policies.get(name, "") != shared.policies.get(name) for name in deciding):
        return "the policy has changed"
    if not satisfied(one.ask, grant.seats):
        return "the rules ask for others than those who gave it"
    return _predicate(grant, call, shared)


def _predicate(grant: Grant, call: Call, shared: Shared) -> str | None:
    if not call.inputs.keys() <= grant.inputs.keys():
        return "it does not name an input"
    for name, bound in grant.inputs.items():
        if not bound.holds(call.inputs.get(name), name in call.inputs, grant.salt):
            return f'the input "{name}" is another'
    if not grant.extras.holds(dict(call.extras), True, grant.salt):
        return "there is more than the template has"
    if not grant.headers.holds([list(pair) for pair in shared.passing], True, grant.salt):
        return "the header fields are others"
    return None


def sample(one: Asked, shared: Shared, inputs: Mapping[str, Input], salt: str) -> Sample | None:
    """What a grant for a call like this is made of; None where there can be none."""
    if one.call.tool == UNMATCHED or not shared.readable:
        return None
    given = one.call.inputs
    return Sample(
        one.call.tool,
        salt,
        shared.place,
        {name: mark(salt, given[name]) if name in given else None for name in {**inputs, **given}},
        frozenset(name for name, known in inputs.items() if NUMBERS.issuperset(known.kinds)),
        mark(salt, dict(one.call.extras)),
        mark(salt, [list(pair) for pair in shared.passing]),
        one.call.template,
        {rule.policy: shared.policies[rule.policy] for rule in one.rules},
        dict(shared.credentials),
    )
