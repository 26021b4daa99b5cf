"""Recognise requests as calls: `Toolset` holds the compiled tools and reads requests by them.

Method, host, path and constants choose the tool; inputs never do. Of all templates that fit, the most
specific wins (`rules.recognition.index.rank`); the others are kept, because deny rules see every one.
Whatever the bytes of a request, the answer is a `Recognised`, never an exception.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.protocols import websocket
from wharfinger.rules.protocols.speech import Opening
from wharfinger.rules.protocols.table import SPEECHES
from wharfinger.rules.recognition import speaking
from wharfinger.rules.recognition.index import Entry, Index
from wharfinger.rules.recognition.recognised import Part, Recognised, head_refusal
from wharfinger.rules.requests import bodies, extras, handshake, headers, spelling
from wharfinger.rules.requests.bodies import Body, Media
from wharfinger.rules.requests.refusal import Refusal, Refused
from wharfinger.rules.tools.compiling import compile_file, effect_of
from wharfinger.rules.tools.matching import fit, reading, reason_of
from wharfinger.rules.tools.tool import FORM_TYPE, Tool
from wharfinger.rules.types import UNMATCHED, Call, Code, Placement, Request

_TYPES = {
    Media.JSON: "application/json",
    Media.FORM: FORM_TYPE,
    Media.TEXT: "text/plain",
    Media.MULTIPART: "multipart/form-data",
}


@dataclass(frozen=True, slots=True)
class Streamed:
    """A body that passes without having been read whole."""

    opening: Callable[[], Opening] | None = None
    """What finds how much of it is read and decided on first; None where nothing is."""


class Toolset:
    """The tools of a configuration, by name and by what they match."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self.tools: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in tools})
        self.methods = frozenset(
            method for tool in self for one in (tool, *tool.others) for method in one.methods
        )
        streaming = [one for tool in self for one in (tool, *tool.others) if one.stream or one.opening]
        self._streaming = frozenset(endpoint.host for tool in streaming for endpoint in tool.endpoints)
        self._index = Index()
        for tool in self:
            self._index.add(tool)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools.values())

    def __len__(self) -> int:
        return len(self.tools)

    def __contains__(self, name: object) -> bool:
        return name in self.tools

    def __getitem__(self, name: str) -> Tool:
        return self.tools[name]

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where the tools put credentials."""
        return tuple(placement for tool in self for placement in tool.placements)

    def prepare(self) -> None:
        """Do what takes long once, so that no request waits for it."""
        for speech in {tool.speech for tool in self if tool.speech is not None}:
            if speech.prepare is not None:
                speech.prepare()

    def get(self, name: str) -> Tool | None:
        """The tool of that name, if there is one."""
        return self.tools.get(name)

    @classmethod
    def compile(cls, files: Iterable[ToolFile], problems: Problems) -> Toolset:
        """Compile the tools of all files, built-in ones among them, and report every problem.

        A user's tool takes the place of a built-in one of the same name, and goes before one of the same
        shape; both are warnings. Two of the user's (or two built-in) that share name or shape are errors.
        """
        held = sorted(files, key=lambda file: not file.builtin)
        built_in = [t for file in held if file.builtin for t in compile_file(file, problems)]
        encodings = usual_encodings(built_in)
        own = [t for file in held if not file.builtin for t in compile_file(file, problems, encodings)]
        tools = _by_name([*own, *built_in], problems)
        _shapes(tools, problems)
        websocket.check_tools(tools, problems)
        return cls(tools)

    def recognise(self, request: Request, limit: int = bodies.DEFAULT_LIMIT) -> Recognised:
        """Recognise a request; `limit` is how many bytes of body are parsed (`limits.parse`)."""
        fields = None
        try:
            fields = headers.read(request)
            headers.check_fields(request, fields)
            return self._recognise(request, fields, limit)
        except Refused as refused:
            return Recognised(refusal=refused.refusal, fields=fields)

    def may_stream(self, host: str) -> bool:
        """Whether some tool of `host` (in canonical form) streams its body: else `streams` is False."""
        return host in self._streaming or None in self._streaming  # None stands for hosts with variables

    def streams(self, request: Request) -> Streamed | None:
        """How the body of this request is to pass, by what its head says; None where it is read whole."""
        host = spelling.host(request.host)
        if not self.may_stream(host):
            return None
        try:
            method = spelling.method(request.method, self.methods)
            path = spelling.target(request.target).path
        except Refused:
            return None
        _, surfaces = self._index.find(request.scheme, host, request.port, method, path)
        if surfaces:
            speech = SPEECHES[surfaces[0].protocol]
            if speech.reads_body or speech.opening is not None:
                opens = speech.opening is not None and any(tool.opening for tool in surfaces[0].tools)
                return Streamed(speech.opening) if opens else None
        head = self.recognise(replace(request, body=None))
        passes = head.refusal is None and head.winner is not None and head.winner.stream
        return Streamed() if passes else None

    def _recognise(self, request: Request, fields: headers.Fields, limit: int) -> Recognised:
        method = spelling.method(request.method, self.methods)
        host = spelling.host(request.host)
        target = spelling.target(request.target)
        found, surfaces = self._index.find(request.scheme, host, request.port, method, target.path)
        if surfaces or (fields.names.special and handshake.asks(fields)):
            found, surfaces = websocket.apart(fields, found, surfaces)
        if surfaces:
            return speaking.recognise(
                request,
                fields,
                host,
                target,
                found,
                surfaces,
                limit,
                lambda inner: self.recognise(inner, limit),
            )
        if not found:
            return self._unmatched(request, fields, host, target)
        body, problem = _body(request, fields, found, limit)
        read = reading(fields, host, target, body)
        if problem is not None:
            return Recognised((), problem, host, target, body, reason=read.reason, fields=fields)
        fits = [one for entry in found if (one := fit(entry.tool, entry.endpoint, read)) is not None]
        if not fits:
            return self._unmatched(request, fields, host, target)
        winner = fits[0]
        refusal = winner.refusal
        if refusal is None and (fields.names.special or fields.names.acting):
            refusal = head_refusal(winner.tool, fields)
        parts = (Part(winner.call, tuple(fits)),)
        return Recognised(parts, refusal, host, target, body, not body.problem, read.reason, fields)

    def _unmatched(
        self, request: Request, fields: headers.Fields, host: str, target: spelling.Target
    ) -> Recognised:
        """No tool's; nor may it be one to a server that takes `%2F` for a slash."""
        read = _unmatched(request, fields, host, target)
        if not target.path.encoded or read.refusal is not None:
            return read
        apart = target.path.apart
        if any(self._index.find(request.scheme, host, request.port, request.method, apart)):
            return replace(read, refusal=_ANOTHER)
        (part,) = read.parts  # rules hear of both readings, and the stricter verdict holds
        inputs = {**part.call.inputs, "path": apart.canonical}
        return replace(read, parts=(part, Part(replace(part.call, inputs=inputs))))


