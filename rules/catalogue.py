"""The built-in tool files that a configuration names, with their parameters filled in (DESIGN 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wharfinger.rules.documents.nodes import MappingNode
from wharfinger.rules.documents.problems import Position, Problems, did_you_mean
from wharfinger.rules.documents.reading import Source, read
from wharfinger.rules.models.reading import Part, validated
from wharfinger.rules.models.settings import CatalogueEntry, Settings
from wharfinger.rules.models.tools import ToolFile

_PARAMETER: Final = re.compile(r"\$\{param\.([A-Za-z_][A-Za-z0-9_]*)\}")
_VALUE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def tool_files(
    settings: Settings, contents: Mapping[str, bytes], problems: Problems
) -> Iterator[Part[ToolFile]]:
    """Each tool file that `catalogue:` names; `contents` holds those there are, by name.

    An empty part stands for one that there is not, or that cannot be used.
    """
    seen: set[str] = set()
    for index, entry in enumerate(settings.catalogue):
        at = settings.at("catalogue", index)
        if entry.name not in contents:
            hint = did_you_mean(entry.name, contents) or f"there are: {', '.join(sorted(contents))}"
            problems.error(at, f'there is no built-in tool file "{entry.name}"', hint)
            yield Part(None, None)
        elif entry.name in seen:
            problems.error(at, f'"{entry.name}" is listed twice', "remove one of them")
        else:
            seen.add(entry.name)
            yield _tool_file(entry, contents[entry.name], at, problems)


def _tool_file(entry: CatalogueEntry, content: bytes, at: Position, problems: Problems) -> Part[ToolFile]:
    node = read(Source(f"builtin:{entry.name}.yaml", content, builtin=True), problems)
    if node is None or not _parameters_fit(node, entry.parameters, at, problems):
        return Part(node, None)
    _fill(node, entry.parameters)
    file = validated(ToolFile, node, problems)
    if file is not None:
        file._builtin = True
    return Part(node, file)


def _parameters_fit(node: MappingNode, given: Mapping[str, str], at: Position, problems: Problems) -> bool:
    declared = node.get("parameters")
    names = set(declared) if isinstance(declared, dict) else set()
    before = len(problems)
    for name in sorted(set(given) - names):
        hint = did_you_mean(name, names) or f"it takes: {', '.join(sorted(names)) or 'none'}"
        problems.error(at, f'"{name}" is not a parameter of this tool file', hint)
    for name in sorted(names - set(given)):
        hint = f"write it like {{{node.get('api', 'name')}: {{{name}: …}}}}"
        problems.error(at, f'the parameter "{name}" is missing', hint)
    for value in given.values():
        if not _VALUE.fullmatch(value):
            problems.error(at, f'"{value}" is not a host label', "letters, digits and hyphens, in lower case")
    return len(problems) == before


def _fill(node: MappingNode, given: Mapping[str, str]) -> None:
    """Put parameters into `base`."""

    def filled(text: Any) -> Any:
        return _PARAMETER.sub(lambda m: given.get(m[1], m[0]), text) if isinstance(text, str) else text

    base = node.get("base")
    if isinstance(base, str):
        dict.__setitem__(node, "base", filled(base))
    elif isinstance(base, list):
        base[:] = [filled(item) for item in base]
