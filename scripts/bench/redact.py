#!/usr/bin/env python3
"""How fast are answers redacted? Plain bodies, gzip, server-sent events; with 1, 10 and 200 secrets.

    .venv/bin/python scripts/bench/redact.py

Times are of the processor, so that other work on the machine changes little. Gzip is set against decoding the
same body by zlib and passing it on: both are put into chunks and encrypted as for an agent, in turns.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import json
import os
import secrets
import ssl
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.rules.redact import parts
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.parts import Cut, PartStream
from wharfinger.rules.redact.secrets import SecretSet

CHUNK = 64 << 10
ROUNDS = 9
STREAMS = 200
EVENTS = 100
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


def values(count: int) -> dict[str, str]:
    """`count` secrets with the prefixes that real ones have."""
    prefixes = ("sk_live_", "ghp_", "xoxb-", "sk-proj-", "")
    return {f"{prefixes[number % 5]}{secrets.token_urlsafe(30)}": f"S{number}" for number in range(count)}


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def pieces(redactor: BodyRedactor, body: bytes) -> Iterator[bytes]:
    """What goes out of a body that comes in as a socket gives it."""
    for at in range(0, len(body), CHUNK):
        yield from redactor.pieces(body[at : at + CHUNK])
    yield redactor.finish()


def decoded(body: bytes) -> Iterator[bytes]:
    """The same of a gzip body that is only decoded, as mitmproxy would."""
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for at in range(0, len(body), CHUNK):
        data = body[at : at + CHUNK]
        while data:
            yield stream.decompress(data, CHUNK)
            data = stream.unconsumed_tail


class Agent:
    """The agent's end of a TLS connection, with no network between."""

    def __init__(self, chain: str) -> None:
        here, there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        here.load_cert_chain(chain)
        there.check_hostname, there.verify_mode = False, ssl.CERT_NONE
        up, self._down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = here.wrap_bio(up, self._down, server_side=True)
        client = there.wrap_bio(self._down, up)
        done = 0
        while done < 2:
            done = 0
            for side in (client, self._tls):
                try:
                    side.do_handshake()
                    done += 1
                except ssl.SSLWantReadError:
                    continue

    def give(self, parts: Iterator[bytes]) -> None:
        """Encrypt an answer in chunks, and let go of it."""
        for part in parts:
            if part:
                self._tls.write(b"%x\r\n%b\r\n" % (len(part), part))
                self._down.read()


def chain(folder: Path) -> str:
    """A certificate for nobody."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "chain.pem"
    path.write_bytes(text + certificate.public_bytes(serialization.Encoding.PEM))
    return str(path)


def plain(known: SecretSet, bodies: dict[str, bytes]) -> None:
    for name, body in bodies.items():
        whole, part = [], []
        for _ in range(ROUNDS):
            whole.append(seconds(lambda b=body: list(pieces(BodyRedactor(known), b))))  # type: ignore[misc]
            part.append(seconds(lambda b=body: cut(known, b, parts.reach(known))))  # type: ignore[misc]
        told = f"{len(body) / min(whole) / 1e6:6.0f} MB/s, {len(body) / min(part) / 1e6:6.0f} as a part"
        print(f"  {name:8} {told}")


def cut(known: SecretSet, body: bytes, around: int) -> None:
    """All of a body but so much at either end, as a part of something larger."""
    stream = PartStream(known, Cut(around, len(body), around, len(body) - around, None))
    given = sum(len(stream.feed(body[at : at + CHUNK])) for at in range(0, len(body), CHUNK))
    if given + len(stream.finish()) != len(body) - 2 * around:
        raise SystemExit("a part was not cut as asked for")


def small(known: SecretSet, body: bytes) -> None:
    """Parts of eight bytes, as readers of columns ask for: what each costs."""
    around = parts.reach(known)
    came = body[: 2 * around + 8]
    took = min(seconds(lambda: [cut(known, came, around) for _ in range(100)]) for _ in range(ROUNDS)) / 100
    print(f"  8 bytes  {took * 1e6:6.0f} us, for which {2 * around} more are asked for")


def packed(known: SecretSet, body: bytes, agent: Agent) -> None:
    """In turns: decoded and passed on, and the same with redaction in between."""
    forward, ours = [], []
    for _ in range(ROUNDS):
        forward.append(seconds(lambda: agent.give(decoded(body))))
        ours.append(seconds(lambda: agent.give(pieces(BodyRedactor(known, "gzip"), body))))
    below = 1 - statistics.median(f / o for f, o in zip(forward, ours, strict=True))
    print(f"  gzip     {100 * below:6.0f} % below decoding and passing on")


def events(known: SecretSet) -> None:
    """Events of many streams in turn: what each is delayed by being looked at."""
    streams = [known.stream() for _ in range(STREAMS)]
    delays = []
    for _ in range(EVENTS):
        for stream in streams:
            start = time.perf_counter()
            if stream.feed(EVENT) != EVENT:
                raise SystemExit("an event was held back")
            delays.append(time.perf_counter() - start)
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"  event    {cuts[49] * 1e6:6.1f} us median, {cuts[98] * 1e6:.1f} us p99, {STREAMS} streams in turn"
    )


def main() -> None:
    listing = customers(200_000)
    bodies = {
        "JSON": listing,
        "base64": base64.b64encode(os.urandom(12 << 20)),
        "random": os.urandom(16 << 20),
        "indented": json.dumps(json.loads(customers(50_000)), indent=2).encode(),
        "in lines": base64.encodebytes(os.urandom(6 << 20)),
    }
    zipped = gzip.compress(listing, 6)
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(chain(Path(folder)))
        for count in (1, 10, 200):
            known = SecretSet.of(some := values(count))
            built = seconds(lambda some=some: SecretSet.of(some))  # type: ignore[misc]
            more = seconds(lambda some=some, known=known: SecretSet.of(some | values(1), known))  # type: ignore[misc]
            print(f"{count} secrets (built in {built * 1e3:.0f} ms, one more in {more * 1e3:.0f} ms)")
            plain(known, bodies)
            small(known, bodies["random"])
            packed(known, zipped, agent)
            events(known)


if __name__ == "__main__":
    main()
