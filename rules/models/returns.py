"""`returns:` of tools that answer with new secrets: where these stand, and what they become (DESIGN 5.2)."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from wharfinger.rules.models.base import Text, Written, listed, wrong
from wharfinger.rules.models.values import Variable

KEYS: Final = ("access_key", "secret_key", "session_token")
"""The parts of an access key of AWS."""
_HINT: Final = 'write it like {secret: "$.token", expires: "$.expires_at"}'


class Returned(Written):
    """New secrets in a tool's answer; `returns: secret` says that there are some, and not where."""

    short: ClassVar[dict[str, Any] | None] = {"const": "secret"}
    remedies: ClassVar[dict[str, str]] = {"path": "write `secret`", "credential": "write `as`"}

    anywhere: bool = False
    secret: Annotated[
        tuple[Text, ...],
        BeforeValidator(listed),
        WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
    ] = Field(
        default=(),
        description="JSONPath of each secret; of XML the path of its element (`Result/Token`).",
    )
    keys_at: dict[Literal[*KEYS], Text] = Field(  # type: ignore[valid-type] # they are a constant
        default_factory=dict,
        alias="keys",
        description="Of an access key of AWS: where each part of it stands.",
    )
    expires: Text = Field(
        default="", description="Where the answer says until when: seconds from now, or a point in time."
    )
    credential: Variable = Field(
        default="", alias="as", description="The credential it stands for; left out: the tool's own."
    )
    format: Literal["json", "xml"] = Field(default="json", description="What the answer is written in.")

    @classmethod
    def normal(cls, data: Any) -> Any:
        """The text `secret`, or a mapping."""
        if isinstance(data, str):
            if data != "secret":
                raise wrong(f'returns "{data}" is not known', f'write "secret", or {_HINT}')
            return {"anywhere": True}
        return data

    @classmethod
    @cache
    def keys(cls) -> frozenset[str]:
        """`anywhere` is written as `returns: secret`, not as a key."""
        return super().keys() - {"anywhere"}

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.anywhere and bool(self.secret) == bool(self.keys_at):
            raise wrong("what is returned has `secret` or `keys`", _HINT)
        if self.keys_at and not {"access_key", "secret_key"} <= self.keys_at.keys():
            raise wrong("an access key has `access_key` and `secret_key`", "name both, and `session_token`")
        return self
