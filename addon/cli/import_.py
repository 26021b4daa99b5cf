"""`import`: make a tool file of what a vendor publishes about its API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from wharfinger.cli import fetching
from wharfinger.cli.common import REFUSED, WRONG, fail, json_option, print_json
from wharfinger.importing import aws, comparing, discovery, har, openapi, reading, sources, writing
from wharfinger.importing.comparing import Difference
from wharfinger.importing.operations import Imported, Options, Plain
from wharfinger.rules.documents import reading as documents
from wharfinger.rules.documents.problems import Problems
from wharfinger.rules.documents.reading import Source
from wharfinger.rules.models.base import plain
from wharfinger.rules.models.reading import validated
from wharfinger.rules.models.tools import ToolFile

_SHOWN = 20
"""How many of what was left out are listed, where all are not asked for."""
_OPTIONS = (
    click.option("--api", metavar="NAME", help="The API's name; names of tools begin with it."),
    click.option("--title", metavar="TEXT", default="", help="The API's name for people."),
    click.option(
        "--base", metavar="URL", multiple=True, help="Where the API is, in place of what the document says."
    ),
    click.option(
        "--only",
        metavar="GLOB",
        multiple=True,
        help="What to take: a glob of \"METHOD /path\", a path, an operation's id or a tool's name.",
    ),
    click.option("--skip", metavar="GLOB", multiple=True, help="What not to take."),
    click.option("--max", "limit", type=click.IntRange(1), metavar="N", help="Take so many at most."),
    click.option("--secret", metavar="NAME", default="", help="The credential's name."),
    click.option("--param", is_flag=True, help="Make parameters of variables in the host."),
    click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write."),
    click.option("--replace", is_flag=True, help="Write over the file that is there."),
    click.option(
        "--check",
        "--diff",
        "check",
        is_flag=True,
        help="Write nothing; say what would change in --out, exit code 1 if anything.",
    ),
)


def _common[F: Callable[..., Any]](command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return json_option(command)


@click.group("import")
def import_command() -> None:
    """Make a tool file of an API's description.

    What is imported is `proposed`: it cannot be used until a person has approved it.
    """


@import_command.command("openapi")
@click.argument("source", metavar="FILE|URL")
@_common
def openapi_command(source: str, **given: Any) -> None:
    """An OpenAPI document: Swagger 2.0, OpenAPI 3.0 or 3.1, as JSON or YAML."""
    document = reading.document(fetching.content(source), source)
    info = document.get("info")
    title = str(info.get("title", "")) if isinstance(info, dict) else ""
    _finish(lambda options: openapi.convert(document, options), title or Path(source).stem, given)


@import_command.command("aws")
@click.argument("service")
@_common
def aws_command(service: str, **given: Any) -> None:
    """A service of AWS, from the model that botocore has of it; FILE.json names another."""
    path = Path(service) if service.endswith((".json", ".json.gz")) else sources.aws(service)
    model = reading.document(fetching.content(str(path)), str(path))
    _finish(lambda options: aws.convert(model, options), service.partition(".")[0], given)


@import_command.command("discovery")
@click.argument("source", metavar="FILE|URL|NAME")
@_common
def discovery_command(source: str, **given: Any) -> None:
    """An API of Google, from a discovery document; NAME (`gmail`) is looked up in Google's client library."""
    is_file = fetching.is_url(source) or source.endswith(".json")
    where = source if is_file else str(sources.discovery(source))
    document = reading.document(fetching.content(where), where)
    _finish(lambda options: discovery.convert(document, options), str(document.get("name", "")), given)


@import_command.command("graphql")
@click.argument("source", metavar="SCHEMA")
@_common
def graphql_command(source: str, **given: Any) -> None:
    """A GraphQL schema: SDL, or the JSON that introspection answers. --base says where the API is."""
    from wharfinger.importing import graphql

    data = fetching.content(source)
    schema: Any = data.decode("utf-8", "replace")
    if data.lstrip()[:1] == b"{":
        schema = reading.document(data, source)
    _finish(lambda options: graphql.convert(schema, options), Path(source).stem, given)


@import_command.command("mcp")
@click.argument("source", metavar="URL|FILE|COMMAND", nargs=-1, required=True)
@_common
def mcp_command(source: tuple[str, ...], **given: Any) -> None:
    """A server of MCP: by its URL, by a COMMAND that starts it, or a FILE with the result of tools/list.

    Write a COMMAND after `--`. --base says at which URL agents reach the server.
    """
    from wharfinger.cli import mcp_listing
    from wharfinger.importing import mcp

    first = source[0]
    listing: Mapping[str, Any]
    if len(source) == 1 and fetching.is_url(first):
        listing = mcp_listing.of_url(first)
        given["base"] = given["base"] or (first,)
    elif len(source) == 1 and first.endswith(".json"):
        listing = reading.document(fetching.content(first), first)
    else:
        listing = mcp_listing.of_command(source)
    _finish(lambda options: mcp.convert(listing, options), Path(first).stem, given)


