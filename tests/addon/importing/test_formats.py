"""AWS models, discovery documents, GraphQL schemas, MCP listings and recordings become tool files, too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.importing import aws, discovery, graphql, har, mcp, proof
from wharfinger.importing.operations import Imported, ImportFault, Options
from wharfinger.rules.types import Request

from tests.addon.importing.conftest import by_name, loaded

SHAPES: dict[str, Any] = {
    "In": {
        "type": "structure",
        "required": ["Id"],
        "members": {
            "Id": {"shape": "Text", "location": "uri", "locationName": "id"},
            "Ids": {"shape": "Ids", "location": "querystring", "locationName": "ids"},
            "Acl": {"shape": "Acl", "location": "header", "locationName": "x-amz-acl"},
            "Tag": {"shape": "Tag"},
        },
    },
    "Flat": {
        "type": "structure",
        "required": ["Ids"],
        "members": {"Ids": {"shape": "Ids"}, "Force": {"shape": "Flag"}, "Tag": {"shape": "Tag"}},
    },
    "Text": {"type": "string", "min": 1, "max": 9},
    "Ids": {"type": "list", "member": {"shape": "Text"}},
    "Acl": {"type": "string", "enum": ["private", "public-read"]},
    "Flag": {"type": "boolean"},
    "Tag": {"type": "structure", "members": {"Key": {"shape": "Text"}, "Deep": {"shape": "Ids"}}},
}


def model(protocol: str, http: tuple[str, str] = ("POST", "/"), shape: str = "Flat") -> dict[str, Any]:
    method, uri = http
    operations = {
        name: {"name": name, "http": {"method": method, "requestUri": uri}, "input": {"shape": shape}}
        for name in ("DeleteThings",)
    }
    about = {
        "protocol": protocol, "endpointPrefix": "things", "targetPrefix": "Things_2020",
        "apiVersion": "2020-01-01", "serviceId": "Things",
    }  # fmt: skip
    return {"metadata": about, "operations": operations, "shapes": SHAPES}


def proven(imported: Imported) -> None:
    tools = loaded(imported)
    assert [why for tool in tools if (why := proof.fault(tools, tool.name))] == []


@pytest.mark.parametrize(
    ("protocol", "run"),
    [
        (
            "json",
            {
                "method": "POST", "url": "/", "headers": {"X-Amz-Target": "Things_2020.DeleteThings"},
                "body": {"Ids": "${Ids}", "Force": "${Force}", "Tag": "${Tag}"},
                "encoding": "json", "extra": "deny",
            },
        ),
        (
            "ec2",
            {
                "method": "POST", "url": "/",
                "body": {
                    "Action": "DeleteThings", "Version": "2020-01-01",
                    **{f"Ids.{n}": f"${{Ids_{n}}}" for n in range(1, 6)},
                    "Force": "${Force}", "Tag.Key": "${Tag_Key}",
                },
                "encoding": "form", "extra": "deny",
            },
        ),
    ],
)  # fmt: skip
def test_aws_operations_that_share_a_path(protocol: str, run: dict[str, Any]) -> None:
    imported = aws.convert(model(protocol), Options(api="things"))
    (tool,) = imported.file["tools"]
    assert tool["tool"] == "things_delete_things"
    assert tool["effect"] == "destructive"
    assert tool["run"] == run
    proven(imported)


@pytest.mark.parametrize("protocol", ["rest-json", "rest-xml"])
def test_aws_operations_with_paths(protocol: str) -> None:
    imported = aws.convert(model(protocol, ("PUT", "/things/{id+}?acl"), "In"), Options(api="things"))
    (tool,) = imported.file["tools"]
    assert tool["run"]["url"] == "/things/${id...}?acl"
    assert tool["run"]["headers"] == {"x-amz-acl": "${x_amz_acl}"}
    assert tool["input"]["x_amz_acl"]["enum"] == ["private", "public-read"]
    assert tool["run"]["encoding"] == ("json" if protocol == "rest-json" else "any")
    proven(imported)


def test_the_region_is_a_parameter_or_filled_in() -> None:
    given = Options(api="things", parameters=True)
    assert aws.convert(model("json"), given).file["base"] == "https://things.${param.region}.amazonaws.com"
    plain = aws.convert(model("json"), Options(api="things")).file
    assert plain["base"] == "https://things.us-east-1.amazonaws.com"
    assert "parameters" not in plain


DISCOVERY: dict[str, Any] = {
    "name": "mail",
    "rootUrl": "https://mail.example.com/",
    "servicePath": "mail/v1/",
    "auth": {"oauth2": {}},
    "parameters": {
        "alt": {"type": "string", "location": "query"},
        "key": {"type": "string", "location": "query"},
    },
    "schemas": {"Message": {"id": "Message", "type": "object", "properties": {"raw": {"type": "string"}}}},
    "resources": {
        "users": {
            "resources": {
                "messages": {
                    "methods": {
                        "send": {
                            "id": "mail.users.messages.send",
                            "path": "{+user}/messages/send",
                            "flatPath": "{usersId}/messages/send",
                            "httpMethod": "POST",
                            "request": {"$ref": "Message"},
                            "mediaUpload": {"protocols": {"simple": {"path": "/upload/{usersId}/send"}}},
                        },
                        "list": {
                            "id": "mail.users.messages.list",
                            "path": "{usersId}/messages",
                            "httpMethod": "GET",
                            "parameters": {
                                "max": {"type": "integer", "location": "query", "maximum": "500"},
                                "labels": {"type": "string", "repeated": True, "location": "query"},
                            },
                        },
                        "trash": {
                            "id": "mail.users.messages.trash",
                            "path": "{usersId}/messages/{id}/trash",
                            "httpMethod": "POST",
                        },
                    }
                }
            }
        }
    },
}


def test_discovery_documents() -> None:
    imported = discovery.convert(DISCOVERY, Options(api="mail"))
    tools = by_name(imported)
    assert {name: tool["effect"] for name, tool in tools.items()} == {
        "mail_send_message": "write",
        "mail_send_upload_message": "write",
        "mail_list_messages": "read",
        "mail_trash_message": "destructive",
    }
    assert tools["mail_send_message"]["run"]["body"] == {"raw": "${raw}"}
    assert tools["mail_list_messages"]["input"]["max"] == {"type": "integer", "required": False, "max": 500}
    assert tools["mail_list_messages"]["input"]["labels"]["type"] == "array"
    assert not any("key" in tool.get("input", {}) for tool in tools.values())
    proven(imported)


SDL = """
"A sentence of the vendor's."
type Query { issue(id: ID!): Issue issues(first: Int, state: State): [Issue!]! viewer: String }
type Mutation {
  issueDelete(id: ID!): Boolean
  createIssue(input: IssueInput!): Issue
  frobnicate(when: Time): Issue
}
type Issue { id: ID! }
input IssueInput { title: String! body: String state: State = OPEN tags: [String!] }
enum State { OPEN CLOSED }
scalar Time
"""


def test_graphql_schemas() -> None:
    imported = graphql.convert(SDL, Options(api="hub", base=("https://api.hub.example/graphql",)))
    tools = by_name(imported)
    assert {name: tool["effect"] for name, tool in tools.items()} == {
        "hub_get_issue": "read",
        "hub_list_issues": "read",
        "hub_get_viewer": "read",
        "hub_delete_issue": "destructive",
        "hub_create_issue": "write",
        "hub_frobnicate": "write",
        "hub_introspect_schema": "read",
    }
    assert tools["hub_create_issue"]["run"] == {
        "type": "graphql",
        "url": "/graphql",
        "operation": "mutation",
        "field": "createIssue",
        "types": {"input": "IssueInput!"},
        "args": {"input": {name: f"${{{name}}}" for name in ("title", "body", "state", "tags")}},
    }
    assert tools["hub_create_issue"]["input"]["title"] == "string"
    assert tools["hub_list_issues"]["input"]["state"]["enum"] == ["CLOSED", "OPEN"]
    proven(imported)


def test_graphql_by_introspection_is_the_same() -> None:
    from graphql import build_schema, introspection_from_schema

    options = Options(api="hub", base=("https://api.hub.example/graphql",))
    answer: Any = {"data": introspection_from_schema(build_schema(SDL))}
    assert graphql.convert(answer, options).file == graphql.convert(SDL, options).file


LISTING: dict[str, Any] = {
    "tools": [
        {
            "name": "search",
            "description": "A sentence of the vendor's.",
            "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
        },
        {"name": "delete_file", "annotations": {"readOnlyHint": True}, "inputSchema": {"type": "object"}},
        {"name": "frob", "annotations": {"destructiveHint": True}},
    ]
}


def test_servers_of_mcp() -> None:
    imported = mcp.convert(LISTING, Options(api="files", base=("https://mcp.example.com/mcp",)))
    effects = {name: tool["effect"] for name, tool in by_name(imported).items()}
    assert effects["files_search"] == "read"
    assert effects["files_delete_file"] == "destructive", "what a server claims of itself loosens nothing"
    assert effects["files_frob"] == "destructive"
    proven(imported)
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "search", "arguments": {"q": "x"}}}  # fmt: skip
    request = Request(
        "a", "POST", "https", "mcp.example.com", 443, "/mcp",
        (("Host", "mcp.example.com"), ("Content-Type", "application/json")), json.dumps(body).encode(),
    )  # fmt: skip
    read = loaded(imported).recognise(request)
    assert [(call.tool, dict(call.inputs)) for call in read.calls] == [("files_search", {"q": "x"})]


def recorded(method: str, url: str, text: str | None = None, **headers: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method, "url": url, "headers": [{"name": n, "value": v} for n, v in headers.items()],
    }  # fmt: skip
    if text is not None:
        request["postData"] = {"mimeType": "application/json; charset=utf-8", "text": text}
    return {"request": request}


def test_recordings_give_names_and_types_and_no_values() -> None:
    entries = [
        recorded(
            "GET",
            "https://api.x.example/users/8d3f0c1e9a?token=hunter2&page=2",
            Authorization="Bearer hunter2",
        ),
        recorded("GET", "https://api.x.example/users/77?page=3"),
        recorded("POST", "https://api.x.example/users", '{"name": "hunter2", "age": 3}'),
        recorded("POST", "https://api.x.example/users", '{"name": "hunter2"}'),
        recorded("GET", "https://elsewhere.example/hunter2"),
    ]
    imported = har.convert({"log": {"entries": entries}}, Options(api="x"))
    tools = by_name(imported)
    assert set(tools) == {"x_get_user", "x_create_user"}
    assert tools["x_get_user"]["run"]["url"] == "/users/${user_id}"
    assert tools["x_get_user"]["input"] == {
        "user_id": "string",
        "page": {"type": "string", "required": False},
    }
    assert tools["x_create_user"]["input"] == {
        "name": "string",
        "age": {"type": "integer", "required": False},
    }
    assert "hunter2" not in json.dumps(imported.file)
    assert imported.file["auth"] == {"secret": "X_TOKEN"}
    proven(imported)


@pytest.mark.parametrize(
    ("convert", "given"),
    [
        (aws.convert, {}),
        (aws.convert, model("smithy-rpc-v2-cbor")),
        (discovery.convert, {}),
        (graphql.convert, "type {"),
        (graphql.convert, {"data": {}}),
        (mcp.convert, {"tools": 5}),
        (har.convert, {"log": {}}),
        (har.convert, {"log": {"entries": []}}),
    ],
)
def test_what_is_something_else_is_refused(convert: Any, given: Any) -> None:
    with pytest.raises(ImportFault):
        convert(given, Options(api="x", base=("https://x.example/y",)))


@pytest.mark.parametrize(("convert", "given"), [(graphql.convert, SDL), (mcp.convert, LISTING)])
def test_who_does_not_say_where_it_is_must_be_told(convert: Any, given: Any) -> None:
    with pytest.raises(ImportFault, match="at which URL"):
        convert(given, Options(api="x"))
