"""How fast are responses redacted? Plain bodies, gzip, server-sent events; with 1, 10 and 200 secrets.

Run: `.venv/bin/python scripts/bench/redact.py`. Gzip is compared with plain decoding, interleaved.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
import statistics
import time
import zlib
from collections.abc import Callable

from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.secrets import SecretSet

CHUNK = 64 << 10
ROUNDS = 5
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" hello"}}]}\n\n'


def customers(count: int) -> bytes:
    """JSON as an API lists it."""
    return json.dumps(
        [
            {
                "id": f"cus_{number}",
                "email": f"user{number}@example.com",
                "metadata": {"order": number * 7919},
            }
            for number in range(count)
        ]
    ).encode()


def secret_set(count: int) -> SecretSet:
    """`count` secrets with the prefixes that real ones have."""
    prefixes = ("sk_live_", "ghp_", "xoxb-", "sk-proj-", "")
    return SecretSet.of(
        {f"{prefixes[number % 5]}{secrets.token_urlsafe(30)}": f"S{number}" for number in range(count)}
    )


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def through(redactor: BodyRedactor, body: bytes) -> None:
    for at in range(0, len(body), CHUNK):
        for _ in redactor.pieces(body[at : at + CHUNK]):
            pass
    redactor.finish()


def decode_only(body: bytes) -> None:
    stream = zlib.decompressobj(31)
    for at in range(0, len(body), CHUNK):
        stream.decompress(body[at : at + CHUNK])


def main() -> None:
    listing = customers(200_000)
    bodies = {
        "JSON": listing,
        "base64": base64.b64encode(os.urandom(12 << 20)),
        "random": os.urandom(16 << 20),
    }
    packed = gzip.compress(listing, 6)
    for count in (1, 10, 200):
        built = seconds(lambda count=count: secret_set(count))  # type: ignore[misc]
        known = secret_set(count)
        print(f"{count} secrets (built in {built * 1e3:.1f} ms)")
        for name, body in bodies.items():
            took = min(seconds(lambda b=body, k=known: through(BodyRedactor(k), b)) for _ in range(ROUNDS))  # type: ignore[misc]
            print(f"  {name:8} {len(body) / took / 1e6:6.0f} MB/s")
        ratios = []
        for _ in range(ROUNDS):
            plain = seconds(lambda: decode_only(packed))
            ours = seconds(lambda k=known: through(BodyRedactor(k, "gzip"), packed))  # type: ignore[misc]
            ratios.append(ours / plain)
        print(f"  gzip     {statistics.median(ratios):6.2f} times plain decoding")
        stream = known.stream()
        took = seconds(lambda s=stream: [s.feed(EVENT) for _ in range(20_000)])  # type: ignore[misc]
        print(f"  event    {took / 20_000 * 1e6:6.1f} us")


if __name__ == "__main__":
    main()
