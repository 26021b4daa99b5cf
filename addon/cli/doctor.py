"""`doctor`: what works and what does not, on this machine, each with its remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from wharfinger.authoring.places import Found, Places
from wharfinger.cli.common import REFUSED, config_option, data_folder, json_option, print_json
from wharfinger.control import client
from wharfinger.doctor import book, checks, clients, credentials, live
from wharfinger.doctor.findings import Finding, Grade, fail, looked_at, ok, remark
from wharfinger.doctor.machine import Place
from wharfinger.rules.configuration import Configuration
from wharfinger.running.desk import DataFolder

_STYLES = {Grade.OK: "green", Grade.REMARK: "yellow", Grade.FAIL: "bold red"}


@click.command("doctor")
@click.option("--agent", metavar="NAME", help="Send the clients of this machine through it as this agent.")
@config_option
@json_option
def doctor_command(config: Path | None, agent: str | None, *, as_json: bool) -> None:
    """Look at everything that the proxy needs, and try that a forbidden request is really refused.

    With --agent, each client that is installed (curl, git, pip, node, …) is asked for what nothing allows, in
    the agent's environment, and must have been refused: then it goes through the proxy, and trusts it.

    Exit code 1 if anything fails. A proxy that is not running is started for the time of the check.
    """
    findings = []
    out = Console(highlight=False, soft_wrap=True)
    for found in _findings(config, agent):
        findings.append(found)
        if not as_json:
            print_finding(out, found)
    failed = sum(found.grade is Grade.FAIL for found in findings)
    if as_json:
        print_json([as_json_of(found) for found in findings])
    else:
        out.print(f"{failed} of {len(findings)} checks failed" if failed else "all is well, but for remarks")
    sys.exit(REFUSED if failed else 0)


def print_finding(out: Console, found: Finding) -> None:
    """One finding, with its remedy below it."""
    mark = f"[{_STYLES[found.grade]}]{found.grade:<6}[/]"
    text = escape(found.text).replace("\n", f"\n{'':<21}")
    out.print(f"{mark} {found.what:<13} {text}")
    if found.remedy:
        out.print(f"{'':<21}hint: {escape(found.remedy)}")


def as_json_of(found: Finding) -> dict[str, str]:
    """One finding, as plain JSON."""
    grade = str(found.grade).lower()
    return {"check": found.what, "grade": grade, "text": found.text, "remedy": found.remedy}


def _findings(config: Path | None, agent: str | None) -> Iterator[Finding]:
    loaded: list[tuple[Found, Configuration]] = []
    yield from looked_at("configuration", partial(_configuration, config, loaded))
    if not loaded:
        return
    ((found, configuration),) = loaded
    data = data_folder(found, configuration.settings.data)
    place = Place(configuration, data, Places.of_user().state, client.running(data))
    broken = False
    for name, check in checks.CHECKS:
        for finding in looked_at(name, partial(check, place)):
            broken |= finding.grade is Grade.FAIL and name in {"data", "lock", "ca", "ports"}
            yield finding
    yield from looked_at("book", partial(book.end_of_book, DataFolder(data).audit))
    if not place.served:
        read = partial(credentials.readable, configuration, found.snapshot.folder, data)
        for finding in looked_at("credentials", read):
            broken |= finding.grade is Grade.FAIL
            yield finding
    if broken and not place.served:
        yield remark("refusal", "not tried: no proxy starts before what is named above is mended")
        return
    yield from looked_at("proxy", partial(_live, place, found, agent))


def _configuration(config: Path | None, loaded: list[tuple[Found, Configuration]]) -> Iterator[Finding]:
    from wharfinger.authoring import checking

    found = Places.of_user().find(config, Path.cwd())
    for notice in found.notices:
        yield remark("configuration", notice)
    checked = checking.check(found.snapshot)
    folder = found.snapshot.folder
    if checked.configuration is None or not checked.good:
        lines = [str(problem) for problem in checked.errors] + [str(case) for case in checked.failed]
        text = f'"{folder}" cannot be used:\n' + "\n".join(lines)
        yield fail("configuration", text, "mend what is named; all of it at once: wharfinger check")
        return
    warnings = [str(problem) for problem in checked.problems]
    held = checked.configuration
    yield ok("configuration", f'"{folder}": {checked.counted}')
    if warnings:
        yield remark("configuration", "\n".join(warnings))
    loaded.append((found, held))


def _live(place: Place, found: Found, agent: str | None) -> Iterator[Finding]:
    with live.a_proxy(found.snapshot.folder, place.data, served=place.served) as standing:
        yield from live.status(standing)
        if place.served:
            yield from credentials.in_use(place.configuration, standing.status)
        yield from looked_at("refusal", partial(live.refusal, standing, place.data))
        if agent is not None:
            asked = partial(clients.of_agent, place, found.snapshot.folder, standing, agent)
            yield from looked_at("client", asked)
