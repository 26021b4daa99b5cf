"""HAR: requests that a browser recorded become tools.

Only names and types are taken from a recording, and of paths what looks like a word: values stay behind,
for they may be anybody's. Requests to one host become one file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from wharfinger.importing import openapi, words
from wharfinger.importing.operations import Imported, ImportFault, Options, Plain
from wharfinger.rules.requests import fieldnames
from wharfinger.rules.requests.extras import CREDENTIALS, fold

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}(?:[0-9]{1,2})?|v[0-9]+(?:\.[0-9]+)*", re.ASCII)
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class _Seen:
    """All requests of one method and path."""

    count: int = 0
    query: dict[str, list[Any]] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)
    bodies: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    """By media type, the values of each field."""
    bodied: Counter[str] = field(default_factory=Counter)


def convert(recorded: Mapping[str, Any], options: Options) -> Imported:
    """The requests to one host as a tool file: `options.base`, else the one with most of them."""
    log = recorded.get("log")
    entries = log.get("entries") if isinstance(log, Mapping) else None
    if not isinstance(entries, list):
        raise ImportFault("this is no HAR", 'it has no list "entries" in "log"')
    requests = [request for entry in entries if (request := _request(entry)) is not None]
    base = options.base[0] if options.base else _usual(requests)
    here = [request for request in requests if _under(request["url"], base)]
    if not here:
        raise ImportFault(
            f'no request of the recording goes to "{base}"', "see which do, and name one: --base"
        )
    document = _document(here, base)
    return openapi.convert(document, options)


def _request(entry: Any) -> Mapping[str, Any] | None:
    request = entry.get("request") if isinstance(entry, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(request.get("url"), str):
        return None
    return request if str(request.get("method", "")).lower() in openapi.METHODS else None


def _usual(requests: list[Mapping[str, Any]]) -> str:
    counts = Counter(f"{urlsplit(r['url']).scheme}://{urlsplit(r['url']).netloc}" for r in requests)
    if not counts:
        raise ImportFault("the recording holds no request")
    return min(counts, key=lambda base: (-counts[base], base))


def _under(url: str, base: str) -> bool:
    return url == base or url.startswith((f"{base.rstrip('/')}/", f"{base}?"))


def _document(requests: list[Mapping[str, Any]], base: str) -> Plain:
    """What the requests say of the API, as an OpenAPI document."""
    seen: dict[tuple[str, str], _Seen] = {}
    for request in requests:
        path = _path(urlsplit(request["url"]).path[len(urlsplit(base).path.rstrip("/")) :])
        _add(seen.setdefault((path, request["method"].lower()), _Seen()), request)
    paths: dict[str, Plain] = {}
    for (path, method), held in sorted(seen.items()):
        paths.setdefault(path, {})[method] = _operation(held)
    return {
        "openapi": "3.1.0",
        "paths": paths,
        "servers": [{"url": base}],
        "components": {"securitySchemes": _schemes(requests)},
    }


def _path(path: str) -> str:
    """The path with variables for what does not look like a word."""
    written: list[str] = []
    for part in path.strip("/").split("/"):
        text = unquote(part)
        if not text or (_WORD.fullmatch(text) and part == text):
            written.append(part)
            continue
        before = next((w for w in reversed(written) if w and not w.startswith("{")), "path")
        name = "_".join([*map(words.singular, words.split(before)), "id"])
        taken = sum(1 for w in written if w.startswith(f"{{{name}"))
        written.append(f"{{{name}{f'_{taken + 1}' if taken else ''}}}")
    return "/" + "/".join(written)


def _add(seen: _Seen, request: Mapping[str, Any]) -> None:
    seen.count += 1
    names: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True):
        names.setdefault(name, []).append(value)
    for name, values in names.items():
        if fold(name) not in CREDENTIALS:
            seen.query.setdefault(name, []).append(values if len(values) > 1 else values[0])
    for header in request.get("headers", ()):
        name = str(header.get("name", "")).lower() if isinstance(header, Mapping) else ""
        if name in fieldnames.ACTING:
            seen.headers.add(name)
    kind, fields = _body(request.get("postData"))
    if kind:
        seen.bodied[kind] += 1
        held = seen.bodies.setdefault(kind, {})
        for name, value in fields.items():
            held.setdefault(name, []).append(value)


def _body(data: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(data, Mapping):
        return "", {}
    kind = str(data.get("mimeType", "")).partition(";")[0].strip().lower()
    text = data.get("text")
    if kind == _FORM:
        pairs = parse_qsl(text, keep_blank_values=True) if isinstance(text, str) else []
        return kind, dict(pairs)
    try:
        value = json.loads(text) if isinstance(text, str) and "json" in kind else None
    except (ValueError, RecursionError):
        value = None
    return kind, {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def _operation(seen: _Seen) -> Plain:
    parameters: list[Plain] = [
        {"name": name, "in": "query", "schema": _type(values)} for name, values in sorted(seen.query.items())
    ]
    parameters += [
        {"name": name, "in": "header", "schema": {"type": "string"}} for name in sorted(seen.headers)
    ]
    operation: Plain = {"parameters": parameters}
    if seen.bodies:
        operation["requestBody"] = {
            "required": sum(seen.bodied.values()) == seen.count,
            "content": {
                kind: {"schema": _schema(held, seen.bodied[kind])} for kind, held in seen.bodies.items()
            },
        }
    return operation


def _schema(fields: Mapping[str, list[Any]], count: int) -> Plain:
    return {
        "type": "object",
        "properties": {name: _type(values) for name, values in sorted(fields.items())},
        "required": sorted(name for name, values in fields.items() if len(values) == count),
    }


def _type(values: list[Any]) -> Plain:
    kinds = {
        bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"
    }  # fmt: skip
    found = sorted({kinds[type(value)] for value in values if type(value) in kinds})
    return {"type": found} if found else {}


def _schemes(requests: list[Mapping[str, Any]]) -> Plain:
    """How the requests log in, by the names of headers alone."""
    return dict(_logins(requests))


def _logins(requests: list[Mapping[str, Any]]) -> Iterator[tuple[str, Plain]]:
    names = Counter(
        str(header.get("name", "")).lower()
        for request in requests
        for header in request.get("headers", ())
        if isinstance(header, Mapping)
    )
    for name in sorted(names.keys() & fieldnames.LOGIN_FIELDS):
        if name == "authorization":
            yield name, {"type": "http", "scheme": "bearer"}
        else:
            yield name, {"type": "apiKey", "in": "header", "name": name}
