"""Files in tools/: request templates, alone or several of one API under a common header (DESIGN 5.2).

Templates themselves (`${x}` and its forms) are read by `rules.tools.template`; here stand their
places, types and bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from wharfinger.rules.documents.nodes import MappingNode, SequenceNode, locate
from wharfinger.rules.documents.problems import Problems, did_you_mean
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.models.base import Flag, Text, Written, listed, wrong
from wharfinger.rules.models.doors import BaseUrl
from wharfinger.rules.models.redacting import Redaction
from wharfinger.rules.models.returns import Returned
from wharfinger.rules.models.values import Duration, HeaderName, Name, Pattern, Variable
from wharfinger.rules.protocols import graphql
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.types import Effect

Type = Literal["string", "integer", "number", "boolean", "array", "object"]
KEYS: Mapping[str, frozenset[str]] = {
    "batch": frozenset({"format", "below", "headers"}),
    "git": frozenset({"service", "headers"}),
    "grpc": frozenset({"service", "rpc", "headers", "body"}),
    "graphql": frozenset({"operation", "field", "args", "types", "select", "headers"}),
    "http": frozenset({"method", "query", "headers", "body", "encoding", "redirects"}),
    "jsonrpc": frozenset({"method", "params", "headers"}),
    "websocket": frozenset({"query", "headers", "message"}),
}
"""What may be written for each `type` beyond what all of them have."""
NEEDED: Mapping[str, frozenset[str]] = {
    "batch": frozenset({"format"}),
    "git": frozenset({"service"}),
    "grpc": frozenset({"service", "rpc"}),
    "graphql": frozenset({"operation", "field"}),
    "http": frozenset({"method"}),
    "jsonrpc": frozenset({"method"}),
    "websocket": frozenset(),
}
SHARED = frozenset({"api", "title", "base", "base_env", "auth", "headers", "parameters", "persisted"})
"""Keys of a file that are about all of its tools, where a file that is one tool alone may have them, too."""
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_TEXT_OR_LIST: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}


def _types(value: Any) -> Any:
    """One type or a list of them, each known and none twice: always the list."""
    given = listed(value)
    if not isinstance(given, list | tuple) or not given:
        raise wrong(f"expected {_CHOICES}, or a list of them")
    for name in given:
        if name not in get_args(Type):
            hint = did_you_mean(name, get_args(Type)) if isinstance(name, str) else ""
            raise wrong(f'expected {_CHOICES}, not "{name}"', hint)
    if len(set(given)) < len(given):
        raise wrong("a type stands twice", "write each once")
    return given


_CHOICES = ", ".join(f'"{name}"' for name in get_args(Type)[:-1]) + f' or "{get_args(Type)[-1]}"'
Types = Annotated[
    tuple[Type, ...],
    BeforeValidator(_types),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(get_args(Type))},
                {"type": "array", "items": {"enum": list(get_args(Type))}, "minItems": 1},
            ]
        }
    ),
]


class InputSpec(Written):
    """One input of a tool. A bare type name is the short form of `{type: …}`."""

    types: Types = Field(
        default=("string",),
        alias="type",
        description="What values the input takes: a type, or any of a list.",
    )
    required: Flag = Field(default=True, description="Whether a call without it is denied.")
    enum: tuple[Any, ...] | None = Field(
        default=None, min_length=1, description="The only values it may take."
    )
    pattern: Pattern | None = Field(default=None, description="RE2 pattern that the whole text must match.")
    min: int | float | None = Field(default=None, description="Least number, or least length.")
    max: int | float | None = Field(default=None, description="Greatest number, or greatest length.")
    sensitive: Flag = Field(default=False, description="Kept in the audit log as a keyed digest only.")
    description: Text = Field(default="", description="What the input means.")

    remedies: ClassVar[dict[str, str]] = {"optional": "write `required: false`", "minimum": "write `min`"}

    short: ClassVar[dict[str, Any] | None] = {"enum": list(get_args(Type))}

    @classmethod
    def normal(cls, data: Any) -> Any:
        """A bare type name stands for `{type: …}`."""
        return {"type": data} if isinstance(data, str) else data

    @field_validator("min", "max", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong("expected a number")
        return value

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if len(self.types) > 1 and {"enum", "pattern", "min", "max"} & self.model_fields_set:
            raise wrong("an input of several types cannot have enum, pattern, min or max", "drop them")
        kind = self.types[0]
        if self.pattern is not None and kind != "string":
            raise wrong(f'"pattern" is for text, and the type is "{kind}"', "drop the pattern")
        if (self.min is not None or self.max is not None) and kind in {"boolean", "object"}:
            raise wrong(f'"min" and "max" are for numbers, text and arrays, and the type is "{kind}"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise wrong(f'"min" {self.min} is greater than "max" {self.max}', "swap them")
        strange = [value for value in self.enum or () if not is_a(value, kind)]
        if strange:
            raise wrong(f"the enum has values that are not of type {kind}: {strange!r}")
        return self


def is_a(value: object, kind: Type) -> bool:
    """Whether a plain value is of a tool's input type; a boolean is no number, an integer is one."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, kinds[kind])


