"""What every request must pass: our host, our origin, our form, bounded; and what every answer carries."""

import asyncio

import httpx2
import pytest
from wharfinger.control.office.guard import BODY_LIMIT, HEADERS
from wharfinger.signin.session import Kind

CHANGING = [
    "/stop",
    "/account/password",
    "/account/sessions/end",
    "/account/tokens",
    "/account/tokens/revoke",
    "/approvals/a_x/approve",
    "/approvals/a_x/deny",
    "/approvals/a_x/grant",
    "/grants/g_x/approve",
    "/grants/g_x/revoke",
    "/sign-out",
]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example.com:{port}",
        "evil.example.com:{port}",
        "127.0.0.1:{port}.",
        "127.0.0.2:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "LOCALHOST.:{port}",
        "user@127.0.0.1:{port}",
        "",
    ],
)
async def test_another_host_is_not_served(house, host) -> None:
    """So a page of another site that has its name point to us reads nothing (DNS rebinding)."""
    browser = await house.signed_in("alice")
    answer = await browser.get("/", Host=host.format(port=house.port))
    assert answer.status_code in {400, 421}
    assert "Overview" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "wharfinger.localhost:{port}"])
async def test_its_own_hosts_are(house, host) -> None:
    answer = await house.browser().get("/sign-in", Host=host.format(port=house.port))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},  # ours, but not of this page's host
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:{port}.evil.example.com"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.com", "Authorization": "Bearer wt_x"},
        {"Authorization": "Basic eDp5"},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/stop", "/sign-in", "/sign-out"])
async def test_nothing_is_changed_from_elsewhere(house, headers, path) -> None:
    browser = await house.signed_in("alice")
    sent = {name: value.format(port=house.port) for name, value in headers.items()}
    answer = await browser.http.post(path, data={"csrf": browser.csrf, "reason": "x"}, headers=sent)
    assert answer.status_code == 403
    assert house.stopped == []
    assert (await browser.get("/account")).status_code == 200


async def test_what_is_refused_above_would_have_been_done(real) -> None:
    browser = await real.signed_in("alice")
    assert (await browser.post("/stop", {"reason": "fire"})).status_code == 200
    assert real.stopped == ["alice: fire"]


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("secret", ["", "0" * 64, "other", None])
async def test_a_form_without_the_secret_of_its_session_changes_nothing(house, path, secret) -> None:
    browser, other = await house.signed_in("alice"), await house.signed_in("bob")
    form = {} if secret is None else {"csrf": other.csrf if secret == "other" else secret}
    assert other.csrf != browser.csrf
    answer = await browser.http.post(path, data=form | {"reason": "x"}, headers={"Origin": browser.origin})
    assert answer.status_code == 403
    assert house.stopped == []
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
async def test_a_form_is_a_form(house, kind) -> None:
    browser = await house.signed_in("alice")
    answer = await browser.http.post(
        "/stop", content=f"csrf={browser.csrf}&reason=x",
        headers={"Origin": browser.origin, "Content-Type": kind},
    )  # fmt: skip
    assert answer.status_code == 400
    assert house.stopped == []


async def test_a_field_that_stands_twice_is_refused(house) -> None:
    browser = await house.signed_in("alice")
    answer = await browser.http.post(
        "/stop", content=f"csrf={browser.csrf}&reason=x&reason=y",
        headers={"Origin": browser.origin, "Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert answer.status_code == 400
    assert house.stopped == []


async def test_get_and_head_change_nothing(real) -> None:
    """A thousand of them, on every path there is, as unfurlers, scanners and previews send them."""
    browser = await real.signed_in("alice")
    before = [event async for event in numbered(real)]
    paths = [*CHANGING, "/", "/approvals", "/audit", "/sign-in?next=/stop", "/sign-in/link", "/account"]
    agents = ["Slackbot-LinkExpanding 1.0", "TelegramBot (like TwitterBot)", "Mozilla/5.0 HeadlessChrome"]
    room = asyncio.Semaphore(20)

    async def once(number: int) -> None:
        async with room:
            method = ("GET", "HEAD")[number % 2]
            path = paths[number % len(paths)]
            path += f"{'&' if '?' in path else '?'}csrf={browser.csrf}"
            answer = await browser.http.request(
                method, path, headers={"User-Agent": agents[number % 3], "Origin": browser.origin}
            )
            assert answer.status_code in ({405} if path.partition("?")[0] in CHANGING else {200, 303})

    await asyncio.gather(*(once(number) for number in range(1000)))
    assert [event async for event in numbered(real)] == before
    assert real.stopped == []
    assert (await browser.get("/account")).status_code == 200


async def numbered(house):
    """The events of the book, and the live sessions."""
    from wharfinger.audit import reader

    for record in reader.records(house.desk.data.audit):
        yield record.line
    for session in house.desk.sessions.live(Kind.BROWSER):
        yield session.id


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_none(house, method) -> None:
    browser = await house.signed_in("alice")
    answer = await browser.http.request(method, "/", headers={"Origin": browser.origin})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sign-in"),
        ("GET", "/"),
        ("GET", "/nothing-here"),
        ("POST", "/"),
        ("GET", "/live"),
        ("GET", "/healthz"),
        ("GET", "/audit/../../etc/passwd"),
        ("GET", "/static/../__init__.py"),
        ("GET", "/static/office.css"),
        ("POST", "/stop"),
    ],
)
async def test_every_answer_carries_the_headers(house, method, path) -> None:
    browser = house.browser()
    answer = await browser.http.request(method, path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "server" not in answer.headers


async def test_what_is_served_as_static_may_be_kept_and_nothing_else_is_there(house) -> None:
    browser = house.browser()
    page = (await browser.get("/sign-in")).text
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = await browser.get(style)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    for path in (
        "/static/NOTICE.md", "/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/static/vendor/htmx.min.js",
        "/static/", "/static//etc/passwd", "/static/%00",
    ):  # fmt: skip
        assert (await browser.get(path)).status_code == 404


async def test_what_a_request_may_weigh(real) -> None:
    browser = await real.signed_in("alice")
    big = "x" * (BODY_LIMIT + 1)
    assert (await browser.post("/stop", {"reason": big})).status_code == 413
    assert (await browser.get("/audit?q=" + "x" * 9000)).status_code == 414

    async def parts():
        for _ in range(200):
            yield b"reason=" + b"x" * 1024

    answer = await browser.http.post(
        "/stop", content=parts(),
        headers={"Origin": browser.origin, "Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert answer.status_code == 413
    assert real.stopped == []


async def test_two_hosts_are_none(real) -> None:
    host, port = "127.0.0.1", real.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        f"GET /sign-in HTTP/1.1\r\nHost: {host}:{port}\r\nHost: evil.example.com\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in {b"400", b"421"}


async def test_there_are_no_websockets(real) -> None:
    answer = await real.browser().http.get(
        "/live", headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    )  # fmt: skip
    assert isinstance(answer, httpx2.Response)
    assert answer.status_code == 401
