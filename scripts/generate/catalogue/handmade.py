"""Python clients that people wrote (python-gitlab, python-telegram-bot), read as an OpenAPI document.

Nothing is imported or run: the sources are parsed. What they do not say of a value, it may be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_FORM: Final = "application/x-www-form-urlencoded"
_CRUD: Final = {
    "CRUDMixin": "list get create update delete",
    "NoUpdateMixin": "list get create delete",
    "RetrieveMixin": "list get",
    "ListMixin": "list",
    "GetMixin": "get",
    "GetWithoutIdMixin": "single",
    "CreateMixin": "create",
    "UpdateMixin": "update",
    "DeleteMixin": "delete",
    "SetMixin": "set",
}
_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def gitlab(package: Path) -> dict[str, Any]:
    """Managers with a path and what they can do, and the further actions of their objects."""
    paths: dict[str, dict[str, Any]] = {}
    for file in sorted((package / "v4" / "objects").glob("*.py")):
        classes = {n.name: n for n in ast.parse(file.read_text()).body if isinstance(n, ast.ClassDef)}
        for owner in classes.values():
            said = _assigned(owner)
            path = said.get("_path")
            if not isinstance(path, ast.Constant):
                continue
            thing = classes.get(getattr(said.get("_obj_cls"), "id", ""))
            found = [
                *_managed(owner, str(path.value), said, thing),
                *(_actions(thing, str(path.value)) if thing is not None else ()),
            ]
            for verb, where, operation in found:
                if verb == "post" and where.endswith("/repository/files"):
                    paths.setdefault(f"{where}/{{file_path}}", {})[verb] = _creating_a_file(operation)
                else:
                    paths.setdefault(where, {}).setdefault(verb, operation)
    return {"openapi": "3.0.0", "info": {"title": "GitLab"}, "paths": paths}


def _creating_a_file(operation: dict[str, Any]) -> dict[str, Any]:
    """The one thing that is created at a path of its own, which is not in the body then."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"].pop("file_path")
    schema["required"].remove("file_path")
    return operation | {"operationId": "create_repository_file"}


def _assigned(owner: ast.ClassDef) -> dict[str, ast.expr]:
    return {getattr(n.targets[0], "id", ""): n.value for n in owner.body if isinstance(n, ast.Assign)}


def _managed(
    owner: ast.ClassDef, path: str, said: dict[str, ast.expr], thing: ast.ClassDef | None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    bases = {
        getattr(b.value, "id", "") if isinstance(b, ast.Subscript) else getattr(b, "id", "")
        for b in owner.bases
    }
    can = {verb for base in bases for verb in _CRUD.get(base, "").split()}
    mark = said.get("_update_method")
    update = "patch" if isinstance(mark, ast.Attribute) and mark.attr == "PATCH" else "put"
    # A thing is named by `id`, or by the last part of a path where the class says another name.
    held = _assigned(thing).get("_id_attr") if thing is not None else None
    name = str(held.value) if isinstance(held, ast.Constant) and held.value else "id"
    own = "{" + (name if f"{{{name}}}" not in path else f"own_{name}") + "}"
    single = "single" in can or (isinstance(held, ast.Constant) and held.value is None)
    item = path if single else f"{path}/{own}"
    filters = [
        str(e.value) for e in getattr(said.get("_list_filters"), "elts", []) if isinstance(e, ast.Constant)
    ]
    listed = [*filters, "page", "per_page", "order_by", "sort", "search"]
    if "list" in can:
        query = [{"name": n, "in": "query", "schema": {"type": "string"}} for n in dict.fromkeys(listed)]
        yield "get", path, {"parameters": query}
    if "get" in can or "single" in can:
        yield "get", item, {}
    if "create" in can:
        yield "post", path, _with_body(said.get("_create_attrs"))
    if "update" in can:
        yield update, item, _with_body(said.get("_update_attrs") or said.get("_create_attrs"), update=True)
    if "set" in can:
        yield "put", item, _body(["value"], [])
    if "delete" in can:
        yield "delete", item, {}


def _with_body(said: ast.expr | None, *, update: bool = False) -> dict[str, Any]:
    words = {w.arg: w.value for w in said.keywords} if isinstance(said, ast.Call) else {}

    def names(word: str) -> list[str]:
        return [str(e.value) for e in getattr(words.get(word), "elts", []) if isinstance(e, ast.Constant)]

    required, rest = names("required"), [*names("optional"), *names("exclusive")]
    return _body([] if update else required, [*required, *rest] if update else rest)


def _body(required: list[str], optional: list[str]) -> dict[str, Any]:
    names = [*required, *optional]
    if not names:
        return {}
    schema = {"type": "object", "properties": {name: {} for name in names}, "required": required}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"content": content, "required": bool(required)}}


def _actions(thing: ast.ClassDef, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Methods that set `path = f"{self.manager.path}/{self.encoded_id}/merge"` and put to that path."""
    for method in thing.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        source = ast.unparse(method)
        below = re.search(r"\{self\.manager\.path\}/\{self\.encoded_id\}/([a-z_/]+)['\"]", source)
        verb = re.search(r"\.http_(get|post|put|delete)\(", source)
        if below and verb:
            fields = re.findall(r"\bdata\['(\w+)'\] =|\bdata(?:: [^=]+)? = \{'(\w+)'", source)
            found = [name for pair in fields for name in pair if name]
            operation = _body([], found) if verb[1] in {"post", "put"} else {}
            yield verb[1], f"{path}/{{id}}/{below[1].rstrip('/')}", operation


def telegram(package: Path) -> dict[str, Any]:
    """Methods of the bot that end in `_post("sendMessage", …)`, with what they take."""
    tree = ast.parse((package / "_bot.py").read_text())
    (bot,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Bot")
    paths: dict[str, dict[str, Any]] = {}
    for method in bot.body:
        if not isinstance(method, ast.AsyncFunctionDef) or method.name.startswith("_"):
            continue
        found = re.search(r"self\._(?:post|send_message)\(\s*'([a-z][A-Za-z]+)'", ast.unparse(method))
        if found is None:
            continue
        fields: dict[str, Any] = {}
        required = []
        given = method.args.args[1:]
        for at, argument in enumerate([*given, *method.args.kwonlyargs]):
            if argument.arg in _NOT_SENT:
                continue
            fields[argument.arg] = _kind(argument.annotation)
            if at < len(given) - len(method.args.defaults):
                required.append(argument.arg)
        schema = {"type": "object", "properties": fields, "required": required}
        content = {kind: {"schema": schema} for kind in (_FORM, "application/json")}
        body = {"requestBody": {"content": content, "required": True}} if fields else {}
        paths[f"/{found[1]}"] = {"post": {"operationId": found[1]} | body}
    return {"openapi": "3.0.0", "info": {"title": "Telegram"}, "paths": paths}


_NOT_SENT: Final = frozenset(
    """
    read_timeout write_timeout connect_timeout pool_timeout api_kwargs filename venue contact location
    """.split()  # noqa: SIM905 (a list of names reads better as text)
)
"""Arguments of the client's own."""


def _kind(annotation: ast.expr | None) -> dict[str, Any]:
    """Text, a number or a flag where that is all it may be; JSON stands in a form as text."""
    said = ast.unparse(annotation) if annotation is not None else ""
    names = [part.strip().strip("'\"") for part in said.split("|")]
    kinds = sorted({_TYPES[name] for name in names if name in _TYPES})
    others = [name for name in names if name not in _TYPES and name != "None"]
    if others or not kinds:
        return {}
    return {"type": kinds[0] if len(kinds) == 1 else kinds}
