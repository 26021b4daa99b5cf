"""Origins that are not what they should be (D07): bad certificates, and servers that hang or break off.

Each has a name and an address of its own, by which the origin knows what to be. Policy allows requests to
all of them; those whose certificate is bad must not be sent any.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bypassing.world import BAD_CERTIFICATES, BROKEN, BROKEN_ADDRESSES

_DAY = datetime.timedelta(days=1)
_PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class _Issuer:
    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name
        self.root = self.sign(self.key, name, [], authority=True)

    def sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        name: str,
        hosts: list[str],
        *,
        begins: datetime.timedelta = -_DAY,
        ends: datetime.timedelta = _DAY,
        authority: bool = False,
        usage: x509.ObjectIdentifier | None = None,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if hosts:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
            )
        if usage is not None:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        return made.sign(self.key, hashes.SHA256())


def make(folder: Path) -> bytes:
    """Write a chain for each bad certificate; the root to trust, which has signed some of them."""
    known, unknown = _Issuer("a root that is trusted"), _Issuer("a root that nobody trusts")
    for kind in BAD_CERTIFICATES:
        key, host = ec.generate_private_key(ec.SECP256R1()), f"{kind}.{BROKEN}"
        match kind:
            case "expired":
                leaf = known.sign(key, host, [host], begins=-3 * _DAY, ends=-_DAY)
            case "early":
                leaf = known.sign(key, host, [host], begins=_DAY, ends=2 * _DAY)
            case "unknown":
                leaf = unknown.sign(key, host, [host])
            case "self":
                own = _Issuer(host)
                leaf, key = own.sign(own.key, host, [host]), own.key
            case "other":
                leaf = known.sign(key, host, ["other.example.net"])
            case "suffix":
                leaf = known.sign(key, host, [f"{host}.evil.example", f"x{host}"])
            case "wild":
                leaf = known.sign(key, host, ["*.example.com", "*.com", "*"])
            case "partial":
                leaf = known.sign(key, host, [f"{kind[:3]}*.{BROKEN}"])
            case "named":
                leaf = known.sign(key, host, [])  # by its common name only
            case _:
                leaf = known.sign(key, host, [host], usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        text = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + leaf.public_bytes(_PEM)
        path = folder / f"bad-{kind}.pem"
        path.touch(mode=0o600)
        path.write_bytes(text)
    key = ec.generate_private_key(ec.SECP256R1())
    path = folder / "bad-none.pem"
    path.touch(mode=0o600)
    hosts = [f"*.{BROKEN}"]
    path.write_bytes(
        key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + known.sign(key, hosts[0], hosts).public_bytes(_PEM)
    )
    return known.root.public_bytes(_PEM)


def context(folder: Path, address: str) -> ssl.SSLContext | None:
    """TLS of the broken origin at this address; None for all others."""
    name = BROKEN_ADDRESSES.get(address)
    if name is None:
        return None
    kind = name.removesuffix(f".{BROKEN}")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / f"bad-{kind if kind in BAD_CERTIFICATES else 'none'}.pem")
    return made


def _reset(stream: socket.socket) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def _hang(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.recv(65536)
    time.sleep(30)


BEFORE: Final[Mapping[str, Callable[[socket.socket], None]]] = {
    "closes": lambda stream: stream.close(),
    "resets": _reset,
    "hangs": _hang,
    "babbles": lambda stream: stream.sendall(b"\x16\x03\x03\xff\xff" + b"x" * 70000),
    "plain": lambda stream: stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"),
    "alerts": lambda stream: stream.sendall(b"\x15\x03\x03\x00\x02\x02\x28"),
}
"""In place of a handshake."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
AFTER: Final[Mapping[str, tuple[bytes, bool]]] = {
    "silent": (b"", False),
    "gone": (b"", True),
    "half": (b"HTTP/1.1 200 OK\r\nContent-Ty", False),
    "half-gone": (b"HTTP/1.1 200 OK\r\nContent-Ty", True),
    "short": (_HEAD + b"Content-Length: 1000\r\n\r\npart", True),
    "short-silent": (_HEAD + b"Content-Length: 1000\r\n\r\npart", False),
    "chunk": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\npart", True),
    "chunks": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", True),
}
"""In place of an answer, and whether it is broken off then."""


def serve(stream: socket.socket, address: str) -> bool:
    """Be broken, before a handshake; whether that was all."""
    kind = BROKEN_ADDRESSES.get(address, "").removesuffix(f".{BROKEN}")
    if kind not in BEFORE:
        return False
    BEFORE[kind](stream)
    return True


def answer(host: str) -> tuple[bytes, bool] | None:
    """What a broken origin answers, and whether it breaks off; None for one that is whole."""
    return AFTER.get(host.removesuffix(f".{BROKEN}"))
