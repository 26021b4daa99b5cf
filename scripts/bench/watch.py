#!/usr/bin/env python3
"""What the live view costs and keeps at 300 calls a second: `watch` in tmux, on a log that is being written.

    .venv/bin/python scripts/bench/watch.py [--rate 300] [--seconds 20]

This process writes the log, as the proxy would; the view is a process of its own on a terminal that changes
its size every second, with keys pressed all the while. Printed are the view's share of a processor, its
memory, the longest that a key took to show, and how long after the last call the count of all of them stood
on the screen. Exits 1 if a call was not counted, or a key took longer than a second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wharfinger.audit.book import Book
from wharfinger.audit.event import Outcome, Sent, Who
from wharfinger.audit.events import decision_id, intent, outcome, refused
from wharfinger.clock import SystemClock
from wharfinger.rules.types import Call, Code, Decision, Effect, Request, RuleRef, Verdict

WHO = Who("support-agent", "ag_0123456789abcdef", identified_by="token", confinement="isolated")
REQUEST = Request("support-agent", "POST", "https", "api.stripe.com", 443, "/v1/refunds", (), b"amount=2500")
SENT = Sent(status=200, request_bytes=31, response_bytes=512, timings_ms={"total": 83.1})
SIZES = ((140, 40), (80, 24), (200, 60), (60, 12))
KEY_SECONDS = 1.0
PATIENCE = 60.0


def decision(verdict: Verdict) -> Decision:
    """What is decided of every call."""
    code = Code.ALLOWED if verdict is Verdict.ALLOW else Code.DENIED
    calls = (Call("stripe_create_refund", "7" * 64, Effect.WRITE, {"amount": 2500}),)
    rules = (RuleRef("support", "policies/support.yaml", 4, verdict),)
    return Decision(verdict, code, "a rule says so", "", "5" * 64, calls=calls, rules=rules)


class Tmux:
    """A terminal with the view on it."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "tmux"
        view = [sys.executable, "-m", "wharfinger.cli.main", "watch", "--config", str(folder)]
        bare = [
            "env",
            "-i",
            f"PATH={os.environ['PATH']}",
            f"HOME={folder}",
            "LANG=C.UTF-8",
            "TERM=screen-256color",
        ]
        self(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "140",
            "-y",
            "40",
            "exec " + shlex.join([*bare, *view]),
        )
        self.pid = int(self("list-panes", "-F", "#{pane_pid}"))

    def __call__(self, *arguments: str) -> str:
        """A command of tmux."""
        command = ["tmux", "-u", "-S", str(self.socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def shows(self, text: str) -> float:
        """Wait for a text: how many seconds it took."""
        begin = time.perf_counter()
        while text not in self("capture-pane", "-p"):
            if time.perf_counter() - begin > PATIENCE:
                sys.exit(f"waited {PATIENCE} s in vain for {text!r}:\n{self('capture-pane', '-p')}")
            time.sleep(0.02)
        return time.perf_counter() - begin

    def cpu(self) -> float:
        """Seconds of a processor that the view has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MiB that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def write(book: Book, rate: int, seconds: float) -> int:
    """Write `rate` calls a second, every tenth of them a denial: how many there were."""
    begin, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        while count < elapsed * rate:
            name = decision_id()
            if count % 10 == 0:
                book.submit(refused(name, WHO, REQUEST, decision(Verdict.DENY)))
            else:
                book.submit(intent(name, WHO, REQUEST, decision(Verdict.ALLOW)))
                book.submit(outcome(name, WHO, Outcome.COMPLETED, SENT))
            count += 1
        await asyncio.sleep(0.01)
    return count


def disturb(view: Tmux, seconds: float) -> float:
    """Change the size and press keys for a while: the longest that a key took to show."""
    slowest, end, turn = 0.0, time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        width, height = SIZES[turn % len(SIZES)]
        view("resize-window", "-x", str(width), "-y", str(height))
        view("send-keys", "/")
        view("send-keys", "-l", mark := f"mark-{turn}")
        slowest = max(slowest, view.shows(mark))
        view("send-keys", "Escape")
        time.sleep(0.8)
        turn += 1
    view("resize-window", "-x", "140", "-y", "40")
    return slowest


async def measure(rate: int, seconds: float) -> bool:
    """One run: whether all was as it should be."""
    with tempfile.TemporaryDirectory(prefix="watch-") as name:
        folder = Path(name)
        (folder / "wharfinger.yaml").write_text("version: 1\ndata: ./data\n")
        (folder / "wharfinger.yaml").chmod(0o600)
        (folder / "data").mkdir(mode=0o700)
        book = Book.open(folder / "data" / "audit", hmac_key=b"k" * 32, clock=SystemClock())
        view = Tmux(folder)
        try:
            await asyncio.to_thread(view.shows, "connected")
            before, begin = view.cpu(), time.perf_counter()
            disturbed = asyncio.to_thread(disturb, view, seconds - 2)
            slowest, count = await asyncio.gather(disturbed, write(book, rate, seconds))
            taken, spent = time.perf_counter() - begin, view.cpu() - before
            denied = len(range(0, count, 10))
            late = await asyncio.to_thread(view.shows, f"allow {count - denied}  ask 0  deny {denied}")
            print(f"{count} calls in {taken:.0f} s, all counted {late:.2f} s after the last")
            print(f"the view: {100 * spent / taken:.0f} % of a processor, {view.memory():.0f} MiB")
            print(f"a key showed in {slowest:.2f} s at the latest")
            return slowest <= KEY_SECONDS
        finally:
            view("kill-server")
            book.close()


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    if shutil.which("tmux") is None:
        sys.exit("tmux is not installed (Debian, Ubuntu: apt install tmux)")
    sys.exit(0 if asyncio.run(measure(given.rate, given.seconds)) else 1)


if __name__ == "__main__":
    main()
