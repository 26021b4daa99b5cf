"""Swagger 2.0, OpenAPI 3.0 and 3.1: a document becomes a tool file.

imported = openapi.convert(document, Options(api="acme"))
text = writing.dump(imported.file)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from wharfinger.importing import effects, naming, security, servers, words
from wharfinger.importing.assembling import Header, assemble
from wharfinger.importing.inputs import Request
from wharfinger.importing.operations import (
    Imported,
    ImportFault,
    Operation,
    Options,
    Plain,
    Template,
)
from wharfinger.importing.schemas import Schemas
from wharfinger.rules.requests import fieldnames

METHODS: Final = ("get", "head", "options", "post", "put", "patch", "delete")
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_FILES: Final = frozenset({"attachment", "audio", "file", "image", "photo", "video"})
_FORMS: Final = frozenset({"form", "multipart"})
"""Encodings whose values are text."""


def convert(document: Mapping[str, Any], options: Options) -> Imported:
    """The document as a tool file. Raises `ImportFault` if it is none, or none that can be read."""
    version = str(document.get("openapi", document.get("swagger", "")))
    if not version:
        raise ImportFault("this is no OpenAPI document", "it says `openapi: 3.1.0` or the like at its top")
    if not version.startswith(("2.", "3.0", "3.1")):
        raise ImportFault(f'OpenAPI of version "{version[:20]}" is not read', "2.0, 3.0 and 3.1 are")
    if not isinstance(document.get("paths"), Mapping):
        raise ImportFault("this OpenAPI document has no `paths`", "it describes nothing that can be called")
    return _Document(document, options).imported()


@dataclass(frozen=True, slots=True)
class _Found:
    """One operation as it stands in the document."""

    method: str
    path: str
    item: Mapping[str, Any]
    node: Mapping[str, Any]

    @property
    def identity(self) -> str:
        said = self.node.get("operationId")
        return said if isinstance(said, str) else ""


class _Document:
    def __init__(self, document: Mapping[str, Any], options: Options) -> None:
        self.document = document
        self.options = options
        self.schemas = Schemas(document)
        self.swagger = "swagger" in document
        self.found = sorted(self._found(), key=lambda found: (found.path, METHODS.index(found.method)))
        self.common = self._common_headers()
        self.place = servers.place(document, options)
        self.login = self._login()
        self.skip = frozenset(words.split(options.api))
        self.collections = {found.path.rpartition("/{")[0] for found in self.found if "/{" in found.path}

    def imported(self) -> Imported:
        header = Header(
            title=self.options.title or self._title(),
            base=self.place.base,
            parameters=self.place.parameters,
            auth=self.login.auth,
            passed=tuple(sorted(self.common.values())),
            notes=(*self.place.notes, *self.login.notes),
        )
        return assemble(header, [self._operation(found) for found in self.found], self.options)

    def _title(self) -> str:
        info = self.document.get("info")
        said = str(info.get("title", "")).split() if isinstance(info, Mapping) else []
        title = " ".join(said)
        named = 0 < len(said) <= 4 and len(title) <= 40 and title.isprintable()  # else it is a sentence
        return title if named else self.options.api.replace("_", " ").title()

    def _found(self) -> Iterator[_Found]:
        for path, node in self.document["paths"].items():
            item = self.schemas.resolve(node)
            for method in METHODS:
                if isinstance(item.get(method), Mapping) and isinstance(path, str):
                    yield _Found(method, path, item, item[method])

    def _login(self) -> security.Login:
        if self.swagger:
            schemes = self.document.get("securityDefinitions")
        else:
            components = self.document.get("components")
            schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
        required = [self.document.get("security"), *(found.node.get("security") for found in self.found)]
        return security.login(
            self.schemas, schemes if isinstance(schemes, Mapping) else {}, required, self.options
        )

    def _common_headers(self) -> dict[str, str]:
        """Headers that more than half of the operations take: they are the API's, not inputs of each."""
        counts: Counter[str] = Counter()
        spelled: dict[str, str] = {}
        for found in self.found:
            for parameter in self._parameters(found):
                name = parameter["name"]
                if parameter.get("in") == "header" and name.lower() not in fieldnames.ACTING:
                    counts[name.lower()] += 1
                    spelled[name.lower()] = min(name, spelled.get(name.lower(), name))
        known = fieldnames.BASE.keys() | fieldnames.LOGIN_FIELDS | fieldnames.HOP_BY_HOP | fieldnames.FRAMING
        least = max(len(self.found) // 2, 2)
        return {low: spelled[low] for low, count in counts.items() if count > least and low not in known}

    def _parameters(self, found: _Found) -> list[Mapping[str, Any]]:
        """The parameters of path and operation; the operation's count where both name one."""
        held: dict[tuple[str, str], Mapping[str, Any]] = {}
        for owner in (found.item, found.node):
            written = owner.get("parameters")
            for node in written if isinstance(written, list) else ():
                parameter = self.schemas.resolve(node)
                if isinstance(parameter.get("name"), str):
                    held[str(parameter.get("in")), parameter["name"]] = parameter
        return list(held.values())

    # One operation

    def _operation(self, found: _Found) -> Operation:
        method = found.method.upper()
        collection = found.path.rstrip("/") in self.collections
        phrase = naming.phrase(method, found.path, found.identity, self.skip, collection=collection)
        return Operation(
            key=f"{method} {found.path}",
            phrase=phrase,
            effect=effects.of_request(method, found.path, phrase),
            template=partial(self._template, found),
            aliases=tuple(text for text in (found.path, found.identity) if text),
        )

    def _template(self, found: _Found) -> Template:
        request = Request({"method": found.method.upper()})
        parameters = self._parameters(found)
        in_path = [p for p in parameters if p.get("in") == "path"]
        specs = {p["name"]: self._spec(p, textual=True) for p in in_path}
        forms = dict(self.options.forms)
        forms |= {p["name"]: "rest" for p in in_path if p.get("x-multi-segment") or p.get("allowReserved")}
        request.url(_without_variables(found.path), specs, forms)
        base = servers.elsewhere(found.node, self.options) or servers.elsewhere(found.item, self.options)
        if base and base not in self.place.base and not self.options.base:
            request.run["url"] = base + request.run["url"]
        by_need = sorted(parameters, key=lambda p: (not p.get("required"), p["name"]))
        for parameter in by_need:
            self._parameter(parameter, request)
        self._body(found, parameters, request)
        if security.open_to_all(found.node.get("security")) and self.login.auth:
            request.run["auth"] = self.login.auth | {"optional": True}
        return request.template()

    def _parameter(self, parameter: Mapping[str, Any], request: Request) -> None:
        name, where, required = parameter["name"], parameter.get("in"), parameter.get("required") is True
        auth = self.login.auth
        if where == "header":
            if name.lower() not in self.common and name.lower() != str(auth.get("name", "")).lower():
                request.header(name, self._spec(parameter, textual=True), required=required)
        elif where == "query":
            if not (auth.get("in") == "query" and auth.get("name") == name):
                self._query(parameter, request, required=required)
        elif where == "cookie":
            request.notes.append(f'the cookie "{name}" is left out')

    def _query(self, parameter: Mapping[str, Any], request: Request, *, required: bool) -> None:
        name, schema = parameter["name"], self._schema(parameter)
        kinds = self.schemas.kinds(schema)
        nested = parameter.get("style") == "deepObject" or "[" in name
        if "object" in kinds and not nested and "content" not in parameter:
            spread = self.schemas.body(schema)
            for field in sorted(spread.fields) if spread is not None else ():
                spec = self.schemas.spec(spread.fields[field], field, textual=True) if spread else {}
                request.query(field, _without_objects(spec), required=False)
            return
        spec = self.schemas.spec(schema, name, textual=True)
        if "array" in kinds and not _repeats(parameter, swagger=self.swagger):
            spec = {"type": "string"}
        request.query(name, spec if nested else _without_objects(spec), required=required)

    def _schema(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        if "content" in parameter:
            return {"type": "string"}
        return self.schemas.resolve(parameter.get("schema", parameter if self.swagger else {}))

    def _spec(self, parameter: Mapping[str, Any], *, textual: bool) -> Plain:
        spec = self.schemas.spec(self._schema(parameter), parameter["name"], textual=textual)
        kinds = spec["type"] if isinstance(spec["type"], list) else [spec["type"]]
        if {"array", "object"}.intersection(kinds):
            return {"type": "string"}
        return spec

    # Bodies

    def _body(self, found: _Found, parameters: list[Mapping[str, Any]], request: Request) -> None:
        kinds, schema, required = self._content(found, parameters)
        if not kinds:
            return
        encoding = _encoding(kinds)
        if encoding == "any":
            request.run["encoding"] = "any"
            request.notes.append("its body is not read")
            return
        if encoding is not None:
            request.run["encoding"] = encoding
        if encoding == "text":
            request.run["body"] = request.variable("body", "body", {"type": "string"}, required=required)
            return
        body = self.schemas.body(schema)
        if body is None and self.schemas.resolve(schema).get("properties") == {}:
            request.run.pop("encoding", None)  # it says itself that it has no fields
            return
        if body is None or "object" not in (self.schemas.kinds(schema) or ("object",)):
            self._whole(schema, request, required=required, form=encoding in _FORMS)
            return
        needed = body.required if required else frozenset[str]()
        for name in sorted(body.fields, key=lambda name: (name not in needed, name)):
            spec = self.schemas.spec(body.fields[name], name, textual=encoding in _FORMS)
            if encoding == "multipart":
                spec = self._part(name, body.fields[name], spec)
            request.field(name, spec, required=name in needed)

    def _part(self, name: str, schema: Any, spec: Plain) -> Plain:
        """A field of a multipart form: a file is an object, and what is no text is written as text."""
        node = self.schemas.resolve(schema)
        if node.get("type") == "file" or node.get("format") == "binary" or _is_file(node):
            return {"type": "object"}
        if name in _FILES and spec == {"type": "string"}:
            return {"type": ["string", "object"]}  # some documents do not say that it is a file
        return {"type": "string"} if spec["type"] == "object" or isinstance(spec["type"], list) else spec

    def _whole(self, schema: Any, request: Request, *, required: bool, form: bool) -> None:
        """A body that is one value: a list, or an object of any fields."""
        spec = self.schemas.spec(schema, "body", textual=False)
        if form:
            request.run["encoding"] = "any"
            request.notes.append("its form has no known fields and is not read")
        else:
            request.run["encoding"] = "json"
            request.run["body"] = request.variable("body", "body", spec, required=required)

    def _content(self, found: _Found, parameters: list[Mapping[str, Any]]) -> tuple[list[str], Any, bool]:
        """The media types of the body, its schema, and whether it must be there."""
        if not self.swagger:
            node = self.schemas.resolve(found.node.get("requestBody"))
            content = node.get("content")
            if not isinstance(content, Mapping) or not content:
                return [], {}, False
            kinds = [str(kind) for kind in content]
            chosen = self.schemas.resolve(content[_preferred(kinds)])
            return kinds, chosen.get("schema", {}), node.get("required") is True
        fields = [p for p in parameters if p.get("in") == "formData"]
        bodies = [p for p in parameters if p.get("in") == "body"]
        consumes = found.node.get("consumes", self.document.get("consumes"))
        kinds = [str(kind) for kind in consumes] if isinstance(consumes, list) else []
        if fields:
            files = any(p.get("type") == "file" for p in fields)
            schema = {
                "type": "object",
                "properties": {p["name"]: {k: v for k, v in p.items() if k != "required"} for p in fields},
                "required": [p["name"] for p in fields if p.get("required") is True],
            }
            forms = [kind for kind in kinds if kind == _FORM or kind.startswith("multipart/")]
            return ([_MULTIPART] if files else forms or [_FORM]), schema, True
        if bodies:
            return (
                kinds or ["application/json"],
                bodies[0].get("schema", {}),
                bodies[0].get("required") is True,
            )
        return [], {}, False


def _without_variables(path: str) -> str:
    """The path without parameters that stand in its query, too; constants there tell operations apart."""
    where, _, query = path.partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair and "{" not in pair)
    return f"{where}?{kept}" if kept else where


def _preferred(kinds: list[str]) -> str:
    """The media type whose schema is taken: JSON, then a form, then whichever comes first by name."""
    return min(kinds, key=lambda kind: (not _is_json(kind), kind != _FORM, kind != _MULTIPART, kind))


def _is_json(kind: str) -> bool:
    name = kind.partition(";")[0].strip().lower()
    return name in {"application/json", "*/*", "application/*"} or (
        name.startswith("application/") and name.endswith("+json")
    )


def _encoding(kinds: list[str]) -> str | None:
    """How the body is written; None for JSON or a form, as its Content-Type says."""
    json, form = any(map(_is_json, kinds)), any(kind.partition(";")[0].strip() == _FORM for kind in kinds)
    if json or form:
        return None if json and form else "json" if json else "form"
    if any(kind.partition(";")[0].strip() == _MULTIPART for kind in kinds):
        return "multipart"
    return "text" if all(kind.startswith("text/") for kind in kinds) else "any"


def _is_file(node: Mapping[str, Any]) -> bool:
    """Whether OpenAPI 3.1 says of a text that it is not one."""
    return not node or "contentMediaType" in node


def _repeats(parameter: Mapping[str, Any], *, swagger: bool) -> bool:
    """Whether a list is written by repeating its name."""
    if swagger:
        return parameter.get("collectionFormat") == "multi"
    if parameter.get("style", "form") not in {"form", "deepObject"} or "content" in parameter:
        return False
    return parameter.get("explode", True) is not False


def _without_objects(spec: Plain) -> Plain:
    """The input of a query's parameter that stands for itself: no object."""
    kinds = spec["type"] if isinstance(spec["type"], list) else [spec["type"]]
    if "object" not in kinds:
        return spec
    rest = [kind for kind in kinds if kind != "object"] or ["string"]
    return spec | {"type": rest[0] if len(rest) == 1 else rest}
