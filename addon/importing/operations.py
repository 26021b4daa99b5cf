"""What importers hand on: operations of any format, the options of an import, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from wharfinger.faults import Fault
from wharfinger.rules.types import Effect

type Plain = dict[str, Any]
"""A mapping as YAML holds it."""


class ImportFault(Fault):
    """A document that cannot be imported at all."""


class Unusable(Exception):
    """One operation that cannot be a tool; the text says why."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What an operation does, in words: what its tool is called, and described with."""

    verb: str
    objects: tuple[str, ...]
    """What it is done to, in words joined by `_`, from short to long: the first that tells it apart."""


@dataclass(frozen=True, slots=True)
class Template:
    """The request of one operation."""

    run: Plain
    """As under `run:`, but for `extra`, which follows from the effect."""
    inputs: Plain
    """As under `input:`."""
    notes: tuple[str, ...] = ()
    """What of the operation could not be carried over."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One action of an API, before it is a tool."""

    key: str
    """Tells it from all others of its document, whatever their order: `GET /repos/{owner}/{repo}`."""
    phrase: Phrase
    effect: Effect
    template: Callable[[], Template]
    """Makes the request, when the operation is wanted. Raises `Unusable`."""
    aliases: tuple[str, ...] = ()
    """Other texts that `only` and `skip` may pick it by: its path, its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a document is imported.

    Globs match `GET /path`, the path, the operation's id or the tool's name.
    """

    api: str
    """Name of the API; every tool's name begins with it."""
    title: str = ""
    base: tuple[str, ...] = ()
    """URLs in place of those that the document names."""
    only: tuple[str, ...] = ()
    """Globs; operations that match none are left out. Without any, all are taken."""
    skip: tuple[str, ...] = ()
    limit: int | None = None
    """How many operations are taken at most, in the order of their keys."""
    parameters: bool = False
    """Whether variables in the host become parameters of the file; else their defaults are filled in."""
    secret: str = ""
    """Name of the credential, in place of one made of the API's name."""
    auth: Plain | None = None
    """`auth:` of the file, in place of what the document says; empty for none."""
    effects: Mapping[str, str] = field(default_factory=dict)
    """Effects that are set by hand, by glob of the tool's name; the first that matches."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """Variables in paths that are not one plain segment: `rest` or `encoded`, by name."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names that tools have already, by `wharfinger.importing.comparing.place`; those tools keep them."""
    approved: bool = False
    """Whether the tools may be used at once; else the file says `approved: false`."""

    def wants(self, names: tuple[str, ...]) -> bool:
        """Whether an operation that goes by these names is taken."""
        return (not self.only or _matches(self.only, names)) and not _matches(self.skip, names)

    @property
    def credential(self) -> str:
        """The name of the API's credential."""
        if self.secret:
            return self.secret
        plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in self.api).upper()
        return f"{'_' if plain[:1].isdigit() else ''}{plain}_TOKEN"


def _matches(globs: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


@dataclass(frozen=True, slots=True)
class Dropped:
    """An operation that has no tool, and why."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an import."""

    tools: int
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    """What was not carried over of the document or of operations that have a tool."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A tool file, and how it came to be."""

    file: Plain
    """As YAML holds it: see `wharfinger.importing.writing.dump`."""
    report: Report
