"""Invariant 11: the worst inputs that are known take no hundred times their size in memory."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "bench" / "amplification.py"


@pytest.mark.timeout(300)
async def test_no_input_takes_a_hundred_times_its_size_in_memory() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), "--memory", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode == 0, said
    assert len(said.splitlines()) > 70, "every input is told of"