@import_command.command("har")
@click.argument("source", metavar="FILE")
@_common
def har_command(source: str, **given: Any) -> None:
    """Requests that a browser recorded, to one host; of their values nothing is taken."""
    recorded = reading.document(fetching.content(source), source)
    _finish(lambda options: har.convert(recorded, options), Path(source).stem, given)


# What all formats share


def _finish(convert: Callable[[Options], Imported], named: str, given: dict[str, Any]) -> None:
    """Convert, then compare, write or print, as the options say."""
    out: Path | None = given["out"]
    old = _written(out)
    if given["check"] and old is None:
        fail("--check compares with a file that is there", "name it: --out FILE", WRONG)
    imported = convert(_options(named, old, given))
    difference = comparing.compare(old, imported.file) if old is not None else None
    if given["as_json"]:
        print_json(_summary(imported, difference))
    else:
        _tell(imported, difference)
    if given["check"]:
        raise SystemExit(REFUSED if difference else 0)
    if out is None:
        if not given["as_json"]:
            click.echo(writing.dump(imported.file), nl=False)
        return
    if difference and not given["replace"]:
        fail(f'"{out}" is there and differs', "write over it with --replace")
    if old is None or given["replace"]:
        out.write_text(writing.dump(imported.file, _head(imported)), encoding="utf-8")
    if not given["as_json"]:
        click.echo(f"{out}: {_count(imported.report.tools)}", err=True)
        _next(out, imported)


def _next(out: Path, imported: Imported) -> None:
    """What is left to be done before the tools can be used."""
    auth = imported.file.get("auth")
    secret = auth.get("secret") if isinstance(auth, dict) else None
    declare = f"declare {secret} in credentials.yaml, and " if secret else ""
    click.echo(
        f"next: {declare}look through the file; then: wharfinger tools approve --file tools/{out.name}",
        err=True,
    )


def _options(named: str, old: Plain | None, given: dict[str, Any]) -> Options:
    api = given["api"] or (old or {}).get("api") or _api(named)
    return Options(
        api=str(api),
        title=given["title"],
        base=tuple(given["base"]),
        only=tuple(given["only"]),
        skip=tuple(given["skip"]),
        limit=given["limit"],
        secret=given["secret"],
        parameters=given["param"],
        names=comparing.names(old) if old is not None else {},
    )


def _api(named: str) -> str:
    """A name for the API, of letters, digits and `_`."""
    name = re.sub(r"[^a-z0-9]+", "_", named.lower().replace("api", " ")).strip("_")[:24].strip("_")
    if not name:
        fail("the document does not name the API", "name it: --api NAME", WRONG)
    return name


def _written(out: Path | None) -> Plain | None:
    """The tool file that is there, if one is."""
    if out is None or not out.exists():
        return None
    problems = Problems()
    node = documents.read(Source(str(out), out.read_bytes()), problems)
    if node is None or problems.errors or validated(ToolFile, node, Problems()) is None:
        fail(f'"{out}" is there and is no tool file', "choose another name")
    read = plain(node)
    return read if isinstance(read, dict) else None


def _head(imported: Imported) -> str:
    """The comment at the head of the file."""
    held = f"Made by wharfinger import: {_count(imported.report.tools)}"
    left = len(imported.report.dropped)
    return f"{held}; {left} operations are no tools." if left else f"{held}."


def _count(tools: int) -> str:
    return f"{tools} tool{'' if tools == 1 else 's'}"


def _summary(imported: Imported, difference: Difference | None) -> dict[str, Any]:
    report = imported.report
    summary: dict[str, Any] = {
        "api": imported.file["api"],
        "tools": [{"tool": tool["tool"], "effect": tool["effect"]} for tool in imported.file["tools"]],
        "dropped": [{"operation": one.operation, "reason": one.reason} for one in report.dropped],
        "notes": list(report.notes),
    }
    if difference is not None:
        summary["difference"] = {
            "head": list(difference.head),
            "added": list(difference.added),
            "changed": {name: list(keys) for name, keys in (difference.changed or {}).items()},
            "removed": list(difference.removed),
        }
    return summary


def _tell(imported: Imported, difference: Difference | None) -> None:
    """What a person should know, on stderr; what would change, on stdout."""
    report = imported.report
    _list([f"{one.operation}: {one.reason}" for one in report.dropped], "is no tool", "are no tools")
    _list(list(report.notes), "note", "notes")
    for line in difference.lines() if difference is not None else ():
        click.echo(line)


def _list(lines: Iterable[str], one: str, many: str) -> None:
    held = list(lines)
    if held:
        click.echo(f"{len(held)} {one if len(held) == 1 else many}:", err=True)
    for line in held[:_SHOWN]:
        click.echo(f"  {line}", err=True)
    if len(held) > _SHOWN:
        click.echo(f"  … and {len(held) - _SHOWN} more; all of them: --json", err=True)
