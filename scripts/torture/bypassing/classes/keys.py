# ruff: noqa: E501, RUF005 -- tables of vectors are read by their rows
# fmt: off
"""S05, S15, S17, A09 and D07: odd keys, new keys, what a coding tells, what the book is told, broken origins."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

from bypassing import minting, values
from bypassing.vectors import FORM, JSON, KEY, Class, Held, Vector, get, passing, post, request, to
from bypassing.world import API, BAD_CERTIFICATES, BROKEN, BROKEN_ADDRESSES, MUTE, ODD

READER = "reader2"


def odd(number: int, place: str, *, silent: bool = True, mark: int | None = None) -> Vector:
    """A request that is to bring an odd key to its place; `mark` for one that brings another's."""
    which = number if mark is None else mark
    held, target = f"@ODD{which}@", f"/odd/{number}/{place}/@TAG@"
    fields: tuple[str, ...] = ()
    match place:
        case "header":
            fields = (f"X-Key: {held}",)
        case "bearer":
            fields = (f"Authorization: Bearer {held}",)
        case "basic":
            fields = ("Authorization: Basic @SPELLED@",)
        case "cookie":
            fields = (f"Cookie: key={held}",)
        case "path":
            target = f"/odd/{number}/path/{held}/@TAG@"
        case _:
            target += f"?key={held}"
    return to(ODD, target, *fields, silent=silent, spell=_basic(f"ODD{which}") if place == "basic" else None)


def _basic(mark: str) -> Callable[[Held], bytes]:
    return lambda held: base64.b64encode(f"user:{held.get(mark, 'nobody')}".encode())


def mint(how: str, *fields: str, **more: object) -> Vector:
    """A request that makes a new key."""
    return post(f"/mint/{how}/@TAG@", '{"for":"x"}', *fields, silent=False, **more)


def asking(how: str, coding: str) -> Vector:
    """A request for an answer that holds a key, and what the agent chose besides, packed."""
    return get(f"/reflect/body~{how}/@TAG@?guess=sk_live_@TAG@", f"Accept-Encoding: {coding}", silent=False, deaf_to=b"content-encoding:", agent=READER)


CODINGS = ("gzip", "br", "zstd", "deflate", "gzip, br", "*", "gzip;q=1.0, identity;q=0", "x-gzip", "gzip, deflate, br, zstd", "compress", "GZIP", "")
PIN = "pin-@TAG@-0123456789"


def pin(body: str, *fields: str, path: str = "/pin/@OK@", **more: object) -> Vector:
    """What holds something that the book must not tell."""
    return replace(post(path, body, *fields, **more), unwritten=PIN.encode())  # type: ignore[arg-type]


