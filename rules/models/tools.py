"""Files in tools/: request templates, alone or several of one API under a common header (DESIGN 5.2)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator
from wharfinger.rules.documents.nodes import MappingNode, SequenceNode
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.models.base import Flag, Text, Written, wrong
from wharfinger.rules.models.doors import BaseUrl
from wharfinger.rules.models.inputs import InputSpec
from wharfinger.rules.models.redacting import Redaction
from wharfinger.rules.models.returns import Returned
from wharfinger.rules.models.runs import Run
from wharfinger.rules.models.values import HeaderName, Name, Texts, Variable
from wharfinger.rules.protocols import graphql
from wharfinger.rules.types import Effect

SHARED = frozenset({"api", "title", "base", "base_env", "auth", "headers", "parameters", "persisted"})
"""Keys of a file that are about all of its tools, where a file that is one tool alone may have them, too."""


class Headers(Written):
    """Request headers beyond the published base set."""

    passed: tuple[HeaderName, ...] = Field(default=(), alias="pass", description="Fields that go upstream.")
    volatile: tuple[HeaderName, ...] = Field(
        default=(), description="Fields that differ from call to call, left out of the request digest."
    )


class ToolDef(Written):
    """One tool: a named API action."""

    remedies: ClassVar[dict[str, str]] = {"name": "write `tool`", "inputs": "write `input`"}

    tool: Name = Field(description="The tool's name, unique among all tools.")
    description: Text = Field(default="", description="What the tool does: verb and object.")
    effect: Effect | None = Field(
        default=None, description="read, write or destructive; left out: by method."
    )
    reversible: Flag | None = Field(
        default=None,
        description="Whether what it does can be taken back, for `call.blast`; left out: unless destructive.",
    )
    input: dict[Variable, InputSpec] = Field(default_factory=dict, description="The inputs by name.")
    run: Run = Field(description="The request.")
    reason: Text | None = Field(
        default=None, description="Where the agent's reason may be read from: ${input}."
    )
    redact: tuple[Redaction, ...] = Field(
        default=(),
        description="What is taken out of the answer: JSONPaths that are masked; {hash: …}, {last4: …} or "
        "{drop: …} of one; {find: DETECTOR}.",
    )
    undecodable: Literal["pass"] | None = Field(
        default=None,
        description="pass: an answer in a coding that cannot be undone passes as it came, searched only as "
        "it stands. Left out: it is withheld.",
    )
    returns: Returned | None = Field(
        default=None,
        description="New secrets that the tool answers with, and where: the agent gets placeholders. "
        "`secret` alone: they are somewhere, and so calls are refused.",
    )
    cookies: Literal["kept"] | None = Field(
        default=None,
        description="kept: the proxy keeps the answers' cookies for the agent, and sends them with its calls "
        "of tools of this API. Left out: as the file says.",
    )
    approved: Flag | None = Field(
        default=None,
        description="Whether the tool may be used; one that may not waits for `wharfinger tools approve`. "
        "Left out: as the file says.",
    )

    @field_validator("tool")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value == "unmatched":
            raise wrong('the name "unmatched" stands for requests that no tool fits', "choose another name")
        return value

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.undecodable is not None and (self.redact or self.returns is not None):
            raise wrong(
                "`undecodable: pass` does not go with `redact` or `returns`: these need answers to be read",
                "leave one of them out",
            )
        return self


class ToolFile(Written):
    """One file of tools: an API with its tools, or one tool alone."""

    api: Name | None = Field(default=None, description="Name of the API.")
    title: Text = Field(default="", description="Name of the API for people.")
    description: Text = Field(default="", description="What the API is.")
    base: Texts = Field(default=(), description="URL, or URLs, that the tools' paths are below.")
    base_env: dict[Variable, BaseUrl] = Field(
        default_factory=dict,
        description="Variables that clients read a base URL from, with the URL that each has by itself.",
    )
    auth: Auth | None = Field(default=None, description="The credential of all tools that name none.")
    headers: Headers = Field(default_factory=Headers, description="Headers beyond the base set.")
    parameters: dict[Variable, Text] = Field(
        default_factory=dict,
        description="What a catalogue entry must give, in words by name; used as ${param.name} in `base`.",
    )
    approved: Flag = Field(
        default=True, description="Whether its tools may be used; what is imported says `false`."
    )
    cookies: Literal["kept"] | None = Field(
        default=None, description="kept: the proxy keeps the cookies of all its tools' answers."
    )
    persisted: dict[Text, Text] = Field(
        default_factory=dict, description="Persisted GraphQL documents, by the hash or id that names them."
    )
    tools: tuple[ToolDef, ...] = Field(min_length=1, description="The tools.")

    _builtin: bool = PrivateAttr(default=False)

    @classmethod
    def normal(cls, data: Any) -> Any:
        """One tool alone stands for a file with a list of one."""
        if not isinstance(data, MappingNode) or "tools" in data or "tool" not in data:
            return data
        file = data.only(SHARED.__contains__)
        alone = SequenceNode(data.file, data.mark)
        alone.append(data.only(lambda key: key not in SHARED))
        alone.items_at.append(data.mark)
        file.set("tools", data.mark, alone, data.mark)
        return file

    @field_validator("persisted")
    @classmethod
    def _documents(cls, value: dict[str, str]) -> dict[str, str]:
        for name, document in value.items():
            if problem := graphql.unusable(name, document):
                raise wrong(f'the persisted document "{name}" cannot be used: {problem}')
        return value

    @property
    def builtin(self) -> bool:
        """Whether the file is of the catalogue that comes with wharfinger."""
        return self._builtin

    @property
    def name(self) -> str:
        """The file's name, as problems show it."""
        return self.position.file
