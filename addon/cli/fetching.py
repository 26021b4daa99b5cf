"""Fetch a document that a command was given the URL of."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
from wharfinger.importing.operations import ImportFault
from wharfinger.importing.reading import MAX_BYTES

_SECONDS: Final = 60.0
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_url(source: str) -> bool:
    """Whether a command's argument is a URL, and no file."""
    return source.startswith(("https://", "http://"))


def content(source: str) -> bytes:
    """The bytes of a file, or of what a URL answers: no redirects, no more than can be read."""
    if is_url(source):
        return _fetched(source)
    try:
        path = Path(source)
        if path.stat().st_size > MAX_BYTES:
            raise ImportFault(
                f'"{source}" has more than {MAX_BYTES} bytes', "split it, or import a part of it"
            )
        return path.read_bytes()
    except OSError as error:
        raise ImportFault(f'"{source}" cannot be read: {error.strerror or error}') from None


def _fetched(url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _HERE:
        raise ImportFault("a document is fetched over https only", "fetch it yourself, and name the file")
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
    try:
        with (
            httpx2.Client(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                raise ImportFault(f"{shown} answers {answer.status_code}", _elsewhere(answer))
            return _capped(answer, shown)
    except httpx2.HTTPError as error:
        raise ImportFault(f"{shown} cannot be fetched: {str(error) or type(error).__name__}") from None


def _elsewhere(answer: httpx2.Response) -> str:
    where = answer.headers.get("location", "")
    return f"it is at {where}" if is_url(where) and where.isprintable() else ""


def _capped(answer: httpx2.Response, shown: str) -> bytes:
    held = bytearray()
    for chunk in answer.iter_bytes():
        held += chunk
        if len(held) > MAX_BYTES:
            raise ImportFault(f"{shown} answers with more than {MAX_BYTES} bytes")
    return bytes(held)
