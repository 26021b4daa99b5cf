"""A tool: one request template that can be matched with a request and filled in with inputs (DESIGN 5.2).

`rules.tools.compiling` makes tools of what is written, `rules.tools.matching` reads requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from wharfinger.rules import inputs as typed
from wharfinger.rules.documents.problems import Position
from wharfinger.rules.inputs import Input
from wharfinger.rules.protocols import websocket
from wharfinger.rules.protocols.speech import Asked, Protocol, Speech
from wharfinger.rules.requests import bodies, headers, multipart, spelling
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.requests.spelling import DEFAULT_PORTS, Pairs, canonical_pairs
from wharfinger.rules.requests.strictjson import canonical_json
from wharfinger.rules.tools import matching, trees
from wharfinger.rules.tools.places import Endpoint, PathTemplate
from wharfinger.rules.tools.trees import ABSENT, Fields, Node
from wharfinger.rules.types import JSON, Code, Effect, Message, Place, Placement, Request, Returns

FORM_TYPE = "application/x-www-form-urlencoded"
CONTENT_TYPES = {"json": "application/json", "form": FORM_TYPE, "text": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class FilledRequest:
    """A request made of a tool and its inputs, before any credential."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    """Without Host and Content-Type."""
    body: bytes
    content_type: str
    """Empty where there is no body."""
    scheme: str
    host: str
    port: int
    target: str
    message: Message | None = None

    def request(self, agent: str) -> Request:
        """The request as `agent` would send it."""
        authority = self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"
        fields = [("Host", authority), *self.headers]
        if self.content_type:
            fields.append(("Content-Type", self.content_type))
        return Request(
            agent=agent,
            method=self.method,
            scheme=self.scheme,
            host=self.host,
            port=self.port,
            target=self.target,
            headers=tuple(fields),
            body=self.body,
            message=self.message,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """One named API action. Compared by identity; `digest` says whether two templates are the same."""

    name: str
    description: str
    api: str
    effect: Effect
    methods: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    path: PathTemplate
    query: Fields
    headers: Mapping[str, Node]
    """Header fields of the template, names in lower case."""
    body: Node | None
    """None where the template declares no body."""
    media: frozenset[Media] | None
    """Kinds of body that are read; None where the body is not read at all."""
    encoding: str
    """How a body is written when the tool is filled in: `json`, `form`, `text` or `any`."""
    stream: bool
    """Whether the body passes unread and unbuffered (`body: stream`)."""
    opening: bool
    """Whether the body is a stream, of which the protocol reads the opening first."""
    extra: bool
    """Whether fields and parameters beyond the template may pass."""
    inputs: Mapping[str, Input]
    placements: tuple[Placement, ...]
    auth_own: bool
    auth_optional: bool
    passed: frozenset[str]
    """Header fields that go upstream for this tool beyond the base set, in lower case."""
    volatile: frozenset[str]
    """Header fields of the API that the request digest leaves out, in lower case."""
    redact: tuple[str, ...]
    """What is taken out of the response, as written."""
    reason: str | None
    """The input that the call's reason may be read from."""
    digest: str
    """SHA-256 (hex) over the canonical form of the template."""
    builtin: bool
    position: Position
    constants: tuple[str, ...]
    """Constants in query, headers and body, sorted: with method, host and path they choose the tool."""
    names: frozenset[str]
    """Names that the template knows in query and body, folded."""
    sensitive: frozenset[str]
    declared_headers: frozenset[str]
    """Header fields that are inputs or constants of the tool, in lower case."""
    redirects: tuple[str, ...] = ()
    """Hosts that an answer may lead to."""
    protocol: Protocol = Protocol.HTTP
    key: str = ""
    """Above HTTP: what chooses the tool among the operations at its URL."""
    speech: Speech | None = None
    """Above HTTP: how its requests are read and written."""
    details: object = None
    """What its protocol alone reads of its definition."""
    documents: Mapping[str, str] = field(default_factory=dict)
    """Of GraphQL: the API's persisted documents, by what requests name them by."""
    reversible: bool | None = None
    """Whether what it does can be taken back; None where the file does not say it."""
    others: tuple[Tool, ...] = ()
    """Further requests that are this tool, each as a tool of the same name."""
    proposed: bool = False
    """Whether it is refused until a person has approved its digest (`approved: false`)."""
    timeout: timedelta | None = None
    """How long an exchange may take, from its first byte."""
    mints: bool = False
    """Whether its answers hold new secrets."""
    returns: Returns | None = None
    """Where these stand; None where that is not known."""
    kept: str = ""
    """Under what name its cookies are kept, where they are."""
    undecoded: bool = False
    """Whether an answer in a coding that cannot be undone passes as it came (`undecodable: pass`)."""
    withheld: frozenset[str] = frozenset()
    """Variables of the path that stand for a credential, and so are no inputs."""

    @property
    def hosts(self) -> frozenset[str]:
        """The exact hosts of the tool's endpoints; those with variables in them are left out."""
        return frozenset(host for endpoint in self.endpoints if (host := endpoint.host) is not None)

    @property
    def shapes(self) -> Iterator[str]:
        """What two tools share that match the same requests: a text for each method and endpoint."""
        for method in self.methods:
            for endpoint in self.endpoints:
                place = endpoint.shape + self.path.shape
                yield "\n".join((self.protocol, method, place, self.key, *self.constants))

    @property
    def sample(self) -> str:
        """A request of this tool in words, with its variables' names where values would be."""
        names = {v.name: v.name for text in self.endpoints[0].labels for v in text.variables}
        path = "".join(
            "/" + "".join(part if isinstance(part, str) else part.name for part in segment.parts)
            for segment in self.path.segments
        )
        held = f" with {', '.join(self.constants)}" if self.constants else ""
        endpoint = self.endpoints[0]
        return f"{self.methods[0]} {endpoint.scheme}://{endpoint.write(names)}{path}{held}"

    def fill(self, values: Mapping[str, JSON]) -> FilledRequest:
        """The request that makes this call, read back to make sure of it. Raises `Refused` if there is none.

        Where the tool has several methods or bases, the first is used.
        """
        good, problems = typed.check(self.inputs, values)
        if problems:
            raise Refused("; ".join(problems), self.takes(), Code.DENIED)
        texts = {
            name: trees.spell(value) for name, value in good.items() if not isinstance(value, list | dict)
        }
        texts |= {each.name: each.unfilled for each in self.placements if each.place is Place.PATH}
        endpoint = self.endpoints[0]
        query = self._query(good)
        target = self.path.write(texts) + (f"?{canonical_pairs(query)}" if query else "")
        body, content_type = self._body(good)
        authority = endpoint.write(texts)
        host, _, port = (
            authority.rpartition(":") if authority.endswith(f":{endpoint.port}") else (authority, "", "")
        )
        filled = FilledRequest(
            method=self.methods[0],
            url=f"{endpoint.scheme}://{authority}{target}",
            headers=self._headers(good),
            body=body,
            content_type=content_type,
            scheme=endpoint.scheme,
            host=host,
            port=int(port) if port else endpoint.port,
            target=target,
            message=Message.TEXT if websocket.is_message(self) else None,
        )
        self._read_back(filled, good)
        return filled

    def _read_back(self, filled: FilledRequest, values: Mapping[str, JSON]) -> None:
        """Refuse inputs that the request does not hold as they were given."""
        request = filled.request("")
        fields = headers.read(request)
        headers.check_fields(request, fields)
        reads = bodies.read if request.message is None else websocket.body
        body = reads(request, len(filled.body))
        read = matching.reading(fields, spelling.host(filled.host), spelling.target(filled.target), body)
        if self.speech is not None:
            asked = Asked(request, read, (self,), len(filled.body))
            (operation,) = self.speech.read(asked)
            read = matching.of_operation(read, operation, self.speech.consumes)
        fit = None if read.body.problem else matching.fit(self, self.endpoints[0], read)
        derived = self.speech.derived - values.keys() if self.speech is not None else frozenset[str]()
        held = {} if fit is None else {k: v for k, v in fit.call.inputs.items() if k not in derived}
        told = {k: _told(v) for k, v in values.items()} if self.encoding == "multipart" else values
        if fit is None or fit.refusal is not None or _spelled(held) != _spelled(told):
            raise Refused(
                "the inputs cannot be written as a request that is read back the same",
                fit.refusal.reason if fit is not None and fit.refusal is not None else "",
                Code.DENIED,
            )

    def takes(self) -> str:
        """A sentence that says which inputs the tool takes."""
        if not self.inputs:
            return f'The tool "{self.name}" takes no inputs.'
        named = (f"{i.name} ({i.what}{'' if i.required else ', optional'})" for i in self.inputs.values())
        return f'The tool "{self.name}" takes: {", ".join(named)}.'

    def _query(self, values: Mapping[str, JSON]) -> Pairs:
        filled = trees.write(self.query, values)
        return () if filled is ABSENT else tuple(flat(filled, repeat=True))

    def _headers(self, values: Mapping[str, JSON]) -> tuple[tuple[str, str], ...]:
        filled = ((name, trees.write(node, values)) for name, node in self.headers.items())
        declared = tuple((name, trees.spell(value)) for name, value in filled if value is not ABSENT)
        return declared if self.speech is None else (*self.speech.fields, *declared)

    def _body(self, values: Mapping[str, JSON]) -> tuple[bytes, str]:
        if self.speech is not None:
            written = ABSENT if self.body is None else trees.write(self.body, values)
            return self.speech.write(self, {} if written is ABSENT else written)  # type: ignore[arg-type]
        if self.body is None or self.stream or self.media is None:
            return b"", ""
        filled = trees.write(self.body, values)
        if filled is ABSENT:
            return b"", ""
        if self.encoding == "multipart":
            return multipart.write(_fields(filled))
        if self.encoding == "form":
            text = canonical_pairs(tuple(flat(filled, repeat=False)))
        elif self.encoding == "text":
            text = trees.spell(filled)
        else:
            return canonical_json(filled), CONTENT_TYPES["json"]  # type: ignore[arg-type]
        data = text.encode("utf-8")
        return data, CONTENT_TYPES[self.encoding] if data else ""


