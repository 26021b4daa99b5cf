"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification): each element of a batch is a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wharfinger.rules.bodies import Media, canonical_json
from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech
from wharfinger.rules.refusal import Refused
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.tools import Run
    from wharfinger.rules.tools import Tool

_MEMBERS = frozenset({"jsonrpc", "method", "params", "id"})
_HELP = "Send JSON-RPC 2.0 requests."


def lower(run: Run) -> Form:
    """The form of a tool that is a method; MCP's `tools/call` is chosen by the name in its params, too."""
    return Form(
        Protocol.JSONRPC,
        ("POST",),
        run.url,
        headers=run.headers,
        body=run.params,
        has_body=run.params is not None,
        body_key="params",
        encoding="json",
        key=run.method[0],
    )


def read(asked: Asked) -> Sequence[Operation]:
    """The calls of a request or of a batch of them."""
    body = asked.reading.body
    if body.media is not Media.JSON:
        raise Refused("the body is not JSON", _HELP, Code.DENIED)
    given: Any = body.value if isinstance(body.value, list) else [body.value]
    if not given:
        raise Refused("the batch is empty", _HELP, Code.DENIED)
    return [_operation(item) for item in given]


def _operation(item: Any) -> Operation:
    if not isinstance(item, dict) or not item.keys() <= _MEMBERS or item.get("jsonrpc") != "2.0":
        raise Refused("the body is not JSON-RPC 2.0", _HELP, Code.DENIED)
    method, params = item.get("method"), item.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict | list):
        raise Refused("the body is not JSON-RPC 2.0", _HELP, Code.DENIED)
    return Operation((method,), params)


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """One request of the tool's method."""
    body: dict[str, JSON] = {"jsonrpc": "2.0", "id": 1, "method": tool.key}
    if tool.body is not None:
        body["params"] = value
    return canonical_json(body), "application/json"


SPEECH = Speech(lower, read, write)
