"""Refusals as the protocol at a URL puts them: JSON-RPC's error object with the id, GraphQL's `errors`.

Of the request only ids are given back, and only those that are plain; the client matches answers by them.
JSON-RPC's are answered with status 200, as its own errors are: the official Python client of MCP up to 1.30
gives up the whole session at any other status, and shows nothing of the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wharfinger.rules.protocols.speech import MAX_OPERATIONS, Protocol
from wharfinger.rules.requests import bodies, strictjson
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Request

JSONRPC_CODE: Final = -32050
"""`error.code` in JSON-RPC: of the range for servers (-32000 to -32099), and in MCP without a meaning."""
PERSISTED_UNKNOWN: Final = "PERSISTED_QUERY_NOT_FOUND"
"""What GraphQL clients understand as: send the whole document."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_SAFE_IDS = range(-(2**53), 2**53)

type Id = int | str | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What has to be known of a request to refuse it in its own protocol."""

    protocol: Protocol
    ids: tuple[Id, ...] = (None,)
    """Of JSON-RPC: those that wait for an answer. Of GraphQL one None for each request."""
    batch: bool = False
    unknown: bool = False
    """Of GraphQL: whether it names a persisted document that is not known."""

    def status(self, status: int) -> int:
        """The HTTP status, in place of the usual one."""
        return 200 if self.protocol is Protocol.JSONRPC and status == 403 else status

    def put(self, content: Mapping[str, Any]) -> object:
        """The body, made of the usual one."""
        each = [self._one(content, known) for known in self.ids]
        return each if self.batch else each[0]

    def _one(self, content: Mapping[str, Any], known: Id) -> dict[str, Any]:
        message = content["message"]
        rest = {name: value for name, value in content.items() if name not in {"error", "message"}}
        said = {"type": content["error"]["type"], "code": content["error"]["code"], **rest}
        if self.protocol is Protocol.JSONRPC:
            error = {"code": JSONRPC_CODE, "message": message, "data": said}
            return {"jsonrpc": "2.0", "id": known, "error": error}
        if self.unknown:
            said["code"] = PERSISTED_UNKNOWN
        return {"data": None, "errors": [{"message": message, "extensions": said}], **content}


def spoken(protocol: str, request: Request) -> Spoken | None:
    """How to refuse this request in its protocol; None where that is the usual way."""
    if protocol not in {Protocol.GRAPHQL, Protocol.JSONRPC}:
        return None
    try:
        body: Any = strictjson.parse_json((request.body or b"")[: bodies.DEFAULT_LIMIT])
    except Refused:
        body = None
    if isinstance(body, list) and len(body) > MAX_OPERATIONS:
        body = None  # refused unread, and once: an answer to each would be a hundred times what was sent
    batch = isinstance(body, list) and bool(body)
    given = body if batch else [body]
    if protocol == Protocol.GRAPHQL:
        unknown = all(isinstance(each, dict) and "query" not in each for each in given)
        return Spoken(Protocol.GRAPHQL, (None,) * len(given), batch, unknown)
    waiting = [each for each in given if not isinstance(each, dict) or {"id", "method"} <= each.keys()]
    if not waiting:
        return None  # notifications and answers: nobody reads a body
    return Spoken(Protocol.JSONRPC, tuple([_id(each) for each in waiting]), batch)


def _id(item: object) -> Id:
    known = item.get("id") if isinstance(item, dict) else None
    if isinstance(known, int) and not isinstance(known, bool) and known in _SAFE_IDS:
        return known
    return known if isinstance(known, str) and _PLAIN_ID.fullmatch(known) else None
