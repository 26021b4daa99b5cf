"""Read YAML strictly, keeping where everything stands.

A document is built from the parser's events by ourselves, so nothing is ever constructed by a tag,
no alias is expanded, and every mapping and list knows its position and that of each of its entries.

What YAML 1.1 and 1.2 read differently (`no`, `12:30`, `0123`, `1_000`, `.inf`) is an error with the
remedy, not a guess. Keys are always text. Dates stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from wharfinger.rules.documents.nodes import MappingNode, Mark, SequenceNode
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.documents.scalars import is_text, resolve

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 500_000


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the configuration, read already: its name as problems should show it, and its bytes."""

    name: str
    text: bytes
    builtin: bool = False
    secret: bool = False
    """Whether its values are kept out of messages: someone might have written a secret there."""


def read(source: Source, problems: Problems) -> MappingNode | None:
    """The document in `source`, or None if none can be made of it; every problem found is added.

    A document with problems is returned where it makes sense to look for more of them.
    """
    text = _decode(source, problems)
    if text is None:
        return None
    document = _Builder(source.name, problems, secret=source.secret).build(text)
    if document is not None and not isinstance(document.value, MappingNode):
        problems.error(
            Position(source.name, *document.mark),
            "expected a mapping at the top of the file",
            "write `key: value` lines",
        )
    return document.value if document is not None and isinstance(document.value, MappingNode) else None


def flow_list(text: str) -> list[str] | None:
    """The items of `[a, b, c]` written inside a text value; None unless it is a flat list of texts."""
    problems = Problems()
    document = _Builder("", problems).build(text) if text.startswith("[") else None
    if document is None or problems.found or not isinstance(document.value, SequenceNode):
        return None
    items = list(document.value)
    return items if all(isinstance(item, str) for item in items) else None


def _decode(source: Source, problems: Problems) -> str | None:
    whole = Position(source.name)
    if len(source.text) > MAX_BYTES:
        problems.error(whole, f"the file has {len(source.text)} bytes, more than {MAX_BYTES}", "split it")
        return None
    try:
        text = source.text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        good = source.text[: error.start].decode("utf-8")
        problems.error(_end_of(source.name, good), "not UTF-8", "save the file with the encoding UTF-8")
        return None
    bad = _UNPRINTABLE.search(text)
    if bad:
        at = _end_of(source.name, text[: bad.start()])
        problems.error(at, f"control character U+{ord(bad.group()):04X}", "remove it")
        return None
    return text


