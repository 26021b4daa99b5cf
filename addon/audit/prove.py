"""Proofs for others: that an event is in the log of a checkpoint, and that one log continues another.

Whoever has a proof, the event's line and a checkpoint they trust needs nothing else of the log. The text is
that of C2SP tlog-proof: `index`, the hashes, an empty line, the checkpoint.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from wharfinger.audit import checkpoints, merkle, reader
from wharfinger.audit.chain import Broken, body_of, leaf_of
from wharfinger.audit.errors import BookDamaged, BookUnavailable
from wharfinger.audit.folder import Folder
from wharfinger.audit.leaves import leaf_hashes
from wharfinger.audit.merkle import Span
from wharfinger.audit.notes import Checkpoint, Signed
from wharfinger.rules.types import JSON


@dataclass(frozen=True, slots=True)
class Proof:
    """That one event is in the log that a checkpoint was made of."""

    index: int
    """Its sequence number."""
    line: bytes
    """The event as stored; empty where its file was removed and only its leaf hash is left."""
    leaf: bytes
    hashes: tuple[bytes, ...]
    signed: Signed

    def text(self) -> str:
        """As C2SP tlog-proof."""
        hashes = "".join(f"{base64.b64encode(part).decode()}\n" for part in self.hashes)
        return f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{hashes}\n{self.signed.note().decode()}"

    def as_json(self) -> dict[str, JSON]:
        """For programs: hashes in hex, the leaf's input (the line without its `leaf` member) as text."""
        return {
            "index": self.index,
            "size": self.signed.checkpoint.size,
            "root": self.signed.checkpoint.root.hex(),
            "event": body_of(self.line).decode("ascii") if self.line else None,
            "leaf": self.leaf.hex(),
            "hashes": [part.hex() for part in self.hashes],
            "checkpoint": self.signed.note().decode(),
        }


@dataclass(frozen=True, slots=True)
class Continuation:
    """That the log of `old` events is the beginning of the log of `new` events."""

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    hashes: tuple[bytes, ...]


def latest(path: Path) -> Signed:
    """The last checkpoint that is kept in the folder."""
    folder = Folder.open(path)
    try:
        found = checkpoints.last(folder)
    finally:
        folder.close()
    if found is None:
        raise BookUnavailable("there is no checkpoint yet", "one is made a second after the first event")
    return found


def prove(path: Path, seq: int, signed: Signed | None = None) -> Proof:
    """Proof that event `seq` is in the log of the last checkpoint, or of `signed`.

    Raises `BookUnavailable` where it is not there yet, `BookDamaged` where the log gives another root.
    """
    signed = signed or latest(path)
    size = signed.checkpoint.size
    if not 0 <= seq < size:
        raise BookUnavailable(f"event {seq} is not among the {size} that the checkpoint is of")
    leaf, root, *hashes = _roots(path, [(seq, seq + 1), (0, size), *merkle.inclusion(seq, size)])
    if root != signed.checkpoint.root:
        raise _other(signed.checkpoint)
    return Proof(seq, _line(path, seq, leaf), leaf, tuple(hashes), signed)


def continuation(path: Path, old: int, new: int) -> Continuation:
    """Proof that the log of `old` events is the beginning of that of `new`; raises as `prove`."""
    if not 0 <= old <= new:
        raise BookUnavailable(f"a log of {old} events is not the beginning of one of {new}")
    before, after, *hashes = _roots(path, [(0, old), (0, new), *merkle.consistency(old, new)])
    return Continuation(old, new, before, after, tuple(hashes))


def between(path: Path, old: Checkpoint, new: Checkpoint) -> Continuation:
    """The same for two checkpoints, both of which the log must give."""
    if old.origin != new.origin:
        raise BookDamaged(f"the checkpoints are of different logs: {old.origin} and {new.origin}")
    found = continuation(path, old.size, new.size)
    for checkpoint, root in ((old, found.old_root), (new, found.new_root)):
        if checkpoint.root != root:
            raise _other(checkpoint)
    return found


def _other(checkpoint: Checkpoint) -> BookDamaged:
    return BookDamaged(
        f"the checkpoint of {checkpoint.size} events is not of the first {checkpoint.size} that are here",
        "run `wharfinger audit verify` to see where they differ",
    )


def _roots(path: Path, spans: Sequence[Span]) -> list[bytes]:
    """Roots over parts of the log that may overlap; the log is read once for each that must."""
    folder = Folder.open(path)
    try:
        rounds: list[list[Span]] = [[]]
        for span in dict.fromkeys(spans):
            fitting = (one for one in rounds if all(span[1] <= a or b <= span[0] for a, b in one))
            if (into := next(fitting, None)) is None:
                rounds.append(into := [])
            into.append(span)
        found: dict[Span, bytes] = {(0, 0): merkle.Tree().root()}
        for one in rounds:
            wanted = [span for span in one if span != (0, 0)]
            found.update(zip(wanted, merkle.roots(leaf_hashes(folder), wanted), strict=True))
    except ValueError as error:
        raise BookUnavailable(f"the log does not reach so far: {error}") from None
    finally:
        folder.close()
    return [found[span] for span in spans]


def _line(path: Path, seq: int, leaf: bytes) -> bytes:
    """The event's line, if it is still there."""
    for record in islice(reader.records(path), 1):
        if record.seq > seq:
            return b""
    for record in reader.records(path):
        if leaf_of(record.line) == leaf:
            try:
                body_of(record.line)
            except Broken as broken:
                raise BookDamaged(f"'{record.file}' line {record.number}: {broken}") from None
            return record.line
    return b""
