"""Outlines: the requests of an API, one a line, read as an OpenAPI document. For APIs without one.

    post_message  POST  /channels/{channel_id}/messages  ?wait:boolean  {content, tts:boolean, embeds:array}

The name of the operation, method, path, parameters of the query after `?`, fields of the body in braces (of a
form in parentheses); `!` after a name says that it must be there, `:type` what it is, if not text. `*` alone
stands for a JSON object of any fields, `@multipart`, `@binary` or `@any` for a body that is not read. `#`
begins a comment.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINE = re.compile(
    r"(?P<name>\S+)\s+(?P<method>[A-Z]+)\s+(?P<path>/\S*)(?:\s+\?(?P<query>[^{(*@]*))?"
    r"\s*(?:\{(?P<json>[^}]*)\}|\((?P<form>[^)]*)\)|(?P<any>\*)|@(?P<kind>multipart|binary|text|any))?\s*"
)
_KINDS = {
    "multipart": "multipart/form-data",
    "binary": "application/octet-stream",
    "text": "text/plain",
    "any": "application/octet-stream",
}


def document(path: Path) -> dict[str, Any]:
    """The outline as an OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#", 1)[0].strip()
        if text:
            found = _LINE.fullmatch(text)
            if found is None:
                raise ValueError(f"{path.name}:{number}: this is no operation")
            paths.setdefault(found["path"], {})[found["method"].lower()] = _operation(found)
    return {"openapi": "3.0.0", "info": {"title": path.stem}, "paths": paths}


def _operation(found: re.Match[str]) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{([\w-]+)\}", found["path"])
    ]
    in_query = [
        {"name": name, "in": "query", "required": required, "schema": schema}
        for name, schema, required in _fields(found["query"])
    ]
    operation: dict[str, Any] = {"operationId": found["name"], "parameters": [*in_path, *in_query]}
    for group, kind in (("json", "application/json"), ("form", "application/x-www-form-urlencoded")):
        if found[group] is not None:
            fields = _fields(found[group])
            schema = {
                "type": "object",
                "properties": {name: schema for name, schema, _ in fields},
                "required": [name for name, _, required in fields if required],
            }
            operation["requestBody"] = {
                "content": {kind: {"schema": schema}},
                "required": bool(schema["required"]),
            }
    if found["any"]:
        operation["requestBody"] = {
            "content": {"application/json": {"schema": {"type": "object"}}},
            "required": True,
        }
    if found["kind"]:
        operation["requestBody"] = {"content": {_KINDS[found["kind"]]: {"schema": {}}}, "required": True}
    return operation


def _fields(text: str | None) -> list[tuple[str, dict[str, Any], bool]]:
    fields = []
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, _, kind = part.replace("!", "").partition(":")
        kinds = kind.split("|") if kind else ["string"]
        fields.append((name, {"type": kinds[0] if len(kinds) == 1 else kinds}, "!" in part))
    return fields
