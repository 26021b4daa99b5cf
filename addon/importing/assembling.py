"""From operations to a tool file that is known to load, to fill in and to be recognised again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from wharfinger.importing import effects, naming, proof, writing
from wharfinger.importing.comparing import place
from wharfinger.importing.operations import (
    Dropped,
    Imported,
    ImportFault,
    Operation,
    Options,
    Plain,
    Report,
    Unusable,
)
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.reading import read_part
from wharfinger.rules.models.tools import ToolFile
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.tools.compiling import compile_file
from wharfinger.rules.types import Effect

_NAME: Final = "imported.yaml"
_CONSEQUENCE: Final = "does not stand in the template"
"""How the message ends that only follows from another, about the template itself."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands at the head of the file, about all of its tools."""

    title: str = ""
    base: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    auth: Plain = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    """Header fields that go upstream for all of them."""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Made:
    """A tool that was made of an operation."""

    operation: Operation
    tool: Plain
    effect: Effect


def assemble(header: Header, operations: Iterable[Operation], options: Options) -> Imported:
    """The tool file of these operations. Raises `ImportFault` if no tool is left."""
    ordered = sorted(naming.told_apart(operations), key=lambda o: _order(o.key))
    return _Assembly(header, ordered, options).imported()


def _order(key: str) -> tuple[str, str]:
    method, _, path = key.partition(" ")
    return path, method


class _Assembly:
    def __init__(self, header: Header, operations: list[Operation], options: Options) -> None:
        self.header = header
        self.operations = operations
        self.options = options
        self.dropped: list[Dropped] = []
        self.notes: list[str] = list(header.notes)

    def imported(self) -> Imported:
        made = self._made()
        while made and len(left := self._proven(made)) < len(made):
            made = left
        if not made:
            why = (
                f"; the first: {self.dropped[0].operation}: {self.dropped[0].reason}" if self.dropped else ""
            )
            raise ImportFault(f"no operation of the document became a tool{why}", "look at --only and --base")
        file = self._file([one.tool for one in made])
        return Imported(file, Report(len(made), tuple(self.dropped), tuple(dict.fromkeys(self.notes))))

    # Making

    def _made(self) -> list[_Made]:
        named = naming.names(self.options.api, self.operations)
        made: list[_Made] = []
        keys: dict[str, str] = {}
        for operation in self.operations:
            name = named[operation.key][0]
            if not self.options.wants((operation.key, name, *operation.aliases)):
                continue
            if self.options.limit is not None and len(made) >= self.options.limit:
                self._drop(operation, f"more than {self.options.limit} were not wanted")
                continue
            try:
                template = operation.template()
            except Unusable as why:
                self._drop(operation, str(why))
                continue
            self.notes.extend(f"{operation.key}: {note}" for note in template.notes)
            made.append(_Made(operation, {"run": template.run, "input": template.inputs}, operation.effect))
            known = self.options.names.get(place(template.run, self.header.base))
            if known is not None:
                keys[operation.key] = known
        named = naming.kept(named, keys)
        for one in made:
            self._complete(one, *named[one.operation.key])
        return made

    def _complete(self, one: _Made, name: str, thing: str) -> None:
        phrase = one.operation.phrase
        set_by_hand = next((e for g, e in self.options.effects.items() if fnmatchcase(name, g)), None)
        one.effect = Effect(set_by_hand) if set_by_hand else one.effect
        run, inputs = one.tool["run"], one.tool["input"]
        one.tool = {
            "tool": name,
            "description": naming.describe(phrase, thing),
            "effect": str(one.effect),
            **({"input": inputs} if inputs else {}),
            "run": _run(run, one.effect),
        }

    # Proving

    def _proven(self, made: list[_Made]) -> list[_Made]:
        """Those that load, alone and together, and are recognised as themselves; the others are dropped."""
        written = writing.document(self._file([one.tool for one in made], filled=True))
        problems = Problems()
        part = read_part(ToolFile, Source(_NAME, written.text.encode("utf-8")), problems)
        if part.model is None and not problems.errors:
            raise ImportFault("the tool file could not be read back")
        tools = compile_file(part.model, problems) if part.model is not None else []
        refused = self._refused(problems, written.lines, made)
        if refused:
            return [one for index, one in enumerate(made) if index not in refused]
        twins = self._twins(made, {tool.name: set(tool.shapes) for tool in tools})
        if twins:
            return [one for index, one in enumerate(made) if index not in twins]
        together = Problems()
        toolset = Toolset.compile([part.model] if part.model is not None else [], together)
        if together.errors:
            raise ImportFault(f"the tool file does not load: {together.errors[0]}")
        unproven = {
            index
            for index, one in enumerate(made)
            if (why := proof.fault(toolset, one.tool["tool"])) and self._drop(one.operation, why)
        }
        return [one for index, one in enumerate(made) if index not in unproven]

    def _refused(self, problems: Problems, lines: list[int], made: list[_Made]) -> set[int]:
        """The tools with problems, each dropped with the first that is a cause, not a consequence."""
        found: dict[int, str] = {}
        for problem in problems.errors:
            line = problem.position.line
            if not lines or line < lines[0]:
                raise ImportFault(f"the head of the tool file cannot be: {problem.message}", problem.hint)
            index = max(i for i, begins in enumerate(lines) if begins <= line)
            if index not in found or found[index].endswith(_CONSEQUENCE):
                found[index] = problem.message
        for index, message in found.items():
            self._drop(made[index].operation, message)
        return set(found)

    def _twins(self, made: list[_Made], shapes: Mapping[str, set[str]]) -> set[int]:
        """Tools that match the same requests as a plainer one, which gets their inputs and effect."""
        first: dict[str, int] = {}
        found: set[int] = set()
        for index, one in sorted(enumerate(made), key=lambda held: _plainness(held[1])):
            for shape in sorted(shapes.get(one.tool["tool"], ())):
                other = first.setdefault(shape, index)
                if other == index or index in found:
                    continue
                found.add(index)
                kept = made[other]
                self._drop(one.operation, f"it matches the same requests as {kept.operation.key}")
                _join(kept, one)
        return found

    def _drop(self, operation: Operation, reason: str) -> bool:
        self.dropped.append(Dropped(operation.key, reason))
        return True

    # The file

    def _file(self, tools: list[Plain], *, filled: bool = False) -> Plain:
        """The file as YAML holds it; `filled`: with an example in place of each parameter."""
        header = self.header
        base = [re.sub(r"\$\{param\.\w+\}", "x", url) for url in header.base] if filled else list(header.base)
        file: dict[str, Any] = {"api": self.options.api}
        if header.title:
            file["title"] = header.title
        if base:
            file["base"] = base[0] if len(base) == 1 else base
        if header.parameters and not filled:
            file["parameters"] = dict(header.parameters)
        if header.auth:
            file["auth"] = header.auth
        if header.passed:
            file["headers"] = {"pass": list(header.passed)}
        if not self.options.approved and not filled:
            file["approved"] = False
        return file | {"tools": tools}


