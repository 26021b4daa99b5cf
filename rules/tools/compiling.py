"""Compile the tools that are written in a file into `Tool`s, reporting every problem at its position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wharfinger.rules import inputs
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.inputs import Input
from wharfinger.rules.models.base import plain
from wharfinger.rules.models.inputs import InputSpec
from wharfinger.rules.models.tools import ToolDef, ToolFile
from wharfinger.rules.protocols.speech import Form, Protocol
from wharfinger.rules.protocols.table import SPEECHES, form_of
from wharfinger.rules.redact.steps import NotAPath, compile_steps
from wharfinger.rules.requests import fieldnames
from wharfinger.rules.requests.bodies import Media
from wharfinger.rules.tools import identity, placements, places, template, trees
from wharfinger.rules.tools.places import Place
from wharfinger.rules.tools.template import TemplateError
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.tools.trees import Fields, Node
from wharfinger.rules.types import Effect, Placement, Returns
from wharfinger.rules.types import Place as Where

READS = frozenset({"GET", "HEAD"})
MEDIA = {
    None: frozenset({Media.JSON, Media.FORM}),
    "json": frozenset({Media.JSON}),
    "form": frozenset({Media.FORM}),
    "text": frozenset({Media.TEXT}),
    "multipart": frozenset({Media.MULTIPART}),
    "any": None,
}
"""Which kinds of body an `encoding` reads; None for one that is not read."""

_ENDS_HERE = fieldnames.HOP_BY_HOP | fieldnames.FRAMING | {"host", "content-encoding", "trailer"}
_UNREAD = frozenset({"content-encoding"})
"""Passes for tools that do not read the body, whatever it is encoded in."""
_QUERY_PROTOCOL = frozenset({"action", "operation", "version"})
"""What chooses an operation in AWS's query protocol, which some services speak beside the JSON protocol."""
_NO_BODY = Fields({})
_NOT_IN_TEXT = frozenset({"array", "object"})


def compile_file(
    file: ToolFile, problems: Problems, encodings: Mapping[str, str] | None = None
) -> list[Tool]:
    """The tools of one file; those with problems are left out, and the problems are reported.

    `encodings` says how bodies are written at a base (`Endpoint.shape`) where a tool does not say it.
    """
    passed = _passed_headers(file, problems)
    compiled = (_Compiler(file, tool, problems, passed, encodings or {}).tool() for tool in file.tools)
    return [tool for tool in compiled if tool is not None]


def _chosen_by(fields: Iterable[str]) -> frozenset[str]:
    """Names of parameters that would choose among operations beside the header fields of a template."""
    return _QUERY_PROTOCOL if "x-amz-target" in fields else frozenset()


def _passed_headers(file: ToolFile, problems: Problems) -> frozenset[str]:
    for name in file.headers.passed:
        low = name.lower()
        at = file.headers.at("pass")
        what = fieldnames.acts_on(low)
        if what is not None:
            hint = "make it an input, under `run: headers:` of the tools that take it"
            problems.error(
                at, f'the header "{name}" changes the {what} of a call and cannot pass unseen', hint
            )
        elif low in _ENDS_HERE or low.startswith(fieldnames.OWN_PREFIXES):
            problems.error(at, f'the header "{name}" ends at the proxy and cannot pass', "leave it out")
        elif low == "authorization":
            hint = "write `auth: own` for the agent's own login"
            problems.error(at, f'the header "{name}" cannot pass', hint)
    return frozenset(name.lower() for name in file.headers.passed)


