"""What an allowed, a denied and an unidentified request do, on real sockets, by the origin's own record."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"
OTHER_SECRET = "gh_live_Aa1Bb2Cc3Dd4Ee5Ff6Gg"


async def test_an_allowed_request_goes_out_with_the_real_credential(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("GET", "/items/7")
    assert answered.status == 200
    (seen,) = origin.requests
    assert (seen.method, seen.target) == ("GET", "/items/7")
    assert seen.header("authorization") == f"Bearer {SECRET}"
    assert proxy.placeholder() not in str(seen.headers)


async def test_the_intent_is_written_before_and_the_outcome_after(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("GET", "/items/7")
    intent, outcome = await proxy.events(answered.decision)
    assert (intent["kind"], intent["verdict"], intent["credentials"]) == ("intent", "allow", ["EXAMPLE_KEY"])
    assert (outcome["kind"], outcome["outcome"], outcome["status"]) == ("outcome", "completed", 200)


async def test_invariant_2_a_denied_request_is_silent(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("DELETE", "/items/7")
    assert (answered.status, answered.code) == (403, "denied")
    assert answered.json["message"].startswith("Items are kept.")
    assert answered.json["rule"] == "policies/everyday.yaml:15"
    assert answered.json["tool"] == "delete_item"
    assert (origin.connections, origin.bytes_received) == (0, 0)


async def test_a_request_no_tool_fits_is_denied_and_silent(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("GET", "/something/else")
    assert (answered.status, answered.code) == (403, "denied")
    assert origin.connections == 0


async def test_every_answer_names_its_decision_and_never_asks_for_a_retry(proxy: Any) -> None:
    for target in ("/items/7", "/nothing"):
        answered = await proxy.request("GET", target)
        assert answered.decision.startswith("d_")
        assert "retry-after" not in answered.headers


@pytest.mark.parametrize(
    "auth",
    [None, "Basic !!!", "Basic Ym90Ondyb25n", "Bearer x", "Basic ", "Basic Ym90"],
    ids=["none", "not base64", "wrong token", "bearer", "empty", "no colon"],
)
async def test_without_a_known_agent_there_is_only_407(proxy: Any, origin: Any, auth: str | None) -> None:
    field = f"Proxy-Authorization: {auth}\r\n" if auth is not None else ""
    for line in ("CONNECT api.example.com:443 HTTP/1.1", "GET http://plain.example.com/ HTTP/1.1"):
        host = line.split(" ")[1].removeprefix("http://").rstrip("/")
        back = await proxy.plain(f"{line}\r\nHost: {host}\r\n{field}\r\n".encode())
        assert back.startswith(b"HTTP/1.1 407 "), back
        assert b'Proxy-Authenticate: Basic realm="wharfinger"' in back
    assert origin.connections == 0


async def test_407_then_credentials_on_the_same_connection_works(proxy: Any) -> None:
    reader, writer = await proxy.open()
    connect = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
    writer.write(f"{connect}\r\n".encode())
    first = await reader.readuntil(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 407")
    length = int(first.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    writer.write(f"{connect}Proxy-Authorization: {proxy.proxy_auth()}\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_one_connection_serves_one_agent(proxy: Any, plain_origin: Any) -> None:
    reader, writer = await proxy.open()
    request = "GET http://plain.example.com/x HTTP/1.1\r\nHost: plain.example.com\r\n"
    writer.write(f"{request}Proxy-Authorization: {proxy.proxy_auth('bot')}\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"0\r\n\r\n")
    writer.write(f"{request}Proxy-Authorization: {proxy.proxy_auth('second')}\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 407")  # and the connection was closed
    assert len(plain_origin.requests) == 1


async def test_absolute_form_needs_the_identity_each_time(proxy: Any, plain_origin: Any) -> None:
    reader, writer = await proxy.open()
    request = "GET http://plain.example.com/x HTTP/1.1\r\nHost: plain.example.com\r\n"
    writer.write(f"{request}Proxy-Authorization: {proxy.proxy_auth()}\r\n\r\n".encode())
    await reader.readuntil(b"0\r\n\r\n")
    writer.write(f"{request}\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 407")
    assert len(plain_origin.requests) == 1
    assert all("proxy" not in name.lower() for seen in plain_origin.requests for name, _ in seen.headers)


async def test_requests_on_one_connection_are_decided_one_by_one(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    assert (await tunnel.request("GET", "/items/1")).status == 200
    assert (await tunnel.request("DELETE", "/items/1")).status == 403
    assert (await tunnel.request("GET", "/items/2")).status == 200
    await tunnel.close()
    assert [seen.target for seen in origin.requests] == ["/items/1", "/items/2"]
    assert origin.connections == 1


async def test_pipelined_requests_are_decided_one_by_one(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    first = await tunnel.send(proxy.raw("GET", "/items/1") + proxy.raw("DELETE", "/items/1"))
    assert first.status == 200
    await asyncio.sleep(0.2)
    await tunnel.close()
    assert [seen.method for seen in origin.requests] == ["GET"]


async def test_invariant_3_only_known_header_fields_go_upstream(proxy: Any, origin: Any) -> None:
    answered = await proxy.request(
        "GET",
        "/items/1",
        [
            ("Accept", "application/json"),
            ("X-Own", "1"),
            ("Wharfinger-Reason", "why"),
            ("Connection", "X-Own"),
        ],
    )
    assert answered.status == 200
    names = {name.lower() for name, _ in origin.requests[0].headers}
    assert names <= {"host", "authorization", "accept", "content-length"}
    intent, _ = await proxy.events(answered.decision)
    assert "x-own" in intent["dropped"]


async def test_the_server_name_must_be_the_host_of_the_connect(proxy: Any, origin: Any) -> None:
    with pytest.raises((OSError, ConnectionError)):
        await proxy.connect("api.example.com", sni="other.example.com")
    assert origin.connections == 0
    assert any("server name" in event.get("reason", "") for event in await proxy.settled())


async def test_the_host_field_must_be_the_host_of_the_connect(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect("api.example.com")
    answered = await tunnel.request("GET", "/items/1", host="other.example.com")
    assert answered.status == 400
    assert origin.connections == 0


async def test_invariant_5_a_placeholder_elsewhere_is_misuse(proxy: Any, origin: Any) -> None:
    placeholder, others = proxy.placeholder(), proxy.placeholder(agent="second")
    tries = [
        await proxy.request("GET", f"/items/{placeholder}"),
        await proxy.request("GET", "/items/1", [("X-Note", placeholder)]),
        await proxy.request("POST", "/items", [("Content-Type", "application/json")],
                            b'{"name": "%s"}' % placeholder.encode()),
        await proxy.request("GET", "/items/1", [("Authorization", f"Bearer {others}")], key=False),
    ]  # fmt: skip
    assert [(answered.status, answered.code) for answered in tries] == [(403, "misuse")] * 4
    assert origin.connections == 0


async def test_invariant_5_a_credential_of_the_agents_own_is_refused(proxy: Any, origin: Any) -> None:
    answered = await proxy.request(
        "GET", "/items/1", [("Authorization", "Bearer sk_attacker_0123")], key=False
    )
    assert (answered.status, answered.code) == (403, "misuse")
    assert origin.connections == 0


async def test_a_missing_credential_names_the_variable_to_set(proxy: Any, origin: Any) -> None:
    answered = await proxy.request("GET", "/items/1", key=False)
    assert answered.status == 403
    assert "EXAMPLE_KEY" in answered.json["message"]
    assert origin.connections == 0


async def test_an_unmatched_request_carries_no_credential(proxy: Any, plain_origin: Any) -> None:
    back = await proxy.plain(
        b"GET http://plain.example.com/a?b=c HTTP/1.1\r\nHost: plain.example.com\r\n"
        b"Proxy-Authorization: " + proxy.proxy_auth().encode() + b"\r\n\r\n"
    )
    assert back.startswith(b"HTTP/1.1 200")
    (seen,) = plain_origin.requests
    assert SECRET not in str(seen.headers)
    assert seen.target == "/a?b=c"


async def test_an_oversized_body_is_413_before_anything_is_opened(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    head = proxy.raw("POST", "/items", [("Content-Type", "application/json"), ("Content-Length", "2000000")])
    answered = await tunnel.send(head + b"x" * 70_000)
    assert (answered.status, answered.code) == (413, "too_large")
    assert origin.connections == 0


async def test_an_oversized_chunked_body_is_413(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect()
    head = proxy.raw(
        "POST", "/items", [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    )
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    answered = await tunnel.send(head + chunk * 20)
    assert (answered.status, answered.code) == (413, "too_large")
    assert origin.connections == 0


async def test_a_streamed_upload_is_decided_on_its_head(proxy: Any, origin: Any) -> None:
    body = b"0123456789abcdef" * 200_000  # larger than limits.body
    answered = await proxy.request("PUT", "/upload/f", (), body, host="files.example.com")
    assert answered.status == 200
    (seen,) = origin.requests
    assert seen.body == body
    assert seen.header("authorization") == f"Bearer {SECRET}"


async def test_a_placeholder_in_a_streamed_upload_cuts_it_off(proxy: Any, origin: Any) -> None:
    tunnel = await proxy.connect("files.example.com")
    body = b"x" * 300_000 + proxy.placeholder().encode() + b"y" * 300_000
    answered = await tunnel.request("PUT", "/upload/f", (), body, host="files.example.com")
    assert (answered.status, answered.code) == (403, "misuse")
    await asyncio.sleep(0.2)
    assert origin.requests == []  # the origin never had a whole request
    events = await proxy.events(answered.decision)
    assert [event["kind"] for event in events] == ["intent", "outcome"]
    assert events[1]["outcome"] == "withheld"


async def test_an_upstream_that_cannot_be_reached_is_a_502_and_an_outcome(start: Any, origin: Any) -> None:
    async with start() as proxy:
        await origin.stop()
        answered = await proxy.request("GET", "/items/1")
        assert (answered.status, answered.code) == (502, "upstream")
        _, outcome = await proxy.events(answered.decision)
        assert outcome["outcome"] == "not_sent"


async def test_an_upstream_with_the_wrong_certificate_gets_nothing(
    start: Any, origin: Any, tmp_path: Any
) -> None:
    async with start({"wharfinger.yaml": _no_trust(origin)}) as proxy:
        answered = await proxy.request("GET", "/items/1")
        assert answered.status == 502
        assert origin.requests == []


def _no_trust(origin: Any) -> str:
    return (
        "version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n"
        f'resolve: {{"api.example.com:443": "127.0.0.1:{origin.port}"}}\n'
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "metadata.google.internal"])
async def test_private_addresses_are_never_dialled(start: Any, host: str, plain_origin: Any) -> None:
    policy = f'policy: everyday\nallow:\n  - tool: unmatched\n    hosts: ["{host}"]\n  - tool: get_item\n'
    async with start({"policies/everyday.yaml": policy}) as proxy:
        back = await proxy.plain(
            f"GET http://{host}:{plain_origin.port}/ HTTP/1.1\r\nHost: {host}:{plain_origin.port}\r\n"
            f"Proxy-Authorization: {proxy.proxy_auth()}\r\n\r\n".encode()
        )
        assert back.startswith((b"HTTP/1.1 403", b"HTTP/1.1 502")), back
    assert plain_origin.connections == 0


async def test_a_login_of_the_agents_own_passes_where_declared_and_shows_nowhere(
    start: Any, origin: Any
) -> None:
    tools = (
        "api: own\nbase: https://other.example.com\nauth: own\ntools:\n  - tool: whoami\n"
        "    run: {method: GET, url: /me}\n"
    )
    policy = "policy: everyday\nallow:\n  - tool: whoami\n"
    shown: list[str] = []

    def observe(hook: Any) -> None:
        flow = hook.args()[0]
        if hook.name in {"requestheaders", "request"}:
            return  # before the gate has decided, the flow is what the agent sent
        if hasattr(flow, "get_state"):
            shown.append(repr(flow.get_state()))

    async with start(
        {"tools/own.yaml": tools, "policies/everyday.yaml": policy}, observers=[observe]
    ) as proxy:
        tunnel = await proxy.connect("other.example.com")
        login = ("Authorization", "Bearer my-own-session-0123456789")
        answered = await tunnel.request("GET", "/me", [login], host="other.example.com", key=False)
        assert answered.status == 200
        assert origin.requests[0].header("authorization") == login[1]
        assert shown
        assert "my-own-session" not in "".join(shown)
        assert "my-own-session" not in str(await proxy.settled())


async def test_a_large_body_is_decided_off_the_event_loop(proxy: Any, origin: Any, monkeypatch: Any) -> None:
    import threading

    deciding = []
    real = type(proxy.runtime.live).decide

    def where(self: Any, *arguments: Any, **more: Any) -> Any:
        deciding.append(threading.current_thread() is threading.main_thread())
        return real(self, *arguments, **more)

    monkeypatch.setattr(type(proxy.runtime.live), "decide", where)
    body = b'{"name": "%s"}' % (b"x" * 100_000)
    assert (await proxy.request("POST", "/items", [("Content-Type", "application/json")], body)).status == 200
    assert (await proxy.request("GET", "/items/1")).status == 200
    assert deciding == [False, True]
    assert [len(seen.body) for seen in origin.requests] == [len(body), 0]
