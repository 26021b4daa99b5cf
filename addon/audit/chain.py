"""How one event is stored, and what ties it to the one before: see `docs/audit-format.md`.

A stored line is `{"version":1,"seq":N,"prev":"P",…,"leaf":"L"}`, ASCII, ended by one newline. Its *body*
is the line without the `leaf` member (the 74 characters before the last brace). Then

- L is the leaf hash of RFC 6962, 2.1: SHA-256(0x00 ‖ body), so each line proves itself, the last one
  too, and a Merkle tree can be laid over the same leaves;
- P is SHA-256 of the whole line before, without its newline; 64 zeros for the first line of a log.

`seq` counts lines from 0 over all files of a log, so it is the leaf's index in that tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

VERSION = 1
GENESIS = "0" * 64
LINE_LIMIT = 4 * 1024 * 1024
"""No line is longer, headers included; a reader need not hold more."""

_LEAF = b',"leaf":"'
_SUFFIX = len(_LEAF) + 64 + len(b'"}')
_UNSAFE = re.compile("[^\x00-\x7e]")


class Broken(Exception):
    """A line is not what it should be; says what is wrong, not where."""


def leaf_hash(body: bytes) -> str:
    """Leaf hash of RFC 6962, 2.1, in hex."""
    return sha256(b"\x00" + body).hexdigest()


def link(line: bytes) -> str:
    """What the next line's `prev` must be."""
    return sha256(line).hexdigest()


def seal(body: bytes) -> bytes:
    """The stored line (no newline) for a body, which must be one JSON object."""
    return b'%b%b%b"}' % (body[:-1], _LEAF, leaf_hash(body).encode())


def body_of(line: bytes) -> bytes:
    """The body of a stored line, once its leaf hash has been checked."""
    if len(line) <= _SUFFIX or line[-_SUFFIX:-66] != _LEAF or not line.endswith(b'"}'):
        raise Broken("it is not a stored event")
    body = line[:-_SUFFIX] + b"}"
    if line[-66:-2] != leaf_hash(body).encode():
        raise Broken("its bytes were changed: they do not give its leaf hash")
    return body


def leaf_of(line: bytes) -> bytes:
    """The leaf hash that a stored line says it has: 32 bytes, not checked."""
    try:
        return bytes.fromhex(line[-66:-2].decode("ascii"))
    except ValueError:
        raise Broken("it is not a stored event") from None


def ascii_json(data: bytes) -> bytes:
    r"""JSON text with everything but printable ASCII as `\u` escapes (U+2028, bidi, C1, DEL, …)."""
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNSAFE.sub(_escape, data.decode()).encode()


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


@dataclass(slots=True)
class Walk:
    """Follows a log line by line; None stands for what is not known yet (the first line decides)."""

    seq: int | None = None
    prev: str | None = None
    log: str | None = None

    def step(self, line: bytes, segment: int, first: bool) -> dict[str, Any]:
        """The members of the next line, or `Broken`. `first` is for the first line of a file."""
        if len(line) > LINE_LIMIT:
            raise Broken(f"it is longer than {LINE_LIMIT} bytes")
        body = body_of(line)
        try:
            members = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Broken("it is not JSON") from None
        self._check(members, segment, first)
        self.seq, self.prev = members["seq"] + 1, link(line)
        if first:
            self.log = members["log"]
        return dict(members)

    def _check(self, members: Any, segment: int, first: bool) -> None:
        if not isinstance(members, dict) or members.get("version") != VERSION:
            raise Broken(f"it is not an event of format version {VERSION}")
        seq = members.get("seq")
        if type(seq) is not int or (self.seq is not None and seq != self.seq):
            raise Broken(
                f"its sequence number is {seq!r}, not {'a number' if self.seq is None else self.seq}"
            )
        if self.prev is not None and members.get("prev") != self.prev:
            raise Broken("it does not follow the line before it: one was changed, removed or put in")
        if first is not (members.get("kind") == "segment"):
            raise Broken("a file's first line, and no other, is its header")
        if first and members.get("segment") != segment:
            raise Broken(f"its header is of file {members.get('segment')!r}, not {segment}")
        if first and self.log is not None and members.get("log") != self.log:
            raise Broken("its header is of another log")
        if first and not isinstance(members.get("log"), str):
            raise Broken("its header names no log")

    def resume(self, line: bytes) -> None:
        """Go on behind a broken line, taking from it what it still tells of its place."""
        self.prev = link(line)
        try:
            seq = orjson.loads(line)["seq"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            seq = None
        if type(seq) is int:
            self.seq = seq + 1
        elif self.seq is not None:
            self.seq += 1
