"""How a tool's request is made, and by what it is recognised (DESIGN 5.2).

Templates themselves (`${x}` and its forms) are read by `rules.tools.template`; here stand their
places and bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from wharfinger.rules.documents.nodes import MappingNode, locate
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.auth import Auth
from wharfinger.rules.models.base import Text, Written, wrong
from wharfinger.rules.models.values import Duration, HeaderName, Texts
from wharfinger.rules.protocols import graphql
from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

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
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)


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
    method: Texts = Field(
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
