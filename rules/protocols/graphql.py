"""GraphQL over HTTP: each root field of the operation that would run is a call (https://spec.graphql.org/).

Rules: a request is JSON by POST, a batch of such, or a query in the URL by GET. `operationName` chooses among
several operations, and must where there are several. What servers could take for something else is refused:
members and parameters of other names, directives that act, a hash that is not that of its document.
A persisted document is known only by the API's file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech, check_count
from wharfinger.rules.requests import bodies
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.extras import fold
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.strictjson import canonical_json, parse_json
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.protocols.graphql_document import Document, OperationText
    from wharfinger.rules.tools.tool import Tool

OPERATIONS: Final = ("query", "mutation", "subscription")
NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
MAX_SIZE: Final = 10_000
"""Nodes that the documents of one request may have together."""
INTROSPECTION: Final = "__schema"
"""The field that stands for all introspection: `__type`, and `__typename` where nothing else is asked for."""

_IDS = ("documentId", "queryId", "id")
_MEMBERS = frozenset({"query", "variables", "operationName", "extensions", *_IDS})
_BY_GET = frozenset({"query", "variables", "operationName", "extensions", "documentId"})
_FOLDED = frozenset(fold(name) for name in (*_MEMBERS, "doc_id", "hash", "query_id", "operation_name"))
"""What servers read as the request itself, also where it stands in the URL."""
_EXTENSIONS = frozenset({"persistedQuery", "clientLibrary"})
_HELP: Final = "Send JSON with query, variables and operationName."
_ESCAPED: Final = {code: f"\\u{code:04x}" for code in (0x7F, 0x85, 0x2028, 0x2029, 0xFEFF)}


def _refused(reason: str, help_text: str = _HELP) -> Refused:
    return Refused(reason, help_text, Code.DENIED)


# Tools


@dataclass(frozen=True, slots=True)
class Wording:
    """How a tool's document is written."""

    operation: str
    field: str
    types: Mapping[str, str]
    """GraphQL types of the arguments that are sent as variables."""
    select: str
    """The selection set; empty for a field that has none."""


def lower(run: Run) -> Form:
    """The form of a tool that is a root field."""
    return Form(
        Protocol.GRAPHQL,
        ("POST", "GET"),
        run.url,
        headers=run.headers,
        body=run.args,
        has_body=run.args is not None,
        body_key="args",
        encoding="json",
        key=f"{run.operation} {run.field}",
        details=Wording(
            run.operation, run.field, run.types, "" if run.select == "none" else run.select.strip()
        ),
    )


def is_type(text: str) -> bool:
    """Whether this is a GraphQL type, like `[ID!]!`."""
    text = text.removesuffix("!")
    if text.startswith("[") and text.endswith("]"):
        return is_type(text[1:-1])
    return NAME.fullmatch(text) is not None


def is_selection(text: str) -> bool:
    """Whether this is one selection set, and nothing beside it."""
    from wharfinger.rules.protocols import graphql_document  # noqa: PLC0415 -- see its head

    try:
        operation = graphql_document.read(f"{{ x {text} }}").operation
    except Refused:
        return False
    return text.startswith("{") and [field.name for field in operation.fields] == ["x"]


def unusable(name: str, text: str) -> str:
    """Why this document cannot be persisted under this name; empty if it can."""
    from wharfinger.rules.protocols import graphql_document  # noqa: PLC0415 -- see its head

    if _SHA256.fullmatch(name) and name != hashlib.sha256(text.encode("utf-8")).hexdigest():
        return "its name is a SHA-256, and not that of its text"
    try:
        graphql_document.check(text)
    except Refused as refused:
        return refused.refusal.reason
    return ""


# Requests


def read(asked: Asked) -> Sequence[Operation]:
    """The root fields that a request asks for, in order."""
    clashing = {fold(name) for name in _beside(asked)} & _FOLDED
    if clashing:
        raise _refused("the URL has a parameter that servers read as part of the request", _HELP)
    body = asked.reading.body
    if asked.request.method == "GET":
        if body.media is not Media.NONE:
            raise _refused("the request has a body beside its URL", "Send it by POST.")
        given: list[Any] = [_from_query(asked.reading.query)]
    else:
        if body.media is not Media.JSON:
            raise _refused("the body is not JSON")
        given = body.value if isinstance(body.value, list) else [body.value]
        check_count(given)
    size = spread = 0
    found: list[Operation] = []
    for members in given:
        document = _document(members, asked.tools)
        size += document.size
        if size > MAX_SIZE:
            raise _refused("the documents of the request are too large together", "Send fewer at once.")
        operation = document.operation
        if asked.request.method == "GET" and operation.kind != "query":
            raise _refused(f"a {operation.kind} cannot be sent by GET", "Send it by POST.")
        texts = document.texts
        if asked.request.method == "GET":  # a body's strings are known from the body
            texts = (*texts, *bodies.strings(members.get("variables")))
        variables = _variables(operation, members.get("variables"))
        spread += _spread(operation, variables) if operation.repeated else 0
        if spread > asked.limit:
            raise _refused("large variables are used too often", "Ask for fewer fields at once.")
        found += _calls(operation, variables, texts, document.aliases)
    return found


def _beside(asked: Asked) -> Iterator[str]:
    """The URL's parameters that are not the request itself."""
    for name in asked.reading.query:
        if asked.request.method != "GET" or name not in _BY_GET:
            yield name


def _from_query(query: Mapping[str, JSON]) -> dict[str, JSON]:
    members: dict[str, JSON] = {}
    for name in _BY_GET & query.keys():
        text = query[name]
        if not isinstance(text, str):
            raise _refused("the URL has a parameter in a shape that is not plain")
        parsed = name in {"variables", "extensions"}
        members[name] = parse_json(text.encode("utf-8")) if parsed else text
    return members


