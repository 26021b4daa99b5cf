"""`demo`: the main job, end to end, on this machine alone."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import click
from rich.console import Console
from wharfinger.cli.common import fail

_PACKAGES = {"stripe": "stripe", "github": "pygithub"}


def _program() -> str:
    """What to type for wharfinger: its name if it is on the path, else where it lies."""
    if shutil.which("wharfinger") is not None:
        return "wharfinger"
    script = Path(sys.executable).with_name("wharfinger")
    if not script.exists():
        return f"{sys.executable} -m wharfinger.cli.main"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)


@click.command("demo")
@click.option("--check", is_flag=True, help="Plain lines, for programs; exit code 1 if any claim fails.")
@click.option(
    "--keep", is_flag=True, help="Leave the demo's folder behind, with the configuration and all logs."
)
def demo_command(*, check: bool, keep: bool) -> None:
    """Show the main job, end to end: real clients, a real proxy, stand-ins for Stripe and GitHub.

    Nothing leaves this machine. Every claim is checked against what the stand-ins received. Exit code 1 if
    one of them fails.
    """
    missing = [name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        fail(
            f"the demo runs clients that are not installed: {', '.join(missing)}",
            f"in a checkout: scripts/demo; else: {sys.executable} -m pip install {' '.join(missing)}",
        )
    from wharfinger.demo.play import play
    from wharfinger.demo.show import Show, Story

    show = Show(Console(no_color=True, highlight=False)) if check else Story(Console(highlight=False))
    try:
        held = play(show, program=_program(), keep=keep)
    except KeyboardInterrupt:
        click.echo("ended before its time; nothing is left running", err=True)
        sys.exit(130)
    sys.exit(0 if held else 1)
