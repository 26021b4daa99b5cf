# ruff: noqa: E501 -- tables of vectors are read by their rows
# fmt: off
"""S09 to S13 and S18: an API that tells what it was told."""

from __future__ import annotations

from dataclasses import replace

from bypassing.reflecting import CODINGS, CUTS, DEEPER, PLACES, SPELLINGS, TYPES
from bypassing.vectors import KEY, Class, Vector, get, passing, request, to
from bypassing.world import OTHER, QUERY

LONGEST = 60
"""Places at which a secret is cut in two."""


def reflect(how: str, *fields: str, method: str = "GET") -> Vector:
    """Have the API tell the key."""
    return get(f"/reflect/{how}/@TAG@", *fields, method=method, silent=False)


def parted(*parts: str, around: int = 1_000) -> Vector:
    """Have it tell the key in the parts that the tool declares."""
    return Vector(tuple(request("GET", f"/part/{around}/@TAG@", KEY, f"Range: {part}") for part in parts), silent=False)


HALVES = (
    ("bytes=9990-10014", "bytes=10015-10100"), ("bytes=0-10009", "bytes=10010-"), ("bytes=9000-10001", "bytes=10002-10090"),
    tuple(f"bytes={at}-{at}" for at in range(10_000, 10_020)), tuple(f"bytes={at}-{at + 4}" for at in range(10_000, 10_050, 5)),
    ("bytes=10000-10010,10011-10060",), ("bytes=-10040", "bytes=10000-10020"), ("bytes=10000-10060",), ("items=10000-10060",),
)
"""Parts of it, which joined are all of it, or the most."""
READERS = {"S10 reflected in another spelling": "reader2", "S11 reflected in pieces": "reader3", "S18 labelled as something else": "reader3"}
"""Who has itself told, where it is not the first reader: nobody may be told too often."""


def classes() -> tuple[Class, ...]:
    """The classes of this module."""
    return tuple(_read_by(READERS.get(each.name, "reader1"), each) for each in _classes())


def _read_by(agent: str, each: Class) -> Class:
    vectors, alike = (tuple(replace(vector, agent=agent) for vector in some) for some in (each.vectors, each.alike))
    return Class(each.name, vectors, alike)


def _classes() -> tuple[Class, ...]:
    tells = tuple(reflect(f"place~{name}") for name in PLACES)
    return (
        Class(
            "S09 reflected in the head",
            tells
            + tuple(reflect(f"place~{name}", method="HEAD") for name in PLACES)
            + tuple(
                vector
                for name in ("debug", "redirect", "reason", "not-found", "set-cookie", "hints", "trailer", "challenge")
                for vector in (
                    to(OTHER, f"/reflect/place~{name}/@TAG@", "X-Api-Key: @OTHER@", silent=False),
                    to(QUERY, f"/reflect/place~{name}/@TAG@?key=@QUERY@", silent=False),
                )
            ),
            passing(reflect(f"place~{name}") for name in ("debug", "etag", "link", "timing", "redirect", "server", "trailer", "hints", "vary", "via", "warning", "origin", "allow", "age", "many", "long", "old", "until-close", "set-cookie", "alt-svc", "date", "policy", "continue"))
            + passing([reflect("none")]),
        ),
        Class(
            "S10 reflected in another spelling",
            tuple(reflect(f"body~{name}~{coding}") for name in SPELLINGS for coding in ("plain", "gzip", "br"))
            + tuple(to(OTHER, f"/reflect/body~{name}~plain/@TAG@", "X-Api-Key: @OTHER@", silent=False) for name in SPELLINGS)
            + tuple(to(QUERY, f"/reflect/body~{name}~zstd/@TAG@?key=@QUERY@", silent=False) for name in SPELLINGS),
            passing(reflect(f"body~{name}~{coding}") for name in SPELLINGS for coding in ("plain", "gzip")),
        ),
        Class(
            "S10 reflected, coded twice",
            tuple(reflect(f"body~{name}~{coding}") for name in DEEPER for coding in ("plain", "gzip")),
            passing(reflect(f"body~{name}~plain") for name in DEEPER),
        ),
        Class(
            "S11 reflected in pieces",
            tuple(reflect(f"cut~{how}~{at}") for how in CUTS for at in range(1, LONGEST, 1 if how == "chunks" else 3)),
            passing(reflect(f"cut~{how}~{at}") for how in CUTS for at in (1, 15, 30, 45)),
        ),
        Class(
            "S12 in parts",
            tuple(
                Vector(tuple(request("GET", "/reflect/range/@TAG@", KEY, f"Range: {part}", *more) for part in parts), silent=False)
                for parts in (
                    ("bytes=0-30", "bytes=31-"), ("bytes=0-39", "bytes=40-99"), ("bytes=-40", "bytes=0-45"), ("bytes=0-20,21-40,41-",), ("bytes=10-40", "bytes=41-80"), ("bytes=0-15", "bytes=16-31", "bytes=32-47", "bytes=48-"),
                )
                for more in ((), ('If-Range: "x"',))
            )
            + tuple(parted(*parts) for parts in HALVES)
            + tuple(reflect("range", f"{name}: bytes=0-30") for name in ("range", "RANGE", "Range_", "X-Range", "If-Range")),
            passing([reflect("range"), get("/items/@TAG@", "Accept-Ranges: bytes"), parted("bytes=0-99"), parted("bytes=-8"), reflect("range", "If-Range: \"x\"")]),
        ),
        Class(
            "S18 labelled as something else",
            tuple(reflect(f"type~{number}") for number in range(len(TYPES)))
            + tuple(reflect(f"body~{name}~{coding}") for coding in CODINGS for name in ("raw", "b64-1", "percent"))
            + tuple(reflect(f"body~{name}~plain", f"Accept-Encoding: {coding}") for coding in ("rot13", "identity", "*") for name in ("raw", "json")),
            passing(reflect(f"type~{number}") for number in range(8))
            + passing(reflect(f"body~raw~{coding}") for coding in ("plain", "identity", "gzip", "x-gzip", "deflate", "raw-deflate", "br", "zstd", "members", "gzip-br", "frames", "stored")),
        ),
        Class(
            "S13 fields that are masked",
            tuple(get(f"/masked/@TAG@{more}", *fields, silent=False, deaf_to=b"canary@private") for more in ("", "?fields=owner", "?pretty=1", "?callback=x") for fields in ((), ("Accept: text/plain",), ("Accept: application/xml",), ("Accept-Encoding: gzip",))),
            passing([get("/masked/@TAG@"), get("/masked/@TAG@?a=b")]),
        ),
    )
