"""The OpenAPI document (3.1.0) of the JSON API, made of its table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from wharfinger import __version__
from wharfinger.control.office.calls import Call, Field, Place

_TYPES = {str: "string", int: "integer", bool: "boolean"}
_PROBLEMS = {
    "400": "something is wrong with the call",
    "401": "no token, or one that is not good",
    "403": "the role does not suffice",
    "409": "it cannot be done as things are",
    "429": "too soon after others",
    "503": "the proxy does not answer",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "hint")},
        }
    },
}


STREAM = "/events"
_MESSAGES = """\
Server-sent events. `before` and `events` have a list of events of the audit log as data (those that were
there already, those that came since), and the number of the last as id; `missed` has the number of events
that could not be told; `signed-out` is the end of the token, and of the stream. At least every ten seconds
there is a comment."""


def document(calls: Iterable[Call], prefix: str) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(prefix + call.path, {})[call.method.lower()] = _operation(call)
    paths[prefix + STREAM] = {"get": _stream()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wharfinger",
            "version": __version__,
            "description": "What the console shows and does, for programs.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token for machines: `wharfinger tokens add LABEL`.",
                }
            },
        },
    }


def _problems() -> dict[str, Any]:
    return {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _PROBLEMS.items()
    }


def _stream() -> dict[str, Any]:
    """The one thing that is no call: `wharfinger.control.office.events`."""
    events = {"schema": {"type": "string"}}
    return {
        "operationId": "getEvents",
        "summary": "Events of the audit log as they come.",
        "description": "Needs the role viewer. It does not keep a session alive.",
        "parameters": [
            {
                "name": "last",
                "in": "query",
                "required": False,
                "description": "how many of those that are there already are told first; 1000 at most",
                "schema": {"type": "integer", "minimum": 0},
            },
            {
                "name": "Last-Event-ID",
                "in": "header",
                "required": False,
                "description": "go on after this event; `last` then does not count",
                "schema": {"type": "integer", "minimum": 0},
            },
        ],
        "responses": {
            "200": {"description": _MESSAGES, "content": {"text/event-stream": events}},
            **_problems(),
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _name(call),
        "summary": call.says,
        "description": f"Needs the role {call.role}.",
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {}}}},
            **_problems(),
        },
    }
    parameters = [_parameter(field) for field in call.fields if field.place is not Place.BODY]
    body = [field for field in call.fields if field.place is Place.BODY]
    if parameters:
        described["parameters"] = parameters
    if body:
        schema: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {field.name: _schema(field) | {"description": field.says} for field in body},
        }
        if required := [field.name for field in body if field.required]:
            schema["required"] = required
        described["requestBody"] = {
            "required": bool(required),
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _name(call: Call) -> str:
    words: list[str] = re.findall(r"[a-z]+", f"{call.method.lower()} {call.path}")
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _parameter(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": field.place.value,
        "required": field.required,
        "description": field.says,
        "schema": _schema(field),
    }


def _schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[field.kind]}
    if field.one_of:
        schema["enum"] = list(field.one_of)
    return schema
