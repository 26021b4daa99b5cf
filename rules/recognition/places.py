"""What stands in a request where a credential goes, and what of the request is left beside those places."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wharfinger.rules import hmacs, sigv4
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.recognition.recognised import Recognised
from wharfinger.rules.requests.headers import Fields
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.tools import placing
from wharfinger.rules.types import Code, Facts, Place, Placement, Request

SCHEMES: Final = frozenset({"bearer", "token", "apikey", "bot", "key"})
"""Words that stand before a bare credential in a header."""

_IN_SIGNED_URL: Final = ["X-Amz-Credential", "X-Amz-Security-Token"]
"""Parameters that hold the key in a URL with a signature of AWS's."""


class Misuse(Exception):
    """A credential stands where it has no business, or one of the agent's own where a real one goes."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(Code.MISUSE, reason, remedy)


@dataclass(slots=True, eq=False)
class Places:
    """The places of one request. Reading one raises `Misuse` where it holds what cannot be exchanged."""

    request: Request
    read: Recognised
    credentials: Mapping[str, Credential]
    facts: Facts
    fields: Fields

    # What stands in them

    def presented(self, placement: Placement) -> list[tuple[str, list[str]]] | None:
        """What stands at a place, and what each value may mean; None for the placeholder itself."""
        match placement.place:
            case Place.QUERY:
                pairs = self.read.target.query if self.read.target is not None else ()
                return [(value, [value]) for name, value in pairs if name == placement.name and value]
            case Place.PATH:
                return self._in_path(placement)
            case Place.COOKIE:
                pairs = self._cookies()
                return [(value, [value]) for name, value in pairs if name == placement.name and value]
            case Place.BODY:
                return self._in_body(placement)
            case Place.SIGV4:
                return self._in_signature()
            case Place.TLS:
                return None  # it is the connection's, and no agent could present it
            case Place.HMAC:
                return self._in_hmac(placement)
        values = [value for name in placement.fields for value in self.fields.get(name, ())]
        if len(values) == 1 and self._is_mine(values[0], placement):
            return None
        return [(value, spelled(value, placement.format)) for value in values if value]

    def _in_path(self, placement: Placement) -> list[tuple[str, list[str]]]:
        segments = self.read.target.path.segments if self.read.target is not None else ()
        if placement.segment >= len(segments):
            return []
        text = segments[placement.segment]
        before, _, after = placement.format.partition("${secret}")
        text = text[len(before) : len(text) - len(after)]
        return [] if text == placement.unfilled else [(text, [text])]

    def _in_body(self, placement: Placement) -> list[tuple[str, list[str]]]:
        body = self.read.body.value
        value = body.get(placement.name) if isinstance(body, Mapping) else None
        if value is None or value == "":
            return []
        text = value if isinstance(value, str) else str(value)
        if self._around(placement) is None:
            raise Misuse(
                f"the place of {placement.credential} holds what cannot be exchanged",
                self.use(placement.credential),
            )
        return [(text, [text])]

    def _in_signature(self) -> list[tuple[str, list[str]]]:
        """The key that the request is signed with; a session token, where there is one, must be the same."""
        keys = [value for value in self.fields.get("x-amz-security-token", ()) if value]
        regions = self.fields.get("x-amz-region-set", ())
        for value in filter(None, self.fields.get("authorization", ())):
            scope = sigv4.read(value, regions)
            keys.append(value if scope is None else scope.key)
        query = self.read.target.query if self.read.target is not None else ()
        if sigv4.is_presigned(query):
            keys.extend(self._in_signed_url(query))
        return [(key, [key]) for key in dict.fromkeys(keys)]

    def _in_signed_url(self, query: Iterable[tuple[str, str]]) -> list[str]:
        """The key of a URL that holds its own signature, and its session token."""
        found = sigv4.presigned(query)
        if found is None or self.fields.get("authorization"):
            raise Misuse(
                "the URL's signature cannot be read", "Sign it as AWS's own clients do, or not at all."
            )
        return [text for text in (found[0].key, found[1]) if text]

    def _in_hmac(self, placement: Placement) -> list[tuple[str, list[str]]] | None:
        """The placeholder itself, or a signature that it was made with: that is worth as much."""
        values = [value for value in self.fields.get(placement.name.lower(), ()) if value]
        mine = self.facts.placeholders.of(self.request.agent, placement.credential)
        signing, body = placement.signing, self.request.body
        if len(values) == 1 and mine is not None and signing is not None and body is not None:
            times = self.fields.get(signing.time.lower(), ()) if signing.time else ()
            said = hmacs.parts(self.request.method, self.request.host, self.request.target, body)
            if hmacs.proves(signing, mine, values[0], times, said):
                return None
        return [(value, [value]) for value in values]

    def _around(self, placement: Placement) -> placing.Around | None:
        """The body around the place of a credential."""
        return placing.in_body(self.read.body, self.request.body or b"", placement.name)

    def _cookies(self) -> tuple[tuple[str, str], ...]:
        try:
            return placing.cookies(self.fields.get("cookie", ()))
        except Refused as refused:
            raise Misuse(refused.refusal.reason, refused.refusal.help) from None

    def _is_mine(self, value: str, placement: Placement) -> bool:
        """Whether a value is, to the letter, what the tool's format makes of the agent's placeholder."""
        mine = self.facts.placeholders.of(self.request.agent, placement.credential)
        return mine is not None and value == placement.format.replace("${secret}", mine)

    def use(self, credential: str) -> str:
        """What to do instead: which variable holds the placeholder."""
        names = (credential, *(self.credentials[credential].env if credential in self.credentials else ()))
        return (
            f"Use the value of the environment variable {' or '.join(names)} as it is; "
            "the real credential is put in on the way."
        )

    # What stands beside them

    def beside(self, found: tuple[Placement, ...], *, cookies: bool) -> Iterator[str]:
        """The texts of target, signature and (if asked for) cookies that are not the credentials found."""
        yield self._other_target(found)
        yield from map(sigv4.beside_key, self._signatures(found))
        if cookies:
            yield from self._other_cookies(found)

    def _signatures(self, found: tuple[Placement, ...]) -> Iterator[str]:
        """The fields of a signature that say more than the key."""
        if any(each.place is Place.SIGV4 for each in found):
            for name in ("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-region-set"):
                yield from self.fields.get(name, ())

    def _other_target(self, found: tuple[Placement, ...]) -> str:
        """The target without the places of the credentials found in it."""
        target = self.request.target
        parameters = [each.name for each in found if each.place is Place.QUERY]
        if any(each.place is Place.SIGV4 for each in found):
            parameters += _IN_SIGNED_URL
        if parameters and self.read.target is not None:
            rest = (f"{k}={v}" for k, v in self.read.target.query if k not in parameters)
            target = "&".join((target.partition("?")[0], *rest))
        numbers = sorted({each.segment for each in found if each.place is Place.PATH}, reverse=True)
        for number in numbers:
            target = placing.without_segment(target, number)
        return target

    def _other_cookies(self, found: tuple[Placement, ...]) -> Iterator[str]:
        """Cookies beside those that hold credentials: a login of the agent's own, which has no place here."""
        names = {each.name for each in found if each.place is Place.COOKIE}
        for name, value in self._cookies():
            if name not in names:
                yield f"{name}={value}"
                if not self.facts.placeholders.scan(f"{name}={value}"):
                    raise Misuse(
                        "the request holds a cookie of your own beside the credential's",
                        "Send the credential's cookie alone.",
                    )

    def body_beside(self, found: tuple[Placement, ...]) -> bytes | None:
        """The body, or what has been read of it, without the credentials found in it."""
        body = self.request.body if self.request.body is not None else self.request.opening
        for placement in found:
            if placement.place is Place.BODY and body is not None:
                around = placing.in_body(self.read.body, body, placement.name)
                if around is not None:
                    body = b"%b\0%b" % (around.before, around.after)
        return body


def spelled(value: str, written: str = "${secret}") -> list[str]:
    """The texts that a header's value may present as a credential: bare, after a scheme, in `Basic`.

    `written` is the tool's own format.
    """
    before, _, after = written.partition("${secret}")
    texts = [value]
    if value.startswith(before) and value.endswith(after) and len(value) >= len(before) + len(after):
        texts.append(value[len(before) : len(value) - len(after)])
    scheme, _, rest = value.partition(" ")
    rest = rest.strip(" \t")
    if scheme.lower() in SCHEMES:
        return [text for text in (*texts, rest) if text] if rest else []
    if scheme.lower() == "basic":
        return [*texts, *_basic(rest)] if rest else []
    return texts


def _basic(text: str) -> list[str]:
    """User and password of RFC 7617 credentials, those that are there."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=None, validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return []
    user, _, password = raw.decode("latin-1").partition(":")
    return [part for part in (user, password) if part]
