"""From an entry of apis.yaml to its tools: find the document, read it, import it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import generated
import handmade
import outlines
import stainless
import typescript
from apis import Api
from joining import tools_of
from wharfinger.importing import (
    aws,
    comparing,
    discovery,
    effects,
    graphql,
    naming,
    openapi,
    reading,
    words,
)
from wharfinger.importing.operations import Imported, Options, Report
from wharfinger.rules.types import Effect

OUTLINES = Path(__file__).resolve().parent / "outlines"


def imported(api: Api, specs: Path, hand: str, before: str) -> tuple[Imported, str]:
    """The tools of an API that are not written by hand, and where they come from."""
    held = tools_of(hand)
    old = tools_of(before)
    options = Options(
        api=api.name,
        title=api.title,
        base=api.base or tuple(_listed(held.get("base"))),
        only=api.only,
        skip=api.skip,
        parameters=api.kind == "aws",
        secret=str(_first(api.auth).get("secret", "")),
        auth={}
        if api.auth and not _is_plain(api.auth)
        else api.auth
        if api.auth is not None
        else held.get("auth"),
        effects=api.effects or {},
        forms=api.forms or {},
        names=comparing.names(old) if old else {},
        approved=True,
    )
    result = READERS[api.kind](api, specs, options)
    return _without(result, held, api), _source(api, specs)


def _is_plain(auth: dict[str, Any] | list[dict[str, Any]]) -> bool:
    """Whether one credential stands in the head of every request, so that a document can be read with it."""
    return isinstance(auth, dict) and auth.get("in", "header") in {"header", "basic", "query"}


def _first(auth: dict[str, Any] | list[dict[str, Any]] | None) -> dict[str, Any]:
    """The first place of a credential; an empty one where there is none."""
    return (auth[0] if isinstance(auth, list) else auth) or {}


def _without(result: Imported, held: Mapping[str, Any], api: Api) -> Imported:
    """Without the tools that match what a hand-written one matches, or that have the name of one."""
    tools = held.get("tools", [])
    _rename(result.file["tools"], api)
    names = {tool["tool"] for tool in tools}
    places = {place for tool in tools for place in _places(tool)}
    kept = [
        tool for tool in result.file["tools"] if tool["tool"] not in names and not places & set(_places(tool))
    ]
    for tool in kept:
        if "optional" in tool["run"].get("auth", {}) and not _first(api.auth).get("optional"):
            del tool["run"]["auth"]  # the document says that none is needed; the API answers otherwise
        _leave_out(tool, api.without)
        _spare(tool, api.spare)
        _take_headers(tool, api.acting)
        _loosen(tool, api.texts)
        if api.unread and "body" not in tool["run"] and tool["run"]["method"] in {"PUT", "POST"}:
            tool["run"] |= {"encoding": "any", "extra": tool["run"].pop("extra")}
        if any(fnmatchcase(tool["tool"], glob) for glob in api.extra):
            tool["run"]["extra"] = "allow"
    kept = _shortest(kept, api)
    for tool in kept if api.prefix else ():
        _put_below(tool, api.prefix, _first(api.auth).get("name"))
    head = {key: value for key, value in result.file.items() if key != "tools"}
    if api.auth and not _is_plain(api.auth):
        head["auth"] = api.auth
    file = head | {"tools": kept}
    return Imported(file, Report(len(kept), result.report.dropped, result.report.notes))


def _rename(tools: list[dict[str, Any]], api: Api) -> None:
    """Give tools the names that apis.yaml says, and descriptions to match."""
    for tool in tools:
        name = f"{api.name}_{(api.rename or {}).get(tool['tool'].removeprefix(f'{api.name}_'), '')}"
        said = [f"{api.name}_{new}" for new in (api.rename or {}).values()]
        if name in said or tool["tool"] in said:
            tool["tool"] = name if name in said else tool["tool"]
            tool["description"] = _described(tool["tool"], api)


def _take_headers(tool: dict[str, Any], names: tuple[str, ...]) -> None:
    """Add the headers that change what a call does as inputs of the tool."""
    for name in names:
        variable = name.lower().replace("-", "_")
        while variable in tool.get("input", {}):
            variable = f"header_{variable}"
        held = tool.get("input", {}) | {variable: {"type": "string", "required": False}}
        run = tool["run"]
        headers = run.get("headers", {}) | {name: f"${{{variable}}}"}
        first = {key: run[key] for key in ("type", "method", "url", "query") if key in run}
        rest = {key: value for key, value in run.items() if key not in first and key != "headers"}
        ordered = {key: tool[key] for key in ("tool", "description", "effect") if key in tool}
        tool |= {"run": first | {"headers": headers} | rest}
        items = ordered | {"input": held} | {k: v for k, v in tool.items() if k not in {*ordered, "input"}}
        tool.clear()
        tool |= items


def _spare(tool: dict[str, Any], names: tuple[str, ...]) -> None:
    """Say of inputs that they may be left out."""
    for name in names:
        held = tool.get("input", {}).get(name)
        if held is not None:
            tool["input"][name] = (held if isinstance(held, dict) else {"type": held}) | {"required": False}


def _leave_out(tool: dict[str, Any], names: tuple[str, ...]) -> None:
    """Take inputs out that no client needs, and that would be a credential of the agent's own."""
    for name in names:
        if tool.get("input", {}).pop(name, None) is None:
            continue
        for place in ("query", "body"):
            kept = {key: text for key, text in tool["run"].get(place, {}).items() if text != f"${{{name}}}"}
            if place in tool["run"] and kept:
                tool["run"][place] = kept
            elif tool["run"].pop(place, None) is not None and place == "body":
                tool["run"].pop("encoding", None)
        if not tool["input"]:
            del tool["input"]


