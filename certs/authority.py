"""The certificate authority of one installation: kept in a folder, asked for leaves.

`ca.pem` (0600) holds key and certificate; `ca-cert.pem` (0644) what clients are to trust: the certificate
and, after a rotation, those before it until they expire. Whoever reads `ca.pem` can be any host to every
client that trusts it, so it is made on this machine, never copied, and lives at most a year.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.certs import build, files
from wharfinger.certs.errors import AuthorityError

__all__ = ["Authority", "AuthorityError", "LeafPair"]

KEY_FILE = "ca.pem"
CERTIFICATE_FILE = "ca-cert.pem"
CACHED = 10_000
"""Most leaves kept; the least used go first. A leaf is about 2 KB."""

RENEW = timedelta(days=1)
"""A leaf with less than this left is made anew."""

_ROTATE = "make a new one with `wharfinger ca rotate`"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, repr=False)
class LeafPair:
    """What a server shows for one host, and the key that goes with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Certificate and unencrypted key, for servers that read files."""
        return _certificate_pem(self.certificate) + _key_pem(self.key)


class Authority:
    """An authority that may be used: its files were private, whole and in date when it was opened."""

    def __init__(
        self,
        folder: Path,
        key: ec.EllipticCurvePrivateKey,
        trusted: tuple[x509.Certificate, ...],
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Use `open`, `create` or `open_or_create`. `trusted` starts with the certificate of `key`."""
        self.folder = folder
        self.certificate = trusted[0]
        self.trusted = trusted
        self._key = key
        self._leaf_key = build.new_key()
        self._leaves: OrderedDict[str, LeafPair] = OrderedDict()
        self._now = now

    def __repr__(self) -> str:
        return f"Authority({str(self.folder)!r})"

    @classmethod
    def open(cls, folder: Path, now: Callable[[], datetime] = _now) -> Authority:
        """The authority in `folder`. Raises `AuthorityError` where it is missing, unsafe or out of date."""
        key, certificate = _read(folder)
        _check_dates(folder, certificate, now())
        trusted = (certificate, *_earlier(folder, certificate, now()))
        _publish(folder, trusted)
        return cls(folder, key, trusted, now)

    @classmethod
    def create(cls, folder: Path, now: Callable[[], datetime] = _now) -> Authority:
        """A new authority in `folder`. Raises `AuthorityError` where there is one already."""
        files.make_folder(folder)
        if (folder / KEY_FILE).exists() or (folder / KEY_FILE).is_symlink():
            raise AuthorityError(f'"{folder / KEY_FILE}" exists already', _ROTATE)
        return cls._make(folder, (), now)

    @classmethod
    def open_or_create(cls, folder: Path, now: Callable[[], datetime] = _now) -> Authority:
        """The authority in `folder`, made at first use. Raises `AuthorityError`."""
        if (folder / KEY_FILE).exists() or (folder / KEY_FILE).is_symlink():
            return cls.open(folder, now)
        return cls.create(folder, now)

    @classmethod
    def rotate(cls, folder: Path, now: Callable[[], datetime] = _now) -> Authority:
        """A new authority in place of the one in `folder`, whatever state that is in.

        Earlier certificates stay trusted until they expire, so that clients that started with the old
        one and a proxy that still signs with it go on. Raises `AuthorityError`.
        """
        files.make_folder(folder)
        return cls._make(folder, _earlier(folder, None, now()), now)

    @classmethod
    def _make(
        cls, folder: Path, earlier: tuple[x509.Certificate, ...], now: Callable[[], datetime]
    ) -> Authority:
        key = build.new_key()
        certificate = build.ca_certificate(key, now())
        trusted = (certificate, *earlier)
        # Trust first: a crash in between leaves the old key and one certificate too many.
        _publish(folder, trusted)
        files.write_whole(folder / KEY_FILE, _key_pem(key) + _certificate_pem(certificate), files.PRIVATE)
        return cls(folder, key, trusted, now)

    @property
    def certificate_file(self) -> Path:
        """What clients are to add to their trust: this authority and earlier ones, PEM."""
        return self.folder / CERTIFICATE_FILE

    @property
    def trusted_pem(self) -> bytes:
        """The contents of `certificate_file`."""
        return b"".join(map(_certificate_pem, self.trusted))

    def has(self, host: str) -> bool:
        """Whether a certificate for `host` is there, which need not be made."""
        known = self._leaves.get(host)
        return known is not None and known.certificate.not_valid_after_utc - self._now() > RENEW

    def leaf(self, host: str) -> LeafPair:
        """A certificate for `host`: a DNS name in A-labels, or an IP address without brackets.

        The same object is returned until it nears its end. Raises `AuthorityError` if `host` is neither,
        or the authority has expired.
        """
        now = self._now()
        known = self._leaves.get(host)
        if known is not None and known.certificate.not_valid_after_utc - now > RENEW:
            self._leaves.move_to_end(host)
            return known
        _check_dates(self.folder, self.certificate, now)
        pair = LeafPair(self._sign(_checked(host), now), self._leaf_key)
        self._leaves[host] = pair
        if len(self._leaves) > CACHED:
            self._leaves.popitem(last=False)
        return pair

    def _sign(self, host: str, now: datetime) -> x509.Certificate:
        return build.leaf_certificate(host, self._leaf_key.public_key(), self.certificate, self._key, now)


def _checked(host: str) -> str:
    """A host that may stand in a certificate: never a wildcard, nothing that clients read in two ways."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        labels = host.split(".")
    fits = len(host) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )
    if not fits:
        raise AuthorityError(f"{host[:80]!r} is no host name that a certificate can be made for")
    return host.lower()


def _read(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    path = folder / KEY_FILE
    files.check_folder(folder)
    data = files.read_private(path)
    try:
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f'"{path}" does not hold a key and its certificate', _ROTATE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise AuthorityError(f'"{path}": the certificate is not that of the key', _ROTATE)
    if not _is_ours(certificate):
        raise AuthorityError(f'"{path}" is not an authority that signs leaves only', _ROTATE)
    return key, certificate


def _is_ours(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.ca and constraints.path_length == 0 and usage.key_cert_sign


def _check_dates(folder: Path, certificate: x509.Certificate, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise AuthorityError(
            f'the authority in "{folder}" expired on {certificate.not_valid_after_utc:%Y-%m-%d}', _ROTATE
        )
    if now < certificate.not_valid_before_utc:
        raise AuthorityError(
            f'the authority in "{folder}" is not valid yet: from '
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
            "set the clock",
        )


def _earlier(folder: Path, current: x509.Certificate | None, now: datetime) -> tuple[x509.Certificate, ...]:
    """Certificates of this folder that are trusted beside `current`, the newest first."""
    path = folder / CERTIFICATE_FILE
    try:
        known = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(
        certificate
        for certificate in known
        if certificate != current and _is_ours(certificate) and certificate.not_valid_after_utc > now
    )


def _publish(folder: Path, trusted: tuple[x509.Certificate, ...]) -> None:
    path = folder / CERTIFICATE_FILE
    pem = b"".join(map(_certificate_pem, trusted))
    if not path.is_file() or path.is_symlink() or path.read_bytes() != pem:
        files.write_whole(path, pem, files.PUBLIC)


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
