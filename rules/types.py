"""The nouns that cross module boundaries: `Request`, `Call`, `Decision` and what they are made of.

All are frozen and hold no live objects, so a decision can be made again, compared, explained and
recorded anywhere. The fourth boundary type, `Event`, belongs to the audit log (`wharfinger.audit`).

Text of the wire (method, target, header names and values) is held as `str` decoded from latin-1:
one character per byte received, nothing lost, nothing interpreted.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wharfinger.rules import blast as blasting
from wharfinger.rules import sigv4
from wharfinger.rules.blast import Blast
from wharfinger.rules.hmacs import Signing

if TYPE_CHECKING:
    from wharfinger.rules.policies.denials import Denial
    from wharfinger.rules.policies.grants import Open, Sample, Use
    from wharfinger.rules.policies.limits import Counters, Reservation
    from wharfinger.rules.recognition.redirecting import Pass
    from wharfinger.rules.redact.fields import FieldPath
    from wharfinger.rules.requests.placeholders import Placeholders

type JSON = bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None

UNMATCHED = "unmatched"
"""Name of the call that stands for a request no tool fits."""


class Verdict(enum.StrEnum):
    """What policy answers, from loosest to strictest."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Effect(enum.StrEnum):
    """What a tool does to the world behind its API."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class Code(enum.StrEnum):
    """Machine-readable kind of a decision or refusal; `error.code` of the refusal's body."""

    ALLOWED = "allowed"
    DENIED = "denied"
    APPROVAL_PENDING = "approval_pending"
    MISUSE = "misuse"
    LIMIT = "limit"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    IDENTITY = "identity"
    UNAVAILABLE = "unavailable"
    UPSTREAM = "upstream"


class Origin(enum.StrEnum):
    """Who asks for a decision: changes only what may be assumed, never what policy says."""

    PROXY = "proxy"
    CALL = "call"
    EXPLAIN = "explain"
    TEST = "test"


class Place(enum.StrEnum):
    """Where in a request a credential goes."""

    HEADER = "header"
    BASIC = "basic"
    QUERY = "query"
    PATH = "path"
    COOKIE = "cookie"
    BODY = "body"
    SIGV4 = "sigv4"
    HMAC = "hmac"
    TLS = "tls"
    """The certificate that the connection itself is opened with."""


class Message(enum.StrEnum):
    """What an agent says on an open WebSocket."""

    TEXT = "text"
    BINARY = "binary"
    CONTROL = "control"
    """A ping, a pong or a Close frame: its payload."""


@dataclass(frozen=True, slots=True)
class Request:
    """One outbound request of one agent, before any of it has been interpreted.

    host, port and scheme say where the bytes would go (the CONNECT target, or the authority of an
    absolute-form target); the `Host` field is still among `headers` as it was received.
    """

    agent: str
    method: str
    scheme: str
    host: str
    port: int
    target: str
    """Origin-form: path and query exactly as received."""
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = b""
    """The body as received; None where the body is streamed and has not been read."""
    http_version: str = "HTTP/1.1"
    opening: bytes | None = None
    """Of a streamed body: what its protocol reads before the rest is sent, if it reads any."""
    message: Message | None = None
    """Set for what is said on an open WebSocket: then the body is that, and all else is the handshake."""

    def values(self, name: str) -> tuple[str, ...]:
        """All values of the header field `name` (case-insensitive), in order."""
        low = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == low)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision may know that is not in the configuration or the request.

    Everything live comes in here, so that `decide` stays a pure function (DESIGN 2).
    """

    placeholders: Placeholders
    agent_id: str = ""
    """The store's immutable id of the agent; part of the request digest."""
    suspended: str | None = None
    """Why the agent may do nothing at the moment, if so."""
    reason: str | None = None
    """Reason given for a whole run (`run --reason`) or by the argument of `call`."""
    origin: Origin = Origin.PROXY
    confinement: str = "none"
    approved_tools: frozenset[str] = frozenset()
    """Digests of those proposed tools that a person has approved."""
    run: str = ""
    """Id of the run that a token was issued for; empty outside of one."""
    counters: Counters | None = None
    """What limits have counted so far; None where nothing has been."""
    passes: tuple[Pass, ...] = ()
    """Redirects that the agent may follow."""
    denials: tuple[Denial, ...] = ()
    """The emergency deny list, which holds before any policy."""
    marks: Placeholders | None = None
    """What links and codes that people decide by are known by: in a request they are misuse."""
    grants: tuple[Open, ...] = ()
    """What people have granted this agent in advance."""

    @property
    def assume_placeholder(self) -> bool:
        """Whether a missing credential is taken as the agent's own placeholder (DESIGN 8, `explain`)."""
        return self.origin is not Origin.PROXY


