"""Read documents of vendors: JSON, or YAML without anything that YAML could make of tags.

They are larger and laxer than our own files (`rules.documents.reading`), so they are read apart: aliases
are followed, keys are text, and plain scalars are what JSON would make of them.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from wharfinger.importing.operations import ImportFault

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_NODES: Final = 5_000_000
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)


def document(data: bytes, name: str) -> Mapping[str, Any]:
    """The mapping that the bytes hold. Raises `ImportFault`; `name` is for its message."""
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data, name)
    if len(data) > MAX_BYTES:
        raise ImportFault(f'"{name}" has more than {MAX_BYTES} bytes', "split it, or import a part of it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportFault(f'"{name}" is not UTF-8') from None
    read = _json(text, name) if text.lstrip()[:1] in {"{", "["} else _yaml(text, name)
    if not isinstance(read, Mapping):
        raise ImportFault(f'"{name}" holds no mapping')
    return read


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise ImportFault(f'"{name}" cannot be unpacked: {error}') from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ImportFault(f'"{name}" is nested too deep') from None
    except ValueError as error:
        if text.lstrip()[:1] == "{":
            raise ImportFault(f'"{name}" is not JSON: {error}') from None
        return _yaml(text, name)


def _yaml(text: str, name: str) -> Any:
    try:
        return _Builder(name).build(text)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())[:200]
        raise ImportFault(f'"{name}" is neither JSON nor YAML: {said}') from None


_OPEN: Final = object()
"""Stands for an anchored collection until it ends: what it holds cannot be itself."""


class _Builder:
    """Builds the value of the first document from the parser's events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open: list[dict[str, Any] | list[Any]] = []
        self.keys: list[str | None] = []
        """For each open collection the key that waits for its value."""
        self.named: list[str | None] = []
        """For each open collection its anchor."""
        self.anchors: dict[str, Any] = {}
        self.root: Any = None

    def build(self, text: str) -> Any:
        for count, event in enumerate(_events(text)):
            if count > MAX_NODES:
                raise ImportFault(f'"{self.name}" has more than {MAX_NODES} values')
            if isinstance(event, yaml.DocumentEndEvent):
                break
            self._take(event)
        return self.root

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            waits = bool(self.open) and isinstance(self.open[-1], dict) and self.keys[-1] is None
            value = event.value if waits or event.style else _plain(event.value)
            self._anchor(event.anchor, value)
            if waits:
                self.keys[-1] = event.value
            else:
                self._add(value)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise ImportFault(f'"{self.name}" has an alias to nothing before it')
            self._add(self.anchors[event.anchor])
        elif isinstance(event, yaml.CollectionStartEvent):
            if self.open and isinstance(self.open[-1], dict) and self.keys[-1] is None:
                raise ImportFault(f'"{self.name}" has a key that is no text')
            held: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._add(held)
            self.open.append(held)
            self.keys.append(None)
            self.named.append(event.anchor)
            self._anchor(event.anchor, _OPEN)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.keys.pop()
            self._anchor(self.named.pop(), self.open.pop())

    def _anchor(self, anchor: str | None, value: Any) -> None:
        if anchor is not None:
            self.anchors[anchor] = value

    def _add(self, value: Any) -> None:
        if value is _OPEN:
            raise ImportFault(f'"{self.name}" has a value that holds itself')
        if not self.open:
            self.root = value
            return
        parent = self.open[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif (key := self.keys[-1]) is None:
            raise ImportFault(f'"{self.name}" has a key that is an alias')
        else:
            if key == "<<" and isinstance(value, Mapping):
                parent.update({k: v for k, v in value.items() if k not in parent})
            else:
                parent[key] = value
            self.keys[-1] = None


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


def _plain(text: str) -> Any:
    """What an unquoted scalar is by JSON's grammar; all else is text."""
    low = text.lower()
    if low in _WORDS:
        return _WORDS[low]
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    if found[1] is None and found[2] is None:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else text
