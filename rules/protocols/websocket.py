"""WebSocket (RFC 6455): the handshake is a call, and so is each message where a tool at its URL declares one.

A tool with `message:` is a message of the agent's, in JSON, on connections to its URL; one without opens such
a connection. Where no tool there has a message, messages are no calls of their own: they are looked at for
what must not be in them, as part of the connection that was allowed. A handshake is of no other type of tool.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech
from wharfinger.rules.requests import handshake
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.requests.strictjson import canonical_json, parse_json
from wharfinger.rules.types import JSON, Code, Message, Request

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.recognition.index import Surface
    from wharfinger.rules.tools.tool import Tool

CONNECT: Final = ""
MESSAGE: Final = "message"
"""The keys of a tool that opens a connection, and of one that is a message on it."""

_SCHEMES: Final = {"wss://": "https://", "ws://": "http://"}
_SAMPLE_KEY: Final = base64.b64encode(b"wharfinger.fills").decode("ascii")

UNOPENED: Final = Refusal(
    Code.DENIED,
    "the request asks for a WebSocket, and no tool here opens one",
    "Use plain HTTP requests, or ask the operator for a tool.",
)


def apart[E](
    fields: Mapping[str, tuple[str, ...]], found: list[E], surfaces: list[Surface]
) -> tuple[list[E], list[Surface]]:
    """Of what is declared at its URL, what a request can be: a handshake only WebSockets, others the rest."""
    if handshake.asks(fields):
        return [], [surface for surface in surfaces if surface.protocol is Protocol.WEBSOCKET]
    return found, [surface for surface in surfaces if surface.protocol is not Protocol.WEBSOCKET]


# Tools


def lower(run: Run) -> Form:
    """The form of a tool that opens a connection, or that is a message on it."""
    url = run.url
    for scheme, carried_by in _SCHEMES.items():
        if url.startswith(scheme):
            url = carried_by + url.removeprefix(scheme)
    return Form(
        Protocol.WEBSOCKET,
        ("GET",),
        url,
        run.query,
        run.headers,
        body=run.message,
        has_body=run.message is not None,
        body_key="message",
        encoding="json",
        key=CONNECT if run.message is None else MESSAGE,
        passed=frozenset({handshake.PROTOCOL_FIELD}),
    )


def is_message(tool: Tool) -> bool:
    """Whether the tool is a message on a connection."""
    return tool.protocol is Protocol.WEBSOCKET and tool.key == MESSAGE


def check_tools(tools: Iterable[Tool], problems: Problems) -> None:
    """Report messages of connections that no tool opens, or opens with another credential."""
    spoken = [tool for tool in tools if tool.protocol is Protocol.WEBSOCKET]
    for message in filter(is_message, spoken):
        opening = [tool for tool in spoken if tool.key == CONNECT and _places(tool) & _places(message)]
        if not opening:
            problems.error(
                message.position,
                f'"{message.name}" is a message on a WebSocket that no tool opens',
                "add a tool of the same URL without `message`",
            )
        for tool in opening:
            if (tool.placements, tool.auth_own) != (message.placements, message.auth_own):
                problems.error(
                    message.position,
                    f'"{message.name}" and "{tool.name}", which opens its WebSocket, differ in `auth`',
                    "write the same for both, or once for the file",
                )


def _places(tool: Tool) -> frozenset[str]:
    return frozenset(endpoint.shape + tool.path.shape for endpoint in tool.endpoints)


# Requests


def body(request: Request, limit: int) -> Body:
    """A message as a body: JSON if it is that, else text, or bytes that are not read."""
    data = request.body or b""
    if request.message is not Message.TEXT:
        return Body(Media.OTHER)
    if len(data) > limit:
        return Body(Media.OTHER, problem=f"the message is longer than the {limit} bytes that are read")
    try:
        return Body(Media.JSON, parse_json(data))
    except Refused:
        return Body(Media.TEXT, data.decode("utf-8", "replace"))


def passes(asked: Asked) -> bool:
    """Whether a message is no call of its own: control frames, and all where no tool declares one."""
    message = asked.request.message
    return message is Message.CONTROL or (message is not None and not any(map(is_message, asked.tools)))


def read(asked: Asked) -> Sequence[Operation]:
    """The connection that is asked for, or the message that is sent on it."""
    if asked.request.message is None or passes(asked):
        return [Operation((CONNECT,), {})]
    read_as = asked.reading.body
    if read_as.media is not Media.JSON or read_as.problem:
        reason = read_as.problem or "the message is not JSON, and messages here are calls"
        raise Refused(reason, "Send one JSON document in each text message.", Code.DENIED)
    return [Operation((MESSAGE,), read_as.value, whole_query=False)]


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """The message; nothing for the handshake, which has no body."""
    return (canonical_json(value), "") if is_message(tool) else (b"", "")


FIELDS: Final = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", _SAMPLE_KEY),
)
"""The header fields of a handshake that is filled in; a client sends a key of its own."""

SPEECH = Speech(lower, read, write, reads_body=False, fields=FIELDS)