def _put_below(tool: dict[str, Any], prefix: str, credential: str | None) -> None:
    """Put the tool's path below a prefix, whose variables are inputs of every tool, or its credential."""
    tool["run"]["url"] = f"{prefix}{tool['run']['url']}"
    names = re.findall(r"\$\{(\w+)\}", prefix)
    inputs = {name: "string" for name in names if name != credential} | tool.get("input", {})
    ordered = {key: tool[key] for key in ("tool", "description", "effect")} | (
        {"input": inputs} if inputs else {}
    )
    rest = {key: value for key, value in tool.items() if key not in ordered}
    tool.clear()
    tool |= ordered | rest


def _loosen(tool: dict[str, Any], names: tuple[str, ...]) -> None:
    """Take inputs for any text that clients write in a way of their own."""
    for name in names:
        held = tool.get("input", {}).get(name)
        if isinstance(held, dict):
            tool["input"][name] = {"type": "string", "required": held.get("required", True)}
        elif held is not None:
            tool["input"][name] = "string"


def _shortest(tools: list[dict[str, Any]], api: Api) -> list[dict[str, Any]]:
    """The tools with the shortest paths, as many as are wanted, in the order in which they stood."""
    if api.most is None:
        return tools
    forced = [t for t in tools if any(fnmatchcase(t["tool"], glob) for glob in api.keep)]
    rest = [tool for tool in tools if tool not in forced]
    rest.sort(key=lambda tool: (tool["run"]["url"].count("/"), tool["run"]["url"], tool["tool"]))
    names = {tool["tool"] for tool in [*forced, *rest[: max(api.most - len(forced), 0)]]}
    return [tool for tool in tools if tool["tool"] in names]


def _places(tool: dict[str, Any]) -> list[str]:
    """Method and path, whatever the variables are called."""
    methods = _listed(tool["run"].get("method", ""))
    run = {key: value for key, value in tool["run"].items() if key in {"url", "type", "field", "operation"}}
    return [comparing.place({"method": method, **run}) for method in methods]


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _source(api: Api, specs: Path) -> str:
    if not api.package:
        return f"scripts/generate/catalogue/outlines/{api.file}"
    folder = api.folder(specs)
    if api.registry == "npm":
        version = json.loads((folder / api.package / "package.json").read_text())["version"]
    else:
        plain = api.package.replace("-", "_").lower()
        (info,) = [p for p in folder.glob("*.dist-info") if p.name.lower().startswith(f"{plain}-")]
        version = PathDistribution(info).version
    where = f" ({api.file})" if api.file else ""
    return f"{api.package} {version}{where}"


# Readers


def _openapi(api: Api, specs: Path, options: Options) -> Imported:
    text = (api.folder(specs) / api.package / api.file).read_bytes()
    return _converted(reading.document(text, api.file), api, options)


