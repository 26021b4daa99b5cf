"""`explain`: the decision on a request and every step to it; nothing is sent."""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from wharfinger.authoring import explaining
from wharfinger.cli.common import REFUSED, config_option, fail, json_option, print_json
from wharfinger.cli.control import Here, approved_tools, here
from wharfinger.control.client import Client, NotRunning
from wharfinger.rules.policies.nearest import nearest
from wharfinger.rules.requests.placeholders import Placeholders

_COLOURS = {"allow": "green", "ask": "yellow", "deny": "red"}
ASSUMED = (
    "no suspension and no emergency denial",
    "limits have counted nothing, and where one counts by run there is one",
    "the agent's own placeholder where a credential is missing",
)


@dataclass(frozen=True, slots=True)
class _Question:
    agent: str
    method: str
    url: str
    fields: list[tuple[str, str]]
    body: bytes
    reason: str | None
    isolated: bool


@click.command("explain")
@click.option("--agent", required=True, metavar="NAME")
@click.argument("method")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="'Name: value'")
@click.option("-d", "--data", "body", default="", help="The body; @FILE reads it from a file.")
@click.option("--reason", help="The reason the agent would give.")
@click.option("--isolated", is_flag=True, help="As behind `run --isolate`.")
@click.option("--expect", type=click.Choice(["allow", "ask", "deny"]), help="Exit with 1 on another verdict.")
@click.option("--offline", is_flag=True, help="By the configuration on disk, even if a proxy runs.")
@config_option
@json_option
def explain_command(
    config: Path | None,
    agent: str,
    method: str,
    url: str,
    headers: tuple[str, ...],
    body: str,
    reason: str | None,
    expect: str | None,
    *,
    isolated: bool,
    offline: bool,
    as_json: bool,
) -> None:
    """Show what would be decided on METHOD URL, and why; nothing is sent."""
    place = here(config)
    fields = [_field(header) for header in headers]
    content = Path(body[1:]).read_bytes() if body.startswith("@") else os.fsencode(body)
    question = _Question(agent, method, url, fields, content, reason, isolated)
    answer = None if offline else _online(place, question)
    if answer is None:
        answer = _offline(place, question)
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    sys.exit(REFUSED if expect is not None and answer["verdict"] != expect else 0)


def _field(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon or not name.strip():
        fail(f'"{header}" is not a header field', "write it like -H 'Accept: application/json'", 2)
    return name.strip(), value.strip()


def _online(place: Here, asked: _Question) -> dict[str, Any] | None:
    args: dict[str, Any] = {
        "agent": asked.agent, "method": asked.method, "url": asked.url,
        "headers": [list(pair) for pair in asked.fields],
        "body": base64.b64encode(asked.body).decode(), "isolated": asked.isolated,
    }  # fmt: skip
    try:
        with Client.connect(place.data) as client:
            answer: Any = client.do("explain", args | ({"reason": asked.reason} if asked.reason else {}))
    except NotRunning:
        return None
    return dict(answer)


def _offline(place: Here, asked: _Question) -> dict[str, Any]:
    request = explaining.request_of(asked.agent, asked.method, asked.url, asked.fields, asked.body)
    decision = explaining.offline(
        place.configuration,
        request,
        Placeholders({}),
        datetime.now(UTC),
        reason=asked.reason,
        confinement="isolated" if asked.isolated else "none",
        approved=approved_tools(place),
    )
    return explaining.as_json(decision, ASSUMED, nearest(place.configuration, request, decision))


def _show(answer: dict[str, Any]) -> None:
    out = Console(highlight=False)
    verdict = answer["verdict"]
    out.print(f"[bold {_COLOURS[verdict]}]{verdict}[/]  {escape(answer['reason'])}")
    if answer["help"]:
        out.print(f"  {escape(answer['help'])}", soft_wrap=True)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_column(no_wrap=True)
    for step in answer["steps"]:
        text = step["text"] + (f"  ({step['rule']})" if step["rule"] else "")
        table.add_row(step["kind"], escape(text), escape(step["result"]))
    several = len(answer["calls"]) > 1
    for row in {(row["call"], row["text"]): row for row in answer["nearest"]}.values():
        which = f"{row['tool']}: " if several else ""
        table.add_row("nearest", escape(which + row["text"]), "")
    for placed in answer["credentials"]:
        table.add_row("credential", f"{placed['name']} goes into {placed['place']} {placed['field']}", "")
    if answer["dropped"]:
        table.add_row("dropped", escape(", ".join(answer["dropped"])), "")
    if answer["ask"]:
        table.add_row("approvers", escape(", ".join(answer["ask"]["people"])), "")
    table.add_row("assumed", escape("; ".join(answer["assumed"])), "")
    table.add_row("policy", answer["policy_digest"][:16], "")
    out.print(Padding(table, (0, 0, 0, 2), expand=False))
