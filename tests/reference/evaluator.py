"""A reference for what a request is and what policies say of it: slow, plain, and written apart.

It shares no code with the project and reads no YAML: a `World` is a plain structure, which `generator`
also writes as the files that the project loads. Everything is tried in turn, nothing is indexed, and each
sentence of the design that it follows stands beside the lines that do so. It covers HTTP tools (host, path,
query and JSON body templates, typed inputs, extras), JSON-RPC batches, and rules with their conditions.
"""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass, field
from typing import Any

MISSING = object()
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")


class Wrong(Exception):
    """A condition that is neither true nor false."""


@dataclass
class Tool:
    """One template."""

    name: str
    methods: list[str]
    path: list[str]
    """Segments: `a`, `${x}`, `a-${x}` or `${x...}`."""
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] | None = None
    effect: str | None = None
    extra: str | None = None
    rpc: str | None = None
    """Of JSON-RPC tools: the method; `body` is then the template of its params."""

    @property
    def effective(self) -> str:
        """The effect, said or by method."""
        if self.effect:
            return self.effect
        if "DELETE" in self.methods:
            return "destructive"
        return "read" if set(self.methods) <= {"GET", "HEAD"} else "write"

    @property
    def admits_extra(self) -> bool:
        """Default allow for `effect: read`, else deny."""
        return self.extra == "allow" if self.extra else self.effective == "read"


@dataclass
class Rule:
    """One rule; `when` is a structure of its own, see `holds`."""

    id: str
    verdict: str
    tool: str
    when: Any = None
    hosts: list[str] | None = None


@dataclass
class World:
    """All that is declared."""

    tools: list[Tool]
    policies: list[list[Rule]]
    status: str = "active"
    host: str = "api.example.com"


@dataclass
class Asked:
    """A request; the path is plain, the query a list of pairs, the body bytes of JSON or none."""

    method: str
    host: str
    path: str
    query: list[tuple[str, str]]
    body: bytes | None


@dataclass
class Answer:
    """What is compared."""

    verdict: str
    rules: frozenset[str]
    calls: tuple[str, ...]


@dataclass
class Fit:
    """A template that fits, what it reads, and what is wrong with that."""

    tool: Tool
    inputs: dict[str, Any]
    wrong: bool


def answer(world: World, asked: Asked) -> Answer:
    """The verdict on one request."""
    parts, refused = recognise(world, asked)
    names = tuple(part[0].tool.name if part else "unmatched" for part in parts)
    if world.status != "active":
        return Answer("deny", frozenset(), names)
    if refused:
        return Answer("deny", frozenset(), names)
    said = [judge(world, asked, part) for part in parts]
    for verdict in ("deny", "ask", "allow"):  # the strictest verdict governs all of it
        governing = [rules for each, rules in said if each == verdict]
        if governing:
            return Answer(verdict, frozenset().union(*governing), names)
    raise AssertionError


# What it is


def recognise(world: World, asked: Asked) -> tuple[list[list[Fit]], bool]:
    """For each call the templates that fit, the most specific first; and whether it is refused at once."""
    if asked.host != world.host:
        return [[]], False
    at = [
        tool for tool in world.tools if asked.method in tool.methods and on_path(tool, asked.path) is not None
    ]
    spoken = [tool for tool in at if tool.rpc is not None]
    plain = [tool for tool in at if tool.rpc is None]
    value: Any = MISSING
    if asked.body and at:
        # bodies that a rule reads go through one strict parser
        try:
            value = json.loads(asked.body, object_pairs_hook=once)
        except ValueError:
            return [], True
    if spoken:
        return remote(world, asked, spoken, plain, value)
    fits = [found for tool in plain if (found := fit(tool, asked, dict(asked.query), value)) is not None]
    if not fits:
        return [[]], False
    fits.sort(key=lambda each: specific(each.tool))
    return [fits], fits[0].wrong


