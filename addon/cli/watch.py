"""`watch`: what a running proxy does, live, and what waits for a person, answered by a key."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson
from wharfinger.audit.chain import ascii_json
from wharfinger.audit.reader import printable
from wharfinger.authoring import checking
from wharfinger.authoring.places import Places
from wharfinger.cli.common import WRONG, as_option, config_option, fail, fault_exit
from wharfinger.cli.control import here
from wharfinger.cli.people_keys import WhoAreYou, person_key
from wharfinger.faults import Fault
from wharfinger.replaying import retold
from wharfinger.watching import asking, following
from wharfinger.watching.calls import KEPT, Calls
from wharfinger.watching.filters import Filter, equal
from wharfinger.watching.following import News, Refused, Source
from wharfinger.watching.sieve import Sieve

if TYPE_CHECKING:
    from wharfinger.keeping.people import PersonKey
    from wharfinger.rules.configuration import Configuration
    from wharfinger.watching.asking import Questions

TOKEN: Final = "WHARFINGER_TOKEN"  # noqa: S105 - the name of a variable
_BEFORE: Final = 200
"""Events that are shown at the start."""
_TOKEN_LIMIT: Final = 1000


@click.command("watch")
@click.option("--agent", metavar="NAME", help="Calls of this agent only; * stands for anything.")
@click.option("--tool", metavar="NAME", help="Calls of this tool.")
@click.option("--verdict", type=click.Choice(["allow", "ask", "deny"]), help="Calls so decided.")
@click.option("--rule", metavar="FILE:LINE", help="Calls that this rule decided.")
@click.option("--url", metavar="URL", help=f"A proxy elsewhere, by its console; its token is in {TOKEN}.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="F", help="Read the token from here instead."
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="F",
    help="With --url: the authority that its certificate is of (PEM), in place of the public ones.",
)
@click.option(
    "--keep", default=KEPT, show_default=True, type=click.IntRange(10, 100_000), help="Calls that are kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print events as they come, one JSON object a line.")
@config_option
@as_option
def watch_command(
    config: Path | None,
    person: str | None,
    agent: str | None,
    tool: str | None,
    verdict: str | None,
    rule: str | None,
    url: str | None,
    token_file: Path | None,
    ca: Path | None,
    keep: int,
    *,
    as_json: bool,
) -> None:
    """Show what a running proxy does as it does it, and answer what waits for a person, by a key.

    Here, or elsewhere with --url. Press ? for the keys.
    """
    only = equal(agent=agent, tool=tool, verdict=verdict, rule=rule)
    if not as_json and not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail("this needs a terminal", "for programs there is `wharfinger watch --json`", WRONG)
    before = 0 if as_json else _BEFORE
    if url is None:
        if ca is not None:
            fail("--ca is of a proxy elsewhere", "it goes with --url", WRONG)
        data = here(config).data
        source: Source = following.Here(data / "audit", before)
        if as_json:
            lines(source, only)
        else:
            show(source, asking.Here(data, key_of(person)), only, keep, retell=Retelling(config).retell)
        return
    from wharfinger.watching import elsewhere

    try:
        with elsewhere.client(url, _token(token_file), ca) as http:
            source = elsewhere.Stream(http, before)
            if as_json:
                lines(source, only)
            else:
                api = elsewhere.Api(http)
                show(source, api, only, keep, retell=api.retell)
    except Fault as fault:
        fault_exit(fault, WRONG)


def key_of(person: str | None) -> PersonKey | None:
    """The key of whoever watches, if they have one; says so where not."""
    try:
        return person_key(person)
    except WhoAreYou as unknown:
        if person is not None:
            raise
        click.echo(f"note: nothing can be answered here: {unknown.message}", err=True)
        return None


class Retelling:
    """The steps to decisions of a proxy here, by the configuration on disk: it is what a proxy has in force.

    After a reload it is read again; what was decided by an earlier one is said to be so.
    """

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._known: Configuration | None = None

    def retell(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Steps and note. Used by one thread at a time."""
        if self._known is None or self._known.digest != retold.digest_of(event):
            found = Places.of_user().find(self._config, Path.cwd())
            self._known = checking.check(found.snapshot, run_cases=False).configuration
        return retold.retell(self._known, event)


def show(
    source: Source,
    questions: Questions,
    only: Filter,
    keep: int,
    *,
    retell: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ended: Callable[[], str] = str,
) -> None:
    """Show it until the person has seen enough."""
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        del os.environ[name]  # keys that press themselves, pictures and logs of what is shown
    from wharfinger.watching.screen import View

    View(Calls(only, keep), source, questions, ended=ended, limits=str(only), retell=retell).run()


def lines(source: Source, only: Filter) -> None:
    """Print what comes, until whoever reads has gone. There is nothing to put in order when it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an exception could come where it is swallowed
    sieve = Sieve(only)

    def take(news: News) -> None:
        for event in sieve.let(news.events):
            click.echo(ascii_json(orjson.dumps(event)))
        if news.trouble:
            click.echo(f"note: {printable(news.trouble)}", err=True)
        if news.missed:
            click.echo(f"note: {news.missed} events missed", err=True)

    try:
        source.follow(take, threading.Event())
    except Refused as refused:
        fail(str(refused))


def _token(file: Path | None) -> str:
    """The token that machines present; never an argument, which every process may see."""
    if file is not None:
        try:
            with file.open(encoding="ascii") as opened:
                text = opened.read(_TOKEN_LIMIT).strip()
        except (OSError, UnicodeDecodeError):
            fail(f'"{file}" cannot be read as a token', "", WRONG)
    else:
        text = os.environ.get(TOKEN, "").strip()
    if not text or not text.isprintable():
        fail("this needs a token", f"make one (wharfinger tokens add LABEL), and put it in {TOKEN}", WRONG)
    return text
