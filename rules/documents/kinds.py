"""The kinds of warnings, each with a code that stays: what `check` prints, and `docs/check.md` explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NEVER: Final = "W101"
TWICE: Final = "W102"
NEEDLESS: Final = "W103"
IMPOSSIBLE: Final = "W104"
NO_MATCH: Final = "W105"
WIDE: Final = "W106"
UNGUARDED: Final = "W107"
UNNAMED_TOOL: Final = "W201"
BOUND_NAME: Final = "W202"
PROPOSED: Final = "W203"
UNDECLARED: Final = "W204"
OUT_OF_REACH: Final = "W205"
REPLACES: Final = "W206"
BEFORE: Final = "W207"
CROSSING: Final = "W208"
NO_METHOD: Final = "W209"
NO_POLICY: Final = "W301"
NO_AGENT: Final = "W302"
NO_TOOL: Final = "W303"
IDLE_HOST: Final = "W304"
PARTLY: Final = "W305"
NO_ENVIRONMENT: Final = "W306"
PASSED_BY: Final = "W307"
UNTESTED: Final = "W401"
NO_TESTS: Final = "W402"
NOT_READ: Final = "W501"
OPEN: Final = "W502"
OBSERVES: Final = "W503"
NOT_DECODED: Final = "W504"
KEY: Final = "W505"
UNUSED_CHANNEL: Final = "W601"
UNREACHED: Final = "W602"
CHANNEL_IN_REACH: Final = "W603"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of warning."""

    title: str
    """What is remarked on, in a few words."""
    why: str
    """Why it deserves a look, and what to do."""


KINDS: Final[Mapping[str, Kind]] = {
    NEVER: Kind(
        "a rule that can never decide",
        "Whenever it holds, a stricter rule of the same agents holds as well. Narrow one of the two.",
    ),
    TWICE: Kind("a rule that stands twice", "Keep one of them."),
    NEEDLESS: Kind(
        "a rule that changes nothing",
        "Another rule of the policy allows all that it allows. Drop it, or narrow the other.",
    ),
    IMPOSSIBLE: Kind(
        "conditions that cannot hold together",
        "No call meets them: bounds that cross, or values that exclude each other or that the tool refuses.",
    ),
    NO_MATCH: Kind("a glob that matches no tool", "The rule can never decide."),
    WIDE: Kind(
        "an allow that is wider than the deny beside it",
        "It lets out destructive tools like one that is denied. Deny those too, or name what is meant.",
    ),
    UNGUARDED: Kind(
        "a rule that fails where an optional input is left out",
        "An error in any rule denies, so another rule that would let such a call out does not. Ask "
        '`given("x")` first.',
    ),
    UNNAMED_TOOL: Kind(
        "a tool of your own that no rule is about", "It cannot be called. Name it, or drop it."
    ),
    BOUND_NAME: Kind(
        "an input whose name begins with `max_` or `min_`",
        "In a mapping that may be read as a bound. Rename it, or write `NAME: {max: …}` always.",
    ),
    PROPOSED: Kind(
        "a proposed tool that a rule lets out",
        "It is refused until a person has approved it as it is now: `wharfinger tools approve`.",
    ),
    UNDECLARED: Kind("a tool whose credential is not declared", "Its calls are denied. Declare it."),
    OUT_OF_REACH: Kind(
        "a tool whose credential may not go to its host", "Its calls are denied. Add the host, if it may."
    ),
    REPLACES: Kind("a tool that takes the place of a built-in one", "Choose another name to have both."),
    BEFORE: Kind("a tool that goes before a built-in one", "Both match the same; deny rules see both."),
    CROSSING: Kind(
        "two templates that a request could both be",
        "Neither is a special case of the other. The order of specificity decides; a constant says it.",
    ),
    NO_METHOD: Kind(
        "a method that no request has",
        "It is spelled nearly like a usual one, or no tool declares it: then it does not pass at all.",
    ),
    NO_POLICY: Kind("an agent that has no policy", "It can do nothing."),
    NO_AGENT: Kind("a policy that no agent has", "It decides nothing."),
    NO_TOOL: Kind("a credential that no tool uses", "It is kept for nothing. Drop it."),
    IDLE_HOST: Kind(
        "a host of a credential at which no tool uses it",
        "The credential may go there, and nothing sends it. Take the host out.",
    ),
    PARTLY: Kind(
        "a tool with a base that its credential may not go to",
        "Calls there are denied. Add the host to the credential, or take the base out.",
    ),
    NO_ENVIRONMENT: Kind("an environment that no agent is in", "What is said of it is about nobody."),
    PASSED_BY: Kind(
        "an agent in no environment, that a denial by environment passes by",
        "Say which environment it is in, in agents.yaml.",
    ),
    UNTESTED: Kind("a rule that no test exercises", "No test makes a call for which it holds."),
    NO_TESTS: Kind("a policy without tests", "Nothing shows that it says what is meant."),
    NOT_READ: Kind(
        "a file or folder that is not read", "Its name or place is not that of configuration."
    ),
    OPEN: Kind("a file that others can write", "Whoever can change it can change what is allowed."),
    OBSERVES: Kind(
        "a policy that only observes",
        "What it says is recorded, and not enforced. Let it end as soon as you have seen enough.",
    ),
    NOT_DECODED: Kind(
        "a tool whose answers pass unread",
        "In a coding that cannot be undone, secrets are not found: withhold such answers, or be sure.",
    ),
    KEY: Kind(
        "a key in a file of configuration",
        "Agents are kept from it by nothing but the file's place. Keep it where a credential is read from.",
    ),
    UNUSED_CHANNEL: Kind(
        "a channel that nobody is told by", "Name it in `approvals.notify`, or take it out."
    ),
    UNREACHED: Kind(
        "a person whom a channel cannot reach", "They are not told by it. Add their address or member id."
    ),
    CHANNEL_IN_REACH: Kind(
        "a credential for the same service as a channel",
        "If it is of the same app, or of an approver's mailbox, an agent can read what people are asked by.",
    ),
}  # fmt: skip
"""Every kind there is."""
