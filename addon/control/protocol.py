"""What is said on the control socket: one JSON object a line, the server first.

    server  {"version": 1, "nonce": "…"}
    client  {"id": 1, "do": "approvals.approve", "args": {…}, "person": "alice", "signature": "…"}
    server  {"id": 1, "ok": true, "result": …}
    server  {"id": 1, "ok": false, "code": "forbidden", "error": "…", "hint": "…"}

A command that changes anything is signed by a person: Ed25519, base64, over the canonical JSON (keys
sorted, no spaces, ASCII) of nonce, id, do, args and person. The nonce is of this connection and ids only
go up, so that no command can be sent a second time. Commands that only read need no signature: the
socket is its owner's alone.

    client  {"id": 1, "do": "approvals.approve", "args": {…}, "session": "ws_…"}

Instead of a signature a command may carry the token of a session, which the proxy gave to a person who
signed in, or made for a machine on a person's behalf (`wharfinger.signin`). So does every command that the
office passes on. `"background": true` says that nobody asked for it just now.
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wharfinger.faults import Fault
from wharfinger.keeping.people import SIGNATURE_BYTES
from wharfinger.rules.types import JSON

VERSION = 1
SOCKET = "control.sock"
"""Name of the socket in the data folder."""
LINE_LIMIT = 1024 * 1024
"""Bytes of one line, its end included."""
PURPOSE = "control 1"
"""What a signature is for, see `wharfinger.keeping.people`."""
_TOKEN_LIMIT = 100
_KEYS = frozenset({"id", "do", "args", "person", "signature", "session", "background"})


class Code(enum.StrEnum):
    """Why a command was not carried out."""

    BAD_REQUEST = "bad_request"
    UNKNOWN = "unknown_action"
    UNSIGNED = "unsigned"
    FORBIDDEN = "forbidden"
    SIGNED_OUT = "signed_out"
    """The session it came with is not good (any more)."""
    NOT_SIGNED_IN = "not_signed_in"
    """Signing in failed: what was presented does not prove anyone."""
    TOO_MANY = "too_many"
    """It came too soon after others."""
    FAILED = "failed"
    """It was in order, and could not be done; the error says why."""
    TIMEOUT = "timeout"
    INTERNAL = "internal"


class ControlError(Fault):
    """A command was not carried out."""

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        """See `Code`."""
        super().__init__(message, hint)
        self.code = code


@dataclass(frozen=True, slots=True)
class Command:
    """One command, as the client sent it."""

    number: int
    do: str
    args: Mapping[str, Any] = field(default_factory=dict)
    person: str | None = None
    signature: bytes | None = None
    session: str | None = field(default=None, repr=False)
    """Token of the session it is given in, instead of a signature."""
    background: bool = False
    """Whether nobody asked for it just now: a page that renews itself does not keep a session alive."""

    def signed_text(self, nonce: str) -> bytes:
        """What the signature is over."""
        said = {"nonce": nonce, "id": self.number, "do": self.do, "args": self.args, "person": self.person}
        return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    def as_line(self) -> bytes:
        """The line to send."""
        said: dict[str, Any] = {"id": self.number, "do": self.do, "args": self.args}
        if self.person is not None and self.signature is not None:
            said |= {"person": self.person, "signature": base64.b64encode(self.signature).decode("ascii")}
        elif self.session is not None:
            said |= {"session": self.session, "background": self.background}
        return line(said)


def line(said: Mapping[str, JSON]) -> bytes:
    """One object as the line that stands for it."""
    return json.dumps(said, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def read_object(text: bytes) -> dict[str, Any]:
    """One line as an object: strict JSON, no key twice, nothing that is not a number in JSON.

    Raises `ControlError`.
    """
    try:
        read = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ControlError(Code.BAD_REQUEST, "this line is not strict JSON") from error
    if not isinstance(read, dict):
        raise ControlError(Code.BAD_REQUEST, "this line is not a JSON object")
    return read


def read_command(text: bytes) -> Command:
    """One line as a command; raises `ControlError` that names everything wrong with it."""
    read = read_object(text)
    wrong = [f'"{key}" is not known' for key in sorted(read.keys() - _KEYS)]
    number, do, args = read.get("id"), read.get("do"), read.get("args", {})
    person, signature, session = read.get("person"), read.get("signature"), read.get("session")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**53:
        wrong.append('"id" is not a positive integer')
    if not isinstance(do, str):
        wrong.append('"do" is not a string')
    if not isinstance(args, dict):
        wrong.append('"args" is not an object')
    if person is not None and not isinstance(person, str):
        wrong.append('"person" is not a string')
    if (person is None) != (signature is None):
        wrong.append('"person" and "signature" go together')
    if session is not None and not (isinstance(session, str) and len(session) <= _TOKEN_LIMIT):
        wrong.append('"session" is not a token')
    background = read.get("background", False)
    if not isinstance(background, bool):
        wrong.append('"background" is not true or false')
    if session is not None and person is not None:
        wrong.append('"session" stands instead of "person" and "signature"')
    signed = _signature(signature, wrong)
    if wrong or not isinstance(number, int) or not isinstance(do, str):
        raise ControlError(Code.BAD_REQUEST, "; ".join(wrong)[:1000])
    return Command(number, do, args, person, signed, session, background is True)


def _signature(text: object, wrong: list[str]) -> bytes | None:
    if text is None:
        return None
    if isinstance(text, str):
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) == SIGNATURE_BYTES and base64.b64encode(raw).decode("ascii") == text:
            return raw
    wrong.append('"signature" is not 64 bytes of base64')
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key stands twice")
    return read


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")
