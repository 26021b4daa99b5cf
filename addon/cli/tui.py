"""`tui`: the proxy, and the view of what it does; the one ends with the other."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from wharfinger.cli import starting, watch
from wharfinger.cli.common import WRONG, as_option, config_option, fail
from wharfinger.cli.control import Here, here
from wharfinger.control.client import running
from wharfinger.watching import asking, following
from wharfinger.watching.calls import KEPT
from wharfinger.watching.filters import EVERYTHING

LOG: Final = "tui-proxy.log"
"""What the proxy says, in the data folder."""
_BEFORE: Final = 200
_END_SECONDS: Final = 20.0


@click.command("tui")
@click.option(
    "--keep", default=KEPT, show_default=True, type=click.IntRange(10, 100_000), help="Calls that are kept."
)
@config_option
@as_option
def tui_command(config: Path | None, person: str | None, keep: int) -> None:
    """Run the proxy, and show what it does as it does it; when the view is left, the proxy ends.

    Where one is running, look at it with `watch`.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail("this needs a terminal", "without one there is `wharfinger up`", WRONG)
    place = here(config)
    if running(place.data):
        fail("a proxy is running already", "look at it with: wharfinger watch")
    key = watch.key_of(person)
    with _proxy(place) as process:

        def ended() -> str:
            return f'the proxy has ended; see "{place.data / LOG}"' if process.poll() is not None else ""

        source = following.Here(place.data / "audit", _BEFORE)
        questions, retell = asking.Here(place.data, key), watch.Retelling(config).retell
        watch.show(source, questions, EVERYTHING, keep, retell=retell, ended=ended)
    if process.returncode:
        fail(f"the proxy ended with {process.returncode}", f'see "{place.data / LOG}"')


@contextlib.contextmanager
def _proxy(place: Here) -> Iterator[subprocess.Popen[bytes]]:
    """A running proxy that ends with the block, or with this process, however that ends."""
    process = starting.start(place, LOG, "--with-parent", stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