class _Compiler:
    """Compiles one definition, and goes on after a problem so that all are found."""

    def __init__(  # noqa: PLR0917 - what is shared by the tools of a file
        self,
        file: ToolFile,
        definition: ToolDef,
        problems: Problems,
        passed: frozenset[str],
        encodings: Mapping[str, str],
        form: Form | None = None,
    ) -> None:
        self.file = file
        self.definition = definition
        self.run = definition.run
        self.form = form or form_of(definition.run)
        self.further = form is not None
        """Whether this is one of the tool's further requests, which need not hold every input."""
        self.problems = problems
        self.passed = passed
        self.encodings = encodings
        self.failed = False
        self.named: dict[str, str] = {}
        """Variables of the template, and where each stands: `place` or `value`."""

    def tool(self) -> Tool | None:
        sites = self._places()
        query = self._query(sites)
        fields = self._headers()
        body = self._body()
        placed = self._placements(sites, query, body)
        specs = self._inputs()
        reason = self._reason(specs)
        if self.failed or not sites or not isinstance(query, Fields):
            return None
        definition, form = self.definition, self.form
        auth = self.run.auth or self.file.auth
        effect = self._effect()
        unread = form.stream or form.encoding == "any"
        read = body if body is not None else _NO_BODY
        return Tool(
            name=definition.tool,
            description=definition.description,
            api=self.file.api or "",
            effect=effect,
            methods=form.methods,
            endpoints=tuple(site.endpoint for site in sites),
            path=sites[0].path,
            query=query,
            headers=fields,
            body=body,
            media=None if unread else MEDIA[form.encoding],
            encoding=form.encoding or self._usual_encoding(sites, body),
            stream=form.stream,
            opening=form.opening,
            redirects=self.run.redirects,
            extra=self.run.extra == "allow" if self.run.extra else effect is Effect.READ,
            inputs=specs,
            placements=placed,
            auth_own=auth is not None and auth.own,
            auth_optional=auth is None or all(place.optional for place in auth.places),
            passed=self.passed | frozenset(fields) | form.passed | (_UNREAD if unread else frozenset()),
            volatile=frozenset(name.lower() for name in self.file.headers.volatile),
            redact=definition.redact,
            reason=reason,
            digest=identity.digest(self.file, definition, specs, effect, auth),
            builtin=self.file.builtin,
            position=definition.position,
            constants=tuple(sorted(identity.constants(query, fields, read))),
            names=frozenset(identity.names(query)) | frozenset(identity.names(read)) | _chosen_by(fields),
            sensitive=frozenset(name for name, spec in specs.items() if spec.sensitive),
            declared_headers=frozenset(fields),
            protocol=form.protocol,
            key=form.key,
            speech=SPEECHES.get(form.protocol),
            details=form.details,
            documents=self.file.persisted if form.protocol is Protocol.GRAPHQL else {},
            reversible=definition.reversible,
            others=self._others(),
            proposed=not (self.file.approved if definition.approved is None else definition.approved),
            timeout=self.run.timeout,
            mints=definition.returns is not None,
            returns=self._returns(placed),
            kept=self._kept(),
            undecoded=definition.undecodable == "pass",
            withheld=frozenset(each.name for each in placed if each.place is Where.PATH),
        )

    def _others(self) -> tuple[Tool, ...]:
        """The tool's further requests; what is wrong with them has been said of the first."""
        compiled = (
            _Compiler(self.file, self.definition, Problems(), self.passed, self.encodings, form).tool()
            for form in self.form.others
        )
        return tuple(tool for tool in compiled if tool is not None)

    def _effect(self) -> Effect:
        if self.definition.effect is None and self.form.protocol is not Protocol.HTTP:
            at = self.definition.position
            hint = "write `effect: read`, `write` or `destructive`"
            self.error(at, f'the effect of "{self.definition.tool}" does not follow from its method', hint)
        return self.definition.effect or effect_of(self.form.methods)

    def error(self, at: Position, message: str, hint: str = "") -> None:
        self.failed = True
        self.problems.error(at, message, hint)

    # Places

    def _places(self) -> list[Place]:
        url = self.form.url
        if url.startswith("/"):
            if not self.file.base:
                self.error(
                    self.run.at("url"),
                    f'"{url}" is a path, and the file names no base',
                    "write the whole URL",
                )
            urls = [base.rstrip("/") + url for base in self.file.base]
        else:
            urls = [url]
        found = [site for whole in urls if (site := self._place(whole)) is not None]
        if any(site.path != found[0].path for site in found):
            self.error(
                self.run.at("url"),
                "the bases differ in their paths",
                "let them differ in scheme, host and port only",
            )
        if self.form.protocol is not Protocol.HTTP and any(site.path.rest is not None for site in found):
            self.error(self.run.at("url"), f"a URL of {self.form.protocol} cannot end in ${{…...}}")
        for site in found[:1]:
            for text in (*site.endpoint.labels, *site.path.segments):
                self._name(text, "place")
        return found

    def _place(self, url: str) -> Place | None:
        try:
            return places.place(url)
        except TemplateError as error:
            self.error(self.run.at("url"), str(error), error.hint)
            return None

    def _name(self, node: Node, where: str) -> None:
        for variable in trees.variables(node):
            kind = "path" if variable.rest or variable.encoded else where
            if self.named.get(variable.name) not in {"path", "place"}:
                self.named[variable.name] = kind

    # Query, headers, body

    def _query(self, sites: list[Place]) -> Node | None:
        source = dict(sites[0].query) if sites else {}
        for key, value in plain(self.form.query).items():
            if key in source:
                self.error(self.run.at("query", key, key=True), f'"{key}" stands in the URL and in the query')
            source[key] = value
        return self._tree(trees.nested, source, "query")

    def _headers(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for name, value in self.form.headers.items():
            low = name.lower()
            at = self.run.at("headers", name, key=True)
            if (
                low in _ENDS_HERE
                or low in {"authorization", "cookie"}
                or low.startswith(fieldnames.OWN_PREFIXES)
            ):
                self.error(at, f'the header "{name}" cannot stand in a template', "leave it out")
            else:
                node = self._tree(lambda source: source, value, "headers", name)
                if node is not None:
                    found[low] = node
        return found

    def _body(self) -> Node | None:
        form = self.form
        if not form.has_body or form.stream:
            return None
        at = self.run.at(form.body_key)
        if form.encoding == "any":
            self.error(
                at, 'a body of encoding "any" is not read', "leave `body` out, or name another encoding"
            )
        elif form.encoding == "text" and not isinstance(form.body, str):
            self.error(at, "a body of text must be one text", 'write it like body: "${text}"')
        elif form.encoding in {"form", "multipart"} and not isinstance(form.body, Mapping):
            self.error(at, "a form must be a mapping", "write name: value lines")
        else:
            nested = form.encoding in {None, "form", "multipart"}
            prepare = trees.nested if nested else lambda source: source
            return self._tree(prepare, plain(form.body), form.body_key)
        return None

    def _tree(self, prepare: Any, source: object, *path: str) -> Node | None:
        try:
            node = trees.tree(prepare(source))
        except TemplateError as error:
            self.error(self.run.at(*path), str(error), error.hint)
            return None
        self._name(node, "field" if path[0] == "headers" else "value")
        return node

    def _usual_encoding(self, sites: list[Place], body: Node | None) -> str:
        if body is not None and not isinstance(body, Fields):
            return "json"
        return self.encodings.get(sites[0].endpoint.shape, "json")

    # Credentials

    def _placements(self, sites: list[Place], query: Node | None, body: Node | None) -> tuple[Placement, ...]:
        auth = self.run.auth or self.file.auth
        if auth is None or not sites or self.failed:
            return ()
        template = placements.Template(self.form, sites[0].path, sites[0].endpoint.labels, query, body)
        made = placements.of(auth, template, self.error)
        for each in made:
            if each.place is Where.PATH:
                self.named.pop(each.name, None)
        return made

    # Answers

    def _returns(self, placed: tuple[Placement, ...]) -> Returns | None:
        """Where new secrets stand in an answer, and what they go by."""
        returned = self.definition.returns
        if returned is None or returned.anywhere:
            return None
        credential = returned.credential or (placed[0].credential if placed else "")
        if not credential:
            hint = "write `as: NAME`, of a credential in credentials.yaml"
            self.error(returned.position, "what is returned stands for no credential", hint)
            return None
        for path in (*returned.secret, *returned.keys_at.values(), returned.expires):
            try:
                if path and returned.format == "json":
                    compile_steps(path)
            except NotAPath as error:
                self.error(returned.position, str(error), 'write it like "$.token"')
        return Returns(
            credential, returned.secret, tuple(returned.keys_at.items()), returned.expires, returned.format
        )  # fmt: skip

    def _kept(self) -> str:
        """The name its cookies are kept under: its API's, for one tool signs in and others go on."""
        kept = self.definition.cookies or self.file.cookies
        return (self.file.api or self.definition.tool) if kept else ""

    # Inputs

    def _inputs(self) -> dict[str, Input]:
        declared = self.definition.input
        for name in () if self.further else declared.keys() - self.named.keys():
            at = self.definition.at("input", name, key=True)
            hint = did_you_mean(name, self.named) or f"write ${{{name}}} where the value goes"
            self.error(at, f'the input "{name}" does not stand in the template', hint)
        specs: dict[str, Input] = {}
        for name in [
            *(n for n in declared if n in self.named),
            *(n for n in self.named if n not in declared),
        ]:
            spec = declared.get(name)
            usual = self.form.inputs.get(name)
            compiled = (usual or Input(name)) if spec is None else self._input(name, spec)
            if usual is not None and compiled is not None and compiled.kinds != usual.kinds:
                at = self.definition.at("input", name)
                self.error(
                    at, f'the input "{name}" is of type {usual.what} here', f"write type: {usual.kind}"
                )
            if compiled is not None:
                specs[name] = compiled
                self._fits(compiled, self.named[name])
        return specs

    def _input(self, name: str, spec: InputSpec) -> Input | None:
        try:
            pattern = None if spec.pattern is None else inputs.pattern(spec.pattern)
        except ValueError as error:
            self.error(
                spec.at("pattern"), f'the pattern of "{name}" cannot be used: {error}', "use RE2's syntax"
            )
            return None
        return Input(
            name,
            spec.types[0],
            spec.required,
            None if spec.enum is None else inputs.enumeration(spec.types[0], plain(spec.enum)),
            pattern,
            spec.min,
            spec.max,
            spec.sensitive,
            spec.description,
            spec.types[1:],
        )

    def _fits(self, spec: Input, where: str) -> None:
        if where == "value":
            return
        if where in {"place", "path"} and not spec.required:
            self._misfit(spec, "stands in the URL and cannot be left out", "drop `required: false`")
        if where == "path" and spec.kinds != ("string",):
            self._misfit(spec, "stands for path segments and must be text", "write type: string")
        elif where in {"place", "field"} and not _NOT_IN_TEXT.isdisjoint(spec.kinds):
            self._misfit(spec, f"is of type {spec.what} and stands in text", "use a scalar type")

    def _misfit(self, spec: Input, message: str, hint: str) -> None:
        self.error(self.definition.at("input", spec.name), f'the input "{spec.name}" {message}', hint)

    def _reason(self, specs: Mapping[str, Input]) -> str | None:
        source = self.definition.reason
        if source is None:
            return None
        try:
            single = template.text(source).single
        except TemplateError:
            single = None
        name = single.name if single is not None else ""
        spec = specs.get(name)
        if spec is None or spec.kinds != ("string",):
            hint = did_you_mean(name, specs) or "write it like ${body}"
            self.error(
                self.definition.at("reason"), f'reason "{source}" is not an input of type string', hint
            )
            return None
        return name


def effect_of(methods: tuple[str, ...]) -> Effect:
    """The effect of a tool that does not say it: GET and HEAD read, DELETE destroys, all else writes."""
    if "DELETE" in methods:
        return Effect.DESTRUCTIVE
    return Effect.READ if READS.issuperset(methods) else Effect.WRITE
