"""`wharfinger`: the group of commands, each loaded when it is named."""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

import click
from wharfinger.audit.errors import BookUnavailable
from wharfinger.certs.errors import CertificateError
from wharfinger.faults import Fault

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("start", "Write a first configuration, and the key of the person who runs this."),
    "trust": ("start", "Let a configuration folder be found from within it."),
    "demo": ("demo", "Show the main job, end to end, on this machine alone."),
    "up": ("up", "Run the proxy in the foreground."),
    "reload": ("remote", "Have a running proxy check its configuration and take it over."),
    "tui": ("tui", "Run the proxy, and show what it does as `watch` does."),
    "watch": ("watch", "Show what a running proxy does as it does it; answer what waits, by a key."),
    "run": ("run", "Run a command behind the proxy, as an agent."),
    "env": ("env", "Print the environment that puts a process behind the proxy."),
    "check": ("offline", "Check the configuration: all problems at once."),
    "test": ("offline", "Run the policies' tests."),
    "schema": ("offline", "Print the JSON Schemas of the configuration files."),
    "explain": ("explain", "Show the decision on a request and every step to it; nothing is sent."),
    "graph": ("graph", "What each agent can reach, and by which rules."),
    "preflight": ("preflight", "Whether an agent could set off now, and what is in its way."),
    "replay": ("replay", "Which recorded calls would be decided otherwise under changed policies."),
    "suggest": ("suggest", "The narrowest policy that would have allowed what was recorded."),
    "call": ("call", "Make a tool's call, through the same gate."),
    "tools": ("tools", "List the tools that are loaded; approve those that are proposed."),
    "import": (
        "import_",
        "Make a tool file of an API's description: OpenAPI, AWS, Google, GraphQL, MCP, HAR.",
    ),
    "agents": ("agents", "List, show, add, suspend, resume, rotate and retire agents."),
    "limits": ("limits", "Show how far the limits of policies are used."),
    "deny": ("deny", "Refuse a tool, a host or an agent at once, without a reload."),
    "credentials": ("credentials", "List the credentials that are declared; test whether they can be had."),
    "people": ("people", "Keys and passwords of the people who may see, approve and administer."),
    "tokens": ("tokens", "Tokens with which machines use the console's API."),
    "approvals": ("approvals", "List, show, approve and deny what waits for a person."),
    "grants": ("grants", "What people have approved in advance: list, show, add, approve, revoke."),
    "audit": ("audit", "Read and verify the audit log."),
    "ca": ("ca", "Show or rotate the certificate authority."),
    "doctor": ("doctor", "What works and what does not, on this machine, each with its remedy."),
    "stop": ("remote", "Stop everything at once, for everyone (the kill switch)."),
}
"""Name of each command: the module that holds it, and its line in `--help`."""


_GARBAGE = 100_000
"""Objects between two collections in commands that are over in a moment: nearly all of what they make while
a configuration is loaded stays, and looking through it again and again took a tenth of their time."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for: `check` must not pay for the proxy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of their table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name != "up":
            gc.set_threshold(_GARBAGE)
        module = importlib.import_module(f"wharfinger.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wharfinger", prog_name="wharfinger")
def cli() -> None:
    """A forward proxy between AI agents and the APIs they call.

    Named tools, policy, approvals, injected credentials, redaction and a tamper-evident audit log.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Entry point. Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration."""
    try:
        return cli.main(args=arguments, prog_name="wharfinger")
    except (Fault, CertificateError) as fault:
        click.echo(f"error: {fault.message}", err=True)
        if fault.hint:
            click.echo(f"  hint: {fault.hint}", err=True)
        sys.exit(1)
    except BookUnavailable as trouble:
        click.echo(f"error: {trouble.reason}", err=True)
        if trouble.hint:
            click.echo(f"  hint: {trouble.hint}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
