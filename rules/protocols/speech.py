"""What protocols above HTTP have in common: requests that ask for several things at one URL.

A protocol says three things. `lower`: what of a tool's definition is its URL, what chooses the tool there,
and what its inputs are read from. `read`: which operations a request asks for; a request that cannot be
read, or in two ways, is `Refused`. `write`: the body that asks for one operation. Everything else, from
finding the URL to typing the inputs, is the same for all tools.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.transient import transient
from wharfinger.rules.types import JSON, Code, Request

if TYPE_CHECKING:
    from wharfinger.rules.inputs import Input
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.tools.matching import Reading
    from wharfinger.rules.tools.tool import Tool


MAX_OPERATIONS: Final = 256
"""Operations of one request; one with more is refused."""


class Protocol(enum.StrEnum):
    """What is spoken at a URL: `type` of a tool's `run`."""

    HTTP = "http"
    GRAPHQL = "graphql"
    BATCH = "batch"
    GIT = "git"
    GRPC = "grpc"
    JSONRPC = "jsonrpc"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Form:
    """A tool's definition, as the HTTP requests it is made of."""

    protocol: Protocol
    methods: tuple[str, ...]
    url: str
    """A whole URL, or a path below the file's `base`."""
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Template of the body, or of an operation's value."""
    has_body: bool = False
    body_key: str = "body"
    """Where it is written, for problems."""
    encoding: str | None = None
    stream: bool = False
    key: str = ""
    """What chooses the tool among the operations at its URL."""
    passed: frozenset[str] = frozenset()
    """Header fields (lower case) that go upstream beyond those that the file passes."""
    opening: bool = False
    """Whether its body is a stream, of which the opening is read first."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """The protocol's own inputs, as they are where the definition does not declare them."""
    details: object = None
    """What its protocol alone reads."""
    others: tuple[Form, ...] = ()
    """Further requests that are the same tool."""


@transient
class Operation:
    """One thing that a request asks for."""

    keys: tuple[str, ...]
    """What it may be known by; a tool of any of these keys fits."""
    value: JSON
    """What inputs are read from."""
    refusal: Refusal | None = None
    """Why it is not let through, whatever its tool."""
    textual: bool = False
    """Whether the value's leaves are text."""
    whole_query: bool = True
    """Whether the request's query is part of it."""
    texts: tuple[str, ...] = ()
    """Texts of the whole request that stand in it in a spelling of the protocol's own."""
    inner: Request | None = None
    """A request that it stands for: then that is recognised, and is the call."""
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What the whole request calls fields of its answer, to the names that these have."""


def check_count(operations: Sequence[object]) -> None:
    """Refuse a request for too many things at once, before each of them is read. Raises `Refused`."""
    if len(operations) > MAX_OPERATIONS:
        raise Refused(
            f"the request asks for more than {MAX_OPERATIONS} things at once", "Send fewer.", Code.DENIED
        )


@transient
class Asked:
    """A request at a URL where a protocol is spoken."""

    request: Request
    reading: Reading
    tools: Sequence[Tool]
    """The tools that are declared there."""
    limit: int
    """Bytes of body that are parsed."""


class Opening(typing.Protocol):
    """Finds the end of what a streamed body begins with."""

    def feed(self, data: bytes) -> int | None:
        """Take more of the body; how many bytes of all are the opening, once known. Raises `Refused`."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """How one protocol is read and written. See the module's head."""

    lower: Callable[[Run], Form]
    read: Callable[[Asked], Sequence[Operation]]
    """Never empty. Raises `Refused`."""
    write: Callable[[Tool, JSON], tuple[bytes, str]]
    """Body and Content-Type. Raises `Refused`."""
    consumes: frozenset[str] = frozenset()
    """Query parameters that are the protocol's own, and not extras of a tool."""
    prepare: Callable[[], None] | None = None
    """What is done once before requests are read, where that takes long."""
    reads_body: bool = True
    """Whether the body must parse by its Content-Type (JSON, form, text) before it is read."""
    fields: tuple[tuple[str, str], ...] = ()
    """Header fields of its requests beyond those that its tools declare."""
    derived: frozenset[str] = frozenset()
    """Inputs that follow from others: a request may be filled in without them."""
    opening: Callable[[], Opening] | None = None
    """Where bodies are streams that begin with what has to be decided on: what finds its end."""
