"""A door to one API: it leads there and nowhere else, to whoever shows a token, the way all requests go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from wharfinger.faults import Fault
from wharfinger.flow.ways import Reverse
from wharfinger.isolation import attaching
from wharfinger.isolation.attaching import Hello
from wharfinger.rules import doors

from tests.addon.flow.conftest import SECRET, SETTINGS, read_response
from tests.addon.flow.test_doors import token as run_token
from tests.conftest import Reply


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def proxy(start: Any, origin: Any, plain_origin: Any, port: int) -> AsyncIterator[Any]:
    settings = SETTINGS.format(port=origin.port, plain=plain_origin.port)
    settings += f"doors: [{{listen: 127.0.0.1:{port}, to: https://api.example.com}}]\n"
    async with start({"wharfinger.yaml": settings}) as running:
        yield running


class AtDoor:
    """One connection to a door."""

    def __init__(self, proxy: Any, port: int, reader: Any, writer: Any) -> None:
        self.proxy, self.port, self.reader, self.writer = proxy, port, reader, writer

    @classmethod
    async def opened(cls, proxy: Any, port: int) -> AtDoor:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        proxy._writers.append(writer)
        return cls(proxy, port, reader, writer)

    async def ask(
        self,
        method: str = "GET",
        path: str = "/items/i1",
        *,
        login: str | None = None,
        host: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Any:
        shown = doors.login_path("bot", self.proxy.token()) if login is None else login
        raw = self.proxy.raw(method, f"{shown}{path}", fields, body, host=host or f"127.0.0.1:{self.port}")
        return await self.send(raw)

    async def send(self, raw: bytes) -> Any:
        self.writer.write(raw)
        return await read_response(self.reader)


@pytest.fixture
async def door(proxy: Any, port: int) -> AtDoor:
    return await AtDoor.opened(proxy, port)


async def test_a_request_goes_the_way_of_all_requests(proxy: Any, origin: Any, door: AtDoor) -> None:
    answered = await door.ask()
    assert answered.status == 200
    (seen,) = origin.requests
    assert (seen.target, seen.header("host")) == ("/items/i1", "api.example.com")
    assert seen.header("authorization") == f"Bearer {SECRET}"
    intent, outcome = await proxy.events(answered.decision)
    assert (intent["kind"], outcome["kind"]) == ("intent", "outcome")
    assert (intent["agent"], intent["identified_by"]) == ("bot", "token")
    assert proxy.token() not in str(await proxy.settled())


async def test_what_policy_refuses_is_refused_and_nothing_is_sent(
    proxy: Any, origin: Any, door: AtDoor
) -> None:
    answered = await door.ask("DELETE")
    assert (answered.status, answered.code) == (403, "denied")
    assert "Items are kept" in answered.json["message"]
    assert (await door.ask(path="/nowhere")).status == 403
    assert origin.connections == 0


async def test_it_is_held_for_a_person_like_any_other(proxy: Any, origin: Any, door: AtDoor) -> None:
    body = b'{"amount": 5}'
    answered = await door.ask("POST", "/pay", body=body, fields=(("Content-Type", "application/json"),))
    assert (answered.status, answered.code) == (403, "approval_pending")
    assert origin.connections == 0


async def test_the_answer_is_redacted(origin: Any, door: AtDoor) -> None:
    origin.answer = lambda seen: Reply(body=f'{{"echo": "{SECRET}"}}'.encode())
    answered = await door.ask()
    assert answered.status == 200
    assert SECRET.encode() not in answered.body


async def test_a_body_and_many_requests_on_one_connection(origin: Any, door: AtDoor) -> None:
    for _ in range(3):
        body = b'{"name": "a"}'
        answered = await door.ask("POST", "/items", body=body, fields=(("Content-Type", "application/json"),))
        assert answered.status == 200
    assert [seen.body for seen in origin.requests] == [b'{"name": "a"}'] * 3


IDENTITIES = {
    "no token": lambda proxy: "",
    "an empty one": lambda proxy: "/wharfinger-agent/bot/",
    "another agent's": lambda proxy: doors.login_path("bot", proxy.token("second")),
    "an agent there is not": lambda proxy: doors.login_path("nobody", proxy.token()),
    "one that was cut short": lambda proxy: doors.login_path("bot", proxy.token()[:-1]),
    "the agent alone": lambda proxy: "/wharfinger-agent/bot",
    "its prefix encoded": lambda proxy: doors.login_path("bot", proxy.token()).replace("-", "%2D", 1),
    "a control byte": lambda proxy: doors.login_path("bot", proxy.token() + "%00"),
    "the self-test's name": lambda proxy: (
        "/wharfinger-agent/(self-test)/" + proxy.runtime.live.callers.probe[1]
    ),
    "twice": lambda proxy: doors.login_path("second", proxy.token("bot")) + doors.login_path("bot", "x"),
}


async def test_without_its_own_token_nobody_passes(proxy: Any, origin: Any, port: int) -> None:
    for name, login in IDENTITIES.items():
        answered = await (await AtDoor.opened(proxy, port)).ask(login=login(proxy))
        assert (answered.status, answered.code) == (407, "identity"), name
    assert origin.connections == 0
    assert (await (await AtDoor.opened(proxy, port)).ask()).status == 200


async def test_a_run_token_is_good_here_and_one_of_an_isolated_run_is_not(proxy: Any, door: AtDoor) -> None:
    live = proxy.runtime.live
    live.callers.begin_run("r2", "bot", None)
    live.callers.begin_run("r3", "bot", None, confinement="isolated")
    assert (await door.ask(login=doors.login_path("bot", run_token(proxy, "r2")))).status == 200
    other = await AtDoor.opened(proxy, door.port)
    assert (await other.ask(login=doors.login_path("bot", run_token(proxy, "r3")))).status == 407


async def test_a_login_as_at_a_proxy_is_taken_as_well_but_not_two(proxy: Any, door: AtDoor) -> None:
    field = ("Proxy-Authorization", proxy.proxy_auth())
    assert (await door.ask(login="", fields=(field,))).status == 200
    assert (await door.ask(fields=(field,))).status == 407


async def test_another_agent_on_the_same_connection_ends_it(proxy: Any, origin: Any, door: AtDoor) -> None:
    assert (await door.ask()).status == 200
    answered = await door.ask(login=doors.login_path("second", proxy.token("second")))
    assert answered.status == 407
    assert await door.reader.read() == b""
    assert len(origin.requests) == 1


async def test_every_request_says_who_asks(proxy: Any, origin: Any, door: AtDoor) -> None:
    assert (await door.ask()).status == 200
    assert (await door.ask(login="")).status == 407
    assert len(origin.requests) == 1


async def test_a_placeholder_of_another_agent_is_misuse_here_too(
    proxy: Any, origin: Any, door: AtDoor
) -> None:
    login = doors.login_path("second", proxy.token("second"))
    assert (await door.ask(login=login)).code == "misuse"
    assert origin.connections == 0


HOSTS = [
    "api.example.com", "api.example.com:443", "evil.example", "evil.example:{port}", "127.0.0.1", "localhost",
    "127.0.0.1:1", "127.0.0.2:{port}", "[::1]:{port}", "0x7f.1:{port}", "2130706433:{port}",
    "localhost.evil.example:{port}", "127.0.0.1:{port}@evil.example", "",
]  # fmt: skip


async def test_a_name_that_leads_here_is_no_way_in(proxy: Any, origin: Any, port: int) -> None:
    """DNS rebinding: a page's own name, resolved to loopback, stands in the `Host`."""
    for host in HOSTS:
        written = host.replace("{port}", str(port)) or " "
        answered = await (await AtDoor.opened(proxy, port)).ask(host=written)
        assert (answered.status, answered.code) == (400, "bad_request"), host
    assert origin.connections == 0


