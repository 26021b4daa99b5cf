"""git over HTTP, by the smart protocol (gitprotocol-http(5), gitprotocol-pack(5)): fetch, and push by refs.

Rules: what a push changes stands before its pack, as lines of known length up to a flush; this opening is
read and decided, and the pack passes unread. Reading the refs is `fetch`, be it for a fetch or for a push,
and so is the empty push by which git tries its login before a large one: rules about the push itself see
both, with nothing in them, so that a deny can speak where git shows what it is told. Whether an update is
forced is not on the wire. The dumb protocol and signed pushes are refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wharfinger.rules.inputs import Input
from wharfinger.rules.protocols.speech import Asked, Form, Operation, Protocol, Speech
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import JSON, Code

if TYPE_CHECKING:
    from wharfinger.rules.models.runs import Run
    from wharfinger.rules.tools.tool import Tool
    from wharfinger.rules.types import Request

MAX_OPENING: Final = 256 * 1024
"""Bytes that may stand before a pack."""
MAX_LINE: Final = 65_520
"""Bytes of one line with its length (gitprotocol-common(5))."""
MAX_OPTIONS: Final = 256
POST_BUFFER: Final = 1024 * 1024
"""Bytes that git sends in one piece, as it is set up (`http.postBuffer`, git-config(1))."""
_BAND: Final = MAX_LINE - 5
"""Bytes of one line on the side band, without its length and the number of the band."""
FETCH_TYPE: Final = "application/x-git-upload-pack-request"
PUSH_TYPE: Final = "application/x-git-receive-pack-request"
REPORT_TYPE: Final = "application/x-git-receive-pack-result"
INPUTS: Final = {
    "changes": Input("changes", "array"),
    "refs": Input("refs", "array", required=False),
    "actions": Input("actions", "array", required=False),
    "deletes": Input("deletes", "integer", required=False),
    "options": Input("options", "array", required=False),
    "atomic": Input("atomic", "boolean", required=False),
}
"""What a push is read as, whatever its URL holds."""
DERIVED: Final = frozenset(INPUTS) - {"changes"}

_FETCH, _PUSH = "fetch", "push"
_READ: Final = {"git-upload-pack": (_FETCH,), "git-receive-pack": (_FETCH, _PUSH)}
"""Which tools the reading of refs is for, by the service that is asked for."""
_LENGTH = re.compile(rb"[0-9A-Fa-f]{4}")
_ABLE = re.compile(rb"[\x20-\x7e]*")
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs(?:/(?!\.)[^\x00-\x20\x7f~^:?*\[\\/]+(?<!\.)(?<!\.lock))+")
"""A name that git takes for a ref (git-check-ref-format(1)); what else it forbids is looked for apart."""
_HELP: Final = "Push with git itself, by the smart protocol."
_NO_OBJECTS: Final = b"PACK\0\0\0\2\0\0\0\0"


class Opening:
    """Finds where the opening of a push ends, as its bytes arrive."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        self._flushes = 1

    def feed(self, data: bytes) -> int | None:
        """Take more bytes; how many of all are the opening, once it is whole. Raises `Refused`."""
        self._held += data
        while (read := _line(self._held, self._at)) is not None:
            line, self._at = read
            if line is None:
                self._flushes -= 1
            elif b"\0" in line and b"push-options" in _abilities(
                line.removesuffix(b"\n").partition(b"\0")[2]
            ):
                self._flushes = 2
            if self._at > MAX_OPENING:
                break
            if not self._flushes:
                return self._at
        if len(self._held) > MAX_OPENING:
            raise _broken(f"has more than {MAX_OPENING} bytes before its pack")
        return None


def lower(run: Run) -> Form:
    """The forms of a tool that fetches or pushes; the URL of a repository may end in `.git` or not."""
    base = run.url.removesuffix("/").removesuffix(".git")
    made = _fetching if run.service == _FETCH else _pushing
    first, *others = [form for spelling in (f"{base}.git", base) for form in made(spelling, run)]
    return replace(first, others=tuple(others))


def _fetching(url: str, run: Run) -> list[Form]:
    def form(method: str, path: str, query: Mapping[str, str], *, opening: bool = False) -> Form:
        return Form(
            Protocol.GIT, (method,), f"{url}/{path}", query, run.headers,
            encoding="any", key=_FETCH, opening=opening,
        )  # fmt: skip

    return [
        *(form("GET", "info/refs", {"service": service}) for service in _READ),
        form("POST", "git-upload-pack", {}),
        form("POST", "git-receive-pack", {}, opening=True),
    ]


