"""Google's discovery documents: each method of each resource becomes a tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from wharfinger.importing import effects, naming, words
from wharfinger.importing.assembling import Header, assemble
from wharfinger.importing.inputs import Request
from wharfinger.importing.operations import (
    Imported,
    ImportFault,
    Operation,
    Options,
    Phrase,
    Plain,
    Template,
    Unusable,
)
from wharfinger.importing.schemas import Schemas

COMMON: Final = ("alt", "fields", "prettyPrint")
"""Parameters of every method that Google's clients send; none of them holds a credential."""


def convert(document: Mapping[str, Any], options: Options) -> Imported:
    """The document as a tool file. Raises `ImportFault` if it is none."""
    root, path = document.get("rootUrl"), document.get("servicePath")
    if not isinstance(root, str) or not isinstance(path, str):
        raise ImportFault("this is no Google discovery document", 'it has no "rootUrl" and "servicePath"')
    return _Document(document, options, root.rstrip("/"), path.strip("/")).imported()


class _Schemas(Schemas):
    """Schemas that refer to one another by name alone."""

    def _at(self, reference: str) -> Any:
        schemas = self._document.get("schemas")
        if not isinstance(schemas, Mapping) or reference not in schemas:
            raise Unusable(f'there is no schema "{reference[:200]}"')
        return schemas[reference]


class _Document:
    def __init__(self, document: Mapping[str, Any], options: Options, root: str, path: str) -> None:
        self.document = document
        self.options = options
        self.schemas = _Schemas(document)
        self.root = root
        self.base = options.base or (f"{root}/{path}".rstrip("/"),)
        named = document.get("name")
        self.skip = frozenset({*words.split(options.api), *words.split(str(named or ""))})

    def imported(self) -> Imported:
        options = self.options
        title = str(self.document.get("title", "")).removesuffix(" API")
        has_auth = isinstance(self.document.get("auth"), Mapping)
        auth = (
            options.auth if options.auth is not None else {"secret": options.credential} if has_auth else {}
        )
        header = Header(title=options.title or title, base=self.base, auth=dict(auth))
        return assemble(header, list(self._operations()), options)

    def _operations(self) -> Iterator[Operation]:
        for method in _methods(self.document):
            if not isinstance(method.get("path"), str) or not isinstance(method.get("httpMethod"), str):
                continue
            yield self._operation(method, _path(method), upload=False)
            if where := _upload(method):
                yield self._operation(method, where, upload=True)

    def _operation(self, method: Mapping[str, Any], path: str, *, upload: bool) -> Operation:
        verb, identity = method["httpMethod"], str(method.get("id", ""))
        phrase = naming.phrase(verb, path, identity, self.skip)
        if upload:
            phrase = Phrase("upload" if phrase.verb == "create" else f"{phrase.verb}_upload", phrase.objects)
        return Operation(
            key=f"{verb} {path}",
            phrase=phrase,
            effect=effects.of_request(verb, path, naming.phrase(verb, path, identity, self.skip)),
            template=partial(self._template, method, path, upload=upload),
            aliases=(path, identity),
        )

    def _template(self, method: Mapping[str, Any], path: str, *, upload: bool) -> Template:
        request = Request({"method": method["httpMethod"]})
        parameters = _mapping(method.get("parameters"))
        specs = {
            name: self._spec(name, node)
            for name, node in parameters.items()
            if node.get("location") == "path"
        }
        request.url(path, specs, dict(self.options.forms))
        if upload:
            request.run["url"] = self.root + request.run["url"]
        common = _mapping(self.document.get("parameters"))
        held = parameters | {name: common[name] for name in COMMON if name in common}
        if upload:
            held["uploadType"] = {"type": "string", "location": "query"}
        reads = method["httpMethod"] == "GET"  # there, what is not declared passes anyway
        for name in sorted(held, key=lambda name: (held[name].get("required") is not True, name)):
            node = held[name]
            if node.get("location") == "query" and not (reads and name in COMMON):
                request.query(name, self._spec(name, node), required=node.get("required") is True)
        if upload:
            request.run["encoding"] = "any"
            request.notes.append("its body is not read")
        elif isinstance(method.get("request"), Mapping):
            self._body(method["request"], request)
        return request.template()

    def _spec(self, name: str, node: Mapping[str, Any]) -> Plain:
        if node.get("repeated") is True:
            return {"type": "array"}
        plain = dict(node)
        for bound in ("minimum", "maximum"):
            if isinstance(plain.get(bound), str):  # numbers stand there as text
                plain[bound] = _number(plain[bound])
        return self.schemas.spec(plain, name, textual=True)

    def _body(self, schema: Any, request: Request) -> None:
        request.run["encoding"] = "json"
        body = self.schemas.body(schema)
        if body is None:
            if self.schemas.resolve(schema).get("properties") is None:
                spec: Plain = {"type": "object"}
                request.run["body"] = request.variable("body", "body", spec, required=False)
            return
        for name in sorted(body.fields):
            spec = self.schemas.spec(body.fields[name], name, textual=False)
            request.field(name, spec, required=False)


def _methods(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All methods of a document or resource, those of resources below it, too."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield from _mapping(one.get("methods")).values()
        waiting.extend(_mapping(one.get("resources")).values())


def _mapping(value: Any) -> dict[str, Any]:
    return {k: v for k, v in value.items() if isinstance(v, Mapping)} if isinstance(value, Mapping) else {}


def _path(method: Mapping[str, Any]) -> str:
    """The path in which each variable is one segment, where there is one."""
    flat = method.get("flatPath")
    return "/" + (flat if isinstance(flat, str) and flat else str(method["path"])).lstrip("/")


def _upload(method: Mapping[str, Any]) -> str:
    protocols = _mapping(_mapping({"media": method.get("mediaUpload")}).get("media", {}).get("protocols"))
    path = protocols.get("simple", {}).get("path")
    return path if isinstance(path, str) and path.startswith("/") else ""


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() and len(text) < 20 else None
