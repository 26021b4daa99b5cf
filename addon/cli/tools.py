"""`tools`: what is loaded, of the catalogue and of the user's own files."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from wharfinger.cli.common import (
    WRONG,
    as_option,
    config_option,
    ending_where_refused,
    fail,
    json_option,
    print_json,
)
from wharfinger.cli.control import Here, approved_tools, control, here
from wharfinger.cli.people_keys import person_key
from wharfinger.control.protocol import ControlError
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.requests.spelling import DEFAULT_PORTS
from wharfinger.rules.tools.template import Text
from wharfinger.rules.tools.tool import Tool

_LIST = "see: wharfinger tools list --proposed"
_LISTED = 20
"""How many approved tools are listed."""
_AT_ONCE = 1_000
"""Tools that one command to the running proxy approves."""
_EFFECTS = {"read": "green", "write": "yellow", "destructive": "red"}


@click.group("tools")
def tools_command() -> None:
    """List and show the tools that are loaded; approve those that are proposed."""


@tools_command.command("list")
@click.argument("pattern", default="*")
@click.option("--effect", type=click.Choice(["read", "write", "destructive"]), help="Of this effect only.")
@click.option("--proposed", is_flag=True, help="Those that wait for approval only.")
@config_option
@json_option
def list_tools(
    config: Path | None, pattern: str, effect: str | None, *, proposed: bool, as_json: bool
) -> None:
    """The tools whose name matches PATTERN (all by default), by name."""
    place = here(config)
    tools = sorted(place.configuration.tools, key=lambda tool: tool.name)
    waiting = _waiting(place, tools)
    shown = [
        tool
        for tool in tools
        if fnmatchcase(tool.name, pattern)
        and effect in (None, str(tool.effect))
        and (tool.name in waiting or not proposed)
    ]
    if as_json:
        print_json([_summary(tool) | {"proposed": tool.name in waiting} for tool in shown])
        return
    out = Console(highlight=False, soft_wrap=True)
    width = max((len(tool.name) for tool in shown), default=0)
    methods = max((len(_methods(tool)) for tool in shown), default=0)
    for tool in shown:
        kind = str(tool.effect)
        own = "" if tool.builtin else f"  [dim]{escape(str(tool.position))}[/]"
        mark = "  [magenta]proposed[/]" if tool.name in waiting else ""
        line = f"{_methods(tool):<{methods}} {escape(_urls(tool)[0])}{mark}{own}"
        out.print(f"{tool.name:<{width}}  [{_EFFECTS[kind]}]{kind:<11}[/] {line}")
    if not tools:
        click.echo("no tools are loaded; name built-in files under `catalogue:` in wharfinger.yaml")
    elif not shown:
        click.echo(f'none of {len(tools)} tools matches "{pattern}"')


@tools_command.command("approve")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--file", "file", metavar="FILE", help="All of a tool file, like tools/acme.yaml.")
@config_option
@as_option
def approve_tools(config: Path | None, names: tuple[str, ...], file: str | None, person: str | None) -> None:
    """Let proposed tools be used as they are now. NAME may be a glob.

    A tool that changes is proposed again.
    """
    place = here(config)
    proposed = {tool.name: tool for tool in place.configuration.tools if tool.proposed}
    chosen = [
        tool
        for tool in proposed.values()
        if tool.position.file == file or any(fnmatchcase(tool.name, name) for name in names)
    ]
    for name in names:
        if not any(fnmatchcase(tool.name, name) for tool in chosen):
            fail(f'there is no proposed tool "{name}"', did_you_mean(name, proposed) or _LIST, WRONG)
    if not chosen:
        fail(f'there is no proposed tool in "{file}"' if file else "name the tools to approve", _LIST, WRONG)
    digests = {tool.name: tool.digest for tool in sorted(chosen, key=lambda tool: tool.name)}
    _approve(place, digests, person)
    for tool in chosen[:_LISTED]:
        click.echo(f"{tool.name}  {tool.effect}  {_methods(tool)} {_urls(tool)[0]}")
    click.echo(f"{len(chosen)} approved")


def _approve(place: Here, digests: dict[str, str], person: str | None) -> None:
    key, names = person_key(person), list(digests)
    with control(place) as at, ending_where_refused():
        for start in range(0, len(names), _AT_ONCE):
            some = {name: digests[name] for name in names[start : start + _AT_ONCE]}
            at.do("tools.approve", {"tools": some}, key)


@tools_command.command("withdraw")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@config_option
@as_option
def withdraw_tools(config: Path | None, names: tuple[str, ...], person: str | None) -> None:
    """Take approvals back: the tools are proposed again."""
    place = here(config)
    with control(place) as at, ending_where_refused():
        at.do("tools.withdraw", {"tools": list(names)}, person_key(person))
    click.echo(f"withdrawn: {', '.join(names)}")


def _waiting(place: Here, tools: list[Tool]) -> set[str]:
    """The names of proposed tools that nobody has approved as they are now."""
    try:
        approved = approved_tools(place)
    except ControlError as error:
        fail(error.message, error.hint)
    return {tool.name for tool in tools if tool.proposed and tool.digest not in approved}


@tools_command.command("show")
@click.argument("name")
@config_option
@json_option
def show_tool(config: Path | None, name: str, *, as_json: bool) -> None:
    """One tool whole: its request, its inputs, its credential."""
    place = here(config)
    tools = place.configuration.tools
    tool = tools.get(name)
    if tool is None:
        hint = did_you_mean(name, tools.tools) or "see: wharfinger tools list"
        fail(f'there is no tool "{name}"', hint, WRONG)
    waits = bool(_waiting(place, [tool]))
    if as_json:
        print_json(_whole(tool) | {"proposed": waits})
        return
    out = Console(highlight=False, soft_wrap=True)
    for label, value in _lines(tool):
        out.print(f"{label:<12} {escape(value)}")
    if tool.proposed:
        text = f"not before: wharfinger tools approve {tool.name}" if waits else "approved as it is now"
        out.print(f"{'proposed':<12} {escape(text)}")


def _lines(tool: Tool) -> Iterator[tuple[str, str]]:
    yield "tool", tool.name
    if tool.description:
        yield "", tool.description
    yield "effect", str(tool.effect)
    for url in _urls(tool):
        yield "request", f"{_methods(tool)} {url}"
    for constant in tool.constants:
        yield "where", constant
    body = "not read" if tool.media is None else tool.encoding if tool.body is not None else "none declared"
    yield "body", body
    yield "extra", "allowed" if tool.extra else "refused"
    for item in tool.inputs.values():
        marks = [item.kind, *(() if item.required else ("optional",))]
        if item.name in tool.sensitive:
            marks.append("sensitive")
        yield "input", f"{item.name} ({', '.join(marks)})"
    yield from ((name, value) for name, value in _login(tool))
    if tool.reason:
        yield "reason", f"may be read from the input {tool.reason}"
    for path in tool.redact:
        yield "redact", path
    yield "declared", "built in" if tool.builtin else str(tool.position)
    yield "digest", tool.digest


def _login(tool: Tool) -> Iterator[tuple[str, str]]:
    for placed in tool.placements:
        optional = ", may be left out" if tool.auth_optional else ""
        yield "credential", f"{placed.credential} in {placed.place} {placed.name}{optional}"
    if tool.auth_own:
        yield "credential", "the agent's own login passes"


def _methods(tool: Tool) -> str:
    return "|".join(tool.methods)


def _urls(tool: Tool) -> list[str]:
    path = "".join(f"/{_spelled(segment)}" for segment in tool.path.segments)
    urls = []
    for endpoint in tool.endpoints:
        host = ".".join(_spelled(label) for label in endpoint.labels)
        port = "" if endpoint.port == DEFAULT_PORTS[endpoint.scheme] else f":{endpoint.port}"
        urls.append(f"{endpoint.scheme}://{host}{port}{path}")
    return urls


def _spelled(text: Text) -> str:
    """A template as it is written in a tool file."""
    return "".join(
        part
        if isinstance(part, str)
        else f"${{{part.name}{'...' if part.rest else ':encoded' if part.encoded else ''}}}"
        for part in text.parts
    )


def _summary(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "api": tool.api,
        "description": tool.description,
        "effect": str(tool.effect),
        "methods": list(tool.methods),
        "urls": _urls(tool),
        "builtin": tool.builtin,
        "declared": str(tool.position),
    }


def _whole(tool: Tool) -> dict[str, Any]:
    inputs = {
        item.name: {
            "type": item.kind,
            "required": item.required,
            "sensitive": item.name in tool.sensitive,
        }
        for item in tool.inputs.values()
    }
    return _summary(tool) | {
        "inputs": inputs,
        "encoding": tool.encoding,
        "body_read": tool.media is not None,
        "extra": tool.extra,
        "credentials": [
            {"name": placed.credential, "place": str(placed.place), "field": placed.name}
            for placed in tool.placements
        ],
        "own_login": tool.auth_own,
        "credential_optional": tool.auth_optional,
        "reason": tool.reason,
        "redact": list(tool.redact),
        "digest": tool.digest,
    }