async def test_its_own_names_are(door: AtDoor) -> None:
    for host in ("127.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST", "localhost."):
        assert (await door.ask(host=f"{host}:{door.port}")).status == 200, host


async def test_pages_in_a_browser_are_refused(proxy: Any, origin: Any, port: int) -> None:
    fields = {"Origin": ("null", "http://127.0.0.1", f"http://127.0.0.1:{port}"), "Sec-Fetch-Site": ("none",)}
    for name, values in fields.items():
        for value in values:
            answered = await (await AtDoor.opened(proxy, port)).ask(fields=((name, value),))
            assert (answered.status, answered.code) == (400, "bad_request"), (name, value)
    assert origin.connections == 0


RAW = {
    # Each would be let through, were it not for what it is called by here.
    "absolute form": "GET http://{here}{login}/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n",
    "absolute form to another": "GET http://other.example.com/ HTTP/1.1\r\nHost: other.example.com\r\n\r\n",
    "absolute https": "GET https://api.example.com/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n",
    "CONNECT": "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n",
    "CONNECT with a login": "CONNECT other.example.com:443 HTTP/1.1\r\n{basic}Host: {here}\r\n\r\n",
    "CONNECT in small letters": "connect {login}/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n",
    "asterisk": "OPTIONS * HTTP/1.1\r\n{basic}Host: {here}\r\n\r\n",
    "two Hosts": "GET {login}/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\nHost: other.example.com\r\n\r\n",
    "two Hosts alike": "GET {login}/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\nHost: {here}\r\n\r\n",
    "no Host": "GET {login}/items/i1 HTTP/1.1\r\n{key}\r\n",
    "no Host in HTTP/1.0": "GET {login}/items/i1 HTTP/1.0\r\n{key}\r\n",
    "HTTP/2 without TLS": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two framings": "POST {login}/items HTTP/1.1\r\n{key}Host: {here}\r\nContent-Length: 2\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an authority as the path": "GET //other.example.com/items/i1 HTTP/1.1\r\n{basic}Host: {here}\r\n\r\n",
    "an authority behind the login": "GET {login}//items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n",
    "dots behind the login": "GET {login}/x/../items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n",
    "TLS": "\x16\x03\x01\x00\x05hello\r\n\r\n",
}


