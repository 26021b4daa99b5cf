"""Python clients that Stainless makes (cloudflare, openai, …), read as an OpenAPI document.

Nothing is imported or run: the sources are parsed. A method of a resource makes one request, by `_get`,
`_post` and their like; its arguments are typed, and the parameters' classes say what a field is called on
the wire.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

CALLS: Final = {
    "_get": "get",
    "_post": "post",
    "_put": "put",
    "_patch": "patch",
    "_delete": "delete",
    "_get_api_list": "get",
}
_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "string",
    "date": "string",
    "List": "array",
    "Iterable": "array",
    "Sequence": "array",
    "SequenceNotStr": "array",
    "Dict": "object",
    "Mapping": "object",
    "object": "",
}
_UNSAID: Final = {"NotGiven", "Omit", "None", "Ignored"}


def document(package: Path) -> dict[str, Any]:
    """The client's requests as an OpenAPI document."""
    aliases = dict(_aliases(package / "types"))
    paths: dict[str, dict[str, Any]] = {}
    for file in sorted((package / "resources").rglob("*.py")):
        for owner, method in _methods(ast.parse(file.read_text())):
            resource = ".".join(file.relative_to(package / "resources").with_suffix("").parts)
            for verb, path, operation in _operation(resource, owner, method, aliases):
                paths.setdefault(path, {}).setdefault(verb, operation)
    return {"openapi": "3.1.0", "info": {"title": package.name}, "paths": paths}


def _aliases(types: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """What a parameter is called on the wire, by class and name, where that is another name."""
    for file in types.rglob("*_params.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ClassDef):
                continue
            for field in node.body:
                said = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if said and (alias := _alias(field.annotation)):
                    yield (node.name, field.target.id), alias


def _alias(annotation: ast.expr) -> str:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PropertyInfo":
            for word in node.keywords:
                if word.arg == "alias" and isinstance(word.value, ast.Constant):
                    return str(word.value.value)
    return ""


def _methods(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef) and any(
            getattr(b, "id", "") == "SyncAPIResource" for b in owner.bases
        ):
            for method in owner.body:
                overload = isinstance(method, ast.FunctionDef) and any(
                    getattr(d, "id", "") == "overload" for d in method.decorator_list
                )
                if isinstance(method, ast.FunctionDef) and not overload:
                    yield owner.name, method


def _operation(
    resource: str, owner: str, method: ast.FunctionDef, aliases: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for call in ast.walk(method):
        verb = CALLS.get(getattr(call.func, "attr", "")) if isinstance(call, ast.Call) else None
        if verb is None or not isinstance(call, ast.Call) or not call.args:
            continue
        path = _path(call.args[0], method)
        if path is None:
            continue
        words = {word.arg: word.value for word in call.keywords}
        if isinstance(words.get("method"), ast.Constant):
            verb = str(words["method"].value)  # type: ignore[union-attr]
        arguments = {
            a.arg: a.annotation for a in [*method.args.args, *method.args.kwonlyargs] if a.annotation
        }
        in_path = set(_variables(path))
        operation: dict[str, Any] = {
            "operationId": f"{resource.replace('.', '/')}/{method.name}",
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": _schema(arguments.get(name))[0]}
                for name in sorted(in_path)
            ],
        }
        query = _fields(words.get("options"), "query", arguments, aliases, in_path)
        body = _fields(words.get("body"), "", arguments, aliases, in_path)
        operation["parameters"] += [
            {"name": name, "in": "query", "required": required, "schema": schema}
            for name, (schema, required) in query.items()
        ]
        if _whole(words.get("body")):
            operation["requestBody"] = {"content": {"application/json": {"schema": {}}}, "required": True}
        elif body:
            kind = "multipart/form-data" if "files" in words else "application/json"
            schema = {
                "type": "object",
                "properties": {name: schema for name, (schema, _) in body.items()},
                "required": [name for name, (_, required) in body.items() if required],
            }
            operation["requestBody"] = {"content": {kind: {"schema": schema}}, "required": True}
        yield verb, path, operation


def _path(node: ast.expr, method: ast.FunctionDef) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "path_template":
        template = node.args[0]
        text = template.value if isinstance(template, ast.Constant) else None
        return str(text) if text else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(p.value) if isinstance(p, ast.Constant) else f"{{{ast.unparse(p.value)}}}"
            for p in node.values
        )
    if isinstance(node, ast.Call):
        return _path(node.func.value, method) if isinstance(node.func, ast.Attribute) else None
    return None


def _variables(path: str) -> list[str]:
    return [part.split("}")[0] for part in path.split("{")[1:]]


def _whole(node: ast.expr | None) -> bool:
    """Whether the body is one argument, and no mapping of several."""
    return isinstance(node, ast.Call) and bool(node.args) and isinstance(node.args[0], ast.Name)


def _fields(
    node: ast.expr | None,
    word: str,
    arguments: Mapping[str, ast.expr],
    aliases: Mapping[tuple[str, str], str],
    in_path: set[str],
) -> dict[str, tuple[dict[str, Any], bool]]:
    """What a `maybe_transform({…}, Class)` holds: by the name on the wire its schema, and if it must be."""
    if node is None:
        return {}
    if word:
        calls = (n for n in ast.walk(node) if isinstance(n, ast.keyword) and n.arg == word)
        node = next((n.value for n in calls), None)
        if node is None:
            return {}
    mapping = next((n for n in ast.walk(node) if isinstance(n, ast.Dict)), None)
    if mapping is None:
        return {}
    kinds = [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    found = {}
    for key in mapping.keys:
        name = str(key.value) if isinstance(key, ast.Constant) else ""
        if name and name not in in_path:
            wire = next((aliases[k, name] for k in kinds if (k, name) in aliases), name)
            found[wire] = _schema(arguments.get(name))
    return found


def _schema(annotation: ast.expr | None) -> tuple[dict[str, Any], bool]:
    """A JSON schema for an annotation, and whether a value must be given."""
    if annotation is None:
        return {}, False
    options = list(_options(annotation))
    required = not any(_name(option) in _UNSAID - {"None"} for option in options)
    said = [option for option in options if _name(option) not in _UNSAID]
    enums = [_literals(option) for option in said]
    if enums and all(enum is not None for enum in enums):
        return {"enum": [value for enum in enums for value in enum or ()]}, required
    kinds = [_TYPES.get(_name(option), "string" if enum is not None else "")
             for option, enum in zip(said, enums, strict=True)]  # fmt: skip
    if not kinds or "" in kinds:
        return {}, required
    unique = sorted(set(kinds))
    return {"type": unique[0] if len(unique) == 1 else unique}, required


def _options(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _options(node.left)
        yield from _options(node.right)
    elif isinstance(node, ast.Subscript) and _name(node) in {"Optional", "Union", "Annotated", "Required"}:
        inner = node.slice
        each = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        for option in each[:1] if _name(node) == "Annotated" else each:
            yield from _options(option)
    else:
        yield node


def _literals(node: ast.expr) -> list[Any] | None:
    if not isinstance(node, ast.Subscript) or _name(node) != "Literal":
        return None
    each = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return [each_.value for each_ in each if isinstance(each_, ast.Constant)]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.Constant):
        return "None" if node.value is None else str(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
