"""Where a tool's requests go: URL templates, read into endpoints and a path (DESIGN 5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused
from wharfinger.rules.tools.template import TemplateError, Text, Variable, text
from wharfinger.rules.types import JSON, Code

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_URL = re.compile(r"(https?)://([^/?#]+)([^?#]*)(?:\?([^#]*))?")
_PORT = re.compile(r":([0-9]+)\Z")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One scheme, host and port; the host is labels with variables in them, or a single address."""

    scheme: str
    labels: tuple[Text, ...]
    port: int
    host: str | None = field(init=False)
    """The host's canonical form, where it holds no variable."""

    def __post_init__(self) -> None:
        """Put the constant labels together."""
        constants = [label.constant for label in self.labels]
        host = None if None in constants else ".".join(c for c in constants if c is not None)
        object.__setattr__(self, "host", host)

    @property
    def shape(self) -> str:
        """What two endpoints share that match the same hosts."""
        return f"{self.scheme}://{'.'.join(label.shape for label in self.labels)}:{self.port}"

    def read(self, host: str) -> dict[str, str] | None:
        """The variables' values in a canonical host, or None if it is another. Raises `Refused`."""
        return _read_each(self.labels, [host] if host.startswith("[") else host.split("."))

    def write(self, values: Mapping[str, str]) -> str:
        """The authority, as a URL holds it."""
        host = ".".join(label.write(values) for label in self.labels)
        return host if self.port == spelling.DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path: segments with variables in them, the last of which may stand for all that follow."""

    segments: tuple[Text, ...]
    rest: Variable | None = field(init=False)
    """The variable that stands for the rest of the path, if there is one."""
    _constants: tuple[tuple[int, str], ...] = field(init=False, repr=False)
    _texts: tuple[tuple[int, Text], ...] = field(init=False, repr=False)
    """The segments with variables, and where they stand."""

    def __post_init__(self) -> None:
        """Tell constants from variables once."""
        single = self.segments[-1].single
        rest = single if single is not None and single.rest else None
        head = list(enumerate(self.segments if rest is None else self.segments[:-1]))
        fixed = tuple((i, part.constant) for i, part in head if part.constant is not None)
        object.__setattr__(self, "rest", rest)
        object.__setattr__(self, "_constants", fixed)
        object.__setattr__(self, "_texts", tuple((i, part) for i, part in head if part.constant is None))

    @property
    def shape(self) -> str:
        """What two paths share that match the same."""
        return "".join(f"/{segment.shape}" for segment in self.segments)

    def read(self, path: spelling.Path) -> dict[str, str] | None:
        """The variables' values in a path, or None if it is another. Raises `Refused` if it is ambiguous."""
        given = path.segments
        length = len(self.segments)
        if len(given) != length if self.rest is None else len(given) < length or not given[length - 1]:
            return None
        for index, constant in self._constants:
            if given[index] != constant:
                return None
        found: dict[str, str] = {}
        for index, template in self._texts:
            part = template.read(given[index])
            if part is None:
                return None
            found.update(part)
        if self.rest is not None:
            found[self.rest.name] = "/".join(given[length - 1 :])
        return found if not path.encoded or self.admits(path.encoded) else None

    def admits(self, encoded: frozenset[int]) -> bool:
        """Whether encoded slashes stand only where the template declares them."""
        for index in encoded:
            single = self.segments[index].single if index < len(self.segments) else None
            if single is None or not single.encoded:
                return False
        return True

    def write(self, values: Mapping[str, str]) -> str:
        """The path in its canonical spelling. Raises `Refused` for values that no path can hold."""
        parts: list[str] = []
        for segment in self.segments:
            self._refuse(segment, values)
            written = segment.write(values)
            parts.extend(written.split("/") if segment.single and segment.single.rest else [written])
        canonical = spelling.Path(tuple(parts)).canonical
        return spelling.path(canonical).canonical

    @staticmethod
    def _refuse(segment: Text, values: Mapping[str, str]) -> None:
        for variable in segment.variables:
            value = values[variable.name]
            if not value or value.startswith("/"):
                raise Refused(
                    f'the input "{variable.name}" is empty', "Give a value for the path.", Code.DENIED
                )
            if "/" in value and not (variable.encoded or variable.rest):
                raise Refused(
                    f'the input "{variable.name}" has a slash', "Give one path segment.", Code.DENIED
                )


