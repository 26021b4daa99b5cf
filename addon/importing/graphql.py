"""GraphQL schemas, as SDL or as the answer to introspection: each root field becomes a tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    is_leaf_type,
)
from graphql.pyutils import Undefined
from wharfinger.importing import effects, naming, words
from wharfinger.importing.assembling import Header, assemble
from wharfinger.importing.operations import Imported, ImportFault, Operation, Options, Phrase, Plain, Template
from wharfinger.importing.schemas import MAX_ENUM, is_secret, short
from wharfinger.rules.types import Effect

_SCALARS: Final = {
    "String": "string",
    "ID": "string",
    "Int": "integer",
    "Float": "number",
    "Boolean": "boolean",
}
_ANY: Final = ["string", "number", "boolean", "array", "object"]


def convert(source: str | Mapping[str, Any], options: Options) -> Imported:
    """The schema as a tool file; `options.base` says the URL it is spoken at. Raises `ImportFault`."""
    if len(options.base) != 1:
        raise ImportFault("a schema does not say at which URL the API is", "say it: --base https://…/graphql")
    return _Importer(_schema(source), options).imported()


def _schema(source: str | Mapping[str, Any]) -> GraphQLSchema:
    try:
        if isinstance(source, str):
            return build_schema(source, assume_valid=True)
        data = source.get("data", source)
        return build_client_schema(data, assume_valid=True)
    except (GraphQLError, TypeError, KeyError, AttributeError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise ImportFault(
            f"this is no GraphQL schema: {said}", "SDL, or the answer to introspection"
        ) from None


class _Importer:
    def __init__(self, schema: GraphQLSchema, options: Options) -> None:
        self.schema = schema
        self.options = options
        parts = urlsplit(options.base[0])
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.url = parts.path or "/"

    def imported(self) -> Imported:
        options = self.options
        auth = {"secret": options.credential} if options.auth is None else dict(options.auth)
        header = Header(title=options.title or options.api.title(), base=(self.base,), auth=auth)
        return assemble(header, list(self._operations()), options)

    def _operations(self) -> Iterator[Operation]:
        roots = (
            ("query", self.schema.query_type),
            ("mutation", self.schema.mutation_type),
            ("subscription", self.schema.subscription_type),
        )
        for operation, root in roots:
            for name, field in (root.fields if root is not None else {}).items():
                phrase = _phrase(operation, name, field)
                yield Operation(
                    key=f"{operation} {name}",
                    phrase=phrase,
                    effect=_effect(operation, name),
                    template=partial(self._template, operation, name, field),
                    aliases=(name,),
                )
        yield Operation(
            key="query __schema",
            phrase=Phrase("introspect", ("schema",)),
            effect=Effect.READ,
            template=lambda: Template(self._run("query", "__schema"), {}),
            aliases=("__schema",),
        )

    def _run(self, operation: str, name: str) -> Plain:
        return {"type": "graphql", "url": self.url, "operation": operation, "field": name}

    def _template(self, operation: str, name: str, field: GraphQLField) -> Template:
        run = self._run(operation, name)
        inputs: Plain = {}
        needed = {arg for arg, held in field.args.items() if _required(held.type, held.default_value)}
        for arg in sorted(field.args, key=lambda arg: (arg not in needed, arg)):
            kind = field.args[arg].type
            run.setdefault("types", {})[arg] = str(kind)
            inner = _nullable(kind)
            if list(field.args) == ["input"] and isinstance(inner, GraphQLInputObjectType):
                run["args"] = {arg: _fields(inner, inputs, required=arg in needed)}
            else:
                run.setdefault("args", {})[arg] = f"${{{arg}}}"
                inputs[arg] = short(_spec(kind, arg), required=arg in needed)
        if is_leaf_type(_innermost(field.type)):
            run["select"] = "none"
        return Template(run, inputs)


def _fields(kind: GraphQLInputObjectType, inputs: Plain, *, required: bool) -> Plain:
    """The fields of the one argument `input` that mutations take: each is an input of the tool."""
    needed = {
        name for name, held in kind.fields.items() if required and _required(held.type, held.default_value)
    }
    template: Plain = {}
    for name in sorted(kind.fields, key=lambda name: (name not in needed, name)):
        template[name] = f"${{{name}}}"
        inputs[name] = short(_spec(kind.fields[name].type, name), required=name in needed)
    return template


def _phrase(operation: str, name: str, field: GraphQLField) -> Phrase:
    """By the verb in the field's name; of a query without one, by whether it gives many."""
    phrase = naming.of_name(name)
    if operation == "subscription":
        return Phrase("watch", (*phrase.objects, "_".join(words.split(name))))
    if operation == "mutation":
        return Phrase(phrase.verb, (*phrase.objects, f"{'_'.join(words.split(name))}_mutation"))
    if words.split(name)[:1] == [phrase.verb] and phrase.verb not in words.THINGS:
        return Phrase(phrase.verb, (*phrase.objects, f"{'_'.join(words.split(name))}_query"))
    thing = "_".join(words.split(name))
    last = words.split(name)[-1:] or [""]
    many = words.is_plural(last[0]) or isinstance(_nullable(field.type), GraphQLList)
    return Phrase("list" if many else "get", (thing, f"{thing}_query"))


def _effect(operation: str, name: str) -> Effect:
    """Queries and subscriptions read; a mutation writes at least, whatever it is called."""
    if operation != "mutation":
        return Effect.READ
    return effects.stricter(effects.of_verb(name), Effect.WRITE)


def _required(kind: Any, default: Any) -> bool:
    return isinstance(kind, GraphQLNonNull) and default is Undefined


def _nullable(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _innermost(kind: Any) -> Any:
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    return kind


def _spec(written: Any, name: str) -> Plain:
    kind = _nullable(written)
    spec: Plain = {"type": "string"}
    if isinstance(kind, GraphQLList):
        spec["type"] = "array"
    elif isinstance(kind, GraphQLInputObjectType):
        spec["type"] = "object"
    elif isinstance(kind, GraphQLEnumType):
        if len(kind.values) <= MAX_ENUM:
            spec["enum"] = sorted(kind.values)
    elif isinstance(kind, GraphQLScalarType):
        spec["type"] = _SCALARS.get(kind.name, list(_ANY))
    if is_secret(name):
        spec["sensitive"] = True
    return spec
