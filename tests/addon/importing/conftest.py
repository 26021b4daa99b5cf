"""A small API in every format, and what importing makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.importing import writing
from wharfinger.importing.operations import Imported
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_model
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset

PET = {
    "type": "object",
    "required": ["name"],
    "description": "A sentence of the vendor's.",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "minLength": 1, "maxLength": 40},
        "kind": {"type": "string", "enum": ["cat", "dog"]},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
        "mother": {"$ref": "#/components/schemas/Pet"},
        "password": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "description": "A sentence of the vendor's."},
    "servers": [{"url": "https://api.pets.example/v1"}],
    "components": {
        "schemas": {"Pet": PET},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Pet-Key"}},
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}},
    },
    "security": [{"key": []}],
    "paths": {
        "/pets": {
            "get": {
                "summary": "A sentence of the vendor's.",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    {"name": "tags", "in": "query", "schema": {"type": "array"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                }
            },
        },
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {"security": []},
            "delete": {},
            "put": {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        },
        "/pets/{id}/graduate": {"post": {"parameters": [{"$ref": "#/components/parameters/id"}]}},
        "/pets/search": {"post": {"requestBody": {"content": {"application/json": {"schema": {}}}}}},
    },
}


@pytest.fixture
def document() -> dict[str, Any]:
    """The OpenAPI document, to be changed at will."""
    held: dict[str, Any] = json.loads(json.dumps(OPENAPI))
    return held


def by_name(imported: Imported) -> dict[str, dict[str, Any]]:
    return {tool["tool"]: tool for tool in imported.file["tools"]}


def loaded(imported: Imported) -> Toolset:
    """The file as it would be loaded, with no problem."""
    problems = Problems()
    text = writing.dump(imported.file).replace("${param.region}", "x")
    file = read_model(ToolFile, Source("imported.yaml", text.encode()), problems)
    assert file is not None, problems.errors
    tools = Toolset.compile([file], problems)
    assert not problems.errors, problems.errors
    return tools
