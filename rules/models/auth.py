"""`auth:` of tools: the places where a tool's credentials go (DESIGN 5.2)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from wharfinger.rules import hmacs
from wharfinger.rules.documents.nodes import MappingNode, SequenceNode
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.base import Flag, Text, Written, wrong
from wharfinger.rules.models.values import HeaderName, Variable
from wharfinger.rules.types import Place

MAX_PLACES: Final = 4
_COOKIE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_FIELD: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_MISSING: Final = {
    Place.QUERY: "name the query parameter that holds the credential",
    Place.PATH: "name the variable of the URL that stands for the credential",
    Place.COOKIE: "name the cookie that holds the credential",
    Place.BODY: "name the field of the body that holds the credential",
    Place.HMAC: "name the header field that holds the signature",
}
OF_HMAC: Final = frozenset({"sign", "digest", "encoding", "key", "time", "clock"})
"""Keys that say how a request is signed."""


class Auth(Written):
    """Where the credential goes; a list where there are several places; `own` lets the agent's login pass."""

    short: ClassVar[dict[str, Any] | None] = {
        "anyOf": [
            {"const": "own"},
            {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAX_PLACES},
        ]
    }
    model_config = ConfigDict(json_schema_extra={"required": ["secret"]})

    own: bool = False
    secret: Variable = Field(default="", description="Name of the credential in credentials.yaml.")
    place: Place = Field(
        default=Place.HEADER,
        alias="in",
        description="header, basic, query, path, cookie, body, sigv4, hmac or tls.",
    )
    name: Text = Field(
        default="Authorization",
        description="Header field, query parameter, variable of the path, cookie, or field of the body.",
    )
    format: Text = Field(
        default="Bearer ${secret}",
        description="What is sent, with ${secret} for the value; for basic the text `user:password`.",
    )
    also: tuple[HeaderName, ...] = Field(
        default=(), description="Other header fields in which clients send it; it goes out in `name`."
    )
    optional: Flag = Field(default=False, description="Whether a call may go without the credential.")
    sign: Text = Field(
        default="",
        description="Of hmac: what is signed, of ${time}, ${method}, ${host}, ${target}, ${path}, ${query}, "
        "${body} and ${body_digest}.",
    )
    digest: Literal[*hmacs.DIGESTS] = Field(  # type: ignore[valid-type] # they are a constant
        default="sha256", description="Of hmac: the digest."
    )
    encoding: Literal[*hmacs.ENCODINGS] = Field(  # type: ignore[valid-type]
        default="hex", description="Of hmac: how the signature is written."
    )
    key: Literal[*hmacs.KEYS] = Field(  # type: ignore[valid-type]
        default="text", description="Of hmac: how the credential is written."
    )
    time: HeaderName = Field(
        default="", description="Of hmac: the header field that holds the time, if `format` does not."
    )
    clock: Literal[*hmacs.CLOCKS] = Field(  # type: ignore[valid-type]
        default="seconds", description="Of hmac: how the time is written."
    )
    more: tuple[Auth, ...] = ()
    """The places after the first, where a list is written."""

    @classmethod
    @cache
    def keys(cls) -> frozenset[str]:
        """`own` is written as `auth: own`, and further places as a list, not as keys."""
        return super().keys() - {"own", "more"}

    @property
    def places(self) -> tuple[Auth, ...]:
        """Each place; none for `auth: own`."""
        return () if self.own else (self, *self.more)

    @classmethod
    def normal(cls, data: Any) -> Any:
        """The text `own`, or a mapping with the defaults of its place filled in; of a list, its first."""
        if isinstance(data, str):
            if data != "own":
                raise wrong(f'auth "{data}" is not known', 'write "own", or a mapping like {secret: NAME}')
            return {"own": True}
        if isinstance(data, SequenceNode):
            return _listed(data)
        if not isinstance(data, MappingNode):
            return data
        if "secret" not in data:
            raise wrong('missing key "secret"', "name a credential of credentials.yaml, or write `auth: own`")
        place = data.get("in", "header")
        filled = data.only(lambda key: True)
        for key, value in _place_defaults(place, data).items():
            if key not in filled:
                filled.set(key, data.mark, value, data.mark)
        return filled

    @classmethod
    def _reported(cls, node: MappingNode, problems: Problems) -> MappingNode:
        rest = node.get("more")
        if not isinstance(rest, _Rest):
            return super()._reported(node, problems)
        known = super()._reported(node.only(lambda key: key != "more"), problems)
        whole = known.only(lambda key: True)
        whole.set("more", node.mark, rest, rest.mark)
        return whole

    @field_validator("more")
    @classmethod
    def _plain(cls, value: tuple[Auth, ...]) -> tuple[Auth, ...]:
        if any(each.own or each.more for each in value):
            raise wrong("a list of places holds mappings", "write each like {secret: NAME, name: X-Api-Key}")
        return value

    @field_validator("format")
    @classmethod
    def _has_secret(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("place") is Place.HMAC:
            said = hmacs.variables(value)
            if said.count(hmacs.SIGNATURE) != 1 or set(said) - {hmacs.SIGNATURE, hmacs.TIME}:
                raise wrong(
                    f'the format "{value}" does not hold "${{signature}}" once',
                    'write it like "v1=${signature}"',
                )
        elif value.count("${secret}") != 1 or value.replace("${secret}", "").count("${"):
            raise wrong(
                f'the format "{value}" does not hold "${{secret}}" once', 'write it like "Bearer ${secret}"'
            )
        if not value.isascii() or not value.isprintable():
            raise wrong("the format has characters that a header cannot hold", "use printable ASCII")
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.own and not self.name:
            raise wrong('missing key "name"', _MISSING.get(self.place, "name the header field"))
        spelled = {Place.COOKIE: _COOKIE, Place.BODY: _FIELD, Place.PATH: _FIELD}.get(self.place)
        if spelled is not None and not spelled.fullmatch(self.name):
            raise wrong(f'the name "{self.name}" cannot be that of a {self.place}', "use a plain name")
        if self.place is Place.PATH and self.format != "${secret}":
            raise wrong("the path takes the credential alone", "write what stands around it into the URL")
        if self.place is Place.SIGV4 and (self.name, self.format) != ("Authorization", "${secret}"):
            raise wrong("a signature has its own place and form", "leave `name` and `format` out")
        if self.also and self.place is not Place.HEADER:
            raise wrong("`also` is for header fields", "write a list of places")
        if self.place is Place.TLS and (self.name, self.format) != ("certificate", "${secret}"):
            raise wrong("a certificate has its own place and form", "leave `name` and `format` out")
        return self

    @model_validator(mode="after")
    def _signs(self) -> Self:
        said = hmacs.variables(self.sign)
        if self.place is not Place.HMAC:
            if not OF_HMAC.isdisjoint(self.model_fields_set):
                raise wrong("what is signed goes with `in: hmac`", f"leave out {', '.join(sorted(OF_HMAC))}")
            return self
        if strange := sorted(set(said) - hmacs.TEXTS):
            raise wrong(
                f'what is signed has no part "{strange[0]}"', f"it has: {', '.join(sorted(hmacs.TEXTS))}"
            )
        if not said:
            raise wrong('missing key "sign"', 'write what is signed, like "${time}.${body}"')
        timed = bool(self.time) or hmacs.TIME in hmacs.variables(self.format)
        if timed != (hmacs.TIME in said):
            raise wrong("the time is signed and not sent, or sent and not signed", "do both, or neither")
        return self


class _Rest(SequenceNode):
    """The places after the first: nothing that could be written under the key `more`."""

    __slots__ = ()


def _listed(data: SequenceNode) -> MappingNode:
    """The first of several places, with the others in it."""
    if not 1 <= len(data) <= MAX_PLACES or not all(isinstance(each, MappingNode) for each in data):
        raise wrong(
            f"auth takes one to {MAX_PLACES} places", "write each like {secret: NAME, name: X-Api-Key}"
        )
    if any("more" in each for each in data):
        raise wrong('unknown key "more"', "write all places in one list")
    first: MappingNode = Auth.normal(data[0])
    if data[1:]:
        rest = _Rest(data.file, data.mark)
        rest.extend(data[1:])
        rest.items_at.extend(data.items_at[1:])
        first.set("more", data.mark, rest, data.mark)
    return first


def _place_defaults(place: str, data: MappingNode) -> dict[str, str]:
    if place in {"query", "path", "cookie", "body"}:
        return {"name": "", "format": "${secret}"}
    if place == "hmac":
        return {"name": "", "format": "${signature}"}
    if place == "tls":
        return {"name": "certificate", "format": "${secret}"}
    if place in {"basic", "sigv4"}:
        return {"name": "Authorization", "format": "${secret}"}
    name = data.get("name", "Authorization")
    own_header = isinstance(name, str) and name.lower() not in {"authorization", "proxy-authorization"}
    return {"name": "Authorization", "format": "${secret}" if own_header else "Bearer ${secret}"}