def _pushing(url: str, run: Run) -> list[Form]:
    body = {name: f"${{{name}}}" for name in INPUTS}

    def form(method: str, path: str, query: Mapping[str, str], *, opening: bool = False) -> Form:
        return Form(
            Protocol.GIT, (method,), f"{url}/{path}", query, run.headers, body, has_body=True,
            body_key="service", encoding="json", key=_PUSH, inputs=INPUTS, opening=opening,
        )  # fmt: skip

    return [
        form("POST", "git-receive-pack", {}, opening=True),
        form("GET", "info/refs", {"service": "git-receive-pack"}),
    ]


def read(asked: Asked) -> Sequence[Operation]:
    """What is fetched or pushed: one operation, whatever it changes."""
    path, fields = asked.reading.target.path.segments, asked.reading.fields
    if asked.request.method == "GET":
        keys = _READ.get(str(asked.reading.query.get("service")))
        if asked.request.body:
            raise Refused("the refs are asked for with a body", _HELP, Code.DENIED)
        if keys is None:
            raise Refused("the refs are asked for without a service that is known", _HELP, Code.DENIED)
        return [Operation(keys, _inputs([], [], atomic=False))]
    if path[-1] == "git-upload-pack":
        if fields.get("content-type") != (FETCH_TYPE,):
            raise Refused("the fetch is not sent as git sends it", "Fetch with git itself.", Code.DENIED)
        return [Operation((_FETCH,), {})]
    data = asked.request.body if asked.request.body is not None else asked.request.opening
    if data is None:
        raise Refused("what is pushed has not been read", "", Code.DENIED)
    if fields.get("content-type") != (PUSH_TYPE,) or "content-encoding" in fields:
        raise _broken("is not sent as git sends it")
    changes, options, abilities, end = _commands(data)
    if changes:
        return [Operation((_PUSH,), _inputs(changes, options, atomic=b"atomic" in abilities))]
    whole = asked.request.body is not None or fields.get("content-length") == (str(end),)
    if not whole or len(data) > end:
        raise _broken("changes nothing, and is more than that")
    return [Operation((_FETCH, _PUSH), _inputs([], [], atomic=False))]


def _inputs(changes: list[dict[str, str]], options: list[str], *, atomic: bool) -> dict[str, Any]:
    actions = [change["action"] for change in changes]
    return {
        "changes": changes,
        "refs": [change["ref"] for change in changes],
        "actions": actions,
        "deletes": actions.count("delete"),
        "options": options,
        "atomic": atomic,
    }


# Lines


def _line(data: bytes | bytearray, at: int) -> tuple[bytes | None, int] | None:
    """The line at `at` (None for a flush) and where it ends; None where it has not come whole."""
    head = bytes(data[at : at + 4])
    if len(head) < 4:
        return None
    if not _LENGTH.fullmatch(head):
        raise _broken("has a line without a length")
    length = int(head, 16)
    if length == 0:
        return None, at + 4
    if not 4 < length <= MAX_LINE:
        raise _broken("has a line that does not belong there")
    end = at + length
    return (bytes(data[at + 4 : end]), end) if end <= len(data) else None