def whole(kind: str, path: str = "/open/@TAG@", **more: object) -> Vector:
    """A request to one of the broken origins."""
    return to(f"{kind}.{BROKEN}", path, fresh=True, **more)  # type: ignore[arg-type]


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    fit = range(len(values.FIT))
    long_one = next(number for number in fit if len(values.FIT[number]) > 1000)
    kinds = [name.removesuffix(f".{BROKEN}") for name in BROKEN_ADDRESSES.values()]
    later = [kind for kind in kinds if kind not in BAD_CERTIFICATES]
    spelled = PIN.replace("0", "\\u0030")
    return (
        Class(
            "S05 odd keys",
            tuple(odd(number, place, silent=False) for number in fit for place in ("cookie", "path")) + (odd(long_one, "query", silent=False),)
            + tuple(odd(number, place, mark=(number + 1) % len(fit)) for number in fit for place in values.PLACES),
            tuple(odd(number, place, silent=False) for number in fit for place in ("header", "bearer", "basic"))
            + tuple(odd(number, "query", silent=False) for number in fit if number != long_one),
        ),
        Class(
            "S15 new keys",
            tuple(mint(how, agent="reader1") for how in minting.REPLIES) + tuple(mint(how, "Accept-Encoding: gzip", agent="reader1") for how in ("gzip", "gzip-unsaid", "plain"))
            + tuple(post(f"/unsealed/{how}/@TAG@", '{"for":"x"}', agent="reader1") for how in ("plain", "twice", "elsewhere", "gzip"))
            + tuple(post(f"/mint/{how}/@TAG@", '{"for":"x"}', "Range: bytes=0-20", silent=False, agent="reader1") for how in ("plain", "twice")),
            passing(replace(mint(how), agent="reader1") for how in minting.WHOLE),
        ),
        Class(
            "S17 packed beside a key",
            tuple(asking(how, coding) for how in ("raw~gzip", "raw~br", "json~zstd", "raw~plain") for coding in CODINGS) + tuple(asking(f"raw~{coding}", "gzip") for coding in ("deflate", "raw-deflate", "x-gzip", "gzip-gzip", "members")),
            passing(get(f"/reflect/body~raw~{how}/@TAG@", f"Accept-Encoding: {coding}", agent=READER) for how, coding in (("gzip", "gzip"), ("br", "br"), ("plain", "gzip"), ("zstd", "*"))) + passing([get("/items/@TAG@", "Accept-Encoding: gzip")]),
        ),
        Class(
            "A09 what the book must not tell",
            tuple(pin(body) for body in (
                f'{{"pin":"{PIN}"}}', f'{{"pin":"{spelled}"}}', f'{{"pin":"{PIN}","note":"{PIN}"}}', f'{{"pin":"{PIN}","note":"no"}}', f'{{"pin":"{PIN}","extra":"{PIN}"}}', f'{{"pin":"{PIN}","extra":["x{PIN}x"]}}', f'{{"pin":["{PIN}"]}}', f'{{"pin":{{"a":"{PIN}"}}}}', f'{{"pin":"{PIN}","pin":"x"}}',
                f'{{"pin":"x","Pin":"{PIN}"}}', f'{{"Pin":"{PIN}"}}', f'{{"pin":"{PIN}"', f'{PIN}', f'["{PIN}"]', f'{{"pin":"{PIN}"}}{{}}', f'{{"pin":"{PIN}","note":{{"a":"{PIN}"}}}}', f'{{"pin":"{PIN}","note":"{spelled}"}}',
            ))
            + tuple(pin(f"pin={PIN}&note={note}", FORM) for note in ("a", "no", PIN)) + tuple(pin(f'{{"pin":"{PIN}"}}', f"Content-Type: {kind}") for kind in ("text/plain", "application/json;charset=utf-7", "application/xml"))
            + tuple(pin(f'{{"pin":"{PIN}"}}', *fields) for fields in (("Content-Encoding: gzip",), ("Expect: x",), ("Wharfinger-Reason: rent",), ("X-Method-Override: GET",)))
            + tuple(replace(get(target, silent=False), unwritten=PIN.encode()) for target in (f"/pins/{PIN}/@OK@", f"/pins/{PIN.replace('0', '%30')}/@OK@", f"/pins/{PIN}/@OK@?x={PIN}", f"/pins/{PIN}/@OK@?x=%70in-@TAG@-0123456789", f"/pins/{PIN}/@OK@?_method=DELETE", f"/pins/{PIN}/@OK@?pin={PIN}")),
            passing(post("/pin/@TAG@", body) for body in ('{"pin":"[REDACTED]"}', '{"pin":"a","note":"[REDACTED]"}', '{"pin":"a","note":"{\\"hmac\\":{\\"pin\\":\\"0\\"}}"}', '{"pin":"a","hmac":{"pin":"0"}}', '{"pin":"a","note":"sha256:0000"}', '{"pin":"a","cut":1}')) + passing([get("/pins/a/@TAG@"), get("/pins/%5BREDACTED%5D/@TAG@")]),
        ),
        Class(
            "D07 broken origins",
            tuple(whole(kind, path) for kind in BAD_CERTIFICATES for path in ("/open/@TAG@", "/open/x?t=@TAG@"))
            + tuple(whole(kind, silent=False, whole=False) for kind in later if kind != "well")
            + (to(MUTE, "/open/@TAG@", fresh=True, whole=False), to(MUTE, "/open/@TAG@?x=1", fresh=True, whole=False)),
            passing([whole("well"), whole("well", "/open/@TAG@?x=1"), get("/items/@TAG@"), Vector((request("GET", "/items/@TAG@", KEY, host=API),), fresh=True), post("/items", '{"name":"@TAG@"}', JSON)]),
        ),
    )
