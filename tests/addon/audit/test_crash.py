"""The writer as a process that is killed, or whose disk is full: what was answered for is in the log."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.verify import verify

WRITER = """
import asyncio, resource, sys
from wharfinger.audit.book import Book
from wharfinger.audit.errors import BookUnavailable
from wharfinger.audit.event import Event, EventKind, Outcome, Target, Who
from wharfinger.audit.events import decision_id, outcome
from wharfinger.rules.types import Call, Effect, Verdict
from wharfinger.clock import SystemClock
from pathlib import Path

most = int(sys.argv[2])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
book = Book.open(Path(sys.argv[1]), hmac_key=b"k" * 32, clock=SystemClock(), segment_bytes=20000)

async def agent():
    while True:
        decision = decision_id()
        await book.write(Event(
            EventKind.INTENT, decision=decision, who=Who("a"), reason="x" * 400, verdict=Verdict.ALLOW,
            target=Target("GET", "https", "api.example.com", 443), calls=(Call("t", "", Effect.READ, {}),),
            policy_digest="0" * 64,
        ))
        print("sent", decision, flush=True)
        await book.submit(outcome(decision, Who("a"), Outcome.COMPLETED))
        print("settled", decision, flush=True)

async def main():
    try:
        await asyncio.gather(*(agent() for _ in range(4)))
    except BookUnavailable as error:
        print("refused", error, flush=True)

print("ready", flush=True)
asyncio.run(main())
"""


def start(folder: Path, most: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(most)], stdout=subprocess.PIPE, text=True
    )


def told(output: str, what: str) -> set[str]:
    """Ids in the whole lines `what ID` that the writer printed."""
    lines = output.rpartition("\n")[0].splitlines()
    return {line.split()[1] for line in lines if line.startswith(what)}


def written(folder: Path, kind: str, **members: str) -> set[str]:
    return {
        record.members["decision"]
        for record in reader.records(folder)
        if record.kind == kind and members.items() <= record.members.items()
    }


def test_what_was_answered_for_survives_sigkill(opened: Callable[..., Book], folder: Path) -> None:
    """Killed at random moments, over rotations too: nothing sent is missing, and nothing stays unsettled."""
    generator = random.Random(7)
    sent: set[str] = set()
    settled: set[str] = set()
    for _ in range(6):
        process = start(folder)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(generator.uniform(0.02, 0.25))
        process.kill()
        output, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL
        sent |= told(output, "sent")
        settled |= told(output, "settled")
    opened(segment_bytes=20000).close()
    assert len(sent) > 20
    assert sent <= written(folder, "intent")
    assert settled <= written(folder, "outcome", outcome="completed")
    assert written(folder, "intent") == written(folder, "outcome")
    found = verify(folder)
    assert found.ok, found.failures
    assert found.files > 1


@pytest.mark.parametrize("most", [700, 5000, 12345])
def test_a_full_disk_refuses_and_loses_nothing(opened: Callable[..., Book], folder: Path, most: int) -> None:
    """A file that may not grow any further stands for the full disk: the real write is cut short."""
    process = start(folder, most)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "refused the book" in output
    assert "File too large" in output
    assert (folder / "book-000001.jsonl").stat().st_size == most
    opened().close()
    recovered: dict[str, Any] = next(
        dict(record.members) for record in reader.records(folder) if record.kind == "recovered"
    )
    assert recovered["detail"]["dropped_bytes"] > 0
    assert told(output, "sent") <= written(folder, "intent")
    assert verify(folder).ok
    seqs = [record.seq for record in reader.records(folder)]
    assert seqs == list(range(len(seqs)))
