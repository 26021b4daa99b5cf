"""MCP over streamable HTTP (2025-03-26 with batches, 2025-06-18 and later without) by JSON-RPC tools.

Vectors of P08 (THREATS.md); the comment before each group says what was broken to see it red.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from wharfinger.rules.protocols.speech import Asked

TOOLS = """
    api: docs
    base: https://mcp.example.com
    auth: {secret: DOCS_TOKEN}
    headers: {pass: [Mcp-Session-Id, MCP-Protocol-Version]}
    tools:
      - tool: docs_session
        effect: read
        run: {type: jsonrpc, url: /mcp, extra: allow, method: [initialize, ping, tools/list,
              notifications/initialized, notifications/cancelled, logging/setLevel]}
      - tool: docs_listen
        run: {method: GET, url: /mcp}
      - tool: docs_leave
        effect: write
        run: {method: DELETE, url: /mcp}
      - tool: docs_answer
        effect: write
        input: {result: {type: object, required: false}, error: {type: object, required: false}}
        run: {type: jsonrpc, url: /mcp, method: rpc.response,
              params: {result: "${result}", error: "${error}"}}
      - tool: docs_search
        effect: read
        input: {q: string, limit: {type: integer, required: false}}
        run: {type: jsonrpc, url: /mcp, method: tools/call,
              params: {name: search, arguments: {q: "${q}", limit: "${limit}"}}}
      - tool: docs_publish
        effect: write
        run: {type: jsonrpc, url: /mcp, method: tools/call,
              params: {name: publish, arguments: {id: "${id}"}}}
      - tool: docs_read
        effect: read
        run: {type: jsonrpc, url: /mcp, method: resources/read, params: {uri: "${uri}"}}
      - tool: sum
        effect: read
        input: {a: integer, b: integer}
        run: {type: jsonrpc, url: /sum, method: [sum, total], params: ["${a}", "${b}"]}
