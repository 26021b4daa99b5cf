"""An answer that holds new secrets: taken out, kept, and replaced by placeholders before anything sees it.

The same for signatures that were made for the request: they are taken out of the answer to it. In a part of
an answer they have been masked by then, with what was cut off.

The body of a successful answer is held until it is whole. One that is encoded, too large, or has no secret
where its tool says is withheld. Cookies that are kept for the agent are taken up here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import http
from wharfinger.deciding.live import Live
from wharfinger.deciding.permits import Permit
from wharfinger.flow.response import Incoming, Withheld
from wharfinger.rules.redact.fleeting import Fleeting
from wharfinger.rules.redact.minted import Unsealable, taken_out
from wharfinger.rules.types import Returns


def incoming(permit: Permit, live: Live, made: Callable[..., Incoming], **more: Any) -> Incoming:
    """What an answer to `permit` comes in by; `made` makes one, of the rules, the secrets and `more`."""
    rules, agent = permit.decision.response, permit.session.who.agent
    secrets = live.secrets.kept_from(agent)
    if rules.returns is None and not rules.kept and not permit.made:
        return made(rules, secrets, **more)
    fleeting = Fleeting(permit.made)
    inner = made(rules, secrets, fleeting=fleeting, **more)
    return Resealing(permit, live, inner, fleeting, more["parse_limit"])  # type: ignore[return-value]


class Resealing:
    """Goes between an upstream and an `Incoming`, with the same interface."""

    def __init__(self, permit: Permit, live: Live, inner: Incoming, fleeting: Fleeting, limit: int) -> None:
        self._permit = permit
        self._live = live
        self._inner = inner
        self._limit = limit
        self._held: bytearray | None = None
        self._head: http.Response | None = None
        """What waits, and may hold the secret that the body does."""
        self._fleeting = fleeting

    def __getattr__(self, name: str) -> Any:
        """Everything else is as the other has it."""
        return getattr(self._inner, name)

    @property
    def waits(self) -> bool:
        """Whether the head waits: see `Incoming.waits`."""
        return self._held is not None or self._inner.waits

    def begin(self, response: http.Response, *, end_stream: bool) -> http.Response:
        """The head to give to the agent. Raises `Withheld`."""
        permit, returns = self._permit, self._permit.decision.response.returns
        cookies = response.headers.get_all("set-cookie")
        if cookies:
            self._live.secrets.keep_cookies(permit.session, permit.request, permit.decision, cookies)
        if returns is not None and 200 <= response.status_code < 300 and not end_stream:
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise Withheld(
                    "the answer holds a new secret, and is encoded although that was not asked for"
                )
            self._held = bytearray()
        head = self._inner.begin(response, end_stream=end_stream)
        if self._fleeting:
            head.headers.fields = tuple(
                (name, self._fleeting.whole(value)) for name, value in head.headers.fields
            )
        self._head = head
        return head

    def data(self, chunk: bytes) -> bytes:
        """What may go to the agent now. Raises `Withheld`."""
        if self._held is None:
            clean = self._inner.data(chunk)
            return self._fleeting.feed(clean) if self._fleeting else clean
        self._held += chunk
        if len(self._held) > self._limit:
            raise Withheld("the answer holds a new secret, and is too large to be read")
        return b""

    def trailers(self, trailers: http.Headers) -> http.Headers:
        """What may follow the body. Raises `Withheld`: they come before the secret is known."""
        if self._held is not None:
            raise Withheld("the answer holds a new secret, and has fields behind its body")
        return self._inner.trailers(trailers)

    def finish(self) -> bytes:
        """What is left once the body has ended. Raises `Withheld`."""
        returns = self._permit.decision.response.returns
        if self._held is None or returns is None:
            return self._fleeting.feed(self._inner.finish()) + self._fleeting.finish()
        sealed = self._sealed(bytes(self._held), returns)
        # What was sealed may stand elsewhere in the body, and the other was made before it was known.
        secrets = self._live.secrets.kept_from(self._permit.session.who.agent)
        clean, _ = secrets.redact(sealed)
        if self._head is not None:
            head = self._head.data
            head.reason = secrets.redact(head.reason)[0]
            head.headers.fields = tuple(
                (secrets.redact(name)[0], secrets.redact(value)[0]) for name, value in head.headers.fields
            )
        return self._fleeting.whole(self._inner.data(clean) + self._inner.finish())

    def _sealed(self, body: bytes, returns: Returns) -> bytes:
        who = self._permit.session.who
        try:
            return taken_out(
                body,
                returns,
                lambda parts, until: self._live.secrets.seal(who, returns.credential, parts, until),
            )
        except Unsealable as error:
            raise Withheld(f"the answer holds a new secret that cannot be taken out: {error}") from None
