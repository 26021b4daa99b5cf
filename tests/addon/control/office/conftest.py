"""A data folder in earnest (store, book, approvals) behind a control socket, and the office before it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from wharfinger.audit import events
from wharfinger.control import actions
from wharfinger.control.office.application import application
from wharfinger.control.server import ControlServer
from wharfinger.control.services import Services
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.models.values import Endpoint
from wharfinger.running.desk import Desk
from wharfinger.running.office import Office
from wharfinger.signin import passwords

PASSWORD = "correct horse battery staple"
FILES = {
    "wharfinger.yaml": "version: 1\n",
    "people.yaml": "people: {alice: {role: admin}, bob: {role: approver}, vera: {role: viewer}}\n"
    "teams: {finance: [bob]}\n",
    "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}\n",
    "tools/things.yaml": "api: things\nbase: https://api.example.com\ntools:\n"
    "  - {tool: pay, description: Pay somebody, input: {amount: integer, to: string, note: string},"
    " run: {method: POST, url: /pay, body: {amount: '${amount}', to: '${to}', note: '${note}'}}}\n",
    "policies/main.yaml": "policy: main\nask: [{tool: pay, approvers: [finance]}]\n",
}


def configuration(files: dict[str, str] = FILES) -> Configuration:
    return load(Sources({name: text.encode() for name, text in files.items()}))


@dataclass
class Browser:
    """What a browser does of a console, and what an attacker may leave out."""

    http: httpx2.AsyncClient
    origin: str
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        answer = await self.http.get(path, headers=headers)
        if found := re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text):
            self.csrf = found[1]
        return answer

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> httpx2.Response:
        fields = {"csrf": self.csrf} if self.csrf else {}
        given = {"Origin": self.origin} | headers
        return await self.http.post(path, data=fields | (form or {}), headers=given)

    async def sign_in(self, person: str, password: str = PASSWORD) -> httpx2.Response:
        answer = await self.post("/sign-in", {"person": person, "password": password})
        await self.get("/account")
        return answer

    @property
    def cookie(self) -> str | None:
        return next((cookie.value for cookie in self.http.cookies.jar), None)


@dataclass
class House:
    """The proxy's side, and browsers before the office."""

    desk: Desk
    url: str
    declared: dict[str, Any]
    stopped: list[str] = field(default_factory=list)
    browsers: list[httpx2.AsyncClient] = field(default_factory=list)
    app: Starlette | None = None
    """The office, where it is in this process."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Of the configuration in force."""
    overlaid: Any = None
    checks: dict[str, bool] = field(default_factory=dict)
    """What the proxy has of what it needs."""
    families: list[Any] = field(default_factory=list)
    """What the proxy has counted."""
    courier: Any = None
    """The channels, where a test has any."""

    @property
    def policy_digest(self) -> str:
        return str(self.overlaid.digest)

    async def reload(self, **changed: str) -> None:
        """Put other texts in force; in names, `__` stands for `/`, and `.yaml` is left out."""
        texts = {f"{name.replace('__', '/')}.yaml": text.encode() for name, text in changed.items()}
        self.files = self.files | texts
        self.overlaid._configuration = load(Sources(self.files))
        await self.desk.book.write(events.control("reload", "alice", policy_digest=self.policy_digest))

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def browser(self, **options: Any) -> Browser:
        if self.app is not None:
            options["transport"] = httpx2.ASGITransport(app=self.app)
        http = httpx2.AsyncClient(
            base_url=self.url, trust_env=False, follow_redirects=False, timeout=20, **options
        )
        self.browsers.append(http)
        return Browser(http, self.url)

    async def signed_in(self, person: str) -> Browser:
        """A browser in which a person has signed in, in this process: passwords are tested elsewhere."""
        made = self.browser()
        issued = await self.desk.sessions.by_link(await self.desk.sessions.link(person))
        made.http.cookies.set(f"wharfinger-{self.port}", issued.token, domain="127.0.0.1", path="/")
        await made.get("/account")
        return made


class Overlaid:
    """A configuration of which a test may change the people."""

    def __init__(self, configuration: Configuration, people: dict[str, Any]) -> None:
        self._configuration, self.people = configuration, people

    def __getattr__(self, name: str) -> Any:
        return getattr(self._configuration, name)


STATUS = {
    "running": True, "version": "0", "proxy": "http://127.0.0.1:1", "policy_digest": "d" * 64,
    "configuration": "/etc/wharfinger", "generation": 1, "refused_reload": None, "book": "writable",
    "self_test": [],
    "connections": 0, "runs": 0, "observed": [], "denials": 0, "credentials": [], "channels_down": [],
    "credentials_down": ["STRIPE_KEY: the source vault <answered> (status 503)"],
    "misuse": [{"agent": "support", "reason": "a <placeholder> elsewhere", "count": 3}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[House]:
    """The proxy's side."""
    async with contextlib.AsyncExitStack() as stack:
        loaded = configuration()
        desk = await Desk.open(tmp_path / "data", loaded)
        stack.push_async_callback(desk.close)
        declared: dict[str, Any] = dict(loaded.people)
        overlaid: Any = Overlaid(loaded, declared)
        stopped: list[str] = []

        async def status() -> Any:
            return STATUS

        async def stop(person: str, reason: str) -> None:
            stopped.append(f"{person}: {reason}")

        async def ready() -> Any:
            return made.checks

        async def metrics() -> Any:
            return made.families

        held = {each.name: getattr(desk, each.name) for each in fields(Services) if hasattr(desk, each.name)}
        services = Services(
            **held,
            configuration=lambda: overlaid,
            files=lambda: (made.files, made.policy_digest),
            status=status,
            ready=ready,
            metrics=metrics,
            stop=stop,
            channels=lambda: made.courier,
        )
        control = ControlServer(desk.data.root, actions.dispatcher(services, desk.record))
        await control.start()
        stack.push_async_callback(control.close)
        made = House(desk, "http://127.0.0.1:8081", declared, stopped, overlaid=overlaid)
        made.files = {name: text.encode() for name, text in FILES.items()}
        yield made
        for browser in made.browsers:
            await browser.aclose()


@pytest.fixture
async def house(proxy: House) -> AsyncIterator[House]:
    """With the office in this process, which saves a second for each test."""
    proxy.app = application(proxy.desk.data.root, proxy.port)
    async with proxy.app.router.lifespan_context(proxy.app):
        yield proxy


@pytest.fixture
async def real(proxy: House) -> AsyncIterator[House]:
    """With the office as it is started by the proxy: a process of its own on a socket."""
    office = await Office.start(Endpoint("127.0.0.1", 0), proxy.desk.data.root)
    proxy.url = office.url
    http = proxy.browser().http
    async with asyncio.timeout(20):
        while (await http.get("/healthz")).status_code != 200:
            await asyncio.sleep(0.05)
    yield proxy
    await office.stop()
