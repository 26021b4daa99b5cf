"""TypeScript clients: requests of sentry and vercel as OpenAPI documents, linear's schema as SDL.

Only type literals are read, by a grammar of the few forms that generators write; what is none of them is any
value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""/\*.*?\*/|//[^\n]*|'[^'\n]*'|"[^"\n]*"|[A-Za-z_$][\w$.]*|-?\d+(?:\.\d+)?|=>|\S""", re.DOTALL
)
_DECLARED: Final = re.compile(r"^(?:export )?type ([\w$]+) =\s", re.MULTILINE)
_CALL: Final = re.compile(r"\b(\w+) = \(options\) => \(.{1,40}?\)\.(get|post|put|patch|delete)\(")
_SCALARS: Final = {"string": "string", "number": "number", "boolean": "boolean", "Date": "string"}
_GRAPHQL: Final = {"String", "ID", "Int", "Float", "Boolean"}


def declarations(text: str) -> dict[str, str]:
    """The source of each type declaration of a file, by name."""
    found = list(_DECLARED.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    return {each[1]: text[each.end() : end] for each, end in zip(found, ends, strict=False)}


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
            held = ("array", held) if self.peek() == "]" else ("index", held, self.type())
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


_PATH: Final = re.compile(r'pathToFunc\("([^"]+)"\)')
_METHOD: Final = re.compile(r'method: "([A-Z]+)"')
_REQUEST: Final = re.compile(r"(\w+)Request\$outboundSchema")
_QUERY: Final = re.compile(r"encodeFormQuery\(\{(.*?)\}", re.DOTALL)
_BODY: Final = re.compile(r'encodeJSON\("body", payload(?:\??\.(\w+))?,')


def vercel(package: Path) -> dict[str, Any]:
    """The functions of a client made by Speakeasy, each a request, with what its types say is sent."""
    held: dict[str, str] = {}
    for file in sorted((package / "src" / "models").glob("*.ts")):
        held |= declarations(file.read_text())
    paths: dict[str, dict[str, Any]] = {}
    for file in sorted((package / "src" / "funcs").glob("*.ts")):
        text = file.read_text()
        path, method = _PATH.search(text), _METHOD.search(text)
        if path is not None and method is not None:
            paths.setdefault(path[1], {})[method[1].lower()] = _speakeasy(text, file.stem, held)
    return {"openapi": "3.1.0", "info": {"title": "Vercel"}, "paths": paths}


def _speakeasy(text: str, stem: str, held: Mapping[str, str]) -> dict[str, Any]:
    request, query, body = _REQUEST.search(text), _QUERY.search(text), _BODY.search(text)
    name = f"{request[1]}Request$Outbound" if request else ""
    sent = _fields((True, ("name", name, [])), held) if name in held else {}
    asked = set(re.findall(r'"([\w-]+)": payload', query[1])) if query else set()
    in_path = set(re.findall(r"\{(\w+)\}", _PATH.search(text)[1]))  # type: ignore[index]
    operation: dict[str, Any] = {"operationId": request[1] if request else stem}
    operation["parameters"] = [
        {"name": field, "in": place, "required": required or place == "path", "schema": _schema(kind, held)}
        for place, names in (("path", in_path), ("query", asked))
        for field, (required, kind) in sorted(sent.items())
        if field in names
    ]
    if body is not None:
        entry = sent.get(body[1]) if body[1] else (True, ("name", name, []))
        fields = _fields(entry, held)
        schema = {
            "type": "object",
            "properties": {field: _schema(kind, held) for field, (_, kind) in fields.items()},
            "required": [field for field, (required, _) in fields.items() if required],
        }
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": True}
    return operation


def _fields(entry: tuple[bool, Any] | None, held: Mapping[str, str]) -> dict[str, tuple[bool, Any]]:
    if entry is None:
        return {}
    kind = _resolved(entry[1], held)
    if isinstance(kind, tuple) and kind[0] == "union":
        options = [fields for option in kind[1] if isinstance(fields := _resolved(option, held), dict)]
        merged = {name: entry for fields in options for name, entry in fields.items()}
        return {
            name: (all(fields.get(name, (False,))[0] for fields in options), kind)
            for name, (_, kind) in merged.items()
        }
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
    schema = _Schema(declarations(types.read_text()))
    roots = [line for root in ("Query", "Mutation") for line in schema.root(root)]
    scalars = [f"scalar {name}" for name in sorted(schema.scalars - _GRAPHQL)]
    inputs = [schema.inputs[name] for name in sorted(schema.inputs)]
    return "\n".join(["type Answer { ok: Boolean }", *roots, *scalars, *inputs])


class _Schema:
    """SDL in the making: the input types and scalars that arguments have named so far."""

    def __init__(self, held: Mapping[str, str]) -> None:
        self.held = held
        self.inputs: dict[str, str] = {}
        self.scalars: set[str] = set()

    def root(self, root: str) -> Iterator[str]:
        yield f"type {root} {{"
        for name in sorted(_Parser(self.held[root]).type()):
            if not name.startswith("_"):
                declared = self.held.get(f"{root}{name[0].upper()}{name[1:]}Args")
                said = self._arguments(_Parser(declared).type() if declared else {})
                yield f"  {name}{f'({said})' if said else ''}: Answer"
        yield "}"

    def _arguments(self, fields: Mapping[str, tuple[bool, Any]]) -> str:
        return ", ".join(
            f"{name}: {self._kind(kind)}{'!' if required else ''}"
            for name, (required, kind) in sorted(fields.items())
        )

    def _kind(self, kind: Any) -> str:
        if isinstance(kind, tuple) and kind[0] == "index":  # Scalars["String"]
            self.scalars.add(kind[2][1])
            return str(kind[2][1])
        if isinstance(kind, tuple) and kind[0] == "name":
            name, arguments = kind[1], kind[2]
            if name == "InputMaybe":
                return self._kind(arguments[0])
            if name == "Array":
                return f"[{self._kind(arguments[0])}!]"
            return self._named(str(name))
        self.scalars.add("Any")
        return "Any"

    def _named(self, name: str) -> str:
        if name not in self.inputs:
            found = _Parser(self.held[name]).type() if name in self.held else None
            self.inputs[name] = f"scalar {name}"  # stands so while its own fields name it
            if isinstance(found, dict):
                self.inputs[name] = f"input {name} {{ {self._arguments(found)} }}"
        return name