_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def _end_of(name: str, text: str) -> Position:
    return Position(name, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    mark: Mark


@dataclass(slots=True)
class _Builder:
    """Builds one document from parser events, with a stack instead of recursion."""

    file: str
    problems: Problems
    secret: bool = False
    node: MappingNode | SequenceNode | None = None
    """The innermost mapping or list that is open."""
    key: tuple[str, Mark] | None = None
    """The key of it that waits for its value."""
    around: list[tuple[MappingNode | SequenceNode | None, tuple[str, Mark] | None]] = field(
        default_factory=list
    )
    """What is open around it, and the keys that wait there."""
    nodes: int = 0
    root: _Value | None = None
    documents: int = 0

    def build(self, text: str) -> _Value | None:
        """The root of the document, or None after noting why there is none."""
        try:
            if not self._read(text):
                return None
        except yaml.MarkedYAMLError as error:
            self._syntax(error, text)
            return None
        except yaml.YAMLError as error:
            self.problems.error(Position(self.file), f"not YAML: {_first_line(str(error))}")
            return None
        if self.root is None or (self.root.value is None and self.documents <= 1):
            self.problems.error(
                Position(self.file), "the file is empty", "write its keys, or remove the file"
            )
            return None
        return self.root

    def _read(self, text: str) -> bool:
        """Use all events of the text; False if reading on made no sense."""
        loader = yaml.CSafeLoader(text)
        try:
            while (event := loader.get_event()) is not None:
                start = event.start_mark
                mark = (start.line + 1, start.column + 1) if start is not None else (1, 1)
                self.nodes += 1
                if self.nodes > MAX_NODES:
                    self._error(mark, f"more than {MAX_NODES} values in one file", "split it")
                    return False
                if type(event) is yaml.ScalarEvent:  # by far the most
                    self._scalar(event, mark)
                elif not self._take(event, mark):
                    return False
        finally:
            loader.dispose()
        return True

    def _take(self, event: yaml.Event, mark: Mark) -> bool:
        """Use an event that is no scalar; False if reading on makes no sense."""
        match event:
            case yaml.CollectionEndEvent():
                self.node, self.key = self.around.pop()
            case yaml.MappingStartEvent():
                self._properties(event, mark)
                return self._open(MappingNode(self.file, mark), mark)
            case yaml.SequenceStartEvent():
                self._properties(event, mark)
                return self._open(SequenceNode(self.file, mark), mark)
            case yaml.AliasEvent():
                name = self._shown("alias", f"*{event.anchor}")
                self._error(mark, f"{name} is not allowed", "write the value out")
                self._add(None, mark, complete=False)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._error(mark, "a second document begins here", "use one file for each; remove `---`")
                    return False
        return True

    def _properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark) -> None:
        if event.anchor is not None:
            name = self._shown("anchor", f"&{event.anchor}")
            self._error(mark, f"{name} is not allowed", "write the value out where it is used")
        if event.tag is not None:
            name = self._shown("tag", event.tag)
            self._error(mark, f"{name} is not allowed", "quote the value if it is meant as text")

    def _shown(self, what: str, text: str) -> str:
        return f"the {what}" if self.secret else f'the {what} "{text}"'

    def _open(self, node: MappingNode | SequenceNode, mark: Mark) -> bool:
        if len(self.around) >= MAX_DEPTH:
            self._error(mark, f"nested more than {MAX_DEPTH} levels deep")
            return False
        if not self._expects_key():
            self._add(node, mark)
        else:
            self._error(mark, "a key must be a single text", "quote it if it has brackets or braces")
            self.key = ("", mark)
        self.around.append((self.node, self.key))
        self.node, self.key = node, None
        return True

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        if event.anchor is not None or event.tag is not None:
            self._properties(event, mark)
        value: Any = event.value
        if self._expects_key():
            self._key(value, mark, plain=not event.style)
        elif event.style or is_text(value):
            self._add(value, mark)
        else:
            self._add(resolve(value, self._at(mark), self.problems, secret=self.secret), mark)

    def _key(self, key: str, mark: Mark, *, plain: bool) -> None:
        mapping = self.node
        if key == "<<" and plain:
            self._error(mark, 'the merge key "<<" is not allowed', "write the entries out")
        elif not key:
            self._error(mark, "a key is empty")
        elif isinstance(mapping, MappingNode) and key in mapping.keys_at:
            first = mapping.keys_at[key]
            self._error(
                mark, f'duplicate key "{key}"', f"it stands in line {first[0]} already: keep one of them"
            )
        self.key = (key, mark)

    def _expects_key(self) -> bool:
        return self.key is None and isinstance(self.node, MappingNode)

    def _add(self, value: Any, mark: Mark, *, complete: bool = True) -> None:
        node = self.node
        if node is None:
            self.root = _Value(value, mark)
        elif isinstance(node, SequenceNode):
            node.append(value)
            node.items_at.append(mark)
        elif self.key is not None:
            node.set(*self.key, value, mark)
            self.key = None
        elif not complete:  # an alias where a key should be: noted already, its value follows
            self.key = ("", mark)

    def _syntax(self, error: yaml.MarkedYAMLError, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        at = Position(self.file, mark.line + 1, mark.column + 1) if mark else Position(self.file)
        lines = text.split("\n")
        line = lines[mark.line] if mark and mark.line < len(lines) else ""
        said = " ".join(filter(None, (error.problem, error.context)))
        self.problems.error(at, f"not YAML: {said}", _remedy(error.problem or "", line))

    def _at(self, mark: Mark) -> Position:
        return Position(self.file, *mark)

    def _error(self, mark: Mark, message: str, hint: str = "") -> None:
        self.problems.error(self._at(mark), message, hint)


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def _remedy(problem: str, line: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if "${" in line and ("{" in line.replace("${", "") or "[" in line):
        return 'inside {…} and […] a variable needs quotes: "${name}"'
    if "mapping values are not allowed" in problem:
        return "quote the value if it contains `: `, or check the indentation"
    if "cannot start any token" in problem:
        return "quote values that begin with @, ` or %"
    if "did not find expected" in problem:
        return "check the indentation, and that quotes and brackets are closed"
    return ""
