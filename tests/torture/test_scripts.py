"""The trials of scripts/torture, each in its short form: the figures are made with the long ones."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts" / "torture"
STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


async def trial(name: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of one of the scripts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPTS / name), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.mark.timeout(300)
async def test_killed_under_load_the_book_has_all_that_the_origin_saw() -> None:
    code, said = await trial("kill.py", "3", "7")
    assert code == 0, said
    assert "seed: 7" in said


@STRACE
@pytest.mark.timeout(300)
async def test_the_intent_is_synced_before_the_first_byte_is_sent() -> None:
    code, said = await trial("order.py", "64")
    assert code == 0, said
    assert "48 sent, 48 intents written, 48 synced, 48 seen" in said


@STRACE
@pytest.mark.timeout(300)
async def test_the_same_trial_finds_a_proxy_that_does_not_sync() -> None:
    code, said = await trial("order.py", "64", "unsynced")
    assert code == 1, said
    found = re.search(r"\b(\d+) out of order", said)
    assert found is not None, said
    assert int(found[1]) > 24, said  # a few are synced in time by what comes after them


@pytest.mark.timeout(300)
async def test_at_a_steady_rate_nothing_is_lost() -> None:
    code, said = await trial("soak.py", "5", "40")
    assert code == 0, said
    assert "200 answered of 200, 152 sent" in said


@pytest.mark.timeout(300)
async def test_a_writer_that_is_killed_has_all_that_it_answered_for() -> None:
    code, said = await trial("writer.py", "60", "7")
    assert code == 0, said
    assert "0 of 60" in said
    assert re.search(r"told as sent: [1-9]", said), said


@STRACE
@pytest.mark.timeout(300)
async def test_a_call_that_fails_on_any_path_sends_nothing_unlogged() -> None:
    code, said = await trial("faults.py", "4", "3", "send", "approval")
    assert code == 0, said
    assert "0 unlogged or out of order" in said


@pytest.mark.timeout(300)
async def test_whoever_behaves_is_answered_while_another_attacks() -> None:
    """How soon is a figure, and made by the long form."""
    code, said = await trial("neighbours.py", "1", "1", "slow headers", "connections", "denials")
    assert code == 0, said
    assert "280 well-behaved requests" in said


@pytest.mark.timeout(300)
async def test_rotating_at_four_sources_fails_no_request_and_shows_no_value() -> None:
    pytest.importorskip("authlib")
    code, said = await trial("rotation.py", "2", "50")
    assert code == 0, said
    used = re.search(r"values used: file 3, command 3, vault 3, oauth (\d+); 0 refused .* 0 wrong", said)
    assert used is not None, said
    assert int(used[1]) >= 3  # its tokens end by themselves, while the others are waited for
