"""One upstream response on its way to the agent: stripped, decoded and redacted below the flow.

The flow, and with it every view and dump, sees only what the agent will see. A response that cannot be
decoded, or cannot be parsed where fields of it are to be redacted, is withheld.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mitmproxy import http
from wharfinger.flow.held import Room
from wharfinger.rules.detecting.masking import masked
from wharfinger.rules.redact import parts
from wharfinger.rules.redact.answer import AnswerRedactor, Wanted
from wharfinger.rules.redact.decode import Undecodable, can_be_undone
from wharfinger.rules.redact.fields import Fields, Unredactable
from wharfinger.rules.redact.fleeting import Fleeting
from wharfinger.rules.redact.formats import media_type
from wharfinger.rules.redact.parts import PartStream, Uncut
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.requests.challenges import binds
from wharfinger.rules.requests.ranges import Asked
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


_PARTS = "multipart/byteranges"
"""The media type of an answer that is made of parts of another."""
_OF_WHAT_CAME = ("content-length", "content-range", "content-md5", "content-digest", "x-amz-checksum-")
"""How fields begin that are not true of what is cut out of a part (RFC 9110, RFC 9530, Amazon S3)."""


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
        pseudonyms: bytes = b"",
        part: Asked | None = None,
        fleeting: Fleeting | None = None,
    ) -> None:
        """`part`: what part was asked for; `fleeting`: what is masked in it beside secrets."""
        self._rules = rules
        self._secrets = secrets
        self._decision_id = decision_id
        self._head_only = method == "HEAD"
        self._framing = _FRAMING.get(http_version, ())
        self._part = part
        self._fleeting = fleeting
        fields = Fields(rules.redact, parse_limit, pseudonyms, rules.aliases) if rules.redact else None
        self._wanted = Wanted(fields, rules.detectors)
        self._room = room
        self._taken = 0
        """Bytes of room that are taken for what is held."""
        self._body: AnswerRedactor | PartStream | None = None
        self._header_findings: Counter[str] = Counter()
        self.status = 0
        self.received = 0

    @property
    def waits(self) -> bool:
        """Whether the head is better kept until the first of the body is known to be good.

        Nothing is lost by that where a document is read as a whole, or nothing has been decoded yet; and what
        cannot be read is then answered in our words. The head of a stream of events goes out at once.
        """
        return self._body is not None and self._body.waits

    @property
    def findings(self) -> Mapping[str, int]:
        """What was redacted, by name."""
        found = Counter(self._header_findings)
        if self._body is not None:
            found.update(self._body.findings)
        return found

    def begin(self, response: http.Response, *, end_stream: bool) -> http.Response:
        """The head to give to the agent. Raises `Withheld`."""
        self.status = response.status_code
        if response.status_code == 101:
            raise Withheld("the upstream switched protocols, which was not asked for")
        if response.status_code == 407:
            raise Withheld("the upstream asked for proxy credentials")
        has_body = not (end_stream or self._head_only)
        if self._rules.credentialed and not self._head_only and _is_part(response):
            if self._part is None:
                raise Withheld("the upstream sent a part of an answer, which was not asked for")
            return self._begin_part(response, self._part, has_body=has_body)
        if has_body:
            self._open_body(response)
        return self._head(response, self._fields(response, has_body=has_body))

    def _begin_part(self, response: http.Response, part: Asked, *, has_body: bool) -> http.Response:
        """The head of a part, which is cut out of what came. Raises `Withheld`."""
        if response.status_code != 206 or not has_body:
            raise Withheld("the upstream sent a part of an answer, and says that it is something else")
        media = media_type(response.headers.get("content-type", ""))
        if media == _PARTS or media.startswith("application/grpc"):
            raise Withheld("the upstream sent a part of an answer in another form than was asked for")
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity" and (can_be_undone(coding) or not self._rules.undecoded):
            raise Withheld("the upstream sent a part of an answer that is encoded, and cannot be decoded")
        with _withholding():
            cut = parts.cut(part, response.headers.get_all("content-range"))
        if isinstance(cut, int):
            return self._unsatisfied(response, cut)
        length = response.headers.get("content-length")
        if length is not None and length != str(cut.came):
            raise Withheld("the upstream sent a part of an answer, and says of two lengths that it has them")
        self._body = PartStream(self._secrets, cut, self._fleeting)
        response.headers = http.Headers(
            [field for field in response.headers.fields if not _is_of_what_came(field[0])]
        )
        response.headers["Content-Range"] = cut.content_range
        response.headers["Content-Length"] = str(cut.size)
        return self._head(response, self._fields(response, has_body=False))

    def _unsatisfied(self, response: http.Response, size: int) -> http.Response:
        """The answer where nothing of the whole is in the range: what came was asked for by us alone."""
        self.status = response.status_code = 416
        response.reason = "Range Not Satisfiable"
        response.headers = http.Headers(
            [field for field in response.headers.fields if not field[0].lower().startswith(b"content-")],
            Content_Range=f"bytes */{size}",
            Content_Length="0",
        )
        return self._head(response, self._fields(response, has_body=False))

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

    @property
    def _is_as_it_came(self) -> bool:
        return self._body is not None and self._body.as_it_came

    def _open_body(self, response: http.Response) -> None:
        with _withholding():
            self._body = AnswerRedactor(
                self._secrets,
                self._wanted,
                content_encoding=response.headers.get("content-encoding", ""),
                content_type=response.headers.get("content-type", ""),
                undecoded=self._rules.undecoded,
            )

    def _clean(self, text: bytes) -> bytes:
        if not self._secrets.within(text):
            return text
        cleaned, found = self._secrets.redact(text)
        self._header_findings.update(found)
        return cleaned

    def _masked(self, value: bytes) -> bytes:
        """The value of a field without what the detectors find."""
        if not self._rules.detectors:
            return value
        clean, found = masked(value, self._rules.detectors)
        self._header_findings.update(found)
        return clean

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
            if has_body and low in _REFRAMED and not (low == "content-encoding" and self._is_as_it_came):
                continue
            if low == "www-authenticate" and binds(raw_value.decode("latin-1")):
                continue
            fields.append((raw_name, raw_value))
        # What stands in none of them together stands in none of them: one look instead of one for each.
        if self._secrets.within(b"\n".join([text for field in fields for text in field])):
            fields = [(self._clean(name), self._clean(value)) for name, value in fields]
        if self._rules.detectors:
            fields = [(name, self._masked(value)) for name, value in fields]
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
        return http.Headers([(self._clean(name), self._masked(self._clean(value))) for name, value in fields])

    def data(self, chunk: bytes) -> bytes:
        """What may go to the agent now; what may be the beginning of a secret waits. Raises `Withheld`."""
        self.received += len(chunk)
        if self._body is None:
            return b""
        with _withholding():
            clean = self._body.feed(chunk)
        self._hold(self._body.waiting)
        return clean

    def _hold(self, size: int) -> None:
        """Have room for as much as is held of documents that are not whole."""
        if size < self._taken:
            self._room.give_back(self._taken - size)
        elif size > self._taken and not self._room.take(size - self._taken):
            raise Withheld("the answers under way hold as much as this proxy keeps in memory")
        self._taken = size

    def let_go(self, most: int) -> bytes:
        """What is held back of the body so far: see `BodyRedactor.let_go`."""
        return self._body.let_go(most) if self._body is not None else b""

    def finish(self) -> bytes:
        """What is left once the body has ended. Raises `Withheld`."""
        if self._body is None:
            return b""
        with _withholding():
            return self._body.finish()


def _is_part(response: http.Response) -> bool:
    """Whether it holds a part of something: two halves of an answer would make a whole."""
    media = media_type(response.headers.get("content-type", ""))
    ranges = response.headers.get_all("content-range")
    if response.status_code == 416 and parts.is_unsatisfied(ranges):
        return media == _PARTS
    return response.status_code == 206 or media == _PARTS or bool(ranges)


def _is_of_what_came(name: bytes) -> bool:
    return name.decode("latin-1").lower().startswith(_OF_WHAT_CAME)


@contextmanager
def _withholding() -> Iterator[None]:
    """Withhold the answer where it cannot be redacted: no cause is kept, which may quote the body."""
    try:
        yield
    except Undecodable as error:
        raise Withheld(f"the response cannot be decoded: {error}") from None
    except Uncut as error:
        raise Withheld(f"a part of the answer cannot be given: {error}") from None
    except Unredactable as error:
        raise Withheld(f"fields of the response are to be redacted: {error}") from None
