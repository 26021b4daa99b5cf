"""OpenAPI documents become tool files: typed inputs, effects, stable names, and no vendor's sentence."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from wharfinger.importing import comparing, openapi, proof, writing
from wharfinger.importing.operations import ImportFault, Options

from tests.addon.importing.conftest import OPENAPI, by_name, loaded

OPTIONS = Options(api="pets")


def test_every_operation_is_a_tool_with_an_effect(document: dict[str, Any]) -> None:
    imported = openapi.convert(document, OPTIONS)
    assert {name: tool["effect"] for name, tool in by_name(imported).items()} == {
        "pets_list_pets": "read",
        "pets_create_pet": "write",
        "pets_get_pet": "read",
        "pets_delete_pet": "destructive",
        "pets_set_pet": "write",
        "pets_create_pet_graduate": "write",
        "pets_search_pets": "read",
    }
    assert imported.report.dropped == ()


def test_inputs_have_types_and_limits(document: dict[str, Any]) -> None:
    tool = by_name(openapi.convert(document, OPTIONS))["pets_create_pet"]
    assert tool["input"] == {
        "name": {"type": "string", "min": 1, "max": 40},
        "age": {"type": "integer", "required": False, "min": 0, "max": 99},
        "kind": {"type": "string", "required": False, "enum": ["cat", "dog"]},
        "mother": {"type": "object", "required": False},
        "password": {"type": "string", "required": False, "sensitive": True},
        "tags": {"type": "array", "required": False},
    }
    assert tool["run"]["encoding"] == "json"
    assert tool["run"]["extra"] == "deny"


def test_what_reads_lets_more_pass_and_what_acts_does_not(document: dict[str, Any]) -> None:
    extras = {
        name: tool["run"]["extra"] for name, tool in by_name(openapi.convert(document, OPTIONS)).items()
    }
    assert extras["pets_list_pets"] == "allow"
    assert extras["pets_delete_pet"] == "deny"


def test_no_sentence_of_the_vendor_is_carried_over(document: dict[str, Any]) -> None:
    text = writing.dump(openapi.convert(document, OPTIONS).file)
    assert "sentence" not in text
    assert "description: Delete a pet" in text


def test_imported_tools_are_proposed_unless_approved(document: dict[str, Any]) -> None:
    imported = openapi.convert(document, OPTIONS)
    assert imported.file["approved"] is False
    assert all(tool.proposed for tool in loaded(imported))
    approved = openapi.convert(document, Options(api="pets", approved=True))
    assert "approved" not in approved.file
    assert not any(tool.proposed for tool in loaded(approved))


def test_the_order_of_the_document_means_nothing(document: dict[str, Any]) -> None:
    expected = writing.dump(openapi.convert(document, OPTIONS).file)
    for seed in range(8):
        shuffled = _shuffled(document, random.Random(seed))
        assert writing.dump(openapi.convert(shuffled, OPTIONS).file) == expected


def _shuffled(value: Any, by: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        by.shuffle(keys)
        return {key: _shuffled(value[key], by) for key in keys}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        items = [_shuffled(item, by) for item in value]
        by.shuffle(items)
        return items
    return value


def test_taking_less_changes_no_name(document: dict[str, Any]) -> None:
    document["paths"]["/owners/{owner}/pets"] = {"get": {}}
    whole = set(by_name(openapi.convert(document, OPTIONS)))
    for only in ("GET *", "/pets/*", "pets_list_*"):
        some = set(by_name(openapi.convert(document, Options(api="pets", only=(only,)))))
        assert some <= whole
        assert some != whole


def test_a_tool_keeps_the_name_it_has(document: dict[str, Any]) -> None:
    first = openapi.convert(document, OPTIONS)
    for tool in first.file["tools"]:
        if tool["tool"] == "pets_get_pet":
            tool["tool"] = "pets_look_at"
    again = openapi.convert(document, Options(api="pets", names=comparing.names(first.file)))
    assert "pets_look_at" in by_name(again)
    assert "pets_get_pet" not in by_name(again)
    assert not comparing.compare(first.file, again.file)


def test_operations_of_one_shape_are_one_tool_and_the_other_is_reported(document: dict[str, Any]) -> None:
    document["paths"]["/pets/{name}"] = {"get": {"operationId": "removeByName"}, "delete": {}}
    imported = openapi.convert(document, OPTIONS)
    assert {one.operation: one.reason for one in imported.report.dropped} == {
        "GET /pets/{name}": "it matches the same requests as GET /pets/{id}",
        "DELETE /pets/{name}": "it matches the same requests as DELETE /pets/{id}",
    }


def test_of_twins_the_stricter_effect_counts(document: dict[str, Any]) -> None:
    document["paths"]["/a/{x}"] = {"post": {}}
    document["paths"]["/a/{y}"] = {"post": {"operationId": "purgeThing"}}
    imported = openapi.convert(document, OPTIONS)
    (kept,) = [tool for tool in imported.file["tools"] if tool["run"]["url"].startswith("/a/")]
    assert kept["effect"] == "destructive"
    assert kept["run"]["extra"] == "deny"


def test_what_cannot_be_a_template_is_reported_with_the_reason(document: dict[str, Any]) -> None:
    document["paths"]["/pets/{id}{format}"] = {"get": {}}
    document["paths"]["/x#y"] = {"get": {}}
    reasons = {one.operation: one.reason for one in openapi.convert(document, OPTIONS).report.dropped}
    assert "two variables side by side" in reasons["GET /pets/{id}{format}"]
    assert reasons["GET /x#y"] == "its path holds what no path can"


def test_every_tool_is_recognised_by_what_it_writes(document: dict[str, Any]) -> None:
    tools = loaded(openapi.convert(document, OPTIONS))
    assert len(tools) == 7
    assert [proof.fault(tools, tool.name) for tool in tools] == [""] * 7


def test_the_credential_goes_where_the_document_says(document: dict[str, Any]) -> None:
    file = openapi.convert(document, OPTIONS).file
    assert file["auth"] == {"secret": "PETS_TOKEN", "name": "X-Pet-Key"}
    (open_to_all,) = [tool for tool in file["tools"] if tool["tool"] == "pets_get_pet"]
    assert open_to_all["run"]["auth"]["optional"] is True


@pytest.mark.parametrize(
    ("scheme", "auth"),
    [
        ({"type": "http", "scheme": "bearer"}, {"secret": "PETS_TOKEN"}),
        ({"type": "oauth2", "flows": {}}, {"secret": "PETS_TOKEN"}),
        ({"type": "http", "scheme": "basic"}, {"secret": "PETS_TOKEN", "in": "basic"}),
        (
            {"type": "apiKey", "in": "query", "name": "k"},
            {"secret": "PETS_TOKEN", "in": "query", "name": "k"},
        ),
        ({"type": "apiKey", "in": "cookie", "name": "k"}, None),
        ({"type": "mutualTLS"}, None),
    ],
)
def test_forms_of_credentials(document: dict[str, Any], scheme: Any, auth: Any) -> None:
    document["components"]["securitySchemes"] = {"key": scheme}
    imported = openapi.convert(document, OPTIONS)
    assert imported.file.get("auth") == auth
    assert bool(imported.report.notes) == (auth is None)


def test_references_that_lead_out_end_the_import(document: dict[str, Any]) -> None:
    document["paths"]["/pets"]["get"]["parameters"].append({"$ref": "other.yaml#/x"})
    with pytest.raises(ImportFault, match=r'"other.yaml#/x" leads out of the document'):
        openapi.convert(document, OPTIONS)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/A"},
        {"$ref": "#/nowhere"},
        {"oneOf": [{"$ref": "#/components/schemas/B"}] * 10},
    ],
    ids=["circle", "nowhere", "endless"],
)
def test_references_without_an_end_cost_one_operation_only(document: dict[str, Any], schema: Any) -> None:
    document["components"]["schemas"] |= {
        "A": {"$ref": "#/components/schemas/A"},
        "B": {"oneOf": [{"$ref": "#/components/schemas/B"}] * 10},
    }
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    document["paths"]["/bad"] = {"post": {"requestBody": body}}
    imported = openapi.convert(document, OPTIONS)
    assert [one.operation for one in imported.report.dropped] == ["POST /bad"]
    assert imported.report.tools == 7


def test_swagger_2(document: dict[str, Any]) -> None:
    swagger = {
        "swagger": "2.0",
        "host": "api.pets.example",
        "basePath": "/v1",
        "schemes": ["http", "https"],
        "securityDefinitions": {"basic": {"type": "basic"}},
        "definitions": {"Pet": OPENAPI["components"]["schemas"]["Pet"]["properties"] and {
            "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "paths": {
            "/pets": {
                "get": {"parameters": [
                    {"name": "ids", "in": "query", "type": "array", "collectionFormat": "csv"},
                    {"name": "tags", "in": "query", "type": "array", "collectionFormat": "multi"},
                ]},
                "post": {"parameters": [
                    {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
                ]},
                "put": {"parameters": [{"name": "n", "in": "formData", "type": "integer", "required": True}]},
                "patch": {"parameters": [{"name": "photo", "in": "formData", "type": "file"}]},
            }
        },
    }  # fmt: skip
    imported = openapi.convert(swagger, OPTIONS)
    tools = {tool["run"]["method"]: tool for tool in imported.file["tools"]}
    assert imported.file["base"] == "https://api.pets.example/v1"
    assert imported.file["auth"] == {"secret": "PETS_TOKEN", "in": "basic"}
    assert tools["GET"]["input"]["ids"] == {"type": "string", "required": False}
    assert tools["GET"]["input"]["tags"] == {"type": "array", "required": False}
    assert tools["POST"]["run"]["body"] == {"name": "${name}"}
    assert tools["PUT"]["run"]["encoding"] == "form"
    assert tools["PATCH"]["run"]["encoding"] == "multipart"
    assert tools["PATCH"]["input"]["photo"]["type"] == "object"


def test_openapi_3_1_types_and_patterns(document: dict[str, Any]) -> None:
    document["openapi"] = "3.1.0"
    document["paths"]["/pets"]["get"]["parameters"] = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in {
            "a": {"type": ["string", "null"], "pattern": "^[a-z]{2,5}$"},
            "b": {"type": "string", "pattern": "(?=look)ahead"},
            "c": {"type": "string", "pattern": "b"},
            "d": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "e": {"type": "integer", "exclusiveMinimum": 0},
            "f": {"const": "x"},
            "g": {"type": "string", "enum": [str(n) for n in range(200)]},
        }.items()
    ]
    given = by_name(openapi.convert(document, OPTIONS))["pets_list_pets"]["input"]
    assert {name: {k: v for k, v in spec.items() if k != "required"} for name, spec in given.items()} == {
        "a": {"type": "string", "pattern": "[a-z]{2,5}"},
        "b": {"type": "string"},
        "c": {"type": "string", "pattern": "(?s:.*)(?:b)(?s:.*)"},
        "d": {"type": ["string", "integer"]},
        "e": {"type": "integer", "min": 1},
        "f": {"type": "string", "enum": ["x"]},
        "g": {"type": "string"},
    }


def test_variables_of_servers_are_filled_in_or_become_parameters(document: dict[str, Any]) -> None:
    document["servers"] = [
        {
            "url": "https://{site}.pets.example/{v}",
            "variables": {"site": {"default": "eu"}, "v": {"default": "v1"}},
        }
    ]
    assert openapi.convert(document, OPTIONS).file["base"] == "https://eu.pets.example/v1"
    file = openapi.convert(document, Options(api="pets", parameters=True)).file
    assert file["base"] == "https://${param.site}.pets.example/v1"
    assert list(file["parameters"]) == ["site"]


def test_headers_of_most_operations_pass_and_those_that_act_are_inputs(document: dict[str, Any]) -> None:
    everywhere = {"name": "Pet-Version", "in": "header", "schema": {"type": "string"}}
    sudo = {"name": "Sudo", "in": "header", "schema": {"type": "string"}}
    for item in document["paths"].values():
        item["parameters"] = [*item.get("parameters", []), everywhere, sudo]
    file = openapi.convert(document, OPTIONS).file
    assert file["headers"] == {"pass": ["Pet-Version"]}
    assert all(tool["run"]["headers"]["Sudo"] == "${Sudo}" for tool in file["tools"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "this is no OpenAPI document"),
        ({"openapi": "4.0.0", "paths": {}}, 'OpenAPI of version "4.0.0" is not read'),
        ({"openapi": "3.0.0"}, "this OpenAPI document has no `paths`"),
    ],
)
def test_what_is_no_document_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ImportFault, match=said):
        openapi.convert(given, OPTIONS)


def test_a_document_that_does_not_say_where_the_api_is(document: dict[str, Any]) -> None:
    document["servers"] = [{"url": "/v1"}]
    with pytest.raises(ImportFault, match="at which URL"):
        openapi.convert(document, OPTIONS)
    assert openapi.convert(document, Options(api="pets", base=("https://x.example",))).report.tools == 7


def test_effects_can_be_set_by_hand(document: dict[str, Any]) -> None:
    options = Options(api="pets", effects={"pets_*_graduate": "destructive"})
    assert by_name(openapi.convert(document, options))["pets_create_pet_graduate"]["effect"] == "destructive"


def test_the_document_is_left_as_it_was(document: dict[str, Any]) -> None:
    openapi.convert(document, OPTIONS)
    assert json.dumps(document) == json.dumps(OPENAPI)
