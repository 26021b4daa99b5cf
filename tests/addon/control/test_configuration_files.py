"""The files of the configuration in force: for whoever has signed in, in parts, and as they are."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass

import pytest
from wharfinger.control import on_configuration, on_tools
from wharfinger.control.on_configuration import pack, unpacked
from wharfinger.control.protocol import Code, ControlError


@dataclass(frozen=True)
class FakeTool:
    digest: str
    proposed: bool = True
    name: str = ""


FILES = {
    "wharfinger.yaml": b"version: 1\n",
    "policies/a.yaml": "policy: ä\n".encode(),
    "tools/empty.yaml": b"",
    "tools/not-utf-8.yaml": b"\xff\xfe\n\n",
}


@pytest.fixture
def files(house):
    house.services.files = lambda: (FILES, "p" * 64)
    return house


def test_files_are_packed_and_unpacked_as_they_are() -> None:
    packed = pack(FILES, "p")
    assert unpacked(packed.content) == FILES
    assert pack({}, "p").digest != packed.digest
    assert unpacked(pack({}, "p").content) == {}
    assert pack(FILES, "q").digest != packed.digest
    assert pack(dict(reversed(FILES.items())), "p").digest == packed.digest


async def test_they_come_in_parts(files, do, monkeypatch) -> None:
    monkeypatch.setattr(on_configuration, "PART", 50)
    content, told = b"", await do("configuration.files", "eve")
    assert told["policy_digest"] == "p" * 64
    while True:
        part = base64.b64decode(told["part"])
        assert len(part) <= 50
        content += part
        if len(content) == told["size"]:
            break
        told = await do("configuration.files", "eve", after=len(content))
    assert unpacked(content) == FILES
    assert await do("configuration.files", "eve", digest=told["digest"]) == {
        "digest": told["digest"], "policy_digest": "p" * 64,
    }  # fmt: skip


async def test_another_configuration_is_told_at_once(files, do) -> None:
    first = await do("configuration.files", "eve")
    other = {**FILES, "policies/a.yaml": b"policy: b\n"}
    files.services.files = lambda: (other, "q" * 64)
    second = await do("configuration.files", "eve", digest=first["digest"])
    assert unpacked(base64.b64decode(second["part"])) == other
    assert second["digest"] != first["digest"]


@pytest.mark.parametrize("after", [-1, 10**9])
async def test_beyond_its_end_there_is_nothing(files, do, after) -> None:
    with pytest.raises(ControlError, match="beyond the end"):
        await do("configuration.files", "eve", after=after)


async def test_nobody_reads_them_who_has_not_signed_in(files, do) -> None:
    with pytest.raises(ControlError) as refused:
        await do("configuration.files")
    assert refused.value.code is Code.UNSIGNED
    with pytest.raises(ControlError) as refused:
        await do("configuration.files", "mallory")
    assert refused.value.code is not Code.FAILED


async def test_without_a_runtime_there_are_none(house, do) -> None:
    with pytest.raises(ControlError, match="needs a running proxy"):
        await do("configuration.files", "eve")


async def test_one_answer_is_short_however_much_there_is(files, do) -> None:
    noise = random.Random(1).randbytes(2_000_000)
    files.services.files = lambda: ({"policies/a.yaml": noise}, "p")
    told = await do("configuration.files", "eve")
    assert len(base64.b64decode(told["part"])) == on_configuration.PART
    assert told["size"] > 2_000_000


async def test_approvals_of_tools_come_in_parts_too(files, do, monkeypatch) -> None:
    monkeypatch.setattr(on_tools, "MOST", 2)
    names = ["a", "b", "c", "d", "e"]
    files.declared.tools.update({name: FakeTool("1" * 64, name=name) for name in names})
    await do("tools.approve", "alice", tools=dict.fromkeys(names, "1" * 64))
    found, after = [], ""
    while some := await do("tools.approved", after=after):
        assert len(some) <= 2
        found += [one["tool"] for one in some]
        after = found[-1]
    assert found == names == [one["tool"] for one in await do("tools.approved")]


async def test_only_so_many_agents_are_told_of_at_once(files, do) -> None:
    assert [one["name"] for one in await do("agents.list", names=["bot", "nobody", "bot"])] == ["bot"]
    assert await do("agents.list", names=[]) == []
    with pytest.raises(ControlError, match="at most 100"):
        await do("agents.list", names=["bot"] * 101)
    assert await do("agents.suspended") == {}
    await do("agents.suspend", "alice", agent="bot", reason="odd")
    assert await do("agents.suspended") == {"bot": "odd"}
