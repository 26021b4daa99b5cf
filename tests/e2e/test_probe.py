"""Nothing that looks on sees a secret: no state of a flow at any hook, no dump, no view, no log line.

In one process with the proxy, so that every flow can be looked at as mitmproxy's own views and dumps do.
"""

from __future__ import annotations

import asyncio
import io
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from mitmproxy import connection, flow, hooks
from mitmproxy import io as dumps
from mitmproxy.addons import dumper, export
from mitmproxy.test import taddons
from staging import apis, spotting
from staging.world import World
from wharfinger.authoring import snapshot
from wharfinger.running import door, wiring
from wharfinger.running.wiring import Runtime


@dataclass
class Onlooker:
    """Keeps all that a view or a dump can get hold of, at every hook."""

    states: list[tuple[str, bytes]] = field(default_factory=list)
    hooks: set[str] = field(default_factory=set)

    def __call__(self, hook: hooks.Hook) -> None:
        self.hooks.add(hook.name)
        for held in hook.args():
            if isinstance(held, flow.Flow):
                self._keep(hook.name, repr(held.get_state()), repr(held), repr(vars(held)))
                self._keep(hook.name, repr(held.client_conn.get_state()), repr(held.server_conn.get_state()))
                self._dump(hook.name, held)
            elif isinstance(held, connection.Connection):
                self._keep(hook.name, repr(held.get_state()), repr(held))
            else:
                self._keep(hook.name, repr(held), repr({name: getattr(held, name) for name in _names(held)}))

    def _keep(self, where: str, *texts: str) -> None:
        self.states += [(where, text.encode()) for text in texts]

    def _dump(self, where: str, held: flow.Flow) -> None:
        """What `Save` writes, and what a person exports."""
        file = io.BytesIO()
        dumps.FlowWriter(file).add(held)
        self.states.append((f"dump at {where}", file.getvalue()))
        for form in (export.raw_request, export.raw_response):
            try:
                self.states.append((f"export at {where}", bytes(form(held))))
            except Exception:
                continue  # there is nothing to export yet

    def shown(self) -> bytes:
        """What mitmproxy's terminal view would print of the dumped flows."""
        out = io.StringIO()
        with taddons.context(view := dumper.Dumper(out)) as context:
            context.configure(view, flow_detail=4, dumper_default_contentview="raw")
            for where, content in self.states:
                if where.startswith("dump"):
                    for held in dumps.FlowReader(io.BytesIO(content)).stream():
                        if getattr(held, "response", None) is not None:
                            view.response(held)
        return out.getvalue().encode()


def _names(held: object) -> list[str]:
    return [name for name in dir(held) if not name.startswith("_") and not callable(getattr(held, name))]


@dataclass
class Probe:
    """A proxy in this process, an onlooker at it, and an agent's client before it."""

    runtime: Runtime
    onlooker: Onlooker
    client: httpx2.AsyncClient
    heard: list[bytes] = field(default_factory=list)

    def held(self, credential: str) -> str:
        placeholder = self.runtime.live.secrets.placeholders.of("bot", credential)
        assert placeholder is not None
        return placeholder

    async def send(self, method: str, url: str, **more: object) -> httpx2.Response:
        answer = await self.client.request(method, url, **more)  # type: ignore[arg-type]
        self.heard.append(f"{answer.headers.multi_items()} {answer.reason_phrase}".encode() + answer.content)
        return answer


@pytest.fixture
async def probe(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Probe]:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("STRIPE_API_KEY", world.keys["STRIPE_API_KEY"])
    taken = snapshot.read(world.configure(f"probe-{tmp_path.name}", hold="1s"))
    onlooker = Onlooker()
    runtime = await wiring.assemble(
        taken, wiring.load(taken), tmp_path / "data", observers=[onlooker], disarm=False
    )
    async with wiring.running(runtime):
        bot = runtime.live.agents["bot"]
        token = runtime.desk.keys.agent_token(bot.id, bot.generation)
        async with httpx2.AsyncClient(
            proxy=door.Door("bot", token, runtime.proxy_url).url, trust_env=False, timeout=20,
            verify=ssl.create_default_context(cafile=str(runtime.client.ca)),
        ) as client:  # fmt: skip
            yield Probe(runtime, onlooker, client)


