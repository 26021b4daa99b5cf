"""The JSON Schemas take every file that loads, and an editor sees the usual mistakes by them."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from wharfinger.rules.documents.nodes import MappingNode
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source, read
from wharfinger.rules.models.base import plain
from wharfinger.rules.schema import DIALECT, FILES, schemas

EXAMPLES = Path(__file__).parent / "examples"
FOLDERS = ("tools", "policies")


def schema_of(name: str) -> dict[str, Any]:
    folder, slash, _ = name.partition("/")
    return schemas()[f"{folder}/*.yaml" if slash else name]


def problem(name: str, document: object) -> str:
    error = best_match(Draft202012Validator(schema_of(name)).iter_errors(document))
    return "" if error is None else error.message


def documents() -> Iterator[tuple[str, bytes]]:
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        yield str(path.relative_to(EXAMPLES)), path.read_bytes()
    for folder in FOLDERS:
        for entry in importlib.resources.files(f"wharfinger.{folder}").iterdir():
            if entry.name.endswith(".yaml"):
                yield f"{folder}/{entry.name}", entry.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_schemas_of_the_dialect_they_name(name: str) -> None:
    schema = schemas()[name]
    assert schema["$schema"] == DIALECT
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("name", "content"), [*documents()], ids=lambda v: v if isinstance(v, str) else "")
def test_the_documented_files_and_the_built_in_ones_are_valid(name: str, content: bytes) -> None:
    node = read(Source(name, content), Problems())
    assert isinstance(node, MappingNode)
    assert problem(name, plain(node)) == ""


TOOL = {"tool": "t", "run": {"method": "GET", "url": "https://a.example/x"}}


def tool(**changes: object) -> dict[str, object]:
    return {**TOOL, "run": {**TOOL["run"], **changes}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wharfinger.yaml", "{}"),
        ("wharfinger.yaml", "version: 2"),
        ("wharfinger.yaml", "{version: 1, lisen: '127.0.0.1:1'}"),
        ("wharfinger.yaml", "{version: 1, limits: {body: 32}}"),
        ("wharfinger.yaml", "{version: 1, limits: {body: 32MB}}"),
        ("wharfinger.yaml", "{version: 1, limits: {connections: '512'}}"),
        ("wharfinger.yaml", "{version: 1, limits: {connections: 0}}"),
        ("wharfinger.yaml", "{version: 1, approvals: {hold: 50}}"),
        ("wharfinger.yaml", "{version: 1, approvals: {notify: [fax]}}"),
        ("wharfinger.yaml", "{version: 1, channels: {slack: {channel: C012AB3CD, token: xoxb-1}}}"),
        ("wharfinger.yaml", "{version: 1, upstream: {proxy: {url: 3}}}"),
        ("wharfinger.yaml", "{version: 1, audit: {durable: 'true'}}"),
        ("wharfinger.yaml", "{version: 1, catalogue: github}"),
        ("agents.yaml", "agents: {a: {policies: [p]}}"),
        ("agents.yaml", "agents: {a: {owner: alice, policies: p}}"),
        ("agents.yaml", "agents: {a: {owner: alice, status: off_duty}}"),
        ("agents.yaml", "agents: {'a b': {owner: alice}}"),
        ("agents.yaml", "agents: {a: {owner: alice, token: 'sha256:x'}}"),
        ("people.yaml", "people: {alice: {role: boss}}"),
        ("people.yaml", "teams: {finance: []}"),
        ("credentials.yaml", "credentials: {K: {hosts: [a.example]}}"),
        ("credentials.yaml", "credentials: {K: {from: 'sk_live_1', hosts: [a.example]}}"),
        ("credentials.yaml", "credentials: {K: {from: 'env:K', hosts: []}}"),
        ("credentials.yaml", "credentials: {K: {from: 'env:K', hosts: ['https://a.example']}}"),
        ("credentials.yaml", "credentials: {K: {from: 'env:K', hosts: ['a.example:443']}}"),
        ("credentials.yaml", "credentials: {K: {from: 'env:K', hosts: [a.example], kind: oauth2}}"),
        ("tools/x.yaml", "tools: []"),
        ("tools/x.yaml", "{tool: t}"),
        ("tools/x.yaml", "{api: x, tools: [{tool: t}]}"),
        ("policies/x.yaml", "policy: p"),
        ("policies/x.yaml", "{policy: p, allow: [{}]}"),
        ("policies/x.yaml", "{policy: p, allow: [{tool: unmatched}]}"),
        ("policies/x.yaml", "{policy: p, allow: [{tool: t, hosts: [a.example]}]}"),
        ("policies/x.yaml", "{policy: p, allow: [{tool: t, when: ''}]}"),
        ("policies/x.yaml", "{policy: p, deny: [{tool: t, review: true}]}"),
        ("policies/x.yaml", "{policy: p, tools: [unmatched]}"),
        ("policies/x.yaml", "{policy: p, ask: [{tool: t, quorum: 101}]}"),
        ("policies/x.yaml", "{policy: p, limits: [{tool: t}]}"),
        ("policies/x.yaml", "{policy: p, limits: [{tool: t, calls: 20/week}]}"),
        ("policies/x.yaml", "{policy: p, limits: [{tool: t, calls: 1.5/hour}]}"),
        (
            "policies/x.yaml",
            "{policy: p, tools: [t], tests: [{agent: a, call: t, after: {sum: {x: -1}}, expect: deny}]}",
        ),
        ("policies/x.yaml", "{policy: p, tools: [t], mode: observe}"),
        ("policies/x.yaml", "{policy: p, tools: [t], until: 2026-01-28}"),
        ("policies/x.yaml", "{policy: p, tools: [t], tests: [{agent: a, expect: allow}]}"),
        ("policies/x.yaml", "{policy: p, tools: [t], tests: [{agent: a, call: t, expect: yep}]}"),
        (
            "policies/x.yaml",
            "{policy: p, tools: [t], tests: [{agent: a, call: t, request: GET x, expect: deny}]}",
        ),
        ("policies/x.yaml", "{policy: p, tools: [t], tests: [{agent: a, call: t, body: x, expect: deny}]}"),
    ],
)
def test_the_usual_mistakes_are_seen(name: str, text: str) -> None:
    assert problem(name, yaml.safe_load(text)) != ""


@pytest.mark.parametrize(
    ("document", "good"),
    [
        (TOOL, True),
        ({**TOOL, "base": "https://a.example", "auth": "own"}, True),
        (tool(auth={"secret": "K", "in": "query", "name": "key"}), True),
        (tool(auth={"in": "query", "name": "key"}), False),
        (tool(auth="mine"), False),
        (tool(type="soap"), False),
        (tool(encoding="multipart"), True),
        (tool(encoding="soap"), False),
        (tool(extra="maybe"), False),
        (tool(methods="GET"), False),
        ({**TOOL, "input": {"x": "integer", "y": {"type": "string", "required": False}}}, True),
        ({**TOOL, "input": {"x": "int"}}, False),
        ({**TOOL, "input": {"x": {"type": "string", "max": "9"}}}, False),
        ({**TOOL, "effect": "harmless"}, False),
        ({**TOOL, "approved": False}, True),
        ({**TOOL, "approved": "no"}, False),
    ],
)
def test_a_single_tool_is_read_like_one_of_a_list(document: dict[str, object], good: bool) -> None:
    assert (problem("tools/x.yaml", document) == "") is good
    listed = {key: document[key] for key in document if key not in {"base", "auth"}}
    assert (problem("tools/x.yaml", {"tools": [listed]}) == "") is good


def test_defaults_stand_as_a_user_writes_them() -> None:
    settings = schema_of("wharfinger.yaml")
    defaults = {name: each.get("default") for name, each in settings["properties"].items()}
    assert (defaults["listen"], defaults["data"]) == ("127.0.0.1:8080", None)
    limits = settings["$defs"]["Limits"]["properties"]
    assert (limits["body"]["default"], limits["headers"]["default"]) == ("32MiB", "64KiB")
    assert settings["$defs"]["Approvals"]["properties"]["hold"]["default"] == "50s"


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_described(name: str) -> None:
    schema = schemas()[name]
    for part in (schema, *schema.get("$defs", {}).values()):
        for choice in (part, *part.get("anyOf", ())):
            for key, each in choice.get("properties", {}).items():
                assert "description" in each or "$ref" in each, key
