"""Show by system calls that nothing is sent before its intent has been synced to the disk.

    python scripts/torture/order.py [REQUESTS]             # 400 unless told otherwise; needs strace
    python scripts/torture/order.py REQUESTS unsynced      # the control: must find all of them out of order

The proxy runs under strace. For every request that goes upstream, the trace must hold, in this order: a
`write` to a file of the book that holds its intent, the successful end of an `fdatasync` of that file that
began after the write had ended, and only then the beginning of the first `sendto` on a connection to the
origin that holds the request. The denied ones are in no `sendto` at all. The control runs with
`audit: {durable: false}`.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ground import HOST, Load, described, laid, tell

CONNECTIONS = 8
_CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(write|sendto|fdatasync)(?:\(| resumed>)")
_NAME = re.compile(r"/(o-\d+-\d+)(?: HTTP/1|\\\")")


@dataclass
class Trace:
    """What is read off a trace, line by line."""

    port: int
    written: dict[str, int] = field(default_factory=dict)
    """Request → line on which the write of its intent had ended."""
    synced: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    """Request → line on which its first `sendto` began."""
    _waiting: set[str] = field(default_factory=set)
    """Written, and no sync has begun since."""
    _syncing: dict[str, set[str]] = field(default_factory=dict)
    """Thread → what its sync covers."""
    _begun: dict[str, str] = field(default_factory=dict)
    """Thread → what its unfinished write holds."""

    def read(self, lines: Iterator[str]) -> None:
        """Read a whole trace."""
        for number, line in enumerate(lines):
            match = _CALL.match(line)
            if match is None:
                continue
            thread, call = match.groups()
            resumed, open_ = " resumed>" in line[: match.end()], line.rstrip().endswith("<unfinished ...>")
            if call == "sendto" and not resumed and f":{self.port}]" in line:
                for name in _NAME.findall(line):
                    self.sent.setdefault(name, number)
            elif call == "write":
                self._write(thread, line, number, resumed=resumed, open_=open_)
            elif call == "fdatasync":
                self._sync(thread, line, number, resumed=resumed, open_=open_)

    def _write(self, thread: str, line: str, number: int, *, resumed: bool, open_: bool) -> None:
        if open_:
            self._begun[thread] = line
            return
        text = self._begun.pop(thread, "") if resumed else line
        if ".jsonl" not in text or not re.search(r"= \d+$", line.rstrip()):
            return
        for part in text.split("\\n"):
            if '\\"kind\\":\\"intent\\"' in part:
                for name in _NAME.findall(part):
                    self.written.setdefault(name, number)
                    self._waiting.add(name)

    def _sync(self, thread: str, line: str, number: int, *, resumed: bool, open_: bool) -> None:
        if not resumed:
            if ".jsonl" not in line:
                return
            self._syncing[thread], self._waiting = self._waiting, set()
        if not open_ and thread in self._syncing:
            covered = self._syncing.pop(thread)
            if line.rstrip().endswith("= 0"):
                for name in covered:
                    self.synced.setdefault(name, number)

    def wrong(self) -> list[str]:
        """Requests whose order is not the one that was promised."""
        found: list[str] = []
        for name, sent in self.sent.items():
            if name not in self.written:
                found.append(f"{name} was sent, and its intent was never written")
            elif name not in self.synced or not self.written[name] < self.synced[name] < sent:
                found.append(f"{name} was sent before its intent was synced")
        return found


def main(requests: int, *, unsynced: bool = False) -> int:
    """Run, and tell."""
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed")
    print(described(None, f"strace of `wharfinger up`; {requests} requests on {CONNECTIONS} connections"))
    began = time.monotonic()
    with laid() as ground:
        trace = ground.root / "trace"
        ground.wrapper = (
            "strace", "-f", "-yy", "-s", "1000000", "-o", str(trace), "-e", "trace=write,sendto,fdatasync",
            "-e", "signal=none",
        )  # fmt: skip
        if unsynced:
            with (ground.root / "config" / "wharfinger.yaml").open("a") as settings:
                settings.write("audit: {durable: false}\n")
        ground.start()
        load = Load(ground, "o", CONNECTIONS, requests // CONNECTIONS)
        with load:
            load.wait()
        ground.end(signal.SIGTERM)
        read = Trace(ground.port)
        with Path(trace).open(encoding="ascii", errors="replace") as lines:
            read.read(lines)
        wrong, seen = read.wrong(), ground.received()
    answered = {name for name, status in load.answered.items() if status == 200}
    wrong += [f"{name}: the origin saw it, and no `sendto` holds it" for name in set(seen) - set(read.sent)]
    if not answered or answered != set(seen) or len(seen) == len(load.answered):
        wrong.append(f"nothing was shown: {len(answered)} answered, {len(seen)} seen at {HOST}")

    def told() -> str:
        return (
            f"{len(load.answered)} answered, {len(read.sent)} sent, {len(read.written)} intents written, "
            f"{len(read.synced)} synced, {len(seen)} seen by the origin\n"
            f"{time.monotonic() - began:.0f} s; {len(wrong)} out of order"
        )

    return tell(wrong, told)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400, unsynced=sys.argv[2:] == ["unsynced"]))
