"""What is typed about the audit log, beside a running proxy and after it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.addon.cli.test_live import Proxy, proxy, settings_of, up  # noqa: F401 - a fixture of theirs

VERIFIER = Path(__file__).parents[3] / "scripts" / "verify-audit"


async def act(proxy: Proxy) -> int:  # noqa: F811
    """Something that the book must take before it is done; its exit code."""
    ran = await proxy.spawn("deny", "add", "--config", proxy.folder, "--host", "x.example", "--because", "y")
    return int(ran.code)


async def until(done: Callable[[], Any]) -> Any:
    for _ in range(300):
        if found := done():
            return found
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to that")


async def test_it_is_checked_proved_and_copied(proxy: Proxy, tmp_path: Path, places: Any) -> None:  # noqa: F811
    assert await act(proxy) == 0
    audit = places.state / "data" / "audit"
    await until(lambda: list(audit.glob("*.checkpoints")))
    key = (await proxy.type_("audit", "key")).out
    assert key == (audit / "book.vkey").read_text()
    (tmp_path / "key").write_text(key)
    (tmp_path / "first").write_text((await proxy.type_("audit", "checkpoint")).out)
    assert await act(proxy) == 0
    size = int((tmp_path / "first").read_text().splitlines()[1])
    await until(lambda: (audit / "book-000001.checkpoints").read_text().count("log/") > 4)

    against = ("--checkpoint", tmp_path / "first", "--key", tmp_path / "key")
    ran = await proxy.type_("audit", "verify", *against, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["ok"], ran.json["outside"]) == (True, 1)
    assert not any("proves nothing" in note for note in ran.json["notes"])
    plain = await proxy.type_("audit", "verify")
    assert "proves nothing against whoever can write the folder" in plain.out

    ran = await proxy.type_("audit", "verify", "--from", "1", "--to", "2", "--json")
    assert ran.code == 0, ran.err
    (tmp_path / "proof").write_text((await proxy.type_("audit", "prove", "1")).out)
    proof = (await proxy.type_("audit", "prove", "1", "--checkpoint", tmp_path / "first", "--json")).json
    assert (proof["index"], proof["size"]) == (1, size)
    assert json.loads(proof["event"])["seq"] == 1
    checked = subprocess.run(
        [sys.executable, VERIFIER, audit, "--proof", tmp_path / "proof", "--key", key.strip()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "proved: event 1 " in checked.stdout, checked.stderr
    (tmp_path / "later").write_text((await proxy.type_("audit", "checkpoint")).out)
    ran = await proxy.type_("audit", "consistency", tmp_path / "first", tmp_path / "later", "--json")
    assert (ran.code, ran.json["old"]) == (0, size), ran.err
    assert (await proxy.type_("audit", "prove", "99999")).code == 1
    assert (await proxy.type_("audit", "verify", "--key", "nonsense+key")).code == 2

    ran = await proxy.type_("audit", "export", "--format", "csv", "--from", "1", "--to", "3")
    assert [row["seq"] for row in csv.DictReader(io.StringIO(ran.out))] == ["1", "2", "3"]


async def test_what_was_moved_is_not_resumed_and_what_is_back_is(
    proxy: Proxy,  # noqa: F811
    tmp_path: Path,
    places: Any,
    spawn: Any,
) -> None:
    """The book is a person's to let go on: everything is refused until then, and nothing is lost."""
    assert await act(proxy) == 0
    unharmed = await proxy.type_("audit", "resume")
    assert unharmed.code == 1
    assert "nothing to resume" in unharmed.err
    segment = places.state / "data" / "audit" / "book-000001.jsonl"
    segment.rename(tmp_path / "moved")
    for _ in range(2):
        assert await act(proxy) == 1
    assert "is gone" in (await proxy.type_("audit", "resume")).err
    assert await act(proxy) == 1
    (tmp_path / "moved").rename(segment)
    assert await act(proxy) == 1
    ran = await proxy.type_("audit", "resume")
    assert (ran.code, ran.out) == (0, "the audit log goes on in book-000002.jsonl\n"), ran.err
    assert await act(proxy) == 0
    assert (await proxy.type_("audit", "verify")).code == 0
    found = (await proxy.type_("audit", "search", "--kind", "control", "audit.resume", "--json")).out
    assert json.loads(found.splitlines()[-1])["person"] == "alice"
    assert (await proxy.type_("audit", "forget", "1")).out == "book-000001.jsonl: forgotten\n"
    refused = await proxy.type_("audit", "forget", "2")
    assert "not a finished file" in refused.err


async def test_checkpoints_and_events_arrive_where_the_settings_say(
    configure: Any, spawn: Any, origin: Any, test_ca: Any, tmp_path: Path
) -> None:
    """Up to the last event of the runtime, though its places are served by another process."""
    audit = f'audit: {{checkpoints: ["file:{tmp_path}/copies", stdout]}}\n'
    folder = configure(wharfinger=settings_of(origin, test_ca) + audit)
    async with up(folder, spawn) as running:
        await act(running)
        await until((tmp_path / "copies").exists)
        ran = await running.type_("audit", "sinks", "--json")
        assert {place["place"] for place in ran.json} == {
            f"checkpoints: file:{tmp_path}/copies",
            "checkpoints: stdout",
        }
    last = (await spawn("audit", "checkpoint", "--config", folder)).out
    assert (tmp_path / "copies").read_text().endswith(last + "\n")
    assert last in running.log.read_text()
    ran = await spawn("audit", "verify", "--config", folder, "--checkpoint", tmp_path / "copies", "--json")
    assert ran.json["ok"]
    assert ran.json["outside"] >= 1
