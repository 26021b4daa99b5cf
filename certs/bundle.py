"""Files of roots: what agents trust, and what vouches for upstreams.

Agents get the public roots (certifi's) and our CA in one file, because most variables that name a bundle
replace the client's own (CLIENTS table). A root whose key is known to be out is never passed on: with it,
anyone on the path could be any API, and be sent real credentials.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from wharfinger.certs import files
from wharfinger.certs.authority import Authority
from wharfinger.certs.errors import TrustError

__all__ = ["TrustError", "check_roots", "write", "write_java", "write_roots"]

_COMPROMISED = ("emsign", "emudhra")
"""Names of the issuer whose intermediates' keys got out: GHSA-6q48-6c7w-9gw2, CVE-2026-111943."""

JAVA_PASSWORD = b"changeit"
"""Password of the Java trust store, which holds nothing secret: Java reads none without one."""


def check_roots(pem: bytes) -> list[str]:
    """Common names of the certificates in `pem` that must not be trusted; empty if all may be.

    Raises `TrustError` where `pem` holds no certificate.
    """
    return [name for name in map(_label, _parse(pem, "the trust bundle")) if _is_compromised(name)]


def write(path: Path, authority: Authority, extra: Sequence[Path] = ()) -> None:
    """Write the bundle for agents: public roots, our CA (earlier ones, too), and files of the operator's.

    Raises `TrustError` where a file is unreadable, or holds no certificate or a compromised one.
    """
    files.write_whole(path, b"".join([authority.trusted_pem, _roots(extra)]), files.PUBLIC)


def write_roots(path: Path, *extra: Path) -> None:
    """Write the bundle for upstreams: public roots and the operator's own files, never our CA.

    Raises `TrustError` as `write` does.
    """
    files.write_whole(path, _roots(extra), files.PUBLIC)


def write_java(path: Path, bundle: Path) -> None:
    """Write `bundle` as a PKCS #12 trust store for Java, with `JAVA_PASSWORD`. Raises `TrustError`."""
    certificates = _parse(files.read_public(bundle), f'"{bundle}"')
    entries = [
        pkcs12.PKCS12Certificate(certificate, f"root-{number}".encode())
        for number, certificate in enumerate(certificates)
    ]
    encryption = serialization.BestAvailableEncryption(JAVA_PASSWORD)
    files.write_whole(path, pkcs12.serialize_java_truststore(entries, encryption), files.PUBLIC)


def _roots(extra: Iterable[Path]) -> bytes:
    own = b"".join(_checked(path) for path in extra)
    public = Path(certifi.where())
    return _public_roots(public, public.stat().st_mtime_ns) + own


@functools.lru_cache(maxsize=1)
def _public_roots(path: Path, _changed: int) -> bytes:
    return _checked(path)


def _checked(path: Path) -> bytes:
    certificates = _parse(files.read_public(path), f'"{path}"')
    wrong = [name for name in map(_label, certificates) if _is_compromised(name)]
    if wrong:
        raise TrustError(
            f'"{path}" holds roots whose keys are compromised: {", ".join(wrong)}',
            "update it (certifi 2026.10.18 or newer), or take these certificates out",
        )
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _parse(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            # Some public roots have serial numbers that later rules forbid; that is no news here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TrustError(
            f"{what} holds no certificate that can be read", 'it must be PEM: "-----BEGIN CERTIFICATE-----"'
        ) from error


def _label(certificate: x509.Certificate) -> str:
    """Who a root says it is: the common name, or else the whole subject."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _is_compromised(name: str) -> bool:
    return any(word in name.lower() for word in _COMPROMISED)
