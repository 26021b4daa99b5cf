"""Who trusts the proxy's authority: the files of agents must, and nothing else on this machine may.

Whoever has the authority's key is every host to whoever trusts it. So it belongs into the files that the
environment of `run` names, which only agents read, and into no store that other programs use.
"""

from __future__ import annotations

import base64
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from wharfinger.certs.authority import CERTIFICATE_FILE, KEY_FILE, Authority
from wharfinger.certs.bundle import JAVA_PASSWORD
from wharfinger.doctor.findings import Finding, fail, ok, remark
from wharfinger.doctor.machine import Place
from wharfinger.running.desk import DataFolder

_LONGEST: Final = 32 * 1024 * 1024
"""Bytes that are read of one store."""
_STORES: Final = 500
_BLOCK: Final = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_UPDATE: Final = "update-ca-certificates"
_OF_SYSTEM: Final = (
    ("/etc/ssl/certs/ca-certificates.crt", f"take it out of /usr/local/share/ca-certificates; {_UPDATE}"),
    ("/usr/local/share/ca-certificates", f"remove it there, and: {_UPDATE}"),
    ("/etc/ssl/cert.pem", "remove it from the file"),
    ("/etc/ssl/ca-bundle.pem", f"remove it from /etc/pki/trust/anchors, and: {_UPDATE}"),
    ("/etc/pki/tls/certs/ca-bundle.crt", "remove it from /etc/pki/ca-trust/source, and: update-ca-trust"),
    ("/etc/pki/ca-trust/source/anchors", "remove it there, and: update-ca-trust"),
    ("/etc/ca-certificates/trust-source/anchors", "remove it there, and: trust extract-compat"),
    ("/etc/pki/nssdb/cert9.db", "certutil -D -d sql:/etc/pki/nssdb -n NAME"),
)  # fmt: skip
_JAVA: Final = (
    "usr/lib/jvm/*/lib/security/cacerts",
    "etc/ssl/certs/java/cacerts",
    "opt/*/lib/security/cacerts",
)
_NSS: Final = (".pki/nssdb/cert9.db", ".mozilla/firefox/*/cert9.db", ".thunderbird/*/cert9.db",
               "snap/firefox/common/.mozilla/firefox/*/cert9.db")  # fmt: skip


def of_agents(place: Place) -> Iterator[Finding]:
    """The files that agents are given: they hold the authority that the proxy signs with."""
    data = DataFolder(place.data)
    if not (data.ca / KEY_FILE).exists() or not data.client.is_dir():
        yield remark("trust", "agents have been given no authority yet", "up, run and env write it")
        return
    key = _key(Authority.open(data.ca).certificate)
    lacking = [
        path.name
        for path in (data.client / "bundle.pem", data.client / "bundle.p12", data.ca / CERTIFICATE_FILE)
        if not holds(path, key)
    ]
    if lacking:
        text = (
            f"agents do not trust the authority by {', '.join(lacking)}: their clients will refuse the proxy"
        )
        yield fail("trust", text, "wharfinger env --agent NAME writes them anew")
    else:
        yield ok("trust", "what agents are given trusts the authority, for every kind of client")


def of_others(place: Place) -> Iterator[Finding]:
    """Every store that other programs of this machine go by: none has the authority."""
    data = DataFolder(place.data)
    if not (data.ca / KEY_FILE).exists():
        return
    keys = tuple(map(_key, Authority.open(data.ca).trusted))
    looked, found = 0, False
    for path, remedy in stores(Path("/"), Path(os.environ.get("HOME") or Path.home())):
        looked += 1
        if any(holds(path, key) for key in keys):
            found = True
            text = f'"{path}" trusts the authority: whoever has its key is every host to what reads that'
            yield fail("trust", text, remedy)
    if not found:
        yield ok("trust", f"none of {looked} other stores of this machine trusts the authority")


def stores(root: Path, home: Path) -> Iterator[tuple[Path, str]]:
    """The stores that are there, each with how to take a root out of it."""
    count = 0
    for path, remedy in _named(root, home):
        if path.is_file() and (count := count + 1) <= _STORES:
            yield path, remedy


def _named(root: Path, home: Path) -> Iterator[tuple[Path, str]]:
    for name, remedy in _OF_SYSTEM:
        path = root / name.lstrip("/")
        for each in sorted(path.glob("*")) if path.is_dir() else (path,):
            yield each, remedy
    for pattern in _JAVA:
        for path in sorted(root.glob(pattern)):
            yield path, f'keytool -delete -cacerts -alias NAME, or with: -keystore "{path}"'
    for pattern in _NSS:
        for path in sorted(home.glob(pattern)):
            yield path, f'certutil -D -d "sql:{path.parent}" -n NAME'
    yield Path(certifi.where()), "install certifi anew"
    for folder in filter(None, (os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX"))):
        for package in ("certifi", "pip/_vendor/certifi"):
            for path in sorted(Path(folder).glob(f"lib/python3*/site-packages/{package}/cacert.pem")):
                yield path, "install certifi anew"


def holds(path: Path, key: bytes) -> bool:
    """Whether a certificate of that public key is in a file, in whatever form: PEM, NSS, Java's own."""
    try:
        with path.open("rb") as opened:
            data = opened.read(_LONGEST)
    except OSError:
        return False
    if key in data:  # DER, as it stands: in a database of NSS, or in Java's stores up to 17
        return True
    if any(key in _decoded(block) for block in _BLOCK.findall(data)):
        return True
    try:
        with warnings.catch_warnings():
            # Some public roots have serial numbers that later rules forbid; that is no news here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            held = pkcs12.load_pkcs12(data, JAVA_PASSWORD).additional_certs
    except ValueError:
        return False
    return any(_key(each.certificate) == key for each in held)


def _decoded(block: bytes) -> bytes:
    try:
        return base64.b64decode(block)
    except ValueError:
        return b""


def _key(certificate: x509.Certificate) -> bytes:
    """The public key as it stands within a certificate."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(*form)
