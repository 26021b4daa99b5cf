#!/usr/bin/env python3
"""Tamper with an audit log in every way one who can write its folder has, and count what is not found.

    .venv/bin/python scripts/torture/tamper.py [--events 100] [--edits 1000000] [--bits] [--seed 1] [--jobs 2]

A log of so many events in several files is written, and one checkpoint of it kept elsewhere. Then, each from
the whole log anew: with --bits every single bit of every file is flipped; and random edits are made, of the
kinds below. After each `verify` must object, given that checkpoint. It ends at the first thing that it finds;
every twentieth time it is let go on to its end, and the stand-alone verifier must object too. A signature of
the same bytes by the same key is checked once. Exit code 1 if anything passed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import orjson
from wharfinger.audit import prove, published
from wharfinger.audit import verify as verifying
from wharfinger.audit.book import Book
from wharfinger.audit.chain import GENESIS, leaf_of, link, seal
from wharfinger.audit.claims import Findings
from wharfinger.audit.event import Outcome, Who
from wharfinger.audit.events import outcome
from wharfinger.audit.merkle import Tree
from wharfinger.audit.notes import PublicKey, Signed
from wharfinger.audit.published import Position
from wharfinger.audit.verify import Asked, verify
from wharfinger.clock import SystemClock

STANDALONE = Path(__file__).parents[1] / "verify-audit"
CHUNK = 10_000
"""So many edits, or bits, are one piece of work."""
ALONE = 20
"""Every so many'th is told to the stand-alone verifier as well."""
type Files = dict[str, bytes]


class Found(Exception):
    """Something was found, so the rest need not be looked at."""


class Hasty(Findings):
    """Findings that end the search with the first failure."""

    def fail(self, file: str, line: int, what: str) -> None:
        """As `Findings.fail`, and no more."""
        raise Found


def hasten() -> None:
    """Let each signature be checked once: whether it is good depends on nothing but key and note."""
    PublicKey.signed = functools.lru_cache(maxsize=4096)(PublicKey.signed)  # type: ignore[method-assign]


def write(folder: Path, events: int) -> None:
    """A log of that many events, with checkpoints."""
    book = Book.open(
        folder, hmac_key=b"k" * 32, signing_key=b"s" * 32, clock=SystemClock(), segment_bytes=events * 250
    )
    for number in range(events):
        book.record(
            outcome(f"d_{number}", Who("robot", "ag_1"), Outcome.COMPLETED, reason=f"reason {number}")
        )
    book.close()


