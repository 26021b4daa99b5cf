"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification), and MCP by it: each element of a batch is a call.

A notification is the call of its method. Methods that begin with `rpc.` are the protocol's own: here
`rpc.response` is an answer of the client's to what the server has asked (MCP: sampling, roots, elicitation).
Of MCP (https://modelcontextprotocol.io/specification), the header fields that repeat method and name must say
the same as the body, since gateways go by them; metadata of the protocol itself is no input.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech, check_count
from wharfinger.rules.requests import extras
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.tools.tool import Tool

CALL: Final = "tools/call"
"""MCP's method whose params name what is called."""
RESPONSE: Final = "rpc.response"
_REQUEST = frozenset({"jsonrpc", "method", "params", "id"})
_ANSWERS = (frozenset({"jsonrpc", "id", "result"}), frozenset({"jsonrpc", "id", "error"}))
_IN_URL: Final = frozenset({"jsonrpc", "method", "params"})
_HELP: Final = "Send JSON-RPC 2.0 requests."

METHOD_FIELD: Final = "mcp-method"
NAME_FIELD: Final = "mcp-name"
_NAMED: Final = {CALL: "name", "prompts/get": "name", "resources/read": "uri"}
"""Which of a method's params the header field for the name repeats."""
_META: Final = "_meta"
_META_KEYS: Final = frozenset({"baggage", "progressToken", "traceparent", "tracestate"})
_META_PREFIX: Final = "io.modelcontextprotocol/"
"""What MCP itself puts into `_meta`; anything else there is an extra of the tool."""


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
        passed=frozenset({METHOD_FIELD, NAME_FIELD}),
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
    if not _IN_URL.isdisjoint(map(extras.fold, asked.reading.query)):
        raise Refused("the URL has a parameter that servers read as part of the request", _HELP, Code.DENIED)
    if not given:
        raise Refused("the batch is empty", _HELP, Code.DENIED)
    check_count(given)
    operations = [_operation(item) for item in given]
    _check_fields(asked.reading.fields, given)
    _check_names(operations, asked.tools)
    return operations


def _check_fields(fields: Mapping[str, tuple[str, ...]], given: Sequence[Any]) -> None:
    """Refuse header fields that say another method or name than the body."""
    for name in (METHOD_FIELD, NAME_FIELD):
        for value in fields.get(name, ()):
            if len(given) != 1 or _decoded(value) != _repeated(name, given[0]):
                raise Refused(f'the header "{name}" does not say what the body says', _HELP, Code.DENIED)


def _repeated(field: str, item: Mapping[str, Any]) -> object:
    """What a header field repeats of a message."""
    method, params = item.get("method"), item.get("params")
    if field == METHOD_FIELD:
        return method
    return params.get(_NAMED.get(str(method))) if isinstance(params, dict) else None


def _decoded(value: str) -> str | None:
    """A field's text: as it is, or as MCP encodes what cannot stand in a header."""
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _check_names(operations: Sequence[Operation], tools: Sequence[Tool]) -> None:
    """Refuse names of no tool's own that a lenient server could take for one that is a tool's own."""
    asked = {operation.keys[0] for operation in operations if len(operation.keys) > 1}
    declared = {tool.key for tool in tools if "\n" in tool.key} if asked else set()
    unknown = asked - declared
    if unknown and not {_folded(key) for key in declared}.isdisjoint(map(_folded, unknown)):
        raise Refused("what is called has almost the name of a tool", "Write the name exactly.", Code.DENIED)


def _folded(key: str) -> str:
    return extras.fold(key.partition("\n")[2])


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
    return Operation(keys, _without_meta(params) or {})


def _without_meta(params: Any) -> Any:
    """Params without the metadata that is MCP's own, if that is all there is."""
    meta = params.get(_META) if isinstance(params, dict) else None
    if not isinstance(meta, dict) or extras.size(meta) > extras.LIMIT:
        return params
    if not all(key in _META_KEYS or key.startswith(_META_PREFIX) for key in meta):
        return params
    return {name: value for name, value in params.items() if name != _META}


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