def recognise(toolset: Toolset, request: Request, limit: int = bodies.DEFAULT_LIMIT) -> Recognised:
    """What a request is, by these tools. See `Toolset.recognise`."""
    return toolset.recognise(request, limit)


def _body(
    request: Request, fields: headers.Fields, found: list[Entry], limit: int
) -> tuple[Body, Refusal | None]:
    """The body as the found tools read it; a refusal if one of them must read it and it does not parse."""
    readers = [entry.tool.media for entry in found if entry.tool.media is not None]
    if request.body is None:
        body = Body(Media.OTHER, problem="the body is sent as a stream and cannot be read first")
    elif not readers:
        return Body(Media.OTHER, problem="no tool here reads the body"), None
    else:
        body = bodies.read_as(fields.get("content-type", ()), request.body, limit)
    if not readers or body.media is Media.NONE:
        return body, None
    problem = body.problem
    if not problem:
        for accepted in readers:
            if body.media in accepted:
                return body, None
        problem = "the body is not of a kind that the tool reads"
    types = " or ".join(sorted(_TYPES[media] for media in frozenset[Media]().union(*readers)))
    return body, Refusal(Code.DENIED, problem, f"Send the body as {types}, and say so in Content-Type.")


_ANOTHER: Final = Refusal(
    Code.DENIED,
    "the path has an encoded slash, and would be another call to a server that decodes it first",
    "Send the slash as it is; or, if it belongs to a name, use a tool whose template has `:encoded` there.",
)


def _unmatched(request: Request, fields: headers.Fields, host: str, target: spelling.Target) -> Recognised:
    refusal = headers.acting(fields) or headers.encoded(fields)
    if refusal is None and fields.names.special and handshake.asks(fields):
        refusal = websocket.UNOPENED
    if refusal is None and extras.override(name for name, _ in target.query):
        refusal = Refusal(Code.DENIED, "the query overrides the method", "Send the method itself.")
    method = request.method
    reason = reason_of(fields)
    call = Call(
        tool=UNMATCHED,
        template="",
        effect=effect_of((method,)),
        inputs={"host": host, "method": method, "path": target.path.canonical},
        reason=reason,
    )
    return Recognised((Part(call),), refusal, host, target, reason=reason, fields=fields)


# Building


def usual_encodings(tools: Iterable[Tool]) -> dict[str, str]:
    """How bodies are written at each base, by what most of its tools declare; a tie goes to JSON."""
    counts: dict[str, Counter[str]] = {}
    for tool in tools:
        if tool.body is not None and tool.media is not None and len(tool.media) == 1:
            for endpoint in tool.endpoints:
                counts.setdefault(endpoint.shape, Counter())[tool.encoding] += 1
    return {
        shape: "form" if count["form"] > count["json"] else "json"
        for shape, count in counts.items()
        if count["form"] or count["json"]
    }


def _by_name(tools: list[Tool], problems: Problems) -> list[Tool]:
    kept: dict[str, Tool] = {}
    for tool in tools:
        first = kept.get(tool.name)
        if first is None:
            kept[tool.name] = tool
        elif first.builtin == tool.builtin:
            message = f'the tool "{tool.name}" is there twice, first at {first.position}'
            problems.error(tool.position, message, "give each tool a name of its own")
        else:
            message = f'the tool "{tool.name}" takes the place of the built-in one'
            problems.warning(first.position, message, "choose another name to have both", kinds.REPLACES)
    return list(kept.values())


def _shapes(tools: Iterable[Tool], problems: Problems) -> None:
    first: dict[str, Tool] = {}
    told: set[tuple[str, str]] = set()
    for tool in tools:
        for shape in tool.shapes:
            other = first.setdefault(shape, tool)
            if other is tool or (other.name, tool.name) in told:
                continue
            told.add((other.name, tool.name))
            if other.builtin == tool.builtin:
                message = (
                    f'the tools "{other.name}" ({other.position}) and "{tool.name}" match the same requests, '
                    f"such as {tool.sample}"
                )
                problems.error(
                    tool.position, message, "tell them apart by a constant in path, query, header or body"
                )
            else:
                message = (
                    f'the tool "{other.name}" goes before the built-in "{tool.name}", which matches the same'
                )
                problems.warning(other.position, message, "deny rules still see both", kinds.BEFORE)
