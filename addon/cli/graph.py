"""`graph`: what each agent can reach, and by which rules."""

from __future__ import annotations

from pathlib import Path

import click
from wharfinger.authoring import graphing
from wharfinger.cli.common import WRONG, config_option, fail, print_json
from wharfinger.cli.control import here
from wharfinger.rules.documents.problems import did_you_mean

_FORM = click.option(
    "--format", "form", type=click.Choice(["mermaid", "json", "text"]), default="text", show_default=True,
    help="A list, JSON, or a flowchart that Mermaid draws.",
)  # fmt: skip


@click.command("graph")
@click.option("--agent", metavar="GLOB", help="From these agents only.")
@click.option("--tool", metavar="GLOB", help="Through these tools only.")
@click.option("--host", metavar="GLOB", help="To these hosts only.")
@click.option("--credential", metavar="GLOB", help="With these credentials only.")
@click.option("--effect", type=click.Choice(["read", "write", "destructive"]), help="Of this effect only.")
@_FORM
@config_option
def graph_command(
    config: Path | None,
    agent: str | None,
    tool: str | None,
    host: str | None,
    credential: str | None,
    effect: str | None,
    form: str,
) -> None:
    """Show which tools each agent can reach, where they lead, with which credential, and by which rules.

    A tool is shown where some rule lets it out and none forbids it always; whether one call passes depends
    on its inputs, and `explain` says that.
    """
    configuration = here(config).configuration
    if agent in configuration.agents or agent is None or any(c in agent for c in "*?["):
        found = graphing.chosen(configuration, graphing.Filter(agent, tool, host, credential, effect))
    else:
        hint = did_you_mean(agent, configuration.agents) or "see: wharfinger agents list"
        fail(f'there is no agent "{agent}"', hint, WRONG)
    match form:
        case "json":
            print_json([way.as_json() for way in found])
        case "mermaid":
            click.echo(graphing.mermaid(found), nl=False)
        case _:
            for line in graphing.listed(found):
                click.echo(line)
            if not found:
                click.echo("nothing is in reach")
