"""What a vector is: bytes for the proxy, as they are, and what may come of them.

In the bytes, these marks are replaced: `@TAG@` by a word of the vector's own, by which its request is
known wherever it turns up; `@OK@` by another, for what it may send besides; `@API@`, `@OTHER@`, `@QUERY@`
and `@LOGIN@` by the agent's placeholders; `@FOREIGN@` by another agent's; `@AUTH@` by the agent's login at
the proxy; `@LENGTH@` by the length of the body; `@SPELLED@` by what `spell` makes of the placeholders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bypassing.world import API, PLAIN

type Held = Mapping[str, str]
"""An agent's placeholders and login, by the names of the marks."""

SAME: Final = "(as the CONNECT says)"
KEY: Final = "Authorization: Bearer @API@"
JSON: Final = "Content-Type: application/json"
FORM: Final = "Content-Type: application/x-www-form-urlencoded"
BRIEF: Final = 0.3
"""Seconds that are waited for an answer to what need not have one."""


@dataclass(frozen=True)
class Vector:
    """One attempt."""

    sends: tuple[bytes, ...]
    """Each is sent once the one before has been answered."""
    connect: bytes | None = f"{API}:443".encode()
    """The authority of the CONNECT; None for what is sent to the proxy itself."""
    sni: str | bytes | None = SAME
    tls: bool = True
    """Whether TLS is spoken inside the tunnel."""
    agent: str = "bot"
    fresh: bool = False
    """Whether it needs a connection of its own."""
    whole: bool = True
    """Whether what is sent are whole requests, so that answers are owed…"""
    owed: int = 0
    """… and otherwise to how many of them one is."""
    answers: int = 1
    """How many answers are owed to the last of what is sent."""
    silent: bool = True
    """Whether nothing of it may reach an origin; otherwise what reaches one must be what policy allows."""
    spell: Callable[[Held], bytes] | None = None
    frames: Callable[[Callable[[bytes], bytes]], bytes] | None = None
    """What makes the bytes to send where HTTP/2 is spoken; it gets what fills in marks."""
    streams: tuple[int, ...] = (1,)
    """The streams of HTTP/2 that an answer is owed on."""
    deaf_to: bytes = b""
    """What the agent must not hear."""
    unwritten: bytes = b""
    """What must not stand in the book."""


@dataclass(frozen=True)
class Class:
    """A class of attacks: what must not get through, and what looks like it and must."""

    name: str
    """Its number in the threat catalogue, and a word for it."""
    vectors: tuple[Vector, ...]
    alike: tuple[Vector, ...]
    """Harmless look-alikes, each of which must pass. They are the positive control as well."""

    @property
    def id(self) -> str:
        """The number in the catalogue."""
        return self.name.partition(" ")[0]


def octets(text: str) -> bytes:
    """One byte for each character, or UTF-8 where there are characters that are more than a byte."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def request(
    method: str,
    target: str,
    *fields: str,
    body: str | bytes = b"",
    host: str | None = API,
    length: bool = True,
) -> bytes:
    """The bytes of a request. Text is as `octets` has it."""
    raw = octets(body) if isinstance(body, str) else body
    lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *fields]
    if raw and length:
        lines.append("Content-Length: @LENGTH@")
    return octets("\r\n".join(lines)) + b"\r\n\r\n" + raw


def get(target: str, *fields: str, method: str = "GET", key: bool = True, **more: object) -> Vector:
    """A request without a body in a tunnel to the API."""
    given = (KEY, *fields) if key else fields
    return Vector((request(method, target, *given),), **more)  # type: ignore[arg-type]


def post(target: str, body: str | bytes, *fields: str, key: bool = True, **more: object) -> Vector:
    """A request with a body in a tunnel to the API; JSON unless the fields say otherwise."""
    kind = () if any(name.lower().startswith("content-type") for name in fields) else (JSON,)
    given = (KEY, *kind, *fields) if key else (*kind, *fields)
    return Vector((request("POST", target, *given, body=body),), **more)  # type: ignore[arg-type]


def raw(*sends: bytes | str, **more: object) -> Vector:
    """Bytes in a tunnel to the API, on a connection of their own."""
    made = tuple(octets(each) if isinstance(each, str) else each for each in sends)
    more.setdefault("fresh", True)
    return Vector(made, **more)  # type: ignore[arg-type]


def plain(target: str, *fields: str, method: str = "GET", host: str | None = PLAIN, **more: object) -> Vector:
    """An absolute-form request to the proxy itself."""
    made = request(method, target, "Proxy-Authorization: Basic @AUTH@", *fields, host=host)
    return Vector((made,), connect=None, **more)  # type: ignore[arg-type]


def to(
    host: str, target: str, *fields: str, method: str = "GET", body: str | bytes = b"", **more: object
) -> Vector:
    """A request in a tunnel to another host."""
    more.setdefault("connect", f"{host}:443".encode())
    return Vector((request(method, target, *fields, host=host, body=body),), **more)  # type: ignore[arg-type]


def passing(vectors: Iterable[Vector]) -> tuple[Vector, ...]:
    """The same as look-alikes: what they send may, and must, arrive."""
    return tuple(replace(vector, silent=False) for vector in vectors)


def marked(data: bytes, held: Held, tag: str, spell: Callable[[Held], bytes] | None) -> bytes:
    """The bytes to send."""
    marks = {"TAG": f"{tag}x", "OK": f"{tag}k"} | dict(held)
    if spell is not None and b"@SPELLED@" in data:
        data = data.replace(b"@SPELLED@", spell(held))
    for name, text in marks.items():
        data = data.replace(f"@{name}@".encode(), text.encode())
    if b"@LENGTH@" in data:
        size = len(data.partition(b"\r\n\r\n")[2])
        data = data.replace(b"@LENGTH@", str(size).encode())
    return data


def sent(vector: Vector, held: Held, tag: str) -> tuple[bytes, ...]:
    """All that a vector sends inside its connection."""
    if vector.frames is not None:
        return (vector.frames(lambda data: marked(data, held, tag, vector.spell)),)
    return tuple(marked(data, held, tag, vector.spell) for data in vector.sends)


def numbered(classes: Iterable[Class]) -> Iterator[tuple[str, Class, Vector, bool]]:
    """Every vector with a tag, its class, and whether it is a look-alike."""
    count = 0
    for each in classes:
        for harmless, vectors in ((False, each.vectors), (True, each.alike)):
            for vector in vectors:
                count += 1
                yield f"v{count:05}", each, vector, harmless