@dataclass(frozen=True, slots=True)
class Placement:
    """One credential to be put into the sealed copy, and where."""

    credential: str
    place: Place
    name: str
    """Header field, query parameter, variable of the path, cookie, or field of the body."""
    format: str = "${secret}"
    """What is sent, with `${secret}` for the value. For `basic`: the text before base64; for `path`: the
    whole segment."""
    also: tuple[str, ...] = ()
    """Other header fields (lower case) in which the agent's client may send its placeholder."""
    segment: int = -1
    """Of the path: which segment of it."""
    signing: Signing | None = None
    """Of `hmac`: what is signed, and how it is written."""
    sealed: str = ""
    """The value that is put in, where it is not the credential's own but one that an API has made."""
    fields: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The header fields (lower case) in which the placeholder is looked for."""

    def __post_init__(self) -> None:
        """Put the names together once."""
        fields: tuple[str, ...] = ()
        if self.place in {Place.HEADER, Place.BASIC}:
            fields = (self.name.lower(), *self.also)
        elif self.place is Place.COOKIE:
            fields = ("cookie",)
        elif self.place is Place.SIGV4:
            fields = sigv4.REPLACED
        elif self.signing is not None:
            fields = (self.name.lower(), *filter(None, (self.signing.time.lower(),)))
        object.__setattr__(self, "fields", fields)

    @property
    def unfilled(self) -> str:
        """What stands in a path where nobody has put a credential or placeholder yet."""
        return f"{{{self.name}}}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request recognised as one tool, with its inputs."""

    tool: str
    template: str
    """Digest of the tool's template; empty for `unmatched`."""
    effect: Effect
    inputs: Mapping[str, JSON]
    extras: Mapping[str, JSON] = field(default_factory=dict)
    """Fields and query parameters beyond the template, admitted by `extra: allow`."""
    reason: str | None = None
    sensitive: frozenset[str] = frozenset()
    """Names of inputs that the audit log stores as HMACs only."""
    description: str = ""
    reversible: bool | None = None
    """Whether what it does can be taken back; None where the tool does not say it."""

    @property
    def blast(self) -> Blast:
        """How much harm it could do, worked out anew each time (docs/blast.md)."""
        return blasting.score(self.effect, self.inputs, self.reversible)


