"""What apis.yaml says: which APIs there are, where their documents are, and what is taken of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import yaml


@dataclass(frozen=True, slots=True)
class Api:
    """One file of tools/."""

    name: str
    """Name of the file, and of the API."""
    kind: str
    """What the document is: a function of `readers.READERS`."""
    title: str = ""
    about: str = ""
    """A line or two for the head of the file."""
    package: str = ""
    """The package that holds the document; empty where the document is an outline of ours."""
    file: str = ""
    """The document, below the package's folder."""
    base: tuple[str, ...] = ()
    auth: dict[str, Any] | list[dict[str, Any]] | None = None
    headers: dict[str, Any] | None = None
    """`headers:` of the file, beyond what the document says."""
    paths: tuple[str, ...] = ()
    """Globs: other paths of the document are not looked at, not even for what to call the tools."""
    acting: tuple[str, ...] = ()
    """Headers that change what a call does: an input of every tool, which may be left out."""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    most: int | None = None
    """How many tools are kept at most, those with the shortest paths first; of an API that is too large."""
    keep: tuple[str, ...] = ()
    """Globs of tools that are kept whatever `most` says."""
    effects: dict[str, str] | None = None
    forms: dict[str, str] | None = None
    rename: dict[str, str] | None = None
    """Better names for tools, both without the name of the API."""
    texts: tuple[str, ...] = ()
    """Inputs that take any text, because clients write them otherwise than the document says."""
    spare: tuple[str, ...] = ()
    """Inputs that may be left out, whatever the document says: clients do leave them out."""
    without: tuple[str, ...] = ()
    """Inputs that are left out: a login that the document puts among the fields."""
    prefix: str = ""
    """Put before every path of the document; its `${x}` are inputs of every tool."""
    unread: bool = False
    """Whether bodies are sent without a Content-Type, so that none can be read."""
    posts: bool = False
    """Whether the API takes every call as a POST of a form, whatever the document says."""
    extra: tuple[str, ...] = ()
    """Globs of tools that take fields beyond their template."""

    @property
    def registry(self) -> str:
        """Where the package comes from: npm or PyPI."""
        return "pypi" if self.kind in PYTHON else "npm"

    def folder(self, specs: Path) -> Path:
        """The folder of the package."""
        return specs / ("py" if self.registry == "pypi" else "node_modules")

    @classmethod
    def of(cls, name: str, written: dict[str, Any]) -> Self:
        """The entry `name: {…}` of apis.yaml; a key that is not known is an error."""
        known = {field.name: field.type for field in fields(cls)}
        strange = written.keys() - known.keys()
        if strange:
            raise ValueError(f"{name}: {sorted(strange)} is not known")
        listed = {k: tuple([v] if isinstance(v, str) else v) for k, v in written.items() if k in _LISTS}
        return cls(name=name, **(written | listed))


PYTHON = frozenset({"aws", "discovery", "stainless", "datadog", "hubspot", "gitlab", "telegram"})
_LISTS = frozenset({"base", "paths", "only", "skip", "keep", "acting", "texts", "extra", "spare", "without"})


def read_apis(path: Path) -> list[Api]:
    """All entries, in the order in which they stand."""
    held = yaml.safe_load(path.read_text())
    return [Api.of(name, written) for name, written in held.items()]
