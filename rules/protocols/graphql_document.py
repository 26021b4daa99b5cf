"""Read GraphQL documents (https://spec.graphql.org/), as far as decisions need: what each operation asks for.

Parsed by graphql-core, whose import takes a quarter of a second: this module is imported on first use. Of a
document remain the operation that would run, with its variables and root fields, and the strings in it; short
documents are kept, because clients repeat them. A document that servers could read in two ways is refused.
Only the one operation is gathered: a thousand of them may share the fragments of one document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from graphql.error import GraphQLError
from graphql.language import Lexer, Source, Token
from graphql.language.ast import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
)
from graphql.language.parser import Parser
from wharfinger.rules.protocols.graphql_values import Value, arguments, refused, value_of, variables

MAX_LENGTH: Final = 256 * 1024
"""Characters of a document; one with more is refused."""
MAX_TOKENS: Final = 5_000
"""Names, values and punctuation of a document."""
MAX_COMMENTS: Final = 1_000
MAX_NODES_DEEP: Final = 160
"""Levels of the syntax tree; a selection in a selection is two or three of them."""
MAX_FRAGMENTS_DEEP: Final = 32
KEPT: Final = 256
KEPT_LENGTH: Final = 8 * 1024
"""How many documents are kept, and of what length at most."""
DIRECTIVES: Final = frozenset({"defer", "include", "skip", "stream"})
"""Directives that say whether, or when, a part of the answer comes; any other may change what is done."""

_TWO_WAYS = re.compile(r"[\x85\u2028\u2029\ufeff]|\r(?!\n)")
"""Where a comment ends for some servers and not for others, and a mark that some drop before they read."""
_NAMES = frozenset({"alias", "loc", "name", "operation"})
_LEAVES = frozenset(
    {BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, StringValueNode, VariableNode}
)


@dataclass(frozen=True, slots=True)
class RootField:
    """A field at the root of an operation."""

    name: str
    arguments: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class OperationText:
    """One operation of a document."""

    kind: str
    """`query`, `mutation` or `subscription`."""
    name: str
    """Empty if it has none."""
    variables: Mapping[str, Value]
    """Those that it declares and gives a default."""
    declared: frozenset[str]
    fields: tuple[RootField, ...]
    """Each response key once; counted whatever `@skip` and `@include` say."""
    repeated: Mapping[str, int]
    """Variables that stand in the arguments of these more than once, and how often."""


@dataclass(frozen=True, slots=True)
class Document:
    """What remains of a document."""

    operation: OperationText
    """The one that would run."""
    texts: tuple[str, ...]
    """Every string that stands in it, escapes resolved."""
    size: int
    """Nodes of its syntax tree."""
    aliases: Mapping[str, frozenset[str]]
    """What it calls fields, to the names these have in the schema, wherever in the answer they stand."""


def read(text: str, name: str | None = None) -> Document:
    """What a document asks for where `name` chooses its operation. Raises `Refused`, whatever the text."""
    return _kept(text, name) if len(text) <= KEPT_LENGTH else _read(text, name)


def check(text: str) -> None:
    """Read every operation of a document. Raises `Refused` if one of them could not be asked for."""
    parsed = _parsed(text)
    _walk(parsed)
    operations, fragments = _definitions(parsed)
    for operation in operations.values():
        _operation(operation, fragments)


def _read(text: str, name: str | None) -> Document:
    parsed = _parsed(text)
    texts, size, aliases = _walk(parsed)
    operations, fragments = _definitions(parsed)
    return Document(_operation(_chosen(operations, name), fragments), tuple(texts), size, aliases)


def _parsed(text: str) -> DocumentNode:
    if _TWO_WAYS.search(text):
        raise refused("the document has a character that servers read in different ways")
    lexer = Lexer(Source(text))
    try:
        return Parser(
            lexer.source,
            no_location=True,
            lexer=lexer,
            max_lexical_tokens=MAX_TOKENS,
            max_comments=MAX_COMMENTS,
            max_source_length=MAX_LENGTH,
        ).parse_document()
    except (GraphQLError, RecursionError):  # the former's message repeats what was sent
        raise refused("the document is not GraphQL, or too large, or nested too deeply") from None
    finally:
        _unlink(lexer)


def _unlink(lexer: Lexer) -> None:
    """Take the tokens of a document apart, which name each other: else only the collector could free them.

    It would come by with every few documents, and what waits for it takes longer than the parsing.
    """
    token: Token | None = lexer.token
    while token is not None:
        before = token.prev
        token.prev = token.next = None
        token = before


_kept = lru_cache(maxsize=KEPT)(_read)


def _walk(document: DocumentNode) -> tuple[list[str], int, dict[str, frozenset[str]]]:
    """The strings of a document, how many nodes it has, and its aliases; refuses directives not known."""
    texts: list[str] = []
    aliases: dict[str, frozenset[str]] = {}
    size = depth = 0
    level: list[Node] = [document]
    while level:
        depth += 1
        size += len(level)
        if depth > MAX_NODES_DEEP:
            raise refused("the document is nested too deeply")
        below: list[Node] = []
        for node in level:
            kind = type(node)
            if kind is StringValueNode:
                texts.append(node.value)  # type: ignore[attr-defined]
            elif kind is FieldNode and node.alias is not None:  # type: ignore[attr-defined]
                called = node.alias.value  # type: ignore[attr-defined]
                aliases[called] = aliases.get(called, frozenset()) | {node.name.value}  # type: ignore[attr-defined]
            elif kind is DirectiveNode and node.name.value not in DIRECTIVES:  # type: ignore[attr-defined]
                raise refused(
                    "the document has a directive that may change what it does",
                    f"Use no directives but {', '.join(f'@{name}' for name in sorted(DIRECTIVES))}.",
                )
            for key in _below(kind):  # type: ignore[arg-type] # mypy doubts that a class has a hash
                child = getattr(node, key)
                if not child:
                    continue
                if isinstance(child, tuple | list):
                    below += child
                elif isinstance(child, Node):
                    below.append(child)
        level = below
    return texts, size, aliases


@cache
def _below(kind: type[Node]) -> tuple[str, ...]:
    """The attributes of a kind of node below which something may stand that is looked for."""
    return () if kind in _LEAVES else tuple(key for key in kind.keys if key not in _NAMES)


def _definitions(
    document: DocumentNode,
) -> tuple[dict[str, OperationDefinitionNode], dict[str, FragmentDefinitionNode]]:
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            name = definition.name.value if definition.name else ""
            if name in operations:
                raise refused("the document has two operations of one name, or without a name")
            operations[name] = definition
        elif isinstance(definition, FragmentDefinitionNode):
            if definition.name.value in fragments:
                raise refused("the document has two fragments of one name")
            fragments[definition.name.value] = definition
        else:
            raise refused("the document holds more than operations and fragments")
    return operations, fragments


def _chosen(operations: Mapping[str, OperationDefinitionNode], name: str | None) -> OperationDefinitionNode:
    """The operation that would run (GraphQL 6.1, GetOperation); "" is one without a name."""
    if len(operations) > 1 and (not name or "" in operations):
        raise refused("the document has several operations, and operationName does not choose")
    for known, operation in operations.items():
        if known == name or (not name and len(operations) == 1):
            return operation
    raise refused("the document has no such operation", "Name one of its operations in operationName.")


def _operation(
    node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> OperationText:
    declared = [each.variable.name.value for each in node.variable_definitions or ()]
    if len(set(declared)) < len(declared):
        raise refused("the document declares a variable twice")
    defaults = {
        each.variable.name.value: value_of(each.default_value)
        for each in node.variable_definitions or ()
        if each.default_value is not None
    }
    fields: dict[str, RootField] = {}
    _collect(node.selection_set, fragments, fields, (), set())
    name = node.name.value if node.name else ""
    uses = Counter(_used(fields.values())) if declared else Counter[str]()
    repeated = {variable: count for variable, count in uses.items() if count > 1}
    return OperationText(
        node.operation.value, name, defaults, frozenset(declared), tuple(fields.values()), repeated
    )


def _used(fields: Iterable[RootField]) -> Iterator[str]:
    return (name for field in fields for value in field.arguments.values() for name in variables(value))


def _collect(
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    fields: dict[str, RootField],
    path: tuple[str, ...],
    done: set[str],
) -> None:
    """Gather root fields, also those of fragments, whatever type these are on; each fragment once."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            key = selection.alias.value if selection.alias else selection.name.value
            field = RootField(selection.name.value, arguments(selection.arguments))
            before = fields.setdefault(key, field)
            if before is not field and repr(before) != repr(field):  # for 1, 1.0 and true are equal
                raise refused("the document asks for two things under one name")
        elif isinstance(selection, InlineFragmentNode):
            _collect(selection.selection_set, fragments, fields, path, done)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in path or len(path) >= MAX_FRAGMENTS_DEEP:
                raise refused("the document has fragments that contain themselves, or are nested too deeply")
            if name not in fragments:
                raise refused("the document uses a fragment that it does not have")
            if name not in done:
                _collect(fragments[name].selection_set, fragments, fields, (*path, name), done)
                done.add(name)
