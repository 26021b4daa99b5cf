"""Values change while requests go out: none fails, none carries what has ended, and failures are loud."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from wharfinger.credentials import registry
from wharfinger.credentials.keeper import Keeper
from wharfinger.credentials.own_store import OwnStore
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.running import wiring
from wharfinger.running.selftest import SelfTest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are imported without packages, stand-ins too

from standins.vault import ROOT, Token, Vault, soon

LOAD = 8
"""Agents' connections that send one request after another."""
PHRASE = "correct horse battery staple"


def value(number: int) -> str:
    return f"sk_live_{number:04}_4eC39HqLyjWDarjtT1zdp7dc"


class Api:
    """Takes the newest value and the one before it, as services do that rotate."""

    def __init__(self, origin: Any, reply: Any) -> None:
        self.good = [value(0)]
        self.seen: list[str] = []
        self.refused: list[str] = []
        self._reply = reply
        origin.answer = self.answer

    def answer(self, seen: Any) -> Any:
        given = seen.header("authorization").removeprefix("Bearer ")
        self.seen.append(given)
        if given in self.good[-2:]:
            return self._reply()
        self.refused.append(given)
        return self._reply(status=401)


@pytest.fixture
def api(origin: Any, reply: Any) -> Api:
    return Api(origin, reply)


@pytest.fixture
def vault() -> Any:
    server = Vault()
    yield server
    server.close()


def credentials(origin: str, sources: str = "") -> dict[str, str]:
    entry = f'{{from: "{origin}", hosts: [api.example.com, files.example.com], placeholder: "sk_test_"}}'
    other = '{from: "file:other.key", hosts: [other.example.com]}'
    text = f"credentials:\n  EXAMPLE_KEY: {entry}\n  OTHER_KEY: {other}\n{sources}"
    return {"credentials.yaml": text}


def of_vault(vault: Vault, refresh: str = "100ms") -> dict[str, str]:
    declared = f"{{kind: vault, address: {vault.url}, token: file:root.key, refresh: {refresh}}}"
    return {**credentials("vault:stripe#key", f"sources:\n  vault: {declared}\n"), "root.key": ROOT}


def put(vault: Vault, number: int) -> None:
    vault.entries.setdefault("stripe", []).append({"key": value(number)})


@pytest.fixture
def store(tmp_path: Path) -> OwnStore:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    held = OwnStore(data, pytest.fail)
    held.put("KEY", value(0), datetime.now(UTC))
    return held


class Load:
    """Requests from several connections until told to stop; every answer is kept."""

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy
        self.statuses: list[int] = []
        self.on = True

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.get_running_loop().create_task(self._send()) for _ in range(LOAD)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.on = False
        await asyncio.gather(*self._tasks)

    async def _send(self) -> None:
        tunnel = await self.proxy.connect()
        while self.on:
            answered = await tunnel.request("GET", "/items/1")
            self.statuses.append(answered.status)
        await tunnel.close()


