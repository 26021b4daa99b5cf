"""A refusal in the protocol's own shape reaches the caller, through the clients' own exceptions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.spoken import JSONRPC_CODE, PERSISTED_UNKNOWN, spoken
from wharfinger.rules.types import Code, Request

REASON = "wiping is denied by the policy main"
HELP = "Do not try again."
SAID = "Wiping is denied by the policy main. Do not try again."


def request(body: object) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = (("Host", "api.example.com"), ("Content-Type", "application/json"))
    return Request("bot", "POST", "https", "api.example.com", 443, "/rpc", fields, data)


def refusal(protocol: str, body: object, code: Code = Code.DENIED) -> Answer:
    return Answer(
        code, REASON, HELP, "d_1", tool="wipe", rule="p.yaml:3", spoken=spoken(protocol, request(body))
    )


def rpc(**more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "wipe"}, **more}


@pytest.mark.parametrize(
    ("sent", "given_back"),
    [
        (7, 7),
        ("a-7", "a-7"),
        (None, None),
        (1.5, None),
        (True, None),
        (2**60, None),
        ("a" * 65, None),
        ("<script>", None),
        ("sk test", None),
        ({"a": 1}, None),
    ],
)
def test_only_plain_ids_are_given_back(sent: object, given_back: object) -> None:
    """Red when `_id` gives back whatever it finds."""
    answered = json.loads(refusal("jsonrpc", rpc(id=sent)).body())
    assert answered == {
        "jsonrpc": "2.0",
        "id": given_back,
        "error": {
            "code": JSONRPC_CODE,
            "message": SAID,
            "data": {
                "type": "wharfinger", "code": "denied", "decision": "d_1", "tool": "wipe", "rule": "p.yaml:3",
            },
        },
    }  # fmt: skip


@pytest.mark.parametrize("protocol", ["jsonrpc", "graphql"])
def test_a_batch_that_is_too_long_is_answered_once(protocol: str) -> None:
    """Red when each of its parts is: the answer to a megabyte is a hundred of them."""
    said = refusal(protocol, [1] * 257).body()
    assert isinstance(json.loads(said), dict)
    assert len(json.loads(refusal(protocol, [1] * 256).body())) == 256


def test_a_batch_is_answered_for_each_that_waits() -> None:
    answered = json.loads(refusal("jsonrpc", [rpc(id=1), rpc(), rpc(id="b"), 5]).body())
    assert [each["id"] for each in answered] == [1, "b", None]


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": 1, "id": 2}', b"[]", [[]]])
def test_what_cannot_be_read_has_no_id(body: object) -> None:
    answered = json.loads(refusal("jsonrpc", body).body())
    each = answered[0] if isinstance(answered, list) else answered
    assert (each["id"], each["error"]["message"]) == (None, SAID)


@pytest.mark.parametrize("body", [rpc(), [rpc()], {"jsonrpc": "2.0", "id": 1, "result": {}}])
def test_where_nobody_waits_the_answer_is_the_usual_one(body: object) -> None:
    answer = refusal("jsonrpc", body)
    assert (answer.http_status, json.loads(answer.body())["message"]) == (403, SAID)


def test_the_status() -> None:
    assert refusal("jsonrpc", rpc(id=1)).http_status == 200
    assert refusal("jsonrpc", rpc(id=1), Code.UNAVAILABLE).http_status == 502
    assert refusal("graphql", {"query": "{ a }"}).http_status == 403
    assert refusal("http", rpc(id=1)).http_status == 403


def test_graphql_has_errors_beside_the_usual() -> None:
    answered = json.loads(refusal("graphql", {"query": "{ a }"}).body())
    assert answered["data"] is None
    assert answered["message"] == answered["error"]["message"] == SAID
    (error,) = answered["errors"]
    assert (error["message"], error["extensions"]["code"]) == (SAID, "denied")
    batch = json.loads(refusal("graphql", [{"query": "{ a }"}, {"query": "{ b }"}]).body())
    assert [each["errors"][0]["message"] for each in batch] == [SAID, SAID]


def test_an_unknown_persisted_document_is_asked_for_whole() -> None:
    answered = json.loads(refusal("graphql", {"extensions": {"persistedQuery": {}}}).body())
    assert answered["errors"][0]["extensions"]["code"] == PERSISTED_UNKNOWN


# Clients


class _Server(BaseHTTPRequestHandler):
    """Answers MCP and GraphQL, and refuses what is called `wipe`, as the proxy would."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "wipe" in json.dumps(asked):
            return self._send(refusal("graphql" if "query" in asked else "jsonrpc", asked))
        if "query" in asked:
            return self._send_json({"data": {"ok": True}})
        if "id" not in asked:
            return self._send_json(None, 202)
        return self._send_json({"jsonrpc": "2.0", "id": asked["id"], **self._mcp(asked["method"])})

    def _mcp(self, method: str) -> dict[str, Any]:
        if method == "initialize":
            server = {"name": "x", "version": "1"}
            return {
                "result": {
                    "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server,
                }
            }  # fmt: skip
        if method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("search", "wipe")]
            return {"result": {"tools": tools}}
        if method == "tools/call":
            return {"result": {"content": [{"type": "text", "text": "found"}]}}
        return {"error": {"code": -32601, "message": "no such method"}}

    def do_GET(self) -> None:
        self._send_json(None, 405)

    do_DELETE = do_GET  # noqa: N815 - the name that the server looks for

    def _send_json(self, content: object, status: int = 200) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, answer: Answer) -> None:
        self.wfile.write(answer.raw())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


async def test_mcp_shows_the_refusal_and_goes_on(server: str) -> None:
    mcp = pytest.importorskip("mcp")
    from mcp.client.streamable_http import streamable_http_client

    async with (
        streamable_http_client(f"{server}/mcp") as streams,
        mcp.ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        with pytest.raises(Exception, match=HELP) as raised:
            await session.call_tool("wipe", {})
        assert SAID in str(raised.value)
        assert (await session.call_tool("search", {})).content[0].text == "found"


async def test_gql_shows_the_refusal_and_goes_on(server: str) -> None:
    gql = pytest.importorskip("gql")
    from gql.transport.httpx import HTTPXAsyncTransport

    async with gql.Client(transport=HTTPXAsyncTransport(url=f"{server}/graphql")) as session:
        with pytest.raises(Exception, match=HELP):
            await session.execute(gql.gql("mutation { wipe }"))
        assert await session.execute(gql.gql("{ ok }")) == {"ok": True}
