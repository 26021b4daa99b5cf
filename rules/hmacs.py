"""Signatures by a shared key (RFC 2104), by template: what is signed, how it is written, and where.

Webhooks and many APIs sign a text that is put together of the time and parts of the request, each in its
own way: `${time}.${body}` in `t=${time},v1=${signature}` is Stripe's, `v0:${time}:${body}` in
`v0=${signature}` with the time in a field of its own is Slack's. An agent signs with its placeholder for a
key, or sends the placeholder alone; what goes upstream is signed anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SIGNATURE: Final = "signature"
TIME: Final = "time"
TEXTS: Final = frozenset({TIME, "method", "host", "target", "path", "query", "body", "body_digest"})
"""What a text that is signed may be put together of."""
DIGESTS: Final = ("sha256", "sha1", "sha384", "sha512")
ENCODINGS: Final = ("hex", "base64", "base64url")
KEYS: Final = ("text", "hex", "base64")
CLOCKS: Final = ("seconds", "milliseconds", "iso")
_VARIABLE: Final = re.compile(r"\$\{([a-z_]*)\}")
_WRITTEN: Final = {SIGNATURE: r"([A-Za-z0-9+/_=-]{16,512})", TIME: r"([0-9TZ:.+-]{1,40})"}
_PREFIX: Final = "whsec_"
"""Stands before the base64 of a key as Standard Webhooks writes it; it is no part of the key."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How a credential signs a request."""

    text: str
    """What is signed, with variables of `TEXTS`."""
    format: str = "${signature}"
    """What is sent in the field, with `${signature}` and perhaps `${time}`."""
    digest: str = "sha256"
    encoding: str = "hex"
    key: str = "text"
    """How the key is written."""
    time: str = ""
    """The header field that holds the time, where it has one of its own."""
    clock: str = "seconds"
    """How the time is written."""

    @property
    def reads_body(self) -> bool:
        """Whether the body is part of what is signed."""
        return not {"body", "body_digest"}.isdisjoint(variables(self.text))


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables in a template, in order."""
    return tuple(_VARIABLE.findall(text))


def parts(method: str, host: str, target: str, body: bytes) -> dict[str, bytes]:
    """What of a request may be signed, but for the time."""
    path, _, query = target.partition("?")
    texts = {"method": method, "host": host, "target": target, "path": path, "query": query}
    digest = hashlib.sha256(body).hexdigest().encode("ascii")
    return {name: text.encode("latin-1") for name, text in texts.items()} | {
        "body": body,
        "body_digest": digest,
    }


def signature(signing: Signing, key: str, time: str, request: Mapping[str, bytes]) -> str:
    """The signature of these `parts` at that time. Raises ValueError for a key that is not as declared."""
    held = {**request, TIME: time.encode("latin-1")}
    pieces = _VARIABLE.split(signing.text)
    text = b"".join(held[piece] if i % 2 else piece.encode() for i, piece in enumerate(pieces))
    made = hmac.digest(_key(signing, key), text, signing.digest)
    if signing.encoding == "hex":
        return made.hex()
    encode = base64.b64encode if signing.encoding == "base64" else base64.urlsafe_b64encode
    return encode(made).decode("ascii")


def written(signing: Signing, time: str, signature: str) -> str:
    """The value of the field."""
    return signing.format.replace("${signature}", signature).replace("${time}", time)


def proves(
    signing: Signing, key: str, value: str, times: tuple[str, ...], request: Mapping[str, bytes]
) -> bool:
    """Whether a field's value is the signature by `key` of that request; at what time, is not asked."""
    names, pattern = _reading(signing.format)
    found = pattern.fullmatch(value)
    if found is None or len(times) > 1:
        return False
    said = dict(zip(names, found.groups(), strict=True))
    time = said.get(TIME, times[0] if times else "")
    try:
        made = signature(signing, key, time, request)
    except ValueError:
        return False
    return hmac.compare_digest(made.encode(), said[SIGNATURE].encode())


@lru_cache(maxsize=64)
def _reading(written: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The variables of a format, in order, and the pattern that reads them."""
    pieces = _VARIABLE.split(written)
    pattern = "".join(_WRITTEN[piece] if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
    return tuple(pieces[1::2]), re.compile(pattern, re.ASCII)


def _key(signing: Signing, key: str) -> bytes:
    try:
        if signing.key == "hex":
            return bytes.fromhex(key)
        if signing.key == "base64":
            text = key.removeprefix(_PREFIX).replace("-", "+").replace("_", "/")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"the key is not written in {signing.key}") from None
    return key.encode()
