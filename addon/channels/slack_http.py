"""Interactions that come from Slack by HTTP: only what Slack has signed, only now, and only once.

Slack's own verifier computes and compares the signature: HMAC-SHA256 over `v0:timestamp:body`
(docs.slack.dev/authentication/verifying-requests-from-slack). The timestamp may be five minutes off; a
signature that was seen in that time is not taken again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from slack_sdk.signature import Clock, SignatureVerifier

WINDOW: Final = 5 * 60
"""Seconds that a timestamp may be off."""
BODY_LIMIT: Final = 256 * 1024
"""Characters of a body that is read."""
_REMEMBERED: Final = 10_000


class _Clock(Clock):
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


class Signed:
    """Reads what one app's signing secret vouches for."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        """`now` gives seconds since 1970."""
        self._now = now
        self._verifier = SignatureVerifier(secret, _Clock(now))
        self._seen: dict[str, float] = {}

    def payload(self, timestamp: str, signature: str, body: str) -> Mapping[str, Any] | None:
        """The interaction in a body as Slack sends it; None for anything that is not vouched for."""
        if not self._vouched(timestamp, signature, body):
            return None
        try:
            (text,) = parse_qs(body, strict_parsing=True, max_num_fields=10)["payload"]
            read = json.loads(text)
        except (KeyError, ValueError, RecursionError):
            return None
        return read if isinstance(read, dict) else None

    def _vouched(self, timestamp: str, signature: str, body: str) -> bool:
        if len(body) > BODY_LIMIT or not (
            timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12
        ):
            return False
        if not signature.isascii() or not self._verifier.is_valid(body, timestamp, signature):
            return False
        now = self._now()
        self._seen = {seen: at for seen, at in self._seen.items() if at > now - 2 * WINDOW}
        if signature in self._seen or len(self._seen) >= _REMEMBERED:
            return False
        self._seen[signature] = now
        return True
