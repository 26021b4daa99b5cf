#!/usr/bin/env python3
"""Cut answers that hold secrets anywhere, and see that redaction gives the same as for the whole answer.

    .venv/bin/python scripts/torture/cuts.py [--cuts 1000000] [--seed 1]

Each answer is made of text, secrets spelled in any way that is covered (and spellings of spellings), and
beginnings and ends of such; it may be compressed in each of the ways known. The whole is redacted once, and
then in pieces, under so many random partitions. What comes out must be equal, and so must the findings;
and a decoder that shares nothing with the redaction must find no secret in it. Exit code 1 if anything fails.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import html
import json
import quopri
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

import brotli
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.secrets import SecretSet

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))
from standins.unearthing import unearth

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SECRETS = {
    "sk_live_Zk3vQ8m1X5b7N2c4R6t9": "STRIPE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a": "GITHUB",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a-longer": "LONGER",
    "user@example.com:pa/ss+word=&more": "LOGIN",
    "dead4beef5dead6beef7dead8": "HEX",
    'a"quoted\\and <tagged> one': "HARD",
    "Qm9va0tlZXBlckJvb2tLZWVwZXI=": "BASE64",
    "aaaaaaaaaaaaaaaaaaaaaaab": "REPEATED",
}
"""Among them one that begins another, one that looks encoded, and one that nearly repeats itself."""

APART = b"~"
"""After a piece of a spelling: with a piece of another it could make a whole that no encoder writes."""
PARTITIONS = 25
"""How often one answer is cut."""
UNEARTHED = 20
"""One answer in so many is dug through by the decoder, which is slow."""

type Encoder = Callable[[bytes, random.Random], bytes]


def _padded(encode: Callable[[bytes], bytes]) -> Encoder:
    """With other bytes before and after, so that it comes at every alignment."""
    return lambda data, dice: encode(
        dice.randbytes(dice.randrange(7)) + data + dice.randbytes(dice.randrange(7))
    )


def _in_lines(encode: Callable[[bytes], bytes], length: int, end: bytes) -> Encoder:
    """Broken after so many letters, at any place of the data: between enough others."""

    def encoder(data: bytes, dice: random.Random) -> bytes:
        letters = encode(dice.randbytes(60 + dice.randrange(60)) + data + dice.randbytes(60))
        return end.join(letters[at : at + length] for at in range(0, len(letters), length))

    return encoder


def _text(data: bytes) -> str:
    return data.decode("latin-1")


ENCODINGS: dict[str, Encoder] = {
    "base64": _padded(base64.b64encode),
    "base64url": _padded(base64.urlsafe_b64encode),
    "base32": _padded(base64.b32encode),
    "hex": _padded(lambda data: data.hex().encode()),
    "HEX": _padded(lambda data: data.hex().upper().encode()),
    "utf-16-le": lambda data, _: _text(data).encode("utf-16-le"),
    "utf-16-be": lambda data, _: _text(data).encode("utf-16-be"),
}
ESCAPES: dict[str, Encoder] = {
    "json": lambda data, _: json.dumps(_text(data)).encode(),
    "json, slashes": lambda data, _: json.dumps(_text(data)).replace("/", "\\/").encode(),
    "html": lambda data, _: html.escape(_text(data)).encode("latin-1"),
    "percent": lambda data, _: quote(data, safe="").encode(),
    "path": lambda data, _: quote(data).encode(),
    "form": lambda data, _: quote_plus(data).encode(),
    "quoted-printable": lambda data, _: quopri.encodestring(data).replace(b"=\n", b""),
}
LINES: dict[str, Encoder] = {
    "PEM": _in_lines(base64.b64encode, 64, b"\n"),
    "MIME": _in_lines(base64.b64encode, 76, b"\r\n"),
    "lines in JSON": _in_lines(base64.b64encode, 60, b"\\n"),
    "lines in a form": _in_lines(base64.urlsafe_b64encode, 64, b"%0D%0A"),
    "lines that are indented": _in_lines(base64.b64encode, 40, b"\n    "),
    "hex in lines": _in_lines(lambda data: data.hex().encode(), 60, b"\n"),
    "quoted-printable in lines": lambda data, dice: quopri.encodestring(b"\xe4" * dice.randrange(25) + data),
}
SPELLED_OUT: dict[str, Encoder] = {
    "every \\u": lambda data, _: b"".join(b"\\u%04x" % byte for byte in data),
    "every \\U": lambda data, _: b"".join(b"\\u%04X" % byte for byte in data),
    "every \\x": lambda data, _: b"".join(b"\\x%02x" % byte for byte in data),
    "every %": lambda data, _: b"".join(b"%%%02X" % byte for byte in data),
    "every &#": lambda data, _: b"".join(b"&#%d;" % byte for byte in data),
    "every &#x": lambda data, _: b"".join(b"&#x%x;" % byte for byte in data),
    "every =": lambda data, _: b"".join(b"=%02X" % byte for byte in data),
}
ONCE = {**ENCODINGS, **ESCAPES, **SPELLED_OUT, **LINES}
AFTER_SPELLED_OUT = {name: ONCE[name] for name in ("base64", "base64url", "hex", "HEX", *ESCAPES, "PEM")}
TWICE = {**ENCODINGS, **ESCAPES, **LINES}

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "gzip": lambda body: gzip.compress(body[: len(body) // 2], 1) + gzip.compress(body[len(body) // 2 :], 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": lambda body: zstd.compress(body, 1),
}
WORDS = (
    b'{"data": [',
    b"\n\n",
    b"data: ",
    b" ",
    b"\\",
    b"%",
    b"&#",
    b"=",
    b"sk_live_",
    b"ghp_16C7",
    b"eyJh",
    b'"},',
    b"A" * 40 + b"\n",
    b"=\n",
)


class Wrong(Exception):
    """What must not be; its text says how to see it again."""


def spelled(secret: str, dice: random.Random) -> tuple[str, bytes]:
    """A secret in a spelling, or a spelling of one, and how that came about."""
    data = secret.encode()
    names: list[str] = []
    choice = ONCE
    for _ in range(dice.choice((0, 1, 1, 2, 2, 2))):
        name = dice.choice(tuple(choice))
        data = choice[name](data, dice)
        names.append(name)
        if name in LINES:  # the lines of what is encoded again are not put together
            break
        choice = AFTER_SPELLED_OUT if name in SPELLED_OUT else TWICE
    return " of ".join(reversed(names)) or "plain", data


def answer(dice: random.Random) -> tuple[bytes, list[str]]:
    """A body, and the spellings of whole secrets that are in it."""
    parts: list[bytes] = []
    ways: list[str] = []
    for _ in range(dice.randrange(1, 7)):
        way, form = spelled(dice.choice(tuple(SECRETS)), dice)
        kind = dice.randrange(6)
        if kind < 2:
            parts += (b" ", form, b" ")
            ways.append(way)
        elif kind == 2:
            parts.append(form[: dice.randrange(len(form))] + APART)
        elif kind == 3 and not way.startswith(tuple(LINES)):  # the first of some lines is whole
            parts.append(form[dice.randrange(len(form)) :] + APART)
        else:
            parts.append(dice.choice(WORDS))
    return b"".join(parts), ways


def partition(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """The same in pieces."""
    most = min(len(data), dice.choice((1, 2, 5, 20, len(data))))
    edges = sorted(dice.sample(range(len(data) + 1), k=most)) if dice.random() < 0.9 else range(1, len(data))
    for start, end in pairwise((0, *edges, len(data))):
        yield data[start:end]


def redacted(known: SecretSet, coding: str, parts: Iterator[bytes]) -> tuple[bytes, Counter[str]]:
    """What an agent gets of a body that comes in these parts."""
    redactor = BodyRedactor(known, coding)
    out = b"".join([redactor.feed(part) for part in parts])
    return out + redactor.finish(), redactor.findings


def trial(number: int, seed: int, known: SecretSet, cuts: int) -> list[str]:
    """One answer under so many partitions; the spellings in it. Raises `Wrong`."""
    dice = random.Random(f"{seed}/{number}")
    body, ways = answer(dice)
    coding = dice.choice(tuple(COMPRESSIONS))
    packed = COMPRESSIONS[coding](body)
    again = f"(--seed {seed}, answer {number}, {coding or 'identity'}, {ways})"
    whole = redacted(known, coding, iter((packed,)))
    if number % UNEARTHED == 0 and (left := unearth(whole[0], SECRETS)):
        raise Wrong(f"{sorted(SECRETS[secret] for secret in left)} can be dug up {again}")
    if whole[1].total() < len(ways):
        raise Wrong(f"{whole[1].total()} findings of {len(ways)} {again}")
    for _ in range(cuts):
        if redacted(known, coding, partition(packed, dice)) != whole:
            raise Wrong(f"in parts it is not what it is whole {again}")
    return ways


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cuts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    known = SecretSet.of(SECRETS)
    met: Counter[str] = Counter()
    began = time.monotonic()
    answers = -(-given.cuts // PARTITIONS)
    try:
        for number in range(answers):
            met.update(trial(number, given.seed, known, PARTITIONS))
    except Wrong as wrong:
        print(f"wrong: {wrong}")
        return 1
    print(
        f"seed {given.seed}: {answers * PARTITIONS:,} partitions of {answers:,} answers, {met.total():,} "
        f"secrets in {len(met)} spellings: equal in all; {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
