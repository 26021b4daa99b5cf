"""JSON Schemas of the files a user writes, for editors and for documentation (DESIGN 5).

Made from the models, draft 2020-12, defaults spelled as a user writes them. A schema takes everything
that loads; what takes more than one file or more than a glance (references, templates, conditions) is for
`wharfinger check` to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from wharfinger.rules.models.agents import AgentsFile, CredentialsFile, PeopleFile
from wharfinger.rules.models.base import Written
from wharfinger.rules.models.policies import Policy
from wharfinger.rules.models.settings import Settings
from wharfinger.rules.models.tools import SHARED, ToolDef, ToolFile
from wharfinger.rules.models.values import Endpoint, spelled_duration, spelled_size

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILES: Final[Mapping[str, type[Written]]] = {
    "wharfinger.yaml": Settings,
    "agents.yaml": AgentsFile,
    "people.yaml": PeopleFile,
    "credentials.yaml": CredentialsFile,
    "tools/*.yaml": ToolFile,
    "policies/*.yaml": Policy,
}
"""The model of each file, by its path in the configuration folder."""


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema for each file of the configuration folder, by its path (`tools/*.yaml` for a folder)."""
    return {name: _schema(name, model) for name, model in FILES.items()}


def _schema(name: str, model: type[Written]) -> dict[str, Any]:
    made = model.model_json_schema(schema_generator=_Generator)
    if model is ToolFile:
        made = _one_or_several(made)
    return {"$schema": DIALECT, "title": name, **{key: made[key] for key in made if key != "title"}}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without the titles it makes of names, and with defaults as users write them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        default = made.get("default")
        if default is None or default in ("", [], {}):
            made.pop("default", None)
        elif isinstance(default, int) and made.get("type") == "string":
            made["default"] = spelled_size(default)
        return made

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return spelled_duration(dft)
        return str(dft) if isinstance(dft, Endpoint) else super().encode_default(dft)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False  # or names that do not fit the pattern would pass
        return made


def _one_or_several(made: dict[str, Any]) -> dict[str, Any]:
    """A file of tools has a list of them, or is one itself, with the API's keys beside its own."""
    definitions = dict(made.pop("$defs"))
    several = {key: value for key, value in made.items() if key != "$defs"}
    one = definitions[ToolDef.__name__]
    shared = {name: schema for name, schema in several["properties"].items() if name in SHARED}
    definitions["ToolFile"] = several
    definitions["SingleTool"] = {**one, "properties": {**shared, **one["properties"]}}
    return {
        "type": "object",
        "description": several.get("description", ""),
        "if": {"required": ["tool"], "not": {"required": ["tools"]}},
        "then": {"$ref": DEFAULT_REF_TEMPLATE.format(model="SingleTool")},
        "else": {"$ref": DEFAULT_REF_TEMPLATE.format(model="ToolFile")},
        "$defs": definitions,
    }
