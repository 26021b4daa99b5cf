"""One upstream response on its way to the agent: stripped, decoded and redacted below the flow.

The flow, and with it every view and dump, sees only what the agent will see. A response that cannot be
decoded, or cannot be parsed where fields of it are to be redacted, is withheld.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mitmproxy import http
from wharfinger.flow.held import Room
from wharfinger.rules.redact.body import BodyRedactor
from wharfinger.rules.redact.decode import Undecodable
from wharfinger.rules.redact.fields import Unredactable, redact_fields
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.challenges import binds
from wharfinger.rules.types import ResponseRules

_STRIPPED = frozenset(
    {
        "alt-svc", "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_REFRAMED = frozenset({"content-encoding", "content-length"})
_FRAMING: Mapping[str, tuple[tuple[bytes, bytes], ...]] = {
    "HTTP/1.1": ((b"Transfer-Encoding", b"chunked"),),
    "HTTP/1.0": ((b"Connection", b"close"),),
}
"""By the agent's version of HTTP: how it sees where a body of unknown length ends. HTTP/2 has frames."""


class Withheld(Exception):
    """The agent is not given this response; the message says why."""


class Incoming:
    """The response to one request."""

    def __init__(
        self,
        rules: ResponseRules,
        secrets: SecretSet,
        *,
        decision_id: str,
        method: str,
        http_version: str,
        parse_limit: int,
        room: Room,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._decision_id = decision_id
        self._head_only = method == "HEAD"
        self._framing = _FRAMING.get(http_version, ())
        self._parse_limit = parse_limit
        self._room = room
        self._body: BodyRedactor | None = None
        self._buffer: bytearray | None = None
        self._header_findings: Counter[str] = Counter()
        self._field_findings = 0
        self.status = 0
        self.received = 0

    @property
    def buffered(self) -> bool:
        """Whether the body is held until it is whole, to redact fields of it."""
        return self._buffer is not None

    @property
    def findings(self) -> Mapping[str, int]:
        """What was redacted, by name."""
        found = Counter(self._header_findings)
        if self._body is not None:
            found.update(self._body.findings)
        if self._field_findings:
            found["fields"] += self._field_findings
        return found

    def begin(self, response: http.Response, *, end_stream: bool) -> http.Response:
        """The head to give to the agent. Raises `Withheld`."""
        self.status = response.status_code
        if response.status_code == 101:
            raise Withheld("the upstream switched protocols, which was not asked for")
        if response.status_code == 407:
            raise Withheld("the upstream asked for proxy credentials")
        has_body = not (end_stream or self._head_only)
        if has_body:
            self._open_body(response)
        return self._head(response, self._fields(response, has_body=has_body))

    def _head(self, response: http.Response, fields: list[tuple[bytes, bytes]]) -> http.Response:
        head = http.Response(
            http_version=b"HTTP/1.1",
            status_code=response.status_code,
            reason=self._clean(response.data.reason),
            headers=http.Headers(fields),
            content=None,
            trailers=None,
            timestamp_start=response.timestamp_start,
            timestamp_end=None,
        )
        head.stream = True
        return head

    def switch(self, response: http.Response, granted: list[tuple[bytes, bytes]]) -> http.Response:
        """The head of a 101 that was asked for: `granted` says what the connection speaks from there on."""
        self.status = response.status_code
        fields = [
            (name, value)
            for name, value in self._fields(response, has_body=False)
            if not name.lower().startswith(b"sec-websocket-")
        ]
        return self._head(response, [*fields, *granted])

    def _open_body(self, response: http.Response) -> None:
        try:
            self._body = BodyRedactor(self._secrets, response.headers.get("content-encoding", ""))
        except Undecodable as error:
            raise Withheld(f"the response cannot be decoded: {error}") from None
        if self._rules.redact:
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media != "application/json" and not media.endswith("+json"):
                raise Withheld("fields of the response are to be redacted, and it is not JSON")
            self._buffer = bytearray()

    def _clean(self, text: bytes) -> bytes:
        if not self._secrets.within(text):
            return text
        cleaned, found = self._secrets.redact(text)
        self._header_findings.update(found)
        return cleaned

    def _fields(self, response: http.Response, *, has_body: bool) -> list[tuple[bytes, bytes]]:
        listed = {
            part.strip().lower()
            for value in response.headers.get_all("connection")
            for part in value.split(",")
        }
        fields: list[tuple[bytes, bytes]] = []
        for raw_name, raw_value in response.headers.fields:
            low = raw_name.decode("latin-1").lower()
            if low in _STRIPPED or low in listed or low.startswith(("wharfinger-", "proxy-")):
                continue
            if low in {"set-cookie", "set-cookie2"} and not self._rules.cookies:
                continue
            if has_body and low in _REFRAMED:
                continue
            if low == "www-authenticate" and binds(raw_value.decode("latin-1")):
                continue
            fields.append((raw_name, raw_value))
        # What stands in none of them together stands in none of them: one look instead of one for each.
        if self._secrets.within(b"\n".join([text for field in fields for text in field])):
            fields = [(self._clean(name), self._clean(value)) for name, value in fields]
        fields.append((b"Wharfinger-Decision", self._decision_id.encode("ascii")))
        if has_body:
            fields.extend(self._framing)
        return fields

    def trailers(self, trailers: http.Headers) -> http.Headers:
        """The fields after the body, as the agent may see them."""
        fields = [
            (name, value)
            for name, value in trailers.fields
            if (low := name.decode("latin-1").lower()) not in _STRIPPED | _REFRAMED
            and not low.startswith(("wharfinger-", "proxy-", "set-cookie"))
        ]
        return http.Headers([(self._clean(name), self._clean(value)) for name, value in fields])

    def data(self, chunk: bytes) -> bytes:
        """What may go to the agent now; what may be the beginning of a secret waits. Raises `Withheld`."""
        self.received += len(chunk)
        if self._body is None:
            return b""
        try:
            clean = self._body.feed(chunk)
        except Undecodable as error:
            raise Withheld(f"the response cannot be decoded: {error}") from None
        if self._buffer is None:
            return clean
        self._buffer += clean
        if len(self._buffer) > self._parse_limit:
            raise Withheld("fields of the response are to be redacted, and it is too large to parse")
        if not self._room.take(len(clean)):
            raise Withheld("the answers under way hold as much as this proxy keeps in memory")
        return b""

    def let_go(self, most: int) -> bytes:
        """What is held back of the body so far: see `BodyRedactor.let_go`."""
        return self._body.let_go(most) if self._body is not None else b""

    def finish(self) -> bytes:
        """What is left once the body has ended. Raises `Withheld`."""
        if self._body is None:
            return b""
        try:
            rest = self._body.finish()
        except Undecodable as error:
            raise Withheld(f"the response cannot be decoded: {error}") from None
        if self._buffer is None:
            return rest
        whole = bytes(self._buffer) + rest
        if not whole:
            return b""
        try:
            redacted, self._field_findings = redact_fields(whole, self._rules.redact, self._parse_limit)
        except Unredactable as error:
            raise Withheld(f"fields of the response are to be redacted: {error}") from None
        # Serialising anew can turn an escaped spelling of a secret back into the secret.
        clean, found = self._secrets.redact(redacted)
        self._header_findings.update(found)
        return clean