def flat(filled: object, *, repeat: bool, name: str = "") -> Iterator[tuple[str, str]]:
    """The pairs that spell a filled tree: `a[b]`, and lists as `a[0]` (forms) or `a` repeated (queries)."""
    if isinstance(filled, dict):
        for key, value in filled.items():
            if name and (not key or "[" in key or "]" in key):
                raise Refused(
                    "a name with brackets cannot be written in a form", "Use plain names.", Code.DENIED
                )
            yield from flat(value, repeat=repeat, name=f"{name}[{key}]" if name else key)
    elif isinstance(filled, list):
        for index, item in enumerate(filled):
            plain = repeat and "[" not in name and not isinstance(item, list | dict)
            yield from flat(item, repeat=repeat, name=name if plain else f"{name}[{index}]")
    else:
        yield name, trees.spell(filled)


def _fields(filled: object, name: str = "") -> Iterator[multipart.Field]:
    """The fields that spell a filled tree; a mapping with a content is a file."""
    if isinstance(filled, dict) and "content" in filled and name:
        yield multipart.file(name, filled)
    elif isinstance(filled, dict):
        for key, value in filled.items():
            if name and (not key or "[" in key or "]" in key):
                raise Refused(
                    "a name with brackets cannot be written in a form", "Use plain names.", Code.DENIED
                )
            yield from _fields(value, f"{name}[{key}]" if name else key)
    elif isinstance(filled, list):
        for item in filled:
            yield from _fields(item, name if "[" not in name else f"{name}[]")
    else:
        yield multipart.Field(name, trees.spell(filled).encode("utf-8"))


def _told(value: JSON) -> JSON:
    """A value as a form that holds it is read: of a file what it is."""
    if isinstance(value, dict) and "content" in value:
        return multipart.value(multipart.file("file", value))  # type: ignore[no-any-return]
    return [_told(item) for item in value] if isinstance(value, list) else value


def _spelled(value: object) -> object:
    """A value with its scalars as text, as queries and forms hold them."""
    if isinstance(value, Mapping):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value if value is None else trees.spell(value)
