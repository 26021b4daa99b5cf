# ruff: noqa: E501 -- tables of replies are read by their rows
"""What the API answers to who asks it for a new key (S15): the key, in every place that has been seen."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from bypassing.reflecting import message

JSON: Final = "Content-Type: application/json"


def token(tag: str) -> str:
    """The key that is made for a request: nobody has met it before."""
    return f"mnt_{hashlib.sha256(tag.encode()).hexdigest()[:40]}"


def _json(*fields: str, **members: object) -> bytes:
    return message(json.dumps(members).encode(), JSON, *fields)


def _chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


REPLIES: Final[Mapping[str, Callable[[str], bytes]]] = {
    "plain": lambda t: _json(token=t),
    "created": lambda t: message(json.dumps({"token": t}).encode(), JSON, status="201 Created"),
    "with-more": lambda t: _json(token=t, expires_in=3600, scope="all"),
    "twice": lambda t: _json(token=t, copy=t),
    "in-a-url": lambda t: _json(token=t, url=f"https://x:{t}@api.example.com/?access_token={t}"),
    "below": lambda t: _json(token=t, more={"list": [t, {"again": t}]}),
    "as-a-name": lambda t: _json(token=t, names={t: 1}),
    "in-base64": lambda t: _json(token=t, copy=base64.b64encode(t.encode()).decode()),
    "in-hex": lambda t: _json(token=t, copy=t.encode().hex()),
    "percent": lambda t: _json(token=t, copy=quote(t, safe="") + "".join(f"%{ord(c):02X}" for c in t)),
    "escaped": lambda t: message(('{"token":"' + "".join(f"\\u{ord(c):04x}" for c in t) + '"}').encode(), JSON),
    "in-json-in-json": lambda t: _json(token=t, raw=json.dumps({"token": t})),
    "in-a-field": lambda t: _json(f"X-Token: {t}", token=t),
    "in-a-cookie": lambda t: _json(f"Set-Cookie: token={t}", token=t),
    "in-a-location": lambda t: message(json.dumps({"token": t}).encode(), JSON, f"Location: /tokens/{t}", status="201 Created"),
    "in-an-etag": lambda t: _json(f'ETag: "{t}"', token=t),
    "in-the-reason": lambda t: message(json.dumps({"token": t}).encode(), JSON, status=f"200 {t}"),
    "in-chunks": lambda t: _chunked(json.dumps({"token": t}).encode(), 5),
    "in-a-trailer": lambda t: _chunked(json.dumps({"token": t}).encode(), 50)[:-2] + f"X-Token: {t}\r\n\r\n".encode(),
    "until-close": lambda t: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + json.dumps({"token": t}).encode(),
    "key-twice": lambda t: message(f'{{"token":"{t}","token":"decoy-decoy-decoy-decoy"}}'.encode(), JSON),
    "other-type": lambda t: message(json.dumps({"token": t}).encode(), "Content-Type: text/plain"),
    "no-type": lambda t: message(json.dumps({"token": t}).encode()),
    "blanks": lambda t: message(f' \n{{ "token" :\t"{t}" }}\n'.encode(), JSON),
    # What cannot be taken apart, and must not reach the agent at all.
    "elsewhere": lambda t: _json(access_token=t),
    "in-a-list": lambda t: message(json.dumps([{"token": t}]).encode(), JSON),
    "deeper": lambda t: _json(data={"token": t}),
    "not-json": lambda t: message(f"token={t}&scope=all".encode(), "Content-Type: application/x-www-form-urlencoded"),
    "xml": lambda t: message(f"<r><token>{t}</token></r>".encode(), "Content-Type: application/xml"),
    "two-documents": lambda t: message(f'{{"token":"x"}}{{"token":"{t}"}}'.encode(), JSON),
    "cut-short": lambda t: message(f'{{"token":"{t}"'.encode(), JSON),
    "prefixed": lambda t: message(f')]}}\'\n{{"token":"{t}"}}'.encode(), JSON),
    "gzip": lambda t: message(gzip.compress(json.dumps({"token": t}).encode()), JSON, "Content-Encoding: gzip"),
    "gzip-unsaid": lambda t: message(gzip.compress(json.dumps({"token": t}).encode()), JSON),
    "utf-16": lambda t: message(json.dumps({"token": t}).encode("utf-16"), JSON),
    "an-object": lambda t: _json(token={"value": t}),
    "a-list": lambda t: _json(token=[t]),
    "null-and-more": lambda t: _json(token=None, real=t),
    "too-large": lambda t: _json(token=t, fill="x" * 70000),
    "lines": lambda t: message(f'{{"a":1}}\n{{"token":"{t}"}}\n'.encode(), "Content-Type: application/x-ndjson"),
}  # fmt: skip
WHOLE: Final = ("plain", "created", "with-more", "twice", "in-chunks", "blanks", "no-type", "until-close")
"""Those that an agent must be able to use."""