def remote(
    world: World, asked: Asked, spoken: list[Tool], plain: list[Tool], value: Any
) -> tuple[list[list[Fit]], bool]:
    """JSON-RPC: each element of a batch is a call, and one that is no tool denies the whole."""
    elements = value if isinstance(value, list) else [value]
    if value is MISSING or not elements:
        return [], True
    for element in elements:
        if (
            not isinstance(element, dict)
            or not set(element) <= {"jsonrpc", "method", "params", "id"}
            or element.get("jsonrpc") != "2.0"
            or not isinstance(element.get("method"), str)
            or not isinstance(element.get("params", {}), dict | list)
        ):
            return [], True
    beside = [found for tool in plain if (found := fit(tool, asked, dict(asked.query), value)) is not None]
    beside.sort(key=lambda each: specific(each.tool))
    parts: list[list[Fit]] = []
    refused = False
    for element in elements:
        fits = [
            found
            for tool in spoken
            if tool.rpc == element["method"]
            and (found := fit(tool, asked, dict(asked.query), element.get("params", {}))) is not None
        ]
        fits.sort(key=lambda each: specific(each.tool))
        refused = refused or not fits or fits[0].wrong
        parts.append([*fits, *beside] if fits else [])
    return parts, refused


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """No duplicate keys."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def on_path(tool: Tool, path: str) -> dict[str, str] | None:
    """The inputs in the path, or None if it is another: constants equal, variables not empty."""
    given, found = path.split("/")[1:], {}
    for index, part in enumerate(tool.path):
        if part.endswith("...}"):
            rest = "/".join(given[index:])
            if not rest or not given[index]:
                return None
            return {**found, part[2:-4]: rest}
        if index >= len(given):
            return None
        before, variable, after = re.fullmatch(r"([^$]*)(?:\$\{(\w+)\})?(.*)", part).groups()  # type: ignore[union-attr]
        if variable is None:
            if given[index] != part:
                return None
        else:
            text = given[index]
            if not (
                text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)
            ):
                return None
            found[variable] = text[len(before) : len(text) - len(after)]
    return found if len(given) == len(tool.path) else None


def specific(tool: Tool) -> Any:
    """The documented total order: path from the left, then the number of constants, their text, the name."""
    path = [
        (0, 0) if "$" not in part
        else (4, 0) if part.endswith("...}")
        else (2, 0) if re.fullmatch(r"\$\{\w+\}", part)
        else (1, -len(re.sub(r"\$\{\w+\}", "", part)))
        for part in tool.path
    ]  # fmt: skip
    texts = sorted(
        [f"query {key}=str:{value}" for key, value in tool.query.items() if "$" not in value]
        + [f"body {key}=str:{value}" for key, value in (tool.body or {}).items() if "$" not in value]
    )
    return path, -len(texts), texts, tool.name


def fit(tool: Tool, asked: Asked, query: dict[str, str], body: Any) -> Fit | None:
    """What the template reads; None where a constant differs. Nothing else lets another tool be asked."""
    wrong = False
    held: list[tuple[str, Any, bool]] = [(k, v, True) for k, v in (on_path(tool, asked.path) or {}).items()]
    extras: list[str] = []
    for template, given, textual in ((tool.query, query, True), (tool.body or {}, body, False)):
        shaped = given is MISSING or isinstance(given, dict)
        constants = any("$" not in value for value in template.values())
        if not shaped and constants:
            return None
        if not shaped:
            wrong = True
            continue
        values = {} if given is MISSING else given
        for key, value in template.items():
            if "$" not in value:
                if key not in values or type(values[key]) is not str or values[key] != value:
                    return None
            elif key in values:
                held.append((value[2:-1], values[key], textual))
        extras += [key for key in values if key not in template]
    if extras:
        names = {fold(key) for key in (*tool.query, *(tool.body or {}))}
        folded = [fold(key) for key in extras]
        if not tool.admits_extra or names & set(folded) or len(set(folded)) < len(folded):
            wrong = True
    inputs: dict[str, Any] = {}
    for name, value, textual in held:
        typed = read(tool.inputs[name], value, textual)
        if typed is MISSING or (name in inputs and json.dumps(inputs[name]) != json.dumps(typed)):
            wrong = True
        else:
            inputs.setdefault(name, typed)
    seen = {name for name, _, _ in held}
    if any(spec.get("required", True) and name not in seen for name, spec in tool.inputs.items()):
        wrong = True
    return Fit(tool, inputs, wrong)


def fold(name: str) -> str:
    """One case, without brackets."""
    return re.sub(r"\[[^\]]*\]?", "", name).lower()


def read(spec: dict[str, Any], value: Any, textual: bool) -> Any:
    """The typed value, or MISSING where it is not of the type or out of bounds."""
    kind = spec.get("type", "string")
    if textual and kind == "integer":
        value = int(value) if NUMBER.match(value) and value.lstrip("-").isdigit() else MISSING
    elif textual and kind == "boolean":
        value = {"true": True, "false": False}.get(value, MISSING)
    elif textual and kind == "array":
        value = [value]
    good = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "array": isinstance(value, list),
    }[kind]
    if not good:
        return MISSING
    size = value if kind == "integer" else len(value) if kind in {"string", "array"} else 0
    if ("min" in spec and size < spec["min"]) or ("max" in spec and size > spec["max"]):
        return MISSING
    return MISSING if "enum" in spec and value not in spec["enum"] else value


# What policies say


def judge(world: World, asked: Asked, part: list[Fit]) -> tuple[str, frozenset[str]]:
    """Any deny, else any error, else any ask, else any allow, else deny."""
    unmatched = Tool("unmatched", [asked.method], [])
    inputs = {"host": asked.host, "method": asked.method, "path": asked.path}
    fits = part or [Fit(unmatched, inputs, False)]
    found: dict[str, set[str]] = {"deny": set(), "error": set(), "ask": set(), "allow": set()}
    for rules in world.policies:
        for rule in rules:
            # deny rules see every template that fits; allow and ask see the winner
            for each in fits if rule.verdict == "deny" else fits[:1]:
                if not about(rule, each.tool.name) or (rule.hosts and asked.host not in rule.hosts):
                    continue
                try:
                    if holds(rule.when, each, asked):
                        found[rule.verdict].add(rule.id)
                except Wrong:
                    found["error"].add(rule.id)
    for kind, verdict in (("deny", "deny"), ("error", "deny"), ("ask", "ask"), ("allow", "allow")):
        if found[kind]:
            return verdict, frozenset(found[kind])
    return "deny", frozenset()


def about(rule: Rule, name: str) -> bool:
    """In deny, "*" includes what no tool fits; elsewhere globs match named tools only."""
    if name == "unmatched":
        return rule.tool == "unmatched" or (rule.tool == "*" and rule.verdict == "deny")
    return fnmatch.fnmatchcase(name, rule.tool)


def holds(when: Any, call: Fit, asked: Asked) -> bool:
    """A condition: None, or ("all", [(input, operator, value)…]), or an expression (see `true`)."""
    if when is None:
        return True
    if when[0] != "all":
        return true(when, call, asked)
    said = [constraint(call.inputs, *each) for each in when[1]]  # each is looked at: errors count
    return all(said)


def constraint(inputs: dict[str, Any], name: str, operator: str, wanted: Any) -> bool:
    """One entry of a mapping. An absent input, or a value of a wrong type, is an error."""
    if name not in inputs:
        raise Wrong
    value = inputs[name]
    if operator in {"max", "min"}:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong
        return value <= wanted if operator == "max" else value >= wanted
    if operator == "in":
        return any(type(value) is type(each) and value == each for each in wanted)
    if operator == "equals":
        return type(value) is type(wanted) and bool(value == wanted)
    if not isinstance(value, str):
        raise Wrong
    return value.startswith(wanted) if operator == "startswith" else value.endswith(wanted)


def true(expression: Any, call: Fit, asked: Asked) -> bool:
    """An expression: ("and"|"or", a, b), ("not", a), ("given", x), ("effect", e), ("method", m), (op, x, v).

    As CEL has it, `and` and `or` do not mind an error on one side if the other decides.
    """
    kind = expression[0]
    if kind in {"and", "or"}:
        decides = kind == "or"
        sides: list[bool | None] = []
        for side in expression[1:]:
            try:
                sides.append(true(side, call, asked))
            except Wrong:
                sides.append(None)
        if decides in sides:
            return decides
        if None in sides:
            raise Wrong
        return not decides
    if kind == "not":
        return not true(expression[1], call, asked)
    if kind == "given":
        return expression[1] in call.inputs
    if kind == "effect":
        return bool(call.tool.effective == expression[1])
    if kind == "method":
        return bool(asked.method == expression[1])
    name, wanted = expression[1:]
    if name not in call.inputs:
        raise Wrong
    value = call.inputs[name]
    if kind == "==":
        return bool(value == wanted)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong
    return bool(value < wanted if kind == "<" else value >= wanted)