"""
URL = "POST https://mcp.example.com/mcp"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {"listChanged": True}},
    "clientInfo": {"name": "mcp", "version": "2.3.0"},
}


@pytest.fixture(scope="module")
def toolset(compile_tools: Any) -> Any:
    made, problems = compile_tools(TOOLS)
    assert not problems.errors, list(map(str, problems.errors))
    return made


@pytest.fixture(scope="module")
def send(toolset: Any, make_request: Any) -> Any:
    def sent(body: object, line: str = URL, **fields: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return toolset.recognise(make_request(line, {**JSON, **named}, data))

    return sent


def asks(method: object, params: object = None, **more: object) -> dict[str, object]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, **more}
    return body if params is None else {**body, "params": params}


def tells(method: str, params: object = None) -> dict[str, object]:
    return {key: value for key, value in asks(method, params).items() if key != "id"}


def calls(read: Any) -> list[tuple[str, Any]]:
    assert read.refusal is None, read.refusal
    return [(call.tool, call.inputs) for call in read.calls]


SEARCH = asks("tools/call", {"name": "search", "arguments": {"q": "x"}})
PUBLISH = asks("tools/call", {"name": "publish", "arguments": {"id": "7"}})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (asks("initialize", INITIALIZE), ("docs_session", {})),
        (tells("notifications/initialized"), ("docs_session", {})),
        (tells("notifications/cancelled", {"requestId": 4, "reason": "late"}), ("docs_session", {})),
        (asks("ping"), ("docs_session", {})),
        (asks("tools/list", {"cursor": "x"}), ("docs_session", {})),
        (asks("tools/list", {}), ("docs_session", {})),
        (SEARCH, ("docs_search", {"q": "x"})),
        (asks("resources/read", {"uri": "file:///a"}), ("docs_read", {"uri": "file:///a"})),
        (PUBLISH, ("docs_publish", {"id": "7"})),
        # red when a call without an id is taken for something else
        (tells("tools/call", {"name": "publish", "arguments": {"id": "7"}}), ("docs_publish", {"id": "7"})),
        # red when answers are not told from requests
        ({"jsonrpc": "2.0", "id": 3, "result": {"roots": []}}, ("docs_answer", {"result": {"roots": []}})),
        ({"jsonrpc": "2.0", "id": 3, "error": {"code": 1}}, ("docs_answer", {"error": {"code": 1}})),
    ],
)
def test_each_message_is_a_call(send: Any, body: object, expected: Any) -> None:
    assert calls(send(body)) == [expected]


def test_a_batch_is_its_messages(send: Any) -> None:
    """Red when only the first, or only requests with an id, are read."""
    batch = [SEARCH, tells("notifications/initialized"), PUBLISH]
    assert [tool for tool, _ in calls(send(batch))] == ["docs_search", "docs_session", "docs_publish"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # red when an unknown part is left out
        (asks("tools/call", {"name": "drop", "arguments": {}}), "no known tool"),
        (asks("tools/call", {"arguments": {}}), "no known tool"),
        (asks("tools/call", ["search", {"q": "x"}]), "no known tool"),
        ([SEARCH, asks("tools/call", {"name": "drop", "arguments": {}})], "operation 2 of 2"),
        ([SEARCH, tells("notifications/other")], "operation 2 of 2"),
        (asks("tools/call\nsearch", {"name": "search", "arguments": {"q": "x"}}), "not JSON-RPC"),
        (asks("Tools/Call", {"name": "search", "arguments": {"q": "x"}}), "no known tool"),
        (asks("tools/call", {"name": ["search"], "arguments": {"q": "x"}}), "no known tool"),
        # red when what stands beside the template passes
        (asks("tools/call", {"name": "publish", "arguments": {"id": "7", "to": "all"}}), "beyond the tool"),
        (asks("tools/call", {"name": "publish", "arguments": {"id": "7"}, "_meta": {"a": 1}}), "beyond the"),
        (asks("tools/call", {"name": "publish", "arguments": []}), '"arguments" is not an object'),
        (asks("tools/call", {"name": "publish"}), '"id" is missing'),
        # red when members, methods and ids are not looked at
        (asks("tools/list", None, Method="tools/call"), "not JSON-RPC"),
        (asks(5), "not JSON-RPC"),
        (asks(None), "not JSON-RPC"),
        (asks(""), "not JSON-RPC"),
        (asks("ping", "x"), "not JSON-RPC"),
        (asks("ping", id=True), "not JSON-RPC"),
        (asks("ping", id={"a": 1}), "not JSON-RPC"),
        (asks("ping", jsonrpc="1.0"), "not JSON-RPC"),
        (asks("ping", jsonrpc=2.0), "not JSON-RPC"),
        (asks("ping", result={}), "not JSON-RPC"),
        (asks("rpc.response", {"result": {}}), "not JSON-RPC"),
        ({"jsonrpc": "2.0", "id": 3, "result": {}, "error": {}}, "not JSON-RPC"),
        ({"jsonrpc": "2.0", "result": {}}, "not JSON-RPC"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/call"}', "key twice"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}{}', "not JSON"),
        ([], "batch is empty"),
        ([[SEARCH]], "not JSON-RPC"),
        ([SEARCH] * 257, "more than 256"),
    ],
)
def test_anything_else_is_refused(send: Any, body: object, reason: str) -> None:
    assert reason in send(body).refusal.reason


def test_what_a_session_says_beyond_is_limited(send: Any) -> None:
    assert "2048 bytes" in send(asks("initialize", {"clientInfo": "x" * 3_000})).refusal.reason


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        ("GET https://mcp.example.com/mcp", "docs_listen"),
        ("DELETE https://mcp.example.com/mcp", "docs_leave"),
    ],
)
def test_listening_and_leaving_are_plain_requests(send: Any, line: str, tool: str) -> None:
    assert calls(send(b"", line)) == [(tool, {})]


def test_params_by_position(send: Any) -> None:
    """Red when a list is read as an object, or its length does not count."""
    line = "POST https://mcp.example.com/sum"
    assert calls(send(asks("sum", [1, 2]), line)) == [("sum", {"a": 1, "b": 2})]
    assert calls(send(asks("total", [1, 2]), line)) == [("sum", {"a": 1, "b": 2})]
    for params in ([1], [1, 2, 3], {"a": 1, "b": 2}, [1, "2"], None):
        assert send(asks("sum", params), line).refusal is not None


def test_a_name_is_looked_up(compile_tools: Any, make_request: Any) -> None:
    """Among a thousand tools of one URL only those of the name are tried."""
    tools = "\n".join(
        f"  - {{tool: t{n}, effect: read, run: {{type: jsonrpc, url: /mcp, method: tools/call, "
        f'params: {{name: n{n}, arguments: {{q: "${{q}}"}}}}}}}}'
        for n in range(1_000)
    )
    toolset, problems = compile_tools(f"api: many\nbase: https://mcp.example.com\ntools:\n{tools}")
    assert not problems.errors
    body = json.dumps(asks("tools/call", {"name": "n500", "arguments": {"q": "x"}})).encode()
    request = make_request(URL, JSON, body)
    assert calls(toolset.recognise(request)) == [("t500", {"q": "x"})]
    found = toolset["t500"]
    read = toolset.recognise(request)
    asked = Asked(request, _Reading(read.body), (found,), len(body))  # type: ignore[arg-type]
    (operation,) = found.speech.read(asked)
    assert operation.keys == ("tools/call\nn500", "tools/call")
    assert found.key == operation.keys[0]


class _Reading:
    def __init__(self, body: Any) -> None:
        self.body = body
        self.fields: dict[str, tuple[str, ...]] = {}
        self.query: dict[str, str] = {}


@pytest.mark.parametrize(
    ("tool", "inputs"),
    [
        ("docs_session", {}),
        ("docs_search", {"q": "x", "limit": 3}),
        ("docs_publish", {"id": "7"}),
        ("docs_read", {"uri": "file:///a"}),
        ("docs_answer", {"result": {"a": 1}}),
        ("sum", {"a": 1, "b": 2}),
    ],
)
def test_a_tool_filled_in_is_recognised(toolset: Any, tool: str, inputs: Any) -> None:
    assert calls(toolset.recognise(toolset[tool].fill(inputs).request("a"))) == [(tool, inputs)]


# What the revision of 2026-07-28 adds


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (SEARCH, {"Mcp_Method": "tools/call", "Mcp_Name": "search"}),
        (SEARCH, {"Mcp_Method": "tools/call", "Mcp_Name": "=?base64?c2VhcmNo?="}),
        (asks("ping"), {"Mcp_Method": "ping"}),
        (asks("resources/read", {"uri": "file:///a"}), {"Mcp_Name": "file:///a"}),
    ],
)
def test_header_fields_that_repeat_the_body_go_on(send: Any, body: object, fields: dict[str, str]) -> None:
    read = send(body, **fields)
    assert read.refusal is None
    assert {"mcp-method", "mcp-name"} <= read.winner.passed


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        # red, each, when the fields are not compared
        (SEARCH, {"Mcp_Method": "tools/list"}),
        (SEARCH, {"Mcp_Method": ""}),
        (SEARCH, {"Mcp_Name": "publish"}),
        (SEARCH, {"Mcp_Name": "=?base64?cHVibGlzaA==?="}),
        (SEARCH, {"Mcp_Name": "=?base64?%?="}),
        (asks("ping"), {"Mcp_Method": "ping", "Mcp_Name": "search"}),
        ([SEARCH, PUBLISH], {"Mcp_Method": "tools/call"}),
        ({"jsonrpc": "2.0", "id": 3, "result": {}}, {"Mcp_Method": "tools/call"}),
    ],
)
def test_header_fields_that_say_another_thing_are_refused(
    send: Any, body: object, fields: dict[str, str]
) -> None:
    assert "does not say what the body says" in send(body, **fields).refusal.reason


@pytest.mark.parametrize("query", ["method=tools/list", "Method=x", "params=%7B%7D", "jsonrpc=2.0"])
def test_nothing_of_the_request_stands_in_its_url(send: Any, query: str) -> None:
    assert calls(send(SEARCH, f"{URL}?tenant=1"))
    assert "part of the request" in send(SEARCH, f"{URL}?{query}").refusal.reason


def test_metadata_of_the_protocol_is_no_input(send: Any) -> None:
    """A tool without `extra` takes it. Red when it is an extra, or when anything may stand in it."""
    own = {
        "progressToken": 3,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "mcp", "version": "2.3.0"},
        "traceparent": "00-1-2-00",
    }
    publish = {"name": "publish", "arguments": {"id": "7"}}
    assert calls(send(asks("tools/call", {**publish, "_meta": own}))) == [("docs_publish", {"id": "7"})]
    for other in ({**own, "dryRun": False}, {"progressToken": "x" * 3_000}, [1], "x"):
        assert "beyond" in send(asks("tools/call", {**publish, "_meta": other})).refusal.reason


@pytest.mark.parametrize("name", ["Publish", "ｐublish", " publish", "publish\u200b", "PUBLISH\n"])
def test_almost_the_name_of_a_tool_is_refused(compile_tools: Any, make_request: Any, name: str) -> None:
    """A server that is not strict would call the tool; a rule about it would not see that. Red unfolded."""
    toolset, problems = compile_tools("""
        api: open
        base: https://mcp.example.com
        tools:
          - tool: publish
            effect: write
            run: {type: jsonrpc, url: /mcp, method: tools/call, params: {name: publish}}
          - tool: any_tool
            effect: write
            run: {type: jsonrpc, url: /mcp, method: tools/call, params: {name: "${name}"}}
    """)
    assert not problems.errors
    bodies = (asks("tools/call", {"name": each}) for each in (name, "other"))
    odd, other = (toolset.recognise(make_request(URL, JSON, json.dumps(b).encode())) for b in bodies)
    assert "almost the name" in odd.refusal.reason
    assert calls(other) == [("any_tool", {"name": "other"})]