def _document(members: Any, tools: Sequence[Tool]) -> Document:
    """The document of one request. Raises `Refused` if the request is not one."""
    from wharfinger.rules.protocols import graphql_document  # noqa: PLC0415 -- see its head

    if not isinstance(members, dict) or not members.keys() <= _MEMBERS:
        raise _refused("the body is not a GraphQL request, or has members beyond one")
    text = members.get("query")
    identifier, digest = _persisted(members)
    if text is None and identifier is not None:
        text = _known(identifier, tools)
    elif not isinstance(text, str) or (identifier is not None and identifier != digest):
        raise _refused("the request does not hold just one document")
    elif digest is not None and digest != hashlib.sha256(text.encode("utf-8")).hexdigest():
        raise _refused("the hash of the persisted query is not that of its document")
    name = members.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _refused("operationName is not text")
    return graphql_document.read(text, name)


def _persisted(members: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What names a persisted document, and its SHA-256 if that is what names it."""
    extensions = members.get("extensions") or {}
    if not isinstance(extensions, dict) or not extensions.keys() <= _EXTENSIONS:
        raise _refused("the request has extensions that are not known", "Send it without extensions.")
    library = extensions.get("clientLibrary", {})
    if not isinstance(library, dict) or not all(isinstance(value, str) for value in library.values()):
        raise _refused("the request has extensions that are not known", "Send it without extensions.")
    named = [members[name] for name in _IDS if name in members]
    digest = None
    if "persistedQuery" in extensions:
        persisted = extensions["persistedQuery"]
        if not isinstance(persisted, dict) or persisted.keys() != {"version", "sha256Hash"}:
            raise _refused("the persisted query is not named by version and sha256Hash")
        digest = persisted["sha256Hash"]
        named.append(digest)
    if len(named) > 1 or not all(isinstance(name, str) for name in named):
        raise _refused("the request names its document in more than one way")
    return (named[0] if named else None), digest


def _known(identifier: str, tools: Sequence[Tool]) -> str:
    held = {text for tool in tools if (text := tool.documents.get(identifier)) is not None}
    if len(held) != 1:
        raise _refused(
            "the persisted query is not known",
            "Send the whole document, or ask the operator to name it under `persisted` of the API.",
        )
    return held.pop()


def _variables(operation: OperationText, given: Any) -> dict[str, JSON]:
    """What the variables of an operation stand for."""
    if given is not None and not isinstance(given, dict):
        raise _refused("the variables are not an object")
    if not operation.declared.issuperset(given or ()):
        raise _refused("the request has variables that its operation does not declare", "Leave them out.")
    return {**operation.variables, **(given or {})}


def _spread(operation: OperationText, variables: Mapping[str, JSON]) -> int:
    """Bytes that variables take in all places where they stand: each call holds them, and its record."""
    used = ((variables[name], count) for name, count in operation.repeated.items() if name in variables)
    return sum(len(canonical_json(value)) * count for value, count in used)


def _calls(
    operation: OperationText,
    variables: Mapping[str, JSON],
    texts: tuple[str, ...],
    aliases: Mapping[str, frozenset[str]],
) -> list[Operation]:
    from wharfinger.rules.protocols.graphql_values import ABSENT, resolved  # noqa: PLC0415 -- see its head

    fields = [field for field in operation.fields if field.name != "__typename"] or operation.fields[:1]
    if not fields:
        raise _refused("an operation of the request asks for nothing")
    calls: list[Operation] = []
    for field in fields:
        key = f"{operation.kind} {field.name}"
        introspects = field.name.startswith("__") and field.name != INTROSPECTION
        keys = (key, f"{operation.kind} {INTROSPECTION}") if introspects else (key,)
        held: Any = {}
        for name, each in field.arguments.items():
            value = resolved(each, variables)
            if value is not ABSENT:
                held[name] = value
        first = not calls
        calls.append(Operation(keys, held, texts=texts if first else (), aliases=aliases if first else {}))
    return calls


# Filling in


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """The request of one field: typed arguments as variables, the others as literals in the document."""
    wording = tool.details
    if not isinstance(wording, Wording) or not isinstance(value, Mapping):
        raise TypeError("this is no tool of GraphQL")
    variables = {name: value[name] for name in wording.types if name in value}
    arguments = [
        f"{name}: {f'${name}' if name in variables else literal(each)}" for name, each in value.items()
    ]
    declared = [f"${name}: {wording.types[name]}" for name in variables]
    head = f"{wording.operation}({', '.join(declared)})" if declared else wording.operation
    given = f"({', '.join(arguments)})" if arguments else ""
    selected = f" {wording.select}" if wording.select else ""
    request: dict[str, JSON] = {"query": f"{head} {{ {wording.field}{given}{selected} }}"}
    if variables:
        request["variables"] = variables
    return canonical_json(request), "application/json"


def literal(value: JSON) -> str:
    """A JSON value as GraphQL writes it. Raises `Refused` for an object with keys that are no names."""
    if isinstance(value, Mapping):
        if not all(NAME.fullmatch(key) for key in value):
            raise _refused("an object has keys that GraphQL cannot write", "Use plain names.")
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_ESCAPED)


def prepare() -> None:
    """Import what reads documents, so that no request waits for it."""
    from wharfinger.rules.protocols import graphql_document  # noqa: F401, PLC0415 -- see its head


SPEECH = Speech(lower, read, write, consumes=_BY_GET, prepare=prepare)
