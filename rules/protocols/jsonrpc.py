"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification), and MCP by it: each element of a batch is a call.

A notification is the call of its method. Methods that begin with `rpc.` are the protocol's own: here
`rpc.response` is an answer of the client's to what the server has asked (MCP: sampling, roots, elicitation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.bodies import Media, canonical_json
from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech, check_count
from wharfinger.rules.refusal import Refused
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.tools import Run
    from wharfinger.rules.tools import Tool

CALL: Final = "tools/call"
"""MCP's method whose params name what is called."""
RESPONSE: Final = "rpc.response"
_REQUEST = frozenset({"jsonrpc", "method", "params", "id"})
_ANSWERS = (frozenset({"jsonrpc", "id", "result"}), frozenset({"jsonrpc", "id", "error"}))
_HELP: Final = "Send JSON-RPC 2.0 requests."


def lower(run: Run) -> Form:
    """The form of a tool that is a method, or any of several."""
    form = Form(
        Protocol.JSONRPC,
        ("POST",),
        run.url,
        headers=run.headers,
        body=run.params or None,
        has_body=bool(run.params),
        body_key="params",
        encoding="json",
    )
    first, *others = (replace(form, key=_key(method, run.params)) for method in run.method)
    return replace(first, others=tuple(others))


def _key(method: str, params: object) -> str:
    """What chooses the tool: the method; for MCP's `tools/call` also the name in its params, if constant."""
    name = params.get("name") if method == CALL and isinstance(params, Mapping) else None
    return f"{method}\n{name}" if isinstance(name, str) and "$" not in name else method


def read(asked: Asked) -> Sequence[Operation]:
    """The calls of a request or of a batch of them."""
    body = asked.reading.body
    if body.media is not Media.JSON:
        raise Refused("the body is not JSON", _HELP, Code.DENIED)
    given: Any = body.value if isinstance(body.value, list) else [body.value]
    if not given:
        raise Refused("the batch is empty", _HELP, Code.DENIED)
    check_count(given)
    return [_operation(item) for item in given]


def _operation(item: Any) -> Operation:
    if not isinstance(item, dict) or item.get("jsonrpc") != "2.0" or not _is_id(item.get("id")):
        raise _malformed()
    if item.keys() in _ANSWERS:
        return Operation((RESPONSE,), {key: item[key] for key in ("result", "error") if key in item})
    method, params = item.get("method"), item.get("params", {})
    if not isinstance(method, str) or not method.isprintable() or method in {"", RESPONSE}:
        raise _malformed()
    if not isinstance(params, dict | list) or not item.keys() <= _REQUEST:
        raise _malformed()
    name = params.get("name") if method == CALL and isinstance(params, dict) else None
    keys = (f"{method}\n{name}", method) if isinstance(name, str) else (method,)
    return Operation(keys, params or {})


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _malformed() -> Refused:
    return Refused("the body is not JSON-RPC 2.0", _HELP, Code.DENIED)


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """One request of the tool's method; a notification where MCP says that it is one."""
    method = tool.key.partition("\n")[0]
    body: dict[str, JSON] = {"jsonrpc": "2.0"}
    if not method.startswith("notifications/"):
        body["id"] = 1
    if method == RESPONSE:
        body |= value if isinstance(value, Mapping) else {}
    else:
        body["method"] = method
        if tool.body is not None:
            body["params"] = value
    return canonical_json(body), "application/json"


SPEECH = Speech(lower, read, write)
