"""One question to a server, bounded in size and in time, of which nothing is followed or quoted.

Every server that a credential is had from is asked by this. The time is that of the whole exchange, the
look-up of the name included, so that a server which answers a byte at a time holds nothing up; the
environment is not trusted, and names no proxy.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import httpx2
from wharfinger.credentials.sources import NotFetched

SECONDS: Final = 10.0
"""How long a server has to answer."""
LIMIT: Final = 1 << 20
"""Bytes of an answer that are read."""
_PLAIN: Final = {"Accept-Encoding": "identity"}
"""A few bytes of what is encoded may be a great many of what it stands for."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a server said."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Mapping[str, Any]:
        """The JSON object; empty where it said something else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {}


class Web:
    """How servers of one source are asked."""

    def __init__(self, ca: Path | None = None, seconds: float | None = None, limit: int = LIMIT) -> None:
        """`ca` is a PEM file to trust beside the public roots."""
        self._ca = ca
        self._seconds = SECONDS if seconds is None else seconds
        self._limit = limit

    def ask(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Answer:
        """The answer, whatever its status. Raises `NotFetched`. Blocks, on a thread without a loop."""
        host = urlsplit(url).netloc
        try:
            return _run(self._ask(method, url, headers, more))
        except TimeoutError:
            why = f"took longer than {self._seconds:g} seconds"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError) as error:
            why = f"cannot be asked: {type(error).__name__}"
        raise NotFetched(f"{host} {why}", "see that it is up, and that its address is right")

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], more: Mapping[str, Any]
    ) -> Answer:
        async with (
            asyncio.timeout(self._seconds),
            httpx2.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=self._seconds, verify=self._trust(url)
            ) as client,
            client.stream(method, url, headers={**_PLAIN, **headers}, **more) as response,
        ):
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise NotFetched(
                    f"{urlsplit(url).netloc} answered in an encoding", "see that its address is right"
                )
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._limit:
                    host = urlsplit(url).netloc
                    raise NotFetched(
                        f"{host} answered more than {self._limit} bytes", "see that its address is right"
                    )
            return Answer(response.status_code, bytes(body), response.headers)

    def _trust(self, url: str) -> ssl.SSLContext | bool:
        if not url.startswith("https:"):
            return False  # there is no TLS to verify: only loopback and metadata servers are asked so
        context = ssl.create_default_context(cafile=certifi.where())
        if self._ca is not None:
            context.load_verify_locations(self._ca)
        return context


def _run[T](work: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop of its own. `asyncio.run` would wait at the end for a name that is being looked up."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
