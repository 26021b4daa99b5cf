"""Type declarations of TypeScript clients: sentry's requests as an OpenAPI document, linear's schema as SDL.

Only type literals are read, by a grammar of the few forms that generators write; what is none of them is any
value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""/\*.*?\*/|//[^\n]*|'[^'\n]*'|"[^"\n]*"|[A-Za-z_$][\w$.]*|-?\d+(?:\.\d+)?|=>|\S""", re.DOTALL
)
_DECLARED: Final = re.compile(r"^(?:export )?type (\w+) = ", re.MULTILINE)
_CALL: Final = re.compile(r"\b(\w+) = \(options\) => \(.{1,40}?\)\.(get|post|put|patch|delete)\(")
_SCALARS: Final = {"string": "string", "number": "number", "boolean": "boolean", "Date": "string"}
_GRAPHQL: Final = {"String", "ID", "Int", "Float", "Boolean"}


def declarations(text: str) -> dict[str, str]:
    """The source of each type declaration of a file, by name."""
    found = list(_DECLARED.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    return {each[1]: text[each.end() : end] for each, end in zip(found, ends, strict=True)}


class _Parser:
    """Reads one type: an object as a dict of (required, type), others as tuples `(kind, …)`."""

    def __init__(self, text: str) -> None:
        self.tokens = [t for t in _TOKEN.findall(text) if not t.startswith(("/*", "//"))]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if wanted and token != wanted:
            around = " ".join(self.tokens[max(self.at - 8, 0) : self.at + 4])
            raise ValueError(f"expected {wanted}, not {token}: {around}")
        self.at += 1
        return token

    def type(self) -> Any:
        if self.peek() in {"|", "&"}:
            self.take()
        options = [self.postfix()]
        while self.peek() in {"|", "&"}:
            self.take()
            options.append(self.postfix())
        return options[0] if len(options) == 1 else ("union", options)

    def postfix(self) -> Any:
        held = self.primary()
        while self.peek() == "[":
            self.take()
            if self.peek() == "]":
                held = ("array", held)
            else:
                held = ("index", held, self.type())
            self.take("]")
        return held

    def primary(self) -> Any:
        token = self.take()
        if token == "{":
            return self.object()
        if token == "(":
            held = self.type()
            self.take(")")
            return held
        if token == "[":
            while self.peek() != "]":
                self.type()
                if self.peek() == ",":
                    self.take()
            self.take()
            return ("array", ("any",))
        if token[0] in "'\"":
            return ("literal", token[1:-1])
        if token.lstrip("-")[:1].isdigit():
            return ("literal", float(token) if "." in token else int(token))
        if token in {"true", "false"}:
            return ("literal", token == "true")
        arguments = []
        if self.peek() == "<":
            self.take()
            arguments.append(self.type())
            while self.peek() == ",":
                self.take()
                arguments.append(self.type())
            self.take(">")
        return ("name", token, arguments)

    def object(self) -> dict[str, tuple[bool, Any]]:
        fields: dict[str, tuple[bool, Any]] = {}
        while self.peek() != "}":
            name = self.take()
            if name == "readonly" and self.peek() not in {"?", ":"}:
                continue
            if name == "[":  # an index signature: any fields
                while self.take() != "]":
                    pass
                name = ""
            optional = self.peek() == "?"
            if optional:
                self.take()
            self.take(":")
            held = self.type()
            if name:
                fields[name.strip("'\"")] = (not optional, held)
            while self.peek() in {";", ","}:
                self.take()
        self.take("}")
        return fields


def sentry(types: Path) -> dict[str, Any]:
    """The types `XData` of a client made by hey-api, each a request, as an OpenAPI document."""
    text = types.read_text()
    held = declarations(text)
    calls = dict(_CALL.findall((types.parent / "index.js").read_text()))
    paths: dict[str, dict[str, Any]] = {}
    for name, source in held.items():
        if not name.endswith("Data"):
            continue
        found = _Parser(source).type()
        if not isinstance(found, dict) or "url" not in found:
            continue
        identity = name.removesuffix("Data")
        verb = calls.get(identity[0].lower() + identity[1:])
        if verb is None:
            continue
        path = str(found["url"][1][1])
        operation: dict[str, Any] = {"operationId": identity, "parameters": []}
        for place in ("path", "query"):
            for field, (required, kind) in _fields(found.get(place), held).items():
                operation["parameters"].append(
                    {
                        "name": field,
                        "in": place,
                        "required": required or place == "path",
                        "schema": _schema(kind, held),
                    }
                )
        if fields := _fields(found.get("body"), held):
            schema = {
                "type": "object",
                "properties": {field: _schema(kind, held) for field, (_, kind) in fields.items()},
                "required": [field for field, (required, _) in fields.items() if required],
            }
            needed = found["body"][0]
            operation["requestBody"] = {
                "content": {"application/json": {"schema": schema}},
                "required": needed,
            }
        paths.setdefault(path, {})[verb] = operation
    return {"openapi": "3.1.0", "info": {"title": "Sentry"}, "paths": paths}


def _fields(entry: tuple[bool, Any] | None, held: Mapping[str, str]) -> dict[str, tuple[bool, Any]]:
    if entry is None:
        return {}
    kind = _resolved(entry[1], held)
    if isinstance(kind, tuple) and kind[0] == "union":
        merged: dict[str, tuple[bool, Any]] = {}
        for option in kind[1]:
            option = _resolved(option, held)
            merged |= option if isinstance(option, dict) else {}
        return merged
    return kind if isinstance(kind, dict) else {}


def _resolved(kind: Any, held: Mapping[str, str]) -> Any:
    if isinstance(kind, tuple) and kind[0] == "name" and kind[1] in held and not kind[2]:
        return _Parser(held[kind[1]]).type()
    return kind


def _schema(kind: Any, held: Mapping[str, str]) -> dict[str, Any]:
    kind = _resolved(kind, held)
    if isinstance(kind, dict):
        return {"type": "object"}
    if kind[0] == "array" or (kind[0] == "name" and kind[1] in {"Array", "ReadonlyArray"}):
        return {"type": "array"}
    if kind[0] == "literal":
        return {"enum": [kind[1]]}
    if kind[0] == "name":
        return {"type": _SCALARS[kind[1]]} if kind[1] in _SCALARS else {}
    if kind[0] != "union":
        return {}
    options = [option for option in kind[1] if option not in _NOTHING]
    if options and all(isinstance(o, tuple) and o[0] == "literal" for o in options):
        return {"enum": [option[1] for option in options]}
    kinds = {str(_schema(option, held).get("type", "")) for option in options}
    return {} if "" in kinds or not kinds else {"type": kinds.pop() if len(kinds) == 1 else sorted(kinds)}


_NOTHING: Final = (("name", "null", []), ("name", "undefined", []), ("name", "never", []))


def linear(types: Path) -> str:
    """The schema's root fields with their arguments as SDL; what they answer with is one type for all."""
    held = declarations(types.read_text())
    inputs: dict[str, str] = {}
    lines = ["type Answer { ok: Boolean }"]
    scalars: set[str] = set()
    for root in ("Query", "Mutation"):
        fields = _Parser(held[root]).type()
        lines.append(f"type {root} {{")
        for name in sorted(fields):
            if name.startswith("_"):
                continue
            declared = held.get(f"{root}{name[0].upper()}{name[1:]}Args")
            arguments = _Parser(declared).type() if declared else {}
            said = ", ".join(
                _argument(a, r, k, held, inputs, scalars) for a, (r, k) in sorted(arguments.items())
            )
            lines.append(f"  {name}{f'({said})' if said else ''}: Answer")
        lines.append("}")
    lines += [f"scalar {name}" for name in sorted(scalars - _GRAPHQL)]
    return "\n".join([*lines, *(inputs[name] for name in sorted(inputs))])


def _argument(
    name: str, required: bool, kind: Any, held: Mapping[str, str], inputs: dict[str, str], scalars: set[str]
) -> str:
    return f"{name}: {_graphql(kind, held, inputs, scalars)}{'!' if required else ''}"


def _graphql(kind: Any, held: Mapping[str, str], inputs: dict[str, str], scalars: set[str]) -> str:
    if isinstance(kind, tuple) and kind[0] == "index":  # Scalars["String"]
        scalars.add(kind[2][1])
        return str(kind[2][1])
    if isinstance(kind, tuple) and kind[0] == "name":
        name, arguments = kind[1], kind[2]
        if name == "InputMaybe":
            return _graphql(arguments[0], held, inputs, scalars)
        if name == "Array":
            return f"[{_graphql(arguments[0], held, inputs, scalars)}!]"
        if name in inputs:
            return str(name)
        found = _Parser(held[name]).type() if name in held else None
        if isinstance(found, dict):
            inputs[name] = ""
            fields = (_argument(f, r, k, held, inputs, scalars) for f, (r, k) in sorted(found.items()))
            inputs[name] = f"input {name} {{ {', '.join(fields)} }}"
            return str(name)
        return _enum(str(name), inputs)
    scalars.add("Any")
    return "Any"


def _enum(name: str, inputs: dict[str, str]) -> str:
    inputs[name] = f"scalar {name}"
    return name
