"""What a rule or a limit is about: tools by name, by a glob over names, or picked by what they do."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from wharfinger.rules.models.base import Text, Written, wrong
from wharfinger.rules.models.values import Name
from wharfinger.rules.types import Effect


def _effects(value: Any) -> Any:
    """One effect, or a list of them."""
    return [value] if isinstance(value, str) else value


Effects = Annotated[tuple[Effect, ...], BeforeValidator(_effects)]


class Selection(Written):
    """Tools picked by what they do, instead of by name."""

    remedies: ClassVar[dict[str, str]] = {"effects": "write `effect: […]`", "apis": "write `api`"}

    effect: Effects = Field(
        default=(), description="Tools with this effect, or one of these: read, write, destructive."
    )
    api: Name | None = Field(default=None, description="Tools of this API only.")

    @model_validator(mode="after")
    def _not_everything(self) -> Self:
        if not self.effect and self.api is None:
            raise wrong("the selection is empty", 'write {effect: destructive}, or "*" for all tools')
        return self

    def __str__(self) -> str:
        parts = ([f"effect: {' or '.join(self.effect)}"] if self.effect else []) + (
            [f"api: {self.api}"] if self.api is not None else []
        )
        return f"{{{', '.join(parts)}}}"

    def picks(self, api: str, effect: Effect) -> bool:
        """Whether a tool of this API with this effect is one of them."""
        return (self.api is None or self.api == api) and (not self.effect or effect in self.effect)


def _written_as(value: Any) -> str:
    return "selection" if isinstance(value, dict | Selection) else "name"


Tools = Annotated[
    Annotated[Text, Field(min_length=1), Tag("name")] | Annotated[Selection, Tag("selection")],
    Discriminator(_written_as),
]
