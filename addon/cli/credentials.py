"""`credentials`: which there are, who can reach them, and whether each can be had. Never a value."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from wharfinger.cli.common import REFUSED, WRONG, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, here
from wharfinger.credentials import issued
from wharfinger.credentials.registry import CredentialProblem, Credentials
from wharfinger.credentials.sources import Environment
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.models.credentials import Credential
from wharfinger.secret import disarm_process


@click.group("credentials")
def credentials_command() -> None:
    """List the credentials that are declared; test whether they can be had."""


@credentials_command.command("list")
@config_option
@json_option
def list_credentials(config: Path | None, *, as_json: bool) -> None:
    """The credentials by name: kind, sources, hosts, and the tools and agents that they are for."""
    place = here(config)
    rows = [_row(place, name, credential) for name, credential in sorted(_declared(place).items())]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no credential is declared; write one into credentials.yaml")
        return
    out = Console(highlight=False, soft_wrap=True)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        origins = ", ".join(f"{key} {text}" for key, text in row["sources"].items())
        out.print(f"{row['name']:<{width}}  [cyan]{row['kind']}[/]  {escape(origins)}")
        agents = ", ".join(row["agents"]) or "no agent reaches it"
        out.print(
            f"{'':<{width}}  [dim]{escape(', '.join(row['hosts']))} · {row['tools']} tools · {agents}[/]"
        )


@credentials_command.command("test")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@config_option
@json_option
def test_credentials(config: Path | None, names: tuple[str, ...], *, as_json: bool) -> None:
    """Fetch the named credentials (all by default) as the proxy would, and show none.

    A token is asked for where one is minted. Ends with 1 if one cannot be had.
    """
    place = here(config)
    declared = _declared(place)
    for name in names:
        if name not in declared:
            hint = did_you_mean(name, declared) or "see: wharfinger credentials list"
            fail(f'there is no credential "{name}"', hint, WRONG)
    tested = sorted(names or declared)
    found = _problems(place, {name: declared[name] for name in tested})
    if as_json:
        print_json([_outcome(name, found) for name in tested])
    for name in () if as_json else tested:
        problem = found.get(name)
        click.echo(f"{name}: " + ("can be had" if problem is None else f"{problem.message}"))
        if problem is not None:
            click.echo(f"  hint: {problem.hint}")
    if found:
        raise SystemExit(REFUSED)


def _problems(place: Here, declared: Mapping[str, Credential]) -> dict[str, CredentialProblem]:
    """What keeps these from being had. Closes this process to others before it reads them."""
    disarm_process()
    fetched = asyncio.run(Credentials(Environment()).load(declared, place.found.snapshot.folder))
    return {problem.name: problem for problem in reversed(fetched)}


def _outcome(name: str, found: Mapping[str, CredentialProblem]) -> dict[str, Any]:
    problem = found.get(name)
    said = {} if problem is None else {"problem": problem.message, "hint": problem.hint}
    return {"name": name, "ok": problem is None, **said}


def _declared(place: Here) -> Mapping[str, Credential]:
    return place.configuration.credentials


def _row(place: Here, name: str, credential: Credential) -> dict[str, Any]:
    configuration = place.configuration
    used = [tool for tool in configuration.tools if any(p.credential == name for p in tool.placements)]
    reached = [agent for agent in configuration.agents if name in issued.reach(configuration, agent)]
    return {
        "name": name,
        "kind": credential.kind,
        "sources": {key: _shown(str(origin)) for key, origin in credential.origins.items()},
        "hosts": list(credential.hosts),
        "tools": len(used),
        "agents": sorted(reached),
    }


def _shown(origin: str) -> str:
    """A source, of a command its name alone: arguments may say too much."""
    scheme, _, text = origin.partition(":")
    return f"exec:{text.strip('[ ]').partition(',')[0].strip()}" if scheme == "exec" else origin