def _section(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The lines up to the next flush, and where that ends."""
    lines: list[bytes] = []
    while (found := _line(data, at)) is not None:
        line, at = found
        if line is None:
            return lines, at
        lines.append(line.removesuffix(b"\n"))
    raise _broken("ends before all of its lines have come")


def _commands(data: bytes) -> tuple[list[dict[str, str]], list[str], frozenset[bytes], int]:
    """What a push changes, its options, what its client says it can do, and where its opening ends."""
    lines, end = _section(data, 0)
    changes: list[dict[str, str]] = []
    abilities: frozenset[bytes] = frozenset()
    for line in lines:
        command, nul, said = line.partition(b"\0")
        if nul:
            if changes or command.startswith(b"shallow "):
                raise _broken("names what it can do in a place where git does not")
            abilities = _abilities(said)
        if not command.startswith(b"shallow "):
            changes.append(_change(command))
        elif changes or not _ID.fullmatch(command[8:].decode("latin-1")):
            raise _broken("has a line that does not belong there")
    if len({change["ref"] for change in changes}) < len(changes):
        raise _broken("changes a ref twice")
    options: list[str] = []
    if b"push-options" in abilities:
        given, end = _section(data, end)
        if len(given) > MAX_OPTIONS:
            raise _broken("has too many options")
        options = [_text(option) for option in given]
    if end > MAX_OPENING:
        raise _broken(f"has more than {MAX_OPENING} bytes before its pack")
    return changes, options, abilities, end


def _abilities(said: bytes) -> frozenset[bytes]:
    """What a client says it can do, without values: git takes `push-options=x` for `push-options`, too."""
    if not _ABLE.fullmatch(said):
        raise _broken("names what it can do in characters that git does not use")
    return frozenset(each.partition(b"=")[0] for each in said.split(b" "))


def _change(command: bytes) -> dict[str, str]:
    old, _, rest = _text(command).partition(" ")
    new, _, ref = rest.partition(" ")
    if not (_ID.fullmatch(old) and _ID.fullmatch(new) and len(old) == len(new)):
        raise _broken("has a line that changes no ref")
    if not _REF.fullmatch(ref) or ".." in ref or "@{" in ref:
        raise _broken("changes a ref of a name that git does not take")
    nothing = "0" * len(old)
    if old == new == nothing:
        raise _broken("has a line that changes no ref")
    action = "create" if old == nothing else "delete" if new == nothing else "update"
    return {"ref": ref, "action": action, "old": old, "new": new}


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise _broken("holds text that is not UTF-8") from None


def _broken(what: str) -> Refused:
    return Refused(f"the push {what}", _HELP, Code.DENIED)


# Writing


def write(tool: Tool, value: JSON) -> tuple[bytes, str]:
    """The body that makes these changes, of objects that the repository has; nothing for one that reads."""
    if tool.key != _PUSH or "GET" in tool.methods:
        return b"", ""
    given: Any = value
    changes = given.get("changes") or ()
    if not changes or not all(isinstance(change, dict) for change in changes):
        raise Refused("a push without changes cannot be made", 'Give "changes".', Code.DENIED)
    options = given.get("options") or ()
    abilities = [b"report-status", *([b"atomic"] if given.get("atomic") else ())]
    if options:
        abilities.append(b"push-options")
    if any(len(str(change.get("old"))) == 64 for change in changes):
        abilities.append(b"object-format=sha256")
    lines = [_written(change) for change in changes]
    lines[0] += b"\0 " + b" ".join(abilities)
    body = b"".join(map(_framed, lines)) + b"0000"
    if options:
        body += b"".join(_framed(str(option).encode()) for option in options) + b"0000"
    if any(change.get("action") != "delete" for change in changes):
        sum_ = hashlib.sha256 if len(str(changes[0].get("old"))) == 64 else hashlib.sha1
        body += _NO_OBJECTS + sum_(_NO_OBJECTS).digest()
    return body, PUSH_TYPE


def _written(change: Mapping[str, Any]) -> bytes:
    return f"{change.get('old')} {change.get('new')} {change.get('ref')}".encode()


def _framed(line: bytes) -> bytes:
    if len(line) > MAX_LINE - 4:
        raise Refused("a line of the push would be too long", "Use shorter names.", Code.DENIED)
    return b"%04x%b" % (len(line) + 4, line)


# Refusing


@dataclass(frozen=True, slots=True)
class Pushed:
    """What has to be known of a push to say in git's own report that it changed nothing."""

    refs: tuple[str, ...]
    """Names of refs, which hold only what git takes for one."""
    abilities: frozenset[bytes]


def pushed(request: Request) -> Pushed | None:
    """The push that this is; None where no report of refs is waited for, or is not waited for to its end.

    Of a push in pieces git sends the rest by itself once one was answered well, as a push of its own.
    """
    opening = request.body if request.body is not None else request.opening
    if opening is None or request.values("content-type") != (PUSH_TYPE,):
        return None
    size = next(iter(request.values("content-length")), "")
    if not (size.isascii() and size.isdecimal() and int(size[:20]) <= POST_BUFFER):
        return None
    try:
        changes, _, abilities, _ = _commands(opening)
    except Refused:
        return None
    if not changes or abilities.isdisjoint({b"report-status", b"report-status-v2"}):
        return None
    return Pushed(tuple(change["ref"] for change in changes), abilities)


def report(push: Pushed, reason: str, message: str) -> bytes:
    """Says that the pack was not taken, and of every ref that it was not changed, all for this reason.

    git shows ` ! [remote rejected] REF (REASON)`; libgit2 and dulwich look at the first line alone. The
    message goes beside that, and is shown as `remote: MESSAGE`; to who cannot take it there, in place of the
    first ref's reason. gitprotocol-pack(5), "Report Status"; gitprotocol-capabilities(5), "side-band-64k".
    """
    beside = b"side-band-64k" in push.abilities
    reasons = [reason if beside else message.replace("\n", " "), *(reason for _ in push.refs[1:])]
    lines = [_cut(f"ng {ref} {why}") for ref, why in zip(push.refs, reasons, strict=True)]
    told = b"".join(map(_framed, [_cut(f"unpack {reason}"), *lines])) + b"0000"
    if not beside:
        return told
    parts = [told[at : at + _BAND] for at in range(0, len(told), _BAND)]
    return b"".join(map(_framed, [b"\2" + _cut(message), *(b"\1" + part for part in parts)])) + b"0000"


def _cut(line: str) -> bytes:
    return line.encode()[: _BAND - 1] + b"\n"


SPEECH = Speech(lower, read, write, reads_body=False, derived=DERIVED, opening=Opening)
