"""The key of AWS's asymmetric signatures (SigV4a), which is derived from an access key.

Derivation: NIST SP 800-108 in counter mode with HMAC-SHA256, as AWS publishes it in
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4a.html and in its C library (aws-c-auth): the secret is
stretched until it gives a number that is a key of P-256.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from wharfinger.rules.sigv4 import ASYMMETRIC

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-4, D.1.2.3)."""
_TRIES: Final = 254


@lru_cache(maxsize=32)
def key(access_key: str, secret_key: str) -> ec.EllipticCurvePrivateKey:
    """The private key. Raises ValueError where there is none, of which the odds are 1 in 2**8000."""
    for counter in range(1, _TRIES + 1):
        fixed = b"".join((
            (1).to_bytes(4),
            ASYMMETRIC.encode("ascii"),
            b"\0",
            access_key.encode("ascii"),
            counter.to_bytes(1),
            (256).to_bytes(4),
        ))  # fmt: skip
        number = int.from_bytes(hmac.digest(b"AWS4A" + secret_key.encode("ascii"), fixed, "sha256"))
        if number <= _ORDER - 2:
            return ec.derive_private_key(number + 1, ec.SECP256R1())
    raise ValueError("no key can be derived")


def signature(access_key: str, secret_key: str, text: str) -> str:
    """The signature of `text`, as hex of its DER."""
    return key(access_key, secret_key).sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()