async def until(what: str, look: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"{what} did not come in {seconds} s"
        await asyncio.sleep(0.01)


async def test_rotating_in_the_store_under_load_fails_no_request(start: Any, store: Any, api: Api) -> None:
    """Twelve rotations; each is used by the very next request after its command was answered."""
    async with start(credentials("store:KEY")) as proxy:
        keeper = Keeper(proxy.runtime.desk.data.root, proxy.runtime.credentials)
        async with Load(proxy) as load:
            for number in range(1, 13):
                api.good.append(value(number))
                done = await keeper.put(
                    "KEY", value(number), datetime.now(UTC), replace=True, key="file", passphrase=None
                )
                assert done["used_by"] == ["EXAMPLE_KEY"]
                assert proxy.runtime.credentials.current("EXAMPLE_KEY").reveal() == value(number)
                sent = len(api.seen)
                await until("more requests", lambda since=sent: len(api.seen) > since + 2 * LOAD)
        assert set(load.statuses) == {200}
        assert len(load.statuses) > 12 * LOAD
        assert api.refused == []
        assert set(api.seen) >= {value(number) for number in range(1, 13)}
        notices = [event for event in await proxy.settled() if event.get("action") == "credentials.changed"]
        assert len(notices) == 12
        assert notices[0]["detail"] == {"credential": "EXAMPLE_KEY", "generation": 3, "usable": True}
        files = [path for path in proxy.runtime.desk.data.root.rglob("*") if path.is_file()]
        assert not [path for path in files if b"_4eC39HqLyjWDarjtT1zdp7dc" in path.read_bytes()]


async def test_rotating_in_vault_under_load_fails_no_request(start: Any, vault: Vault, api: Api) -> None:
    put(vault, 0)
    async with start(of_vault(vault)) as proxy:
        async with Load(proxy) as load:
            for number in range(1, 9):
                api.good.append(value(number))
                put(vault, number)
                await until("the new value", lambda number=number: value(number) in api.seen)
        assert set(load.statuses) == {200}
        assert api.refused == []
        asked = [each for each in vault.asked if each.path == "/v1/secret/data/stripe"]
        assert len(asked) < len(load.statuses)  # it is asked when due, and not for each request


async def test_a_vault_that_dies_stops_nothing_until_the_value_ends(
    start: Any, vault: Vault, api: Api, origin: Any, monkeypatch: Any
) -> None:
    """Then it is a refusal with the reason and no byte upstream; what comes back is used without a reload."""
    monkeypatch.setattr(registry, "_AGAIN", 0.1)
    put(vault, 0)
    vault.expiring["stripe"] = soon(4)
    async with start(of_vault(vault)) as proxy:
        vault.fault = "an error"
        await until_failed(proxy)
        assert (await proxy.request("GET", "/items/1")).status == 200
        proxy.runtime.credentials._now = lambda: time.time() + 10
        before = origin.connections
        refused = await proxy.request("GET", "/items/1")
        assert (refused.status, refused.code) == (502, "unavailable")
        assert "EXAMPLE_KEY" in refused.json["message"]
        assert "status 500" in refused.json["message"]
        assert "something-secret" not in refused.json["message"]
        assert origin.connections == before
        told = [event for event in await proxy.settled() if event.get("action") == "credentials.failed"]
        assert told[0]["detail"]["credential"] == "EXAMPLE_KEY"
        assert "status 500" in told[0]["reason"]
        (standing, _) = proxy.runtime.credentials.standings()
        assert "status 500" in standing.problem
        assert proxy.runtime.credentials.failures["EXAMPLE_KEY"] >= 1
        vault.fault = ""
        vault.expiring.clear()
        await asyncio.sleep(0.2)
        assert (await proxy.request("GET", "/items/1")).status == 200
        actions = [event.get("action") for event in await proxy.settled()]
        assert "credentials.recovered" in actions


async def until_failed(proxy: Any) -> None:
    end = time.monotonic() + 20
    while not proxy.runtime.credentials.failures["EXAMPLE_KEY"]:
        assert time.monotonic() < end
        assert (await proxy.request("GET", "/items/1")).status == 200
        await asyncio.sleep(0.05)


async def test_what_has_ended_while_nobody_used_it_stops_nobody_and_is_still_kept_from_agents(
    start: Any, vault: Vault, api: Api, origin: Any, reply: Any
) -> None:
    """As over a night. The self-test goes on to look for it, and the first request has another fetched."""
    put(vault, 0)
    vault.expiring["stripe"] = soon(30)
    async with start(of_vault(vault)) as proxy:
        tested = SelfTest(proxy.runtime)
        await tested.begin()
        proxy.runtime.credentials._now = lambda: time.time() + 60
        with pytest.raises(registry.CredentialUnavailable, match="has expired"):
            proxy.runtime.credentials.current("EXAMPLE_KEY")
        assert await tested.examine() == ()
        proxy.runtime.live.secrets._all = (proxy.runtime.credentials.version, SecretSet.of({}))
        assert "EXAMPLE_KEY" in str(await tested.examine())
        proxy.runtime.live.secrets._all = None
        vault.expiring.clear()
        api.good.append(value(1))
        put(vault, 1)
        assert (await proxy.request("GET", "/items/1")).status == 200
        assert api.seen == [value(1)]
        origin.answer = lambda _: reply(body=f'{{"before": "{value(0)}"}}'.encode())
        assert value(0).encode() not in (await proxy.request("GET", "/items/1")).body


GARBAGE = {
    "empty": {"key": ""},
    "short": {"key": "sk_1"},
    "two lines": {"key": value(1) + "\nX-Evil: 1"},
    "no text": {"key": {"a": value(1)}},
    "gone": {"other": value(1)},
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_what_cannot_be_a_value_is_never_sent(
    start: Any, vault: Vault, api: Api, monkeypatch: Any, garbage: str
) -> None:
    monkeypatch.setattr(registry, "_AGAIN", 0.1)
    put(vault, 0)
    async with start(of_vault(vault)) as proxy:
        vault.entries["stripe"].append(GARBAGE[garbage])
        await until_failed(proxy)
        assert (await proxy.request("GET", "/items/1")).status == 200
        assert set(api.seen) == {value(0)}
        api.good.append(value(2))
        put(vault, 2)
        await until_sent(proxy, api, value(2))


async def until_sent(proxy: Any, api: Api, wanted: str) -> None:
    end = time.monotonic() + 20
    while wanted not in api.seen:
        assert time.monotonic() < end
        assert (await proxy.request("GET", "/items/1")).status == 200
        await asyncio.sleep(0.02)


async def test_a_slow_source_holds_up_nobody_who_has_a_value(start: Any, vault: Vault, api: Api) -> None:
    put(vault, 0)
    async with start(of_vault(vault)) as proxy:
        vault.fault = "slow"
        await asyncio.sleep(0.2)
        for _ in range(5):
            assert (await proxy.request("GET", "/items/1")).status == 200
        stuck = [each for each in vault.asked[2:] if each.path.endswith("stripe")]
        assert len(stuck) == 1  # one flight
        vault.fault = ""
        vault.stop.set()


async def test_a_token_of_ones_own_is_renewed_while_nobody_uses_it(
    start: Any, vault: Vault, api: Api, monkeypatch: Any
) -> None:
    monkeypatch.setattr(wiring, "SWEEP", 0.2)
    put(vault, 0)
    own = vault.tokens["hvs.own-0123456789abcdef"] = Token(6, 1000, renewable=True)
    ended = own.ends
    async with start({**of_vault(vault, "1h"), "root.key": "hvs.own-0123456789abcdef"}) as proxy:
        await until("its first end", lambda: time.time() > ended)
        assert own.good
        assert (await proxy.request("GET", "/items/1")).status == 200
