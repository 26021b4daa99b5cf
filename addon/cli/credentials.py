"""`credentials`: which there are, who can reach them, how they stand, and whether each can be had.

Never a value. What changes them is in `credentials_store`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from wharfinger.cli.common import REFUSED, WRONG, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, here
from wharfinger.cli.credentials_store import COMMANDS
from wharfinger.control.client import Client, NotRunning
from wharfinger.credentials import issued
from wharfinger.credentials.keeper import Keeper
from wharfinger.credentials.own_store import OwnStore
from wharfinger.credentials.registry import Credentials
from wharfinger.credentials.sources import Environment
from wharfinger.credentials.standings import CredentialProblem
from wharfinger.credentials.store_key import passphrase
from wharfinger.faults import Fault
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.rules.models.credentials import Credential
from wharfinger.secret import disarm_process


@click.group("credentials")
def credentials_command() -> None:
    """List credentials and test whether they can be had; keep values in the encrypted store."""


for _command in COMMANDS:
    credentials_command.add_command(_command)


@credentials_command.command("list")
@config_option
@json_option
def list_credentials(config: Path | None, *, as_json: bool) -> None:
    """The credentials by name: kind, sources, hosts, the tools and agents that they are for, how they stand.

    How those in use stand is known where a proxy runs: the age of each value, its generation, and when a
    request was last let out with it.
    """
    place = here(config)
    told = _told(place)
    rows = [
        _row(place, name, credential) | _standing(name, credential, told)
        for name, credential in sorted(_declared(place).items())
    ]
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
        if said := _said(row):
            out.print(f"{'':<{width}}  [dim]{escape(said)}[/]")
        if row["problem"]:
            out.print(f"{'':<{width}}  [red]{escape(row['problem'])}[/]")


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
    environment = Environment()
    credentials = Credentials(environment, store=OwnStore(place.data, passphrase(environment)))
    folder, sources = place.found.snapshot.folder, place.configuration.sources
    fetched = asyncio.run(credentials.load(declared, folder, sources=sources))
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


def _told(place: Here) -> Mapping[str, Any]:
    """What is known of values: by the running proxy, else by the store's file, which needs no key for it."""
    if not place.data.is_dir():
        return {"in_use": None, "store": []}
    found: Any
    try:
        try:
            with Client.connect(place.data) as at:
                found = at.do("credentials.list")
        except NotRunning:
            found = asyncio.run(Keeper(place.data).listing())
    except Fault as fault:
        click.echo(f"note: {fault.message}", err=True)
        found = {"in_use": None, "store": []}
    return dict(found)


def _standing(name: str, credential: Credential, told: Mapping[str, Any]) -> dict[str, Any]:
    """How one stands, of what is known."""
    empty = {"generation": None, "version": "", "age": None, "left": None, "used": None, "problem": ""}
    if told["in_use"] is not None:
        found: dict[str, Any] = next((each for each in told["in_use"] if each["name"] == name), {})
        return empty | {key: value for key, value in found.items() if key in empty}
    held = {each["name"]: each for each in told["store"]}
    texts = [origin.text for origin in credential.origins.values() if origin.scheme == "store"]
    entry = next((held[text] for text in texts if text in held), None)
    if entry is None:
        missing = f'the store has no entry "{texts[0]}"' if texts else ""
        return empty | {"problem": missing}
    age = (datetime.now(UTC) - datetime.fromisoformat(entry["changed"])).total_seconds()
    return empty | {"version": str(entry["generation"]), "age": max(0.0, age)}


def _said(row: Mapping[str, Any]) -> str:
    said = [] if row["age"] is None else [f"{spelled_seconds(row['age'])} old"]
    said += [] if row["left"] is None else [f"holds for {spelled_seconds(row['left'])}"]
    said += [f"generation {row['generation']}"] if row["generation"] else []
    said += [f"version {row['version']}"] if row["version"] else []
    if row["age"] is not None and row["generation"]:
        used = row["used"]
        said.append("not used yet" if used is None else f"last used {spelled_seconds(used)} ago")
    return " · ".join(said)


def spelled_seconds(count: float) -> str:
    """A time in its greatest whole unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if count >= size:
            return f"{int(count // size)} {unit}"
    return f"{int(max(0.0, count))} s"


def _shown(origin: str) -> str:
    """A source, of a command its name alone: arguments may say too much."""
    scheme, _, text = origin.partition(":")
    return f"exec:{text.strip('[ ]').partition(',')[0].strip()}" if scheme == "exec" else origin