def _read_each(templates: Sequence[Text], given: Sequence[str]) -> dict[str, str] | None:
    if len(templates) != len(given):
        return None
    found: dict[str, str] = {}
    for template, value in zip(templates, given, strict=True):
        part = template.read(value)
        if part is None:
            return None
        if part:
            found.update(part)
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """A URL template, read."""

    endpoint: Endpoint
    path: PathTemplate
    query: Mapping[str, JSON]
    """Query parameters written in the URL, as a tree template's source."""


def place(url: str) -> Place:
    """Read a whole URL template. Raises `TemplateError`."""
    found = _URL.fullmatch(url)
    if found is None:
        raise TemplateError(f'"{url}" is not a URL', "write it like https://api.example.com/v1/things/${id}")
    scheme, authority, path, query = found.groups()
    return Place(_endpoint(scheme, authority, url), _path(path or "/", url), _query(query or "", url))


def _endpoint(scheme: str, authority: str, url: str) -> Endpoint:
    try:
        return _read_endpoint(scheme, authority)
    except Refused as refused:
        raise TemplateError(f'the host of "{url}" is not one: {refused}', refused.refusal.help) from None


@lru_cache(maxsize=1024)
def _read_endpoint(scheme: str, authority: str) -> Endpoint:
    port = _PORT.search(authority)
    host = authority[: port.start()] if port else authority
    sample, number = spelling.authority(
        _VARIABLE.sub("x", host) + (port[0] if port else ""), spelling.DEFAULT_PORTS[scheme]
    )
    if "${" not in host:
        host = sample
    parts = (
        [host] if host.startswith("[") else host.removesuffix(".").split(".") if "..." not in host else None
    )
    if parts is None or any(v.rest or v.encoded for part in parts for v in text(part).variables):
        raise TemplateError(f'the host "{host}" has a form that is for paths only', "write ${name}")
    return Endpoint(scheme, tuple(_lower(text(part)) for part in parts), number)


def _lower(label: Text) -> Text:
    return Text(tuple(part.lower() if isinstance(part, str) else part for part in label.parts))


def _path(path: str, url: str) -> PathTemplate:
    try:
        if spelling.path(_VARIABLE.sub("x", path)).encoded:
            raise Refused("a constant has an encoded slash", "Let a variable stand there: ${name:encoded}.")
        segments = tuple(_segment(part) for part in path[1:].split("/"))
    except Refused as refused:
        raise TemplateError(f'the path of "{url}" cannot be: {refused}', refused.refusal.help) from None
    for index, segment in enumerate(segments):
        for variable in segment.variables:
            special = variable.rest or variable.encoded
            if special and (segment.single is None or (variable.rest and index < len(segments) - 1)):
                where = "at the end of the path" if variable.rest else "as a whole segment"
                raise TemplateError(f'"${{{variable.name}}}" in "{url}" can stand only {where}')
    return PathTemplate(segments)


@lru_cache(maxsize=16_384)
def _segment(part: str) -> Text:
    read = text(part)
    return Text(tuple(spelling.percent_decoded(p) if isinstance(p, str) else p for p in read.parts))


def _query(query: str, url: str) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        try:
            name = spelling.percent_decoded(name)
            value = value if "${" in value else spelling.percent_decoded(value.replace("+", " "))
        except Refused as refused:
            raise TemplateError(f'the query of "{url}" cannot be: {refused}') from None
        if not name or name in found:
            raise TemplateError(f'the query of "{url}" has a name twice, or none')
        found[name] = value
    return found
