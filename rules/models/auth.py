"""`auth:` of tools: the one place where a tool's credential goes (DESIGN 5.2)."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from wharfinger.rules.models.base import Flag, Text, Written, later, wrong
from wharfinger.rules.models.values import HeaderName, Variable
from wharfinger.rules.nodes import MappingNode
from wharfinger.rules.types import Place

LATER_PLACES = frozenset({"path", "cookie", "body", "sigv4"})


class Auth(Written):
    """Where the credential goes; the text `own` lets the agent's own login pass."""

    short: ClassVar[dict[str, Any] | None] = {"const": "own"}
    model_config = ConfigDict(json_schema_extra={"required": ["secret"]})

    own: bool = False
    secret: Variable = Field(default="", description="Name of the credential in credentials.yaml.")
    place: Place = Field(default=Place.HEADER, alias="in", description="header, basic or query.")
    name: Text = Field(default="Authorization", description="Header field or query parameter.")
    format: Text = Field(
        default="Bearer ${secret}",
        description="What is sent, with ${secret} for the value; for basic the text `user:password`.",
    )
    also: tuple[HeaderName, ...] = Field(
        default=(), description="Other header fields in which clients send it; it goes out in `name`."
    )
    optional: Flag = Field(default=False, description="Whether a call may go without the credential.")

    @classmethod
    @cache
    def keys(cls) -> frozenset[str]:
        """`own` is written as `auth: own`, not as a key."""
        return super().keys() - {"own"}

    @classmethod
    def normal(cls, data: Any) -> Any:
        """The text `own`, or a mapping with the defaults of its place filled in."""
        if isinstance(data, str):
            if data != "own":
                raise wrong(f'auth "{data}" is not known', 'write "own", or a mapping like {secret: NAME}')
            return {"own": True}
        if not isinstance(data, MappingNode):
            return data
        if "secret" not in data:
            raise wrong('missing key "secret"', "name a credential of credentials.yaml, or write `auth: own`")
        place = data.get("in", "header")
        if place in LATER_PLACES:
            raise later(f'the place "{place}"')
        filled = data.only(lambda key: True)
        for key, value in _place_defaults(place, data).items():
            if key not in filled:
                filled.set(key, data.mark, value, data.mark)
        return filled

    @field_validator("format")
    @classmethod
    def _has_secret(cls, value: str) -> str:
        if value.count("${secret}") != 1 or value.replace("${secret}", "").count("${"):
            raise wrong(
                f'the format "{value}" does not hold "${{secret}}" once', 'write it like "Bearer ${secret}"'
            )
        if not value.isascii() or not value.isprintable():
            raise wrong("the format has characters that a header cannot hold", "use printable ASCII")
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.own and not self.name:
            raise wrong('missing key "name"', "name the query parameter that holds the credential")
        return self


def _place_defaults(place: str, data: MappingNode) -> dict[str, str]:
    if place == "query":
        return {"name": "", "format": "${secret}"}
    if place == "basic":
        return {"name": "Authorization", "format": "${secret}"}
    name = data.get("name", "Authorization")
    own_header = isinstance(name, str) and name.lower() not in {"authorization", "proxy-authorization"}
    return {"name": "Authorization", "format": "${secret}" if own_header else "Bearer ${secret}"}
