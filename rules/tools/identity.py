"""What a tool is known by: the digest of its template, the constants that choose it, the names it knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson
from wharfinger.rules.inputs import Input
from wharfinger.rules.models.auth import OF_HMAC, Auth
from wharfinger.rules.models.base import plain
from wharfinger.rules.models.inputs import InputSpec
from wharfinger.rules.models.tools import ToolDef, ToolFile
from wharfinger.rules.requests.extras import fold
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.tools import trees
from wharfinger.rules.tools.trees import Fields, Node
from wharfinger.rules.types import JSON, Effect, Place

_SPOKEN = {
    "args",
    "below",
    "field",
    "format",
    "message",
    "operation",
    "params",
    "redirects",
    "rpc",
    "select",
    "service",
    "types",
}
"""Keys of a `run` that are some protocol's own."""


def digest(
    file: ToolFile, definition: ToolDef, specs: Mapping[str, Input], effect: Effect, auth: Auth | None
) -> str:
    """SHA-256 (hex) over the canonical form of all that a tool does; not over what describes it to people."""
    run = definition.run
    form: dict[str, Any] = {
        "tool": definition.tool,
        "api": file.api,
        "effect": effect.value,
        "type": run.type,
        "methods": list(run.method),
        "urls": [base + run.url for base in file.base] if run.url.startswith("/") else [run.url],
        "query": plain(run.query),
        "headers": dict(run.headers),
        "body": [plain(run.body)] if run.has_body else [],
        "encoding": run.encoding,
        "extra": run.extra,
        "spoken": {}
        if run.model_fields_set.isdisjoint(_SPOKEN)
        else run.model_dump(mode="json", include=_SPOKEN, exclude_defaults=True),
        "auth": None if auth is None else _auth(auth),
        "pass": sorted(name.lower() for name in file.headers.passed),
        "volatile": sorted(name.lower() for name in file.headers.volatile),
        "redact": list(definition.redact),
        "reason": definition.reason,
        "inputs": {name: _input(definition.input.get(name), spec) for name, spec in specs.items()},
    }
    if definition.returns is not None:
        form["returns"] = definition.returns.model_dump(mode="json") | {
            "anywhere": definition.returns.anywhere
        }
    if definition.cookies or file.cookies:
        form["cookies"] = "kept"
    if definition.undecodable is not None:
        form["undecodable"] = definition.undecodable
    if definition.reversible is not None:
        form["reversible"] = definition.reversible
    if run.type == "graphql" and file.persisted:
        form["persisted"] = dict(file.persisted)
    return hashlib.sha256(_canonical(form)).hexdigest()


@lru_cache(maxsize=256)
def _auth(auth: Auth) -> dict[str, JSON]:
    """What is said of the credential; most tools of a file share it."""
    others = {"more"} if auth.place is Place.HMAC else {"more", *OF_HMAC}
    said = auth.model_dump(mode="json", exclude=others) | {"own": auth.own}
    return said | {"more": [_auth(each) for each in auth.more]} if auth.more else said


def _canonical(form: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits
        return canonical_json(form)


def _input(written: InputSpec | None, spec: Input) -> JSON:
    return {
        "type": list(spec.kinds) if spec.others else spec.kind,
        "required": spec.required,
        "enum": None if written is None or written.enum is None else list(plain(written.enum)),
        "pattern": None if written is None else written.pattern,
        "min": spec.minimum,
        "max": spec.maximum,
        "sensitive": spec.sensitive,
    }


def constants(query: Node, fields: Mapping[str, Node], body: Node) -> Iterator[str]:
    """The constants of query, headers and body, each as `place path=value`."""
    for path, text in trees.constants(query):
        yield f"query {path}={text}"
    for name, node in fields.items():
        for _, text in trees.constants(node):
            yield f"header {name}={text}"
    for path, text in trees.constants(body):
        yield f"body {path}={text}"


def names(node: Node, path: str = "") -> Iterator[str]:
    """The names that a template knows, each as its whole path, folded."""
    if isinstance(node, Fields):
        for key, below in node.fields.items():
            whole = f"{path}.{key}" if path else key
            yield fold(whole)
            yield from names(below, whole)
    elif isinstance(node, trees.Items):
        for below in node.items:
            yield from names(below, path)