def contents(folder: Path) -> Files:
    """What counts: the log, its head, its checkpoints and the key; salts prove nothing."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".salt"}


class Target:
    """The folder that is tampered with, and what it was."""

    def __init__(self, folder: Path, older: Files) -> None:
        self.folder = folder
        self.whole = contents(folder)
        self._there = dict(self.whole)
        self.older = older
        """The same log, whole, at an earlier time."""
        self.outside: Signed = prove.latest(folder)
        self.kept = folder.with_name("kept")
        self.kept.write_bytes(self.outside.note())
        self.logs = sorted(name for name in self.whole if name.endswith(".jsonl"))
        self.events = [[orjson.loads(line) for line in self.whole[name].splitlines()] for name in self.logs]
        loader = SourceFileLoader("verify_audit", str(STANDALONE))
        self.standalone = module_from_spec(spec_from_loader("verify_audit", loader))  # type: ignore[arg-type]
        loader.exec_module(self.standalone)

    def put(self, files: Files) -> None:
        """Make the folder hold exactly these."""
        for name in self._there.keys() - files.keys():
            (self.folder / name).unlink()
        for name, data in files.items():
            if self._there.get(name) != data:
                mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                with open(os.open(self.folder / name, mode, 0o600), "wb") as file:  # noqa: PTH123 - created 0600
                    file.write(data)
        self._there = dict(files)

    def found(self, *, alone: bool) -> bool:
        """Whether the folder as it is does not pass; `alone` for both verifiers, to the end of it."""
        asked = Asked(outside=[("kept", self.outside)])
        if alone:
            return not verify(self.folder, asked).ok and not self._passes_alone()
        verifying.Findings = Hasty  # type: ignore[misc]
        try:
            return not verify(self.folder, asked).ok
        except Found:
            return True
        finally:
            verifying.Findings = Findings  # type: ignore[misc]

    def _passes_alone(self) -> bool:
        held, sys.argv = sys.argv, ["verify-audit", str(self.folder), "--checkpoint", str(self.kept)]
        try:
            with contextlib.redirect_stdout(None):
                self.standalone.main()
        except (self.standalone.Wrong, ValueError, KeyError, TypeError, IndexError, OSError):
            return False
        finally:
            sys.argv = held
        return True


# The edits: each takes the log's files and gives them changed.


def flip(files: Files, target: Target, dice: random.Random) -> None:
    """One byte of any file."""
    name = dice.choice([name for name in files if files[name]])
    data = bytearray(files[name])
    data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
    files[name] = bytes(data)


def _lines(files: Files, target: Target, dice: random.Random) -> tuple[str, list[bytes]]:
    name = dice.choice(target.logs)
    return name, files[name].splitlines(keepends=True)


def delete(files: Files, target: Target, dice: random.Random) -> None:
    """Some lines of a file."""
    name, lines = _lines(files, target, dice)
    at = dice.randrange(len(lines))
    del lines[at : at + dice.randint(1, 5)]
    files[name] = b"".join(lines)


def swap(files: Files, target: Target, dice: random.Random) -> None:
    """Two lines, of one file or of two."""
    first, lines = _lines(files, target, dice)
    second, others = (first, lines) if dice.random() < 0.5 else _lines(files, target, dice)
    others = lines if first == second else others
    a, b = dice.randrange(len(lines)), dice.randrange(len(others))
    lines[a], others[b] = others[b], lines[a]
    files[first], files[second] = b"".join(lines), b"".join(others)


def duplicate(files: Files, target: Target, dice: random.Random) -> None:
    """A line, put in again somewhere."""
    name, lines = _lines(files, target, dice)
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(lines))
    files[name] = b"".join(lines)


def truncate(files: Files, target: Target, dice: random.Random) -> None:
    """A file, at any byte."""
    name = dice.choice(list(files))
    files[name] = files[name][: dice.randrange(len(files[name]))]


def remove(files: Files, target: Target, dice: random.Random) -> None:
    """A whole file of the log, with its checkpoints or without."""
    name = dice.choice(target.logs)
    del files[name]
    if dice.random() < 0.5:
        files.pop(name.replace("jsonl", "checkpoints"), None)


def splice(files: Files, target: Target, dice: random.Random) -> None:
    """Some of the files, or all of them, as they were at an earlier time."""
    names = list(target.older) if dice.random() < 0.3 else dice.sample(list(target.older), 2)
    if len(names) > 2:
        files.clear()
    files.update({name: target.older[name] for name in names})


def rechain(files: Files, target: Target, dice: random.Random) -> None:
    """Lines changed, removed or moved, then all made to fit again: numbers, links, hashes, headers and head.

    The checkpoints, which take a key, are left as they were, or removed.
    """
    events = [list(part) for part in target.events]
    part = dice.choice(events)
    at = dice.randrange(1, len(part))
    match dice.randrange(4):
        case 0:
            part[at]["reason"] = f"forged {dice.random()}"
        case 1:
            del part[at : at + dice.randint(1, 9)]
        case 2:
            part[at], part[-1] = {**part[-1], "decision": "d_x"}, part[at]
        case _:
            part.insert(at, {**part[at], "decision": "d_forged"})
    tree, prev, seq, size = Tree(), GENESIS, 0, 0
    for name, part in zip(target.logs, events, strict=True):
        lines = []
        for members in part:
            fitted = {**members, "seq": seq, "prev": prev, "id": f"{members['id'].rpartition('_')[0]}_{seq}"}
            fitted.pop("leaf")
            if members["kind"] == "segment":
                fitted["tree"] = [one.hex() for one in tree.full]
            line = seal(orjson.dumps(fitted))
            tree.append(leaf_of(line))
            prev, seq = link(line), seq + 1
            lines.append(line + b"\n")
        files[name] = b"".join(lines)
        size = len(files[name])
    log = str(events[0][0]["log"])
    files["book.head"] = Position(log, len(target.logs), size, seq, prev).record()
    if dice.random() < 0.7:
        for name in [name for name in files if name.endswith(".checkpoints")]:
            del files[name]


EDITS: dict[str, Callable[[Files, Target, random.Random], None]] = {
    edit.__name__: edit for edit in (flip, delete, swap, duplicate, truncate, remove, splice, rechain)
}


def same_log(files: Files, target: Target) -> bool:
    """Whether an edit left every event as it was, so that there is nothing to be found.

    Whole checkpoints may be gone, for the one kept elsewhere says all they say; the head may be an older one
    or empty, as a loss of power may leave it; and bytes behind the published end were never answered for.
    """
    for name, data in target.whole.items():
        now = files.get(name)
        if name.endswith(".checkpoints"):
            same = now is None or (data.startswith(now) and (not now or now.endswith(b"\n\n")))
        elif name == "book.head":
            same = now in {data, target.older[name], b""}
        elif name == target.logs[-1]:
            published_end = files.get("book.head") == target.whole["book.head"]
            same = now == data or (now is not None and now.startswith(data) and published_end)
        else:
            same = now == data
        if not same:
            return False
    return files.keys() <= target.whole.keys()


def random_edits(target: Target, count: int, seed: str) -> tuple[Counter[str], list[str]]:
    """How many of each kind were made, and which passed."""
    made: Counter[str] = Counter()
    missed = []
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")
        name = dice.choice(list(EDITS))
        files = dict(target.whole)
        EDITS[name](files, target, dice)
        if same_log(files, target):
            continue
        made[name] += 1
        target.put(files)
        if not target.found(alone=number % ALONE == 0):
            missed.append(f"{name} {seed}/{number}")
    target.put(target.whole)
    return made, missed


def bits(target: Target, part: int, parts: int) -> tuple[Counter[str], list[str]]:
    """Every bit of every file, or every so many'th."""
    made: Counter[str] = Counter()
    missed = []
    for name, data in target.whole.items():
        for count, bit in enumerate(range(part, len(data) * 8, parts)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            target.put({**target.whole, name: bytes(changed)})
            made[f"bits of {name}"] += 1
            if not target.found(alone=count % ALONE == 0):
                missed.append(f"bit {bit} of {name}")
    target.put(target.whole)
    return made, missed


@contextlib.contextmanager
def prepared(events: int, place: Path | None = None) -> Iterator[Target]:
    """A log to tamper with, in memory where there is such a place."""
    published._ATTEMPTS = 1  # a head that is wrong stays wrong: nobody is writing it
    memory = Path("/dev/shm")
    root = place or (memory if memory.is_dir() else None)
    with tempfile.TemporaryDirectory(dir=root) as made:
        folder = Path(made) / "audit"
        write(folder, events // 2)
        older = contents(folder)
        write(folder, events - events // 2)
        yield Target(folder, older)


@dataclass(frozen=True)
class Work:
    """One piece of it."""

    events: int
    edits: int
    seed: str
    part: int = 0
    parts: int = 0
    """Every so many'th bit, from the `part`th on; 0 for none."""


def work_on(given: Work) -> tuple[Counter[str], list[str]]:
    """Do it."""
    hasten()
    with prepared(given.events) as target:
        if given.parts:
            return bits(target, given.part, given.parts)
        return random_edits(target, given.edits, given.seed)


def pieces(events: int, edits: int, seed: int, *, every_bit: bool) -> list[Work]:
    """All the work, in pieces of about the same size."""
    whole, rest = divmod(edits, CHUNK)
    work = [Work(events, CHUNK, f"{seed}/{number}") for number in range(whole)]
    work += [Work(events, rest, f"{seed}/{whole}")] if rest else []
    if every_bit:
        with prepared(events) as target:
            parts = -(-sum(map(len, target.whole.values())) * 8 // CHUNK)
        work = [*(Work(events, 0, "", part, parts) for part in range(parts)), *work]
    return work


def main() -> None:
    """Tamper, and tell; also when it is ended early, of what was done until then."""
    from ground import described, load_now

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--events", type=int, default=100)
    options.add_argument("--edits", type=int, default=1_000_000)
    options.add_argument("--bits", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    print(described(chosen.seed, f"a log of {chosen.events} events, {chosen.jobs} processes"), flush=True)
    begin, made, missed, done = time.monotonic(), Counter[str](), list[str](), 0
    work = pieces(chosen.events, chosen.edits, chosen.seed, every_bit=chosen.bits)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with multiprocessing.Pool(chosen.jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        with contextlib.suppress(KeyboardInterrupt):
            for found, passed in pool.imap_unordered(work_on, work):
                made, missed, done = made + found, missed + passed, done + 1
                told = f"{done} of {len(work)} pieces, {made.total()} edits, {len(missed)} not found"
                print(f"{told}, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        pool.terminate()
    for name, count in sorted(made.items()):
        print(f"{name:<40} {count:>9}")
    early = f", ended early after {done} of {len(work)} pieces" if done < len(work) else ""
    print(f"{made.total()} edits, {len(missed)} not found, {time.monotonic() - begin:.0f} s{early}")
    print(f"ended: {load_now()}")
    for one in missed[:20]:
        print(f"NOT FOUND: {one}")
    sys.exit(1 if missed or not made else 0)


if __name__ == "__main__":
    main()
