"""The configuration as the office knows it: fetched once, whole, and never mixed."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from wharfinger.control.office import known
from wharfinger.control.office.known import Configurations, Loaded, is_shown
from wharfinger.control.on_configuration import pack
from wharfinger.faults import Fault

TEXTS = {
    "wharfinger.yaml": b"version: 1\n",
    "people.yaml": b"people: {alice: {role: admin}}\n",
    "agents.yaml": b"agents: {bot: {owner: alice, policies: [main]}}\n",
    "tools/things.yaml": b"tool: pay\nrun: {type: http, method: POST, url: https://api.example.com/pay}\n",
    "policies/main.yaml": b"policy: main\nallow: [{tool: pay}]\n",
}


class Proxy:
    """Answers as the proxy does, in parts of `size` bytes; `turns` come into force one by one."""

    def __init__(self, *turns: dict[str, bytes], size: int = 100_000, every: int = 10**9) -> None:
        self.packed = [pack(files, f"policy {number}") for number, files in enumerate(turns)]
        self.size, self.every, self.asked = size, every, 0

    async def ask(self, action: str, *, digest: str | None = None, after: int | None = None) -> Any:
        assert action == "configuration.files"
        self.asked += 1
        packed = self.packed[min(self.asked // self.every, len(self.packed) - 1)]
        told = {"digest": packed.digest, "policy_digest": packed.policy_digest}
        if after is None and digest == packed.digest:
            return told
        start = after or 0
        part = base64.b64encode(packed.content[start : start + self.size]).decode()
        return told | {"size": len(packed.content), "part": part}


async def test_it_is_fetched_once(monkeypatch) -> None:
    proxy, configurations = Proxy(TEXTS, size=64), Configurations()
    first = await configurations.current(proxy.ask)
    asked = proxy.asked
    assert asked > 3
    assert dict(first.files) == TEXTS
    together = await asyncio.gather(*(configurations.current(proxy.ask) for _ in range(20)))
    assert all(one is first for one in together)
    assert proxy.asked == asked + 20


async def test_one_that_changes_while_it_is_fetched_is_fetched_again_and_never_mixed() -> None:
    other = {**TEXTS, "policies/main.yaml": b"policy: main\ndeny: [{tool: pay}]\n" + b"# long\n" * 50}
    for every in range(1, 8):
        proxy = Proxy(TEXTS, other, size=64, every=every)
        loaded = await Configurations().current(proxy.ask)
        assert dict(loaded.files) in (TEXTS, other)


async def test_one_that_never_rests_is_given_up() -> None:
    turns = [{**TEXTS, "policies/main.yaml": TEXTS["policies/main.yaml"] + b"# x\n" * n} for n in range(400)]
    with pytest.raises(Fault, match="changes while it is read"):
        await Configurations().current(Proxy(*turns, size=16, every=1).ask)


async def test_one_that_cannot_be_loaded_is_told() -> None:
    with pytest.raises(Fault, match="cannot be read here"):
        await Configurations().current(Proxy({"wharfinger.yaml": b"version: 2\n"}).ask)


async def test_the_last_few_are_kept_by_their_policy_digest(monkeypatch) -> None:
    monkeypatch.setattr(known, "KEPT", 3)
    configurations = Configurations()
    turns = [{**TEXTS, "policies/main.yaml": TEXTS["policies/main.yaml"] + b"# x\n" * n} for n in range(5)]
    for number, files in enumerate(turns):
        proxy = Proxy(files)
        proxy.packed = [pack(files, f"policy {number}")]
        await configurations.current(proxy.ask)
    assert configurations.known == {"policy 2", "policy 3", "policy 4"}
    assert configurations.files("policy 3") == turns[3]
    assert configurations.files("policy 1") is None


async def test_another_text_is_loaded_once_and_changes_nothing() -> None:
    configurations = Configurations()
    loaded = await configurations.current(Proxy(TEXTS).ask)
    text = "policy: main\ndeny: [{tool: pay}]\n"
    made = await configurations.altered(loaded, "policies/main.yaml", text)
    assert made.loaded is not None
    assert await configurations.altered(loaded, "policies/main.yaml", text) is made
    assert dict(loaded.files) == TEXTS
    assert await configurations.current(Proxy(TEXTS).ask) is loaded
    wrong = await configurations.altered(loaded, "policies/main.yaml", "policy: main\nalow: []\n")
    assert wrong.loaded is None
    assert wrong.problems[0].position.line in {1, 2}
    hostile = await configurations.altered(loaded, "policies/main.yaml", "\ud800 &a [*a")
    assert hostile.loaded is None


def test_agents_of_the_same_policies_share_what_was_worked_out() -> None:
    agents = b"agents: {a: {owner: alice, policies: [main]}, b: {owner: alice, policies: [main]}}\n"
    loaded = Loaded.load("d", {**TEXTS, "agents.yaml": agents}, {})
    assert [way.agent for way in loaded.ways("a")] == ["a"]
    assert [way.agent for way in loaded.ways("b")] == ["b"]
    assert loaded.ways("a") == loaded.ways("a")
    assert len(loaded._ways) == 1


@pytest.mark.parametrize(
    ("path", "shown"),
    [("policies/a.yaml", True), ("tools/a.yaml", True), ("agents.yaml", True), ("people.yaml", True),
     ("credentials.yaml", False), ("wharfinger.yaml", False), ("x", False)],
)  # fmt: skip
def test_what_may_name_a_secret_by_mistake_is_not_shown(path, shown) -> None:
    assert is_shown(path) is shown


def test_what_was_worked_out_does_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(known, "_WORKED_OUT", 2)
    agents = "".join(f"  a{n}: {{owner: alice, policies: [main], environment: e{n}}}\n" for n in range(5))
    loaded = Loaded.load("d", {**TEXTS, "agents.yaml": f"agents:\n{agents}".encode()}, {})
    for n in (*range(5), *range(5)):
        assert [way.agent for way in loaded.ways(f"a{n}")] == [f"a{n}"]
        assert len(loaded._ways) <= 2
