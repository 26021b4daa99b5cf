"""Servers of MCP: each tool of theirs becomes one of ours, a `tools/call` by JSON-RPC.

What a server says of its own tools (`readOnlyHint`) is a claim: it may make an effect stricter, not looser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from wharfinger.importing import effects, naming
from wharfinger.importing.assembling import Header, assemble
from wharfinger.importing.operations import Imported, ImportFault, Operation, Options, Phrase, Plain, Template
from wharfinger.importing.schemas import Schemas, short
from wharfinger.rules.types import Effect

PASSED: Final = ("Last-Event-ID", "Mcp-Protocol-Version", "Mcp-Session-Id")
_SESSION: Final = (
    "initialize",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "ping",
)
_LISTING: Final = (
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "tools/list",
)
"""Methods of the protocol that every client uses."""


def convert(listing: Mapping[str, Any], options: Options) -> Imported:
    """The result of `tools/list` as a tool file; `options.base` says the URL. Raises `ImportFault`."""
    result = listing.get("result", listing)
    tools = result.get("tools") if isinstance(result, Mapping) else None
    if not isinstance(tools, list):
        raise ImportFault('this is no result of "tools/list"', 'it has no list "tools"')
    if len(options.base) != 1:
        raise ImportFault("the list does not say at which URL the server is", "say it: --base https://…/mcp")
    parts = urlsplit(options.base[0])
    auth = {"secret": options.credential} if options.auth is None else dict(options.auth)
    header = Header(
        title=options.title or options.api.title(),
        base=(f"{parts.scheme}://{parts.netloc}",),
        auth=auth,
        passed=PASSED,
    )
    url = parts.path or "/"
    return assemble(header, [*_calls(tools, url), *_protocol(url)], options)


def _calls(tools: list[Any], url: str) -> Iterator[Operation]:
    seen: set[str] = set()
    for tool in tools:
        name = tool.get("name") if isinstance(tool, Mapping) else None
        if not isinstance(name, str) or not name or "${" in name or name in seen:
            continue
        seen.add(name)
        yield Operation(
            key=f"tools/call {name}",
            phrase=naming.of_name(name),
            effect=_effect(name, tool.get("annotations")),
            template=partial(_template, name, tool.get("inputSchema"), url),
            aliases=(name,),
        )


def _effect(name: str, claimed: Any) -> Effect:
    effect = effects.of_verb(name)
    if not isinstance(claimed, Mapping):
        return effect
    if claimed.get("destructiveHint") is True and claimed.get("readOnlyHint") is not True:
        return Effect.DESTRUCTIVE
    return effects.stricter(effect, Effect.WRITE) if claimed.get("readOnlyHint") is False else effect


def _template(name: str, schema: Any, url: str) -> Template:
    schemas = Schemas(schema if isinstance(schema, Mapping) else {})
    body = schemas.body(schema)
    inputs: Plain = {}
    arguments: Plain = {}
    notes = []
    for field in sorted(body.fields if body else (), key=lambda one: (one not in _needed(body), one)):
        variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in field)
        if variable[:1].isdigit() or not variable or variable in inputs or "${" in field:
            notes.append(f'the argument "{field}" cannot be an input')
            continue
        spec = schemas.spec(body.fields[field] if body else {}, field, textual=False)
        inputs[variable] = short(spec, required=field in _needed(body))
        arguments[field] = f"${{{variable}}}"
    params: Plain = {"name": name} | ({"arguments": arguments} if arguments else {})
    run = {"type": "jsonrpc", "url": url, "method": "tools/call", "params": params}
    return Template(run, inputs, tuple(notes))


def _needed(body: Any) -> frozenset[str]:
    return body.required if body is not None else frozenset()


def _protocol(url: str) -> Iterator[Operation]:
    """What a client does beside calling tools."""
    rpc: Plain = {"type": "jsonrpc", "url": url}
    said: tuple[tuple[str, Phrase, Effect, Plain], ...] = (
        ("session", Phrase("open", ("session",)), Effect.READ, rpc | {"method": list(_SESSION)}),
        (
            "listing",
            Phrase("list", ("tools", "offered_tools")),
            Effect.READ,
            rpc | {"method": list(_LISTING)},
        ),
        ("stream", Phrase("open", ("stream",)), Effect.READ, {"method": "GET", "url": url}),
        ("end", Phrase("end", ("session",)), Effect.WRITE, {"method": "DELETE", "url": url}),
    )
    for key, phrase, effect, run in said:
        made = partial(Template, run | ({"extra": "allow"} if "type" in run else {}), {})
        yield Operation(key=f"protocol {key}", phrase=phrase, effect=effect, template=made)