async def test_it_is_no_proxy_and_speaks_no_other_protocol(proxy: Any, origin: Any, port: int) -> None:
    given = {
        "here": f"127.0.0.1:{port}",
        "login": doors.login_path("bot", proxy.token()),
        "key": f"Authorization: Bearer {proxy.placeholder()}\r\n",
        "basic": f"Proxy-Authorization: {proxy.proxy_auth()}\r\n",
    }
    for name, text in RAW.items():
        door = await AtDoor.opened(proxy, port)
        answered = await door.send(text.format(**given).encode("latin-1"))
        assert answered.status in {400, 403, 407}, name
        assert "api.example.com" not in answered.body.decode(), name
    assert origin.connections == 0
    good = "GET {login}/items/i1 HTTP/1.1\r\n{key}Host: {here}\r\n\r\n".format(**given)
    assert (await (await AtDoor.opened(proxy, port)).send(good.encode())).status == 200


async def test_no_other_protocol_is_switched_to(proxy: Any, origin: Any, port: int) -> None:
    for protocol in ("h2c", "websocket", "TLS/1.0"):
        upgrade = (
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", protocol),
            ("HTTP2-Settings", "AAMA"),
        )
        answered = await (await AtDoor.opened(proxy, port)).ask(fields=upgrade)
        assert answered.status in {200, 400, 403}, protocol
    assert [seen.header("upgrade") for seen in origin.requests] == [None] * len(origin.requests)
    assert [seen.header("http2-settings") for seen in origin.requests] == [None] * len(origin.requests)


async def test_a_request_that_no_hook_has_let_in_goes_nowhere(
    start: Any, origin: Any, plain_origin: Any, port: int
) -> None:
    """The hook that knows agents is missing, or fails, on the second request: nothing is sent, as before."""
    settings = SETTINGS.format(port=origin.port, plain=plain_origin.port)
    settings += f"doors: [{{listen: 127.0.0.1:{port}, to: https://api.example.com}}]\n"

    class Once:
        def __init__(self, identity: Any) -> None:
            self.identity, self.asked = identity, 0

        def requestheaders(self, flow: Any) -> None:
            self.asked += 1
            if self.asked == 1:
                self.identity.requestheaders(flow)
            else:
                raise RuntimeError("broken")

    def hooks(_runtime: Any, concerns: Any) -> list[object]:
        identity, *others = concerns
        return [Once(identity), *others]

    async with start({"wharfinger.yaml": settings}, hooks=hooks) as proxy:
        door = await AtDoor.opened(proxy, port)
        assert (await door.ask()).status == 200
        assert (await door.ask()).status in {400, 403}
        assert len(origin.requests) == 1


async def test_inside_of_a_run_the_socket_says_who_asks(proxy: Any, origin: Any, port: int) -> None:
    live, listener = proxy.runtime.live, proxy.runtime.master.listener
    live.callers.begin_run("r1", "bot", None, confinement="isolated")
    sock = socket.create_server(("127.0.0.2", port))
    sock.setblocking(False)
    await listener.open_door(sock, Hello("r1", "bot", run_token(proxy)), attaching.API)
    reader, writer = await asyncio.open_connection("127.0.0.2", port)
    inside = AtDoor(proxy, port, reader, writer)
    answered = await inside.ask(login="")
    assert answered.status == 200
    intent, _ = await proxy.events(answered.decision)
    assert (intent["identified_by"], intent["confinement"], intent["run"]) == ("socket", "isolated", "r1")
    assert (await inside.ask(login=doors.login_path("second", proxy.token("second")))).status == 407
    writer.close()
    listener.close_door("r1")


async def test_a_run_gets_no_door_that_the_settings_do_not_name(proxy: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock, pytest.raises(Fault, match="no such door"):
        await proxy.runtime.master.listener.open_door(sock, Hello("r1", "bot", "t"), attaching.API)


async def test_nobody_is_led_to_a_door_of_ours(proxy: Any, port: int) -> None:
    assert ("127.0.0.1", port) in proxy.runtime.master.dialer._own()


def test_what_stands_in_the_place_of_a_login() -> None:
    known = ("bot", "wa_x-Y")
    table = {
        "/wharfinger-agent/bot/wa_x-Y/v1/models?a=b": (known, "/v1/models?a=b"),
        "/wharfinger-agent/bot/wa_x-Y": (known, "/"),
        "/wharfinger-agent/bot/wa_x-Y?a=b": (known, "/?a=b"),
        "/wharfinger-agent/bot/wa_x-Y//x": (known, "//x"),
        "/v1/models": (None, "/v1/models"),
        "/wharfinger-agents/bot/t/x": (None, "/wharfinger-agents/bot/t/x"),
        "/wharfinger-agent/bot": (doors.UNKNOWN, "/"),
        "/wharfinger-agent/bot/a%20b/x": (doors.UNKNOWN, "/"),
        "/wharfinger-agent/../x/y": (("..", "x"), "/y"),
    }
    assert {target: doors.read_login(target) for target in table} == table


def test_the_host_of_another_port_names_it() -> None:
    assert Reverse("api.example.com", 8443, ("127.0.0.1", 1)).authority == "api.example.com:8443"