@dataclass(frozen=True, slots=True)
class RuleRef:
    """A rule of a policy, as an operator finds it: `policies/support.yaml:12`."""

    policy: str
    file: str
    line: int
    verdict: Verdict
    column: int = 0
    """Tells apart rules that stand in one line."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose approval an `ask` needs."""

    approvers: tuple[str, ...]
    """Names of teams and people, as written."""
    people: frozenset[str]
    """The people they resolve to."""
    expires: timedelta
    quorum: int = 1
    """How many of them must agree."""
    separate: bool = False
    """Whether the agent's owner is kept from answering."""
    escalations: tuple[Escalation, ...] = ()
    """Who else may answer after a while, the soonest first."""
    absences: tuple[Absence, ...] = ()
    """Those of the people who have said who answers for them while they are away."""

    def at_step(self, step: int) -> frozenset[str]:
        """Who may answer after so many escalations."""
        return self.escalations[step - 1].people if step else self.people

    @property
    def everyone(self) -> frozenset[str]:
        """Who may answer in the end."""
        return self.at_step(len(self.escalations))


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who may answer from some time after the question on."""

    after: timedelta
    approvers: tuple[str, ...]
    """Names of the teams and people who are added, as written."""
    people: frozenset[str]
    """All who may answer from then on."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A person who is away, and another who may answer in their stead until they are back."""

    person: str
    deputy: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """What policies in `mode: observe` would have answered, had they been in force with all others."""

    verdict: Verdict
    reason: str
    rules: tuple[RuleRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to a decision, for `explain`."""

    kind: str
    """`spelling`, `tool`, `input`, `blast`, `credential`, `headers`, `rule`, `pattern`, `limit`,
    `grant`, `observe`, `verdict`."""
    text: str
    result: str
    """`ok`, `holds`, `does not hold`, `error`, `deny`, …"""
    rule: RuleRef | None = None


@dataclass(frozen=True, slots=True)
class Returns:
    """New secrets in an answer, and the credential whose places they go to."""

    credential: str
    paths: tuple[str, ...] = ()
    """Where each of them stands."""
    keys: tuple[tuple[str, str], ...] = ()
    """Of an access key: where each part of it stands, by name."""
    expires: str = ""
    """Where it says until when they hold."""
    format: str = "json"


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """How the response of an allowed request is to be treated."""

    redact: tuple[FieldPath, ...] = ()
    cookies: bool = True
    """False where `Set-Cookie` is withheld: hosts with a credential, unless the tool declares cookies."""
    credentialed: bool = False
    """Whether it comes from a host with a credential, or from where an answer of one led."""
    redirects: tuple[str, ...] = ()
    """Hosts that the answer may lead the agent to."""
    switch: bool = False
    """Whether the upstream may switch to WebSocket."""
    returns: Returns | None = None
    """New secrets in it, which the agent is not to see."""
    kept: str = ""
    """Under what name the proxy keeps its cookies for the agent, where it does."""
    detectors: frozenset[str] = frozenset()
    """Those whose findings are masked."""
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    """Of GraphQL: what the agent calls fields, to the names these have in the schema."""
    undecoded: bool = False
    """Whether a body in a coding that cannot be undone passes as it came."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one request, with all that enforcement, approval and audit need of it."""

    verdict: Verdict
    code: Code
    reason: str
    """What decided, in lower case, never an echo of the request's own bytes."""
    help: str
    """One sentence a person or a language model can act on; may be empty."""
    policy_digest: str
    calls: tuple[Call, ...] = ()
    rules: tuple[RuleRef, ...] = ()
    """The rules that determined the verdict."""
    placements: tuple[Placement, ...] = ()
    forward: tuple[tuple[str, str], ...] = ()
    """Header fields that go upstream, in order, before placements; hop-by-hop and own fields are gone."""
    dropped: tuple[str, ...] = ()
    """Names of header fields that do not go upstream."""
    own: tuple[str, ...] = ()
    """Header fields (lower case) that hold a login of the agent's own and pass; masked wherever shown."""
    digest: str = ""
    """The request digest of DESIGN 6 (hex), where the request could be read."""
    ask: Ask | None = None
    protocol: str = "http"
    """What is spoken at the URL, by which a refusal is put (`rules.protocols.speech.Protocol`)."""
    response: ResponseRules = ResponseRules()
    reservations: tuple[Reservation, ...] = ()
    """What the gate has to count, in one step with opening the request."""
    timeout: timedelta | None = None
    """How long the exchange may take, from its first byte."""
    review: bool = False
    """Whether a person looks at the outcome afterwards (`review: true`)."""
    observed: Observed | None = None
    """Where a policy of the agent observes: what all of them say."""
    led: Pass | None = None
    """The redirect that is followed, where that is why it is let out."""
    grants: tuple[Use, ...] = ()
    """The grants it is let out by, which the gate has to take in one step with opening the request."""
    sample: Sample | None = None
    """Of a decision to ask: what a grant for calls like it can be made of."""
    trace: tuple[Step, ...] = ()
