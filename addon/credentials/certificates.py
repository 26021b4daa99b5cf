"""Client certificates: a certificate and its key, put together in one text, and as TLS is given them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from wharfinger.credentials.sources import NotFetched


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate, those that lead from it to a root, and the key."""

    chain: tuple[x509.Certificate, ...]
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, parts: Mapping[str, str]) -> Pair:
        """Of PEM. Raises `NotFetched`, which quotes nothing."""
        try:
            chain = tuple(x509.load_pem_x509_certificates(parts["certificate"].encode()))
        except ValueError:
            raise NotFetched("the certificate is not PEM", "put it and those that lead to its root") from None
        try:
            key = serialization.load_pem_private_key(parts["key"].encode(), None)
        except (ValueError, TypeError):
            raise NotFetched("the key is not PEM, or is encrypted", "put it there as it is") from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise NotFetched("the key is neither of RSA nor of an elliptic curve", "use one of them")
        if key.public_key() != chain[0].public_key():
            raise NotFetched("the key is not the certificate's", "put the certificate's own first")
        return cls(chain, key)

    @property
    def expires(self) -> float:
        """When the first of them ends, in seconds since 1970."""
        return min(each.not_valid_after_utc.timestamp() for each in self.chain)


def text(parts: Mapping[str, str]) -> str:
    """Both as one value."""
    return json.dumps({"certificate": parts["certificate"], "key": parts["key"]})


def pair(value: str) -> Pair:
    """What such a value holds. Raises `NotFetched`."""
    return Pair.read(json.loads(value))


def hidden(parts: Mapping[str, str]) -> tuple[str, ...]:
    """What of it must never be shown: the key as it is, and each line of it that is long enough to tell."""
    lines = [line for line in parts["key"].splitlines() if not line.startswith("-")]
    return (parts["key"], "".join(lines), *(line for line in lines if len(line) >= 32))
