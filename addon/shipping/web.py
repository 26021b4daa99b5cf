"""Events by HTTP: each batch one POST, delivered when it is answered with 2xx. No redirect is followed."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2
from wharfinger.audit.reader import Record
from wharfinger.exporting.formats import FORMATS
from wharfinger.shipping.setup import Sink

_SECONDS = 30.0


class Web:
    """One URL."""

    rewind = 0

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._format = FORMATS[sink.format]
        trust = ssl.create_default_context(cafile=sink.ca)
        self._client = httpx2.Client(verify=trust, trust_env=False, follow_redirects=False, timeout=_SECONDS)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def send(self, records: list[Record]) -> None:
        """One POST of all of them."""
        headers = {"content-type": self._format.media_type}
        if self._sink.token is not None:  # read each time, so that it can be changed under us
            headers["authorization"] = f"Bearer {Path(self._sink.token).read_text('ascii').strip()}"
        content = self._format.batch(records)
        answer = self._client.post(self._sink.to, content=content, headers=headers)
        if not answer.is_success:
            raise OSError(f"it answers {answer.status_code}")