async def _everything(probe: Probe) -> None:
    """Calls of each kind: allowed, refused, held; whole and streamed; reflected, broken off, misused."""
    mirror, stripe = f"https://{apis.MIRROR}", f"https://{apis.STRIPE}"
    key = probe.held("MIRROR_KEY")
    for how in ("plain", "packed", "pieces", "redirect"):
        await probe.send("GET", f"{mirror}/{how}/bearer", headers={"Authorization": f"Bearer {key}"})
        await probe.send("GET", f"{mirror}/{how}/basic", auth=("user", key))
        await probe.send("GET", f"{mirror}/{how}/header", headers={"X-Mirror-Key": key})
        await probe.send("GET", f"{mirror}/{how}/query", params={"key": key})
    bearer = {"Authorization": f"Bearer {key}"}
    await probe.send("POST", f"{mirror}/plain/bearer", headers=bearer, content=b"streamed " * 1000)
    login = {"Authorization": f"Bearer {probe.held('STRIPE_API_KEY')}"}
    await probe.send("GET", f"{stripe}/v1/payment_intents/pi_1", headers=login)
    for amount in (1500, 7500, 90000):
        form = {"payment_intent": "pi_1", "amount": str(amount)}
        await probe.send("POST", f"{stripe}/v1/refunds", headers=login, data=form)
    await probe.send("GET", f"https://{apis.DOCS}/3/", headers=login)
    model = {"Authorization": f"Bearer {probe.held('OPENAI_API_KEY')}"}
    chat = {"model": "gpt-5", "messages": [], "stream": True}
    await probe.send("POST", f"https://{apis.OPENAI}/v1/chat/completions", headers=model, json=chat)


async def test_no_onlooker_sees_a_secret(
    world: World, probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    received = {host: len(stand_in.requests) for host, stand_in in world.hosts.items()}
    await _everything(probe)
    await asyncio.sleep(0.1)
    await probe.runtime.gate.drain()
    sent = [
        (host, str(seen).encode())
        for host, stand_in in world.hosts.items()
        for seen in stand_in.requests[received[host] :]
    ]
    assert {found.split()[0] for found in spotting.spot(world.keys, sent)} == {
        "MIRROR_KEY", "STRIPE_API_KEY", "OPENAI_API_KEY",
    }, "the real keys were in play"  # fmt: skip
    onlooker = probe.onlooker
    assert {"requestheaders", "request", "responseheaders", "response", "server_connected"} <= onlooker.hooks
    places = [
        *onlooker.states,
        ("the terminal view", onlooker.shown()),
        ("the log", caplog.text.encode()),
        *(("what the agent heard", heard) for heard in probe.heard),
        *spotting.files(probe.runtime.desk.data.root),
    ]
    assert spotting.spot(world.keys, places) == []
    key = {"placeholder": probe.held("MIRROR_KEY")}
    seen = " ".join(spotting.spot(key, places))
    for place in ("requestheaders", "dump at request", "the terminal view", "what the agent heard"):
        assert f"placeholder in {place}" in seen, "looked in the right places"


async def test_errors_name_no_secret(
    world: World, probe: Probe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API that breaks off in the middle of its answer, or has gone."""
    key = probe.held("MIRROR_KEY")
    stand_in = world.hosts[apis.MIRROR]

    def breaks_off(seen: apis.Seen) -> apis.Reply:
        raise ConnectionAbortedError(str(seen))

    monkeypatch.setattr(stand_in, "answer", breaks_off)
    answer = await probe.send("GET", f"https://{apis.MIRROR}/plain/query", params={"key": key})
    assert answer.status_code == 502
    await probe.runtime.gate.drain()
    places = [*probe.onlooker.states, ("log", caplog.text.encode()), ("heard", b"".join(probe.heard))]
    places += spotting.files(probe.runtime.desk.data.root)
    assert spotting.spot(world.keys, places) == []