Methods = Annotated[tuple[Text, ...], BeforeValidator(listed), WithJsonSchema(_TEXT_OR_LIST)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed), WithJsonSchema(_TEXT_OR_LIST)]


class Run(Written):
    """How the tool's request is made, and by what it is recognised."""

    later: ClassVar[frozenset[str]] = frozenset()
    remedies: ClassVar[dict[str, str]] = {
        "path": "write `url`",
        "json": "write `body`",
    }

    type: Literal["http", "jsonrpc", "graphql", "websocket", "git", "grpc", "batch"] = Field(
        default="http", description="The protocol."
    )
    method: Methods = Field(
        default=(),
        min_length=1,
        description="HTTP method, or of jsonrpc the method's name; or a list of them.",
    )
    url: Text = Field(min_length=1, description="Whole URL, or a path below `base`; `${x}` is a variable.")
    query: dict[str, Any] = Field(default_factory=dict, description="Query parameters.")
    headers: dict[HeaderName, Text] = Field(default_factory=dict, description="Header fields.")
    body: Any = Field(default=None, description="Body template, or `stream` for one that is not read.")
    encoding: Literal["json", "form", "multipart", "text", "any"] | None = Field(
        default=None, description="How the body is written; left out: by Content-Type."
    )
    format: Literal["json", "multipart"] | None = Field(
        default=None, description="Of batch: whether the requests stand in JSON or in parts."
    )
    below: Text = Field(default="", description="Of batch: the path that URLs of its requests are below.")
    service: Text = Field(
        default="", description="Of git `fetch` or `push`; of grpc the service's full name."
    )
    rpc: Text = Field(default="", description="Of grpc: the method's name.")
    params: dict[str, Any] | list[Any] | None = Field(
        default=None, description="Template of a jsonrpc method's params."
    )
    operation: Text = Field(default="", description="Of graphql: query, mutation or subscription.")
    field: Text = Field(
        default="", description="Of graphql: the root field; `__schema` stands for all introspection."
    )
    args: dict[str, Any] | None = Field(default=None, description="Template of a graphql field's arguments.")
    types: dict[str, Text] = Field(
        default_factory=dict, description="GraphQL types of the arguments that are sent as variables."
    )
    select: Text = Field(
        default="{ __typename }", description="What a filled-in graphql field asks for; `none` for a scalar."
    )
    message: Any = Field(
        default=None,
        description="Of websocket: template of a message of the agent's on connections to `url`.",
    )
    extra: Literal["allow", "deny"] | None = Field(
        default=None, description="Whether fields and parameters beyond the template may pass."
    )
    auth: Auth | None = Field(default=None, description="The credential, if not the API's.")
    redirects: tuple[Text, ...] = Field(
        default=(),
        description="Hosts that an answer may lead to; the agent may follow once, with nothing put in.",
    )
    timeout: Duration | None = Field(
        default=None, description="How long the exchange may take, from sending; then it is cut off."
    )

    @classmethod
    def _reported(cls, node: MappingNode, problems: Problems) -> MappingNode:
        node = super()._reported(node, problems)
        kind = node.get("type", "http")
        if not isinstance(kind, str) or kind not in KEYS:
            return node
        common = {"type", "url", "extra", "auth", "timeout"}
        strange = [key for key in node if key not in common and key not in KEYS[kind]]
        for key in strange:
            at = locate(node, (key,), key=True) or node.position
            hint = f"it takes: {', '.join(sorted({*common, *KEYS[kind]}))}"
            problems.error(at, f'"{key}" does not go with the type "{kind}"', hint)
        for key in sorted(NEEDED[kind] - node.keys()):
            problems.error(node.position, f'missing key "{key}"')
        return node.only(lambda key: key not in strange) if strange else node

    @field_validator("method")
    @classmethod
    def _methods(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("type", "http") != "http":
            if not all(name.isprintable() and name for name in value) or len(set(value)) < len(value):
                raise wrong("a method's name is empty, or stands twice", "write each once")
            return value
        for method in value:
            if not (method.isascii() and method.isupper() and method.replace("-", "").isalpha()):
                raise wrong(f'"{method}" is not a method', f'write it in capitals: "{method.upper()}"')
            if method in {"CONNECT", "TRACE", "TRACK"}:
                raise wrong(f'the method "{method}" never passes the proxy', "use another method")
        return value

    @field_validator("redirects")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            try:
                exact = spelling.host(host)
            except Refused:
                exact = ""
            if exact != host:
                raise wrong(
                    f'"{host}" is not a host', "write the exact name in small letters, without a port"
                )
        return value

    @field_validator("headers")
    @classmethod
    def _no_twins(cls, value: dict[str, str]) -> dict[str, str]:
        names = [name.lower() for name in value]
        twins = sorted({name for name in names if names.count(name) > 1})
        if twins:
            raise wrong(f'the header "{twins[0]}" stands twice', "names of headers have no case: keep one")
        return value

    @model_validator(mode="after")
    def _websocket(self) -> Self:
        secure = self.url.startswith(("wss://", "ws://", "/"))
        if self.type == "websocket" and not secure:
            raise wrong(
                f'"{self.url}" is not the URL of a WebSocket', "write it like wss://api.example.com/v1"
            )
        if self.type == "websocket" and self.message is not None and (self.query or self.headers):
            raise wrong(
                "a message has no query and no headers", "write them for the tool that opens the WebSocket"
            )
        return self

    @model_validator(mode="after")
    def _service(self) -> Self:
        if self.type == "git" and self.service not in {"fetch", "push"}:
            raise wrong(f'"{self.service}" is no service of git', "write `fetch` or `push`")
        for name in (self.service, self.rpc) if self.type == "grpc" else ():
            if not _DOTTED.fullmatch(name):
                raise wrong(f'"{name}" is no name of grpc', "write them like pkg.Service and Method")
        if self.type == "grpc" and self.body is not None and not self.stream:
            raise wrong("messages of grpc are not read", "leave `body` out, or write `body: stream`")
        return self

    @model_validator(mode="after")
    def _graphql(self) -> Self:
        if self.type != "graphql" or not NEEDED["graphql"] <= self.model_fields_set:
            return self
        if self.operation not in graphql.OPERATIONS:
            raise wrong(f'"{self.operation}" is no operation', f"write {', '.join(graphql.OPERATIONS)}")
        for name in (self.field, *(self.args or ())):
            if not graphql.NAME.fullmatch(name):
                raise wrong(f'"{name}" is no name in GraphQL', "write it as the schema has it")
        for name, kind in self.types.items():
            if name not in (self.args or ()) or not graphql.is_type(kind):
                raise wrong(
                    f'the type of "{name}" is none, or is of no argument', 'write it like {id: "ID!"}'
                )
        if self.select not in {"none", "{ __typename }"} and not graphql.is_selection(self.select):
            raise wrong("what is selected is not one selection set", "write it like { id }, or `none`")
        return self

    @property
    def has_body(self) -> bool:
        """Whether a body is declared; `body: null` is one."""
        return "body" in self.model_fields_set

    @property
    def stream(self) -> bool:
        """Whether the request's body passes without having been read: `body: stream`."""
        return isinstance(self.body, str) and self.body == "stream"


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