def _stainless(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(stainless.document(api.folder(specs) / api.package.replace("-", "_")), api, options)


def _datadog(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(generated.datadog(api.folder(specs) / "datadog_api_client"), api, options)


def _hubspot(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(generated.hubspot(api.folder(specs) / "hubspot"), api, options)


def _sentry(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(typescript.sentry(api.folder(specs) / api.package / api.file), api, options)


def _aws(api: Api, specs: Path, options: Options) -> Imported:
    """The newest model of a service; its files are in folders by date."""
    folder = api.folder(specs) / "botocore" / "data" / api.file
    newest = max(folder.glob("*/service-2.json.gz"))
    model = json.loads(gzip.decompress(newest.read_bytes()))
    return aws.convert(_in_the_host(model) if "${Bucket}" in options.base[0] else model, options)


def _in_the_host(model: dict[str, Any]) -> dict[str, Any]:
    """The model of S3 with the bucket in the host, where its operations have it in the path."""
    operations = {}
    for name, operation in model["operations"].items():
        uri = operation["http"]["requestUri"]
        if uri.startswith("/{Bucket}"):
            uri = "/" + uri.removeprefix("/{Bucket}").removeprefix("/")
            operations[name] = operation | {"http": operation["http"] | {"requestUri": uri}}
    shapes = {
        name: shape | {"members": {k: v for k, v in shape.get("members", {}).items() if k != "Bucket"}}
        if shape["type"] == "structure" and name.endswith("Request")
        else shape
        for name, shape in model["shapes"].items()
    }
    return model | {"operations": operations, "shapes": shapes}


def _discovery(api: Api, specs: Path, options: Options) -> Imported:
    folder = api.folder(specs) / "googleapiclient" / "discovery_cache" / "documents"
    return discovery.convert(json.loads((folder / f"{api.file}.json").read_bytes()), options)


def _gitlab(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(handmade.gitlab(api.folder(specs) / "gitlab"), api, options)


def _telegram(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(handmade.telegram(api.folder(specs) / "telegram"), api, options)


def _outline(api: Api, specs: Path, options: Options) -> Imported:
    """The names of an outline are those of its tools."""
    document = outlines.document(OUTLINES / api.file)
    said = {
        comparing.place({"method": method.upper(), "url": path.replace("{", "${")}): operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    names = {place: f"{api.name}_{name}" for place, name in said.items()}
    result = _converted(document, api, replace(options, names=names))
    for tool in result.file["tools"]:
        tool["description"] = _described(tool["tool"], api)
    return result


def _described(name: str, api: Api) -> str:
    phrase = naming.of_name(name.removeprefix(f"{api.name}_"))
    return naming.describe(phrase, phrase.objects[0])


def _graphql(api: Api, specs: Path, options: Options) -> Imported:
    return graphql.convert((api.folder(specs) / api.package / api.file).read_text(), options)


def _vercel(api: Api, specs: Path, options: Options) -> Imported:
    return _converted(typescript.vercel(api.folder(specs) / api.package), api, options)


def _linear(api: Api, specs: Path, options: Options) -> Imported:
    (types,) = (api.folder(specs) / api.package).glob(api.file)  # a part of its name is a hash
    return graphql.convert(typescript.linear(types), options)


def _converted(document: Mapping[str, Any], api: Api, options: Options) -> Imported:
    """The document's tools, of those paths that are wanted."""
    paths = document["paths"]
    if api.paths:
        paths = {p: item for p, item in paths.items() if any(fnmatchcase(p, glob) for glob in api.paths)}
    # Microsoft Graph takes the names of functions without the name space that its document gives them.
    document = {**document, "paths": {p.replace("/microsoft.graph.", "/"): item for p, item in paths.items()}}
    if api.posts:
        said = openapi.convert(document, options).file["tools"]
        places = [comparing.place(tool["run"] | {"method": "POST"}) for tool in said]
        names = {place: tool["tool"] for place, tool in zip(places, said, strict=True)} | dict(options.names)
        by_name = {names[place]: tool for place, tool in zip(places, said, strict=True)}
        told = dict(options.effects) | {name: _by_verb(tool) for name, tool in by_name.items()}
        result = openapi.convert(_posted(document), replace(options, effects=told, names=names))
        for tool in result.file["tools"]:
            if tool["tool"] in by_name:
                tool["description"] = by_name[tool["tool"]]["description"]
        return result
    return openapi.convert(document, options)


def _by_verb(tool: dict[str, Any]) -> str:
    """The effect, where the method in the document says nothing: by the verb in the path, if there is one."""
    name = tool["run"]["url"].rpartition("/")[2]
    at = words.verb_at(words.split(name))
    read = at is None or words.split(name)[at] not in words.WRITING | words.DESTROYING
    return str(tool["effect"] if read else effects.stricter(Effect(tool["effect"]), effects.of_verb(name)))


def _posted(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same API with every GET as a POST of a form: so do its clients send it."""
    form = "application/x-www-form-urlencoded"
    paths: dict[str, Any] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "get":
                paths.setdefault(path, {})[method] = operation
                continue
            fields = [p for p in operation.get("parameters", []) if p.get("in") == "query"]
            rest = [p for p in operation.get("parameters", []) if p.get("in") != "query"]
            schema = {
                "type": "object",
                "properties": {p["name"]: p.get("schema", {}) for p in fields},
                "required": [p["name"] for p in fields if p.get("required")],
            }
            body = {"requestBody": {"content": {form: {"schema": schema}}}} if fields else {}
            paths.setdefault(path, {})["post"] = operation | {"parameters": rest} | body
    return {**document, "paths": paths}


READERS: dict[str, Callable[[Api, Path, Options], Imported]] = {
    "openapi": _openapi,
    "stainless": _stainless,
    "datadog": _datadog,
    "hubspot": _hubspot,
    "sentry": _sentry,
    "gitlab": _gitlab,
    "telegram": _telegram,
    "graphql": _graphql,
    "linear": _linear,
    "vercel": _vercel,
    "aws": _aws,
    "discovery": _discovery,
    "outline": _outline,
}
