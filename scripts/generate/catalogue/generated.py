"""Python clients made by OpenAPI Generator and its like (datadog, hubspot), read as an OpenAPI document.

Nothing is imported or run: the sources are parsed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "string",
    "date": "string",
    "UUID": "string",
    "list": "array",
    "dict": "object",
    "object": "",
    "file": "string",
}


def datadog(package: Path) -> dict[str, Any]:
    """Endpoints that are declared as `_Endpoint(settings={…}, params_map={…})`."""
    models = {
        (version, name): fields
        for version in ("v1", "v2")
        for name, fields in _datadog_models(package / version / "model")
    }
    paths: dict[str, dict[str, Any]] = {}
    for version in ("v1", "v2"):
        for file in sorted((package / version / "api").glob("*_api.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_Endpoint":
                    words = {word.arg: word.value for word in node.keywords}
                    settings = _mapping(words["settings"])
                    path = str(_constant(settings["endpoint_path"]))
                    verb = str(_constant(settings["http_method"])).lower()
                    paths.setdefault(path, {})[verb] = _datadog_operation(version, settings, words, models)
    return {"openapi": "3.0.0", "info": {"title": "Datadog"}, "paths": paths}


def _datadog_operation(
    version: str,
    settings: Mapping[str, ast.expr],
    words: Mapping[str | None, ast.expr],
    models: Mapping[tuple[str, str], dict[str, Any]],
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": _constant(settings["operation_id"]), "parameters": []}
    for declared in _mapping(words["params_map"]).values():
        about = _mapping(declared)
        kind = _python_type(about["openapi_types"])
        required = "required" in about
        where = str(_constant(about["location"]))
        if where == "body":
            schema = models.get((version, kind), {"type": _TYPES[kind]} if _TYPES.get(kind) else {})
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"content": content, "required": required}
        elif where in {"path", "query", "header"}:
            schema = {"type": _TYPES.get(kind) or "string"}
            parameter = {"name": str(_constant(about["attribute"])), "in": where, "schema": schema}
            if about.get("collection_format") is not None:
                parameter["explode"] = _constant(about["collection_format"]) == "multi"
            operation["parameters"].append(parameter | {"required": required or where == "path"})
    operation["parameters"] = _in_one_shape(operation["parameters"])
    return operation


def _in_one_shape(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those whose name stands both alone and with brackets: no template can hold `a` and `a[b]`."""
    names = [parameter["name"] for parameter in parameters]
    return [p for p in parameters if not any(n != p["name"] and n.startswith(f"{p['name']}[") for n in names)]


def _datadog_models(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.py")):
        for owner in ast.parse(file.read_text()).body:
            if not isinstance(owner, ast.ClassDef):
                continue
            types = wire = None
            required: list[str] = []
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and node.name == "openapi_types":
                    types = next((n.value for n in ast.walk(node) if isinstance(n, ast.Return)), None)
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "attribute_map":
                    wire = node.value
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    given = node.args.args[1:]
                    required = [a.arg for a in given[: len(given) - len(node.args.defaults)]]
            if isinstance(types, ast.Dict) and wire is not None:
                yield owner.name, _object(_mapping(types), _mapping(wire), required)


def hubspot(package: Path) -> dict[str, Any]:
    """Methods `…_with_http_info` that end in `call_api("/path", "VERB", …)`."""
    paths: dict[str, dict[str, Any]] = {}
    for file in sorted(package.rglob("api/*_api.py")):
        models = dict(_hubspot_models(file.parents[1] / "models"))
        area = ".".join(file.relative_to(package).parts[:-2])
        for owner in ast.parse(file.read_text()).body:
            for method in owner.body if isinstance(owner, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and method.name.endswith("_with_http_info"):
                    for path, verb, operation in _hubspot_operation(area, method, models):
                        paths.setdefault(path, {})[verb] = operation
    return {"openapi": "3.0.0", "info": {"title": "HubSpot"}, "paths": paths}


def _hubspot_operation(
    area: str, method: ast.FunctionDef, models: Mapping[str, dict[str, Any]]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    said = dict(re.findall(r":type (\w+): ([\w\[\], .]+?)(?:, optional)?\n", ast.get_docstring(method) or ""))
    needed = {a.arg for a in method.args.args[1:]}
    parameters: list[dict[str, Any]] = []
    body: dict[str, Any] | None = None
    for node in ast.walk(method):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == "path_params":
            parameters.append(_parameter(str(_constant(target.slice)), "path", "str", True))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "query_params.append":
            name, value = node.args[0].elts  # type: ignore[attr-defined]
            local = str(_constant(value.slice)) if isinstance(value, ast.Subscript) else ""
            parameters.append(
                _parameter(str(_constant(name)), "query", said.get(local, "str"), local in needed)
            )
        taken = node.value if isinstance(node, ast.Assign) else None
        if isinstance(taken, ast.Subscript) and getattr(target, "id", "") == "body_params":
            local = str(_constant(taken.slice))
            schema = models.get(said.get(local, ""), {})
            body = {"content": {"application/json": {"schema": schema}}, "required": local in needed}
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.api_client.call_api":
            path, verb = str(_constant(node.args[0])), str(_constant(node.args[1])).lower()
    operation: dict[str, Any] = {
        "operationId": f"{area}.{method.name.removesuffix('_with_http_info')}",
        "parameters": parameters,
    }
    if body is not None:
        operation["requestBody"] = body
    yield path, verb, operation


def _hubspot_models(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.py")):
        for owner in ast.parse(file.read_text()).body:
            held = {
                getattr(node.targets[0], "id", ""): node.value
                for node in (owner.body if isinstance(owner, ast.ClassDef) else ())
                if isinstance(node, ast.Assign)
            }
            if isinstance(owner, ast.ClassDef) and {"openapi_types", "attribute_map"} <= held.keys():
                yield (
                    owner.name,
                    _object(_mapping(held["openapi_types"]), _mapping(held["attribute_map"]), []),
                )


def _parameter(name: str, where: str, kind: str, required: bool) -> dict[str, Any]:
    schema = {"type": _TYPES.get(kind.split("[", maxsplit=1)[0].strip()) or "string"}
    return {"name": name, "in": where, "required": required, "schema": schema}


def _object(
    types: Mapping[str, ast.expr], wire: Mapping[str, ast.expr], required: list[str]
) -> dict[str, Any]:
    properties = {}
    for name, node in types.items():
        kind = _TYPES.get(_python_type(node), "")
        properties[str(_constant(wire.get(name)) or name)] = {"type": kind} if kind else {}
    names = [str(_constant(wire[name])) for name in required if name in wire]
    return {"type": "object", "properties": properties, "required": names}


def _python_type(node: ast.expr) -> str:
    """`(Monitor,)`, `([str],)`, `"list[str]"` as the name of one type."""
    if isinstance(node, ast.Tuple):
        return _python_type(node.elts[0]) if node.elts else "object"
    if isinstance(node, ast.List):
        return "list"
    if isinstance(node, ast.Dict):
        return "dict"
    if isinstance(node, ast.Constant):
        return str(node.value).split("[")[0]
    return getattr(node, "id", "") or getattr(node, "attr", "object")


def _mapping(node: ast.expr) -> dict[str, ast.expr]:
    if not isinstance(node, ast.Dict):
        return {}
    return {str(_constant(k)): v for k, v in zip(node.keys, node.values, strict=True) if k is not None}


def _constant(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None
