"""JSON-RPC 2.0: each element of a batch is a call, and one that is no known tool denies the whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

TOOLS = """
    api: rpc
    base: https://rpc.example.com
    tools:
      - tool: item_get
        effect: read
        run: {type: jsonrpc, url: /rpc, method: item.get, params: {id: "${id}"}}
      - tool: search
        effect: read
        run: {type: jsonrpc, url: /rpc, method: tools/call, params: {name: search, arguments: {q: "${q}"}}}
      - tool: wipe
        effect: destructive
        run: {type: jsonrpc, url: /rpc, method: tools/call, params: {name: wipe, arguments: {}}}
"""
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def recognise(compile_tools: Any, make_request: Any) -> Any:
    toolset, problems = compile_tools(TOOLS)
    assert not problems.errors

    def recognised(body: object) -> Any:
        data = json.dumps(body).encode()
        return toolset.recognise(make_request("POST https://rpc.example.com/rpc", JSON, data))

    return recognised


def one(method: str, params: object = None, **more: object) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        **({} if params is None else {"params": params}),
        **more,
    }


def test_a_request_is_a_call_and_its_params_are_inputs(recognise: Any) -> None:
    read = recognise(one("item.get", {"id": "7"}))
    assert read.refusal is None
    assert [(call.tool, call.inputs) for call in read.calls] == [("item_get", {"id": "7"})]


def test_each_element_of_a_batch_is_a_call(recognise: Any) -> None:
    batch = [one("item.get", {"id": "7"}), one("tools/call", {"name": "search", "arguments": {"q": "x"}})]
    read = recognise(batch)
    assert read.refusal is None
    assert [call.tool for call in read.calls] == ["item_get", "search"]
    assert [tool.name for tool in read.winners] == ["item_get", "search"]


def test_one_unknown_element_denies_the_whole(recognise: Any) -> None:
    read = recognise([one("item.get", {"id": "7"}), one("item.drop", {"id": "7"})])
    assert [call.tool for call in read.calls] == ["item_get", "unmatched"]
    assert read.refusal.reason == "operation 2 of 2 of the request is no known tool"


def test_a_name_in_the_params_chooses_the_tool(recognise: Any) -> None:
    read = recognise(one("tools/call", {"name": "wipe", "arguments": {}}))
    assert [call.tool for call in read.calls] == ["wipe"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        5,
        [5],
        {"method": "item.get"},
        one("item.get", 5),
        one("item.get", {"id": "7"}, extra=1),
        {"jsonrpc": "1.0", "id": 1, "method": "item.get"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        [one("item.get", {"id": "7"})] * 257,
    ],
)
def test_what_is_not_the_protocol_is_refused(recognise: Any, body: object) -> None:
    read = recognise(body)
    assert read.refusal is not None
    assert not read.parts


def test_a_tool_filled_in_is_recognised(compile_tools: Any) -> None:
    toolset, _ = compile_tools(TOOLS)
    request = toolset["search"].fill({"q": "x"}).request("a")
    assert [call.tool for call in toolset.recognise(request).calls] == ["search"]


def test_the_effect_must_be_said(compile_tools: Any) -> None:
    _, problems = compile_tools(TOOLS.replace("effect: destructive", "description: Wipe"))
    assert ["effect" in str(problem) for problem in problems.errors] == [True]
