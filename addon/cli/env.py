"""`env`: the environment that puts a process behind the proxy, printed."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import click
from wharfinger.cli.common import config_option, fail
from wharfinger.cli.control import Here, control, here
from wharfinger.keeping.keys import Keys
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.running import door
from wharfinger.running.desk import DataFolder
from wharfinger.running.door import Door


def agent_row(place: Here, agent: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The agent's row of `agents.list`; ends with exit code 2 for one that is not declared."""
    row = next((row for row in rows if row["name"] == agent), None)
    if row is None:
        known = ", ".join(sorted(place.configuration.agents)) or "none is declared"
        fail(f'there is no agent "{agent}"', f"declared in agents.yaml: {known}", 2)
    return row


def placeholders(place: Here, rows: list[dict[str, Any]], keys: Keys) -> Placeholders:
    """All agents' placeholders."""
    return door.placeholders_of(place.configuration, {row["name"]: row["id"] for row in rows}, keys)


def proxy_address(place: Here, status: Any) -> str:
    """Where the proxy listens, or will listen."""
    if isinstance(status, dict) and status.get("running"):
        return str(status["proxy"])
    listen = place.configuration.settings.listen
    if listen.port == 0:
        fail("the proxy takes a free port, and none is running", "start it first: wharfinger up")
    return f"http://{listen}"


@click.command("env")
@click.option("--agent", required=True, metavar="NAME")
@click.option("--format", "form", type=click.Choice(["sh", "json"]), default="sh", show_default=True)
@config_option
def env_command(config: Path | None, agent: str, form: str) -> None:
    """Print the environment that makes a process go out through the proxy as the agent NAME.

    One that is known by its address (`from`) shows no token.

    For a shell: eval "$(wharfinger env --agent NAME)".
    """
    place = here(config)
    with control(place) as at:
        rows: Any = at.do("agents.list")
        status = at.do("status")
    row = agent_row(place, agent, rows)
    keys = Keys.open(place.data)
    files = door.client_files(DataFolder(place.data), place.configuration, place.found.snapshot.folder)
    by_address = place.configuration.agents[agent].source is not None
    token = None if by_address else keys.agent_token(row["id"], row["generation"])
    at_door = Door(agent, token, proxy_address(place, status))
    issued = placeholders(place, rows, keys)
    variables = door.environment(at_door, place.configuration, files, issued, os.environ)
    if form == "json":
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