def _plainness(one: _Made) -> tuple[int, tuple[str, str]]:
    """Sorts first what needs the least inputs."""
    needed = [
        spec for spec in one.tool.get("input", {}).values() if isinstance(spec, str) or "required" not in spec
    ]
    return len(needed), _order(one.operation.key)


def _join(kept: _Made, twin: _Made) -> None:
    """Let a tool take query and headers of another, too, that matches the same requests."""
    run, inputs = dict(kept.tool["run"]), dict(kept.tool.get("input", {}))
    for where in ("query", "headers"):
        for name, value in twin.tool["run"].get(where, {}).items():
            variable = re.fullmatch(r"\$\{(\w+)\}", str(value))
            if variable is None or variable[1] in inputs or name in run.get(where, {}):
                continue
            spec = twin.tool["input"][variable[1]]
            inputs[variable[1]] = (
                {"type": spec, "required": False}
                if isinstance(spec, str)
                else (
                    {"type": spec["type"], "required": False} | {k: v for k, v in spec.items() if k != "type"}
                )
            )
            run[where] = {**run.get(where, {}), name: value}
    kept.effect = effects.stricter(kept.effect, twin.effect)
    rest = {key: value for key, value in kept.tool.items() if key not in {"input", "run"}}
    kept.tool = rest | {"effect": str(kept.effect)} | ({"input": inputs} if inputs else {})
    kept.tool["run"] = _run(run, kept.effect)


def _run(run: Plain, effect: Effect) -> Plain:
    """`run:` in the order in which it is written, with `extra` as the effect has it."""
    order = ("type", "method", "url", "query", "headers", "body", "encoding")
    first = {key: run[key] for key in order if key in run}
    rest = {key: value for key, value in run.items() if key not in order and key != "extra"}
    if run.get("type", "http") != "http":
        return first | rest | ({"extra": run["extra"]} if "extra" in run else {})
    return first | rest | {"extra": "allow" if effect is Effect.READ else "deny"}
