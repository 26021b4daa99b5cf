"""`preflight`: whether an agent could set off now, and what is in its way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from wharfinger.authoring import checking, preflight
from wharfinger.certs.authority import KEY_FILE as CA_KEY
from wharfinger.cli.common import (
    REFUSED,
    WRONG,
    config_option,
    data_folder,
    fail,
    find,
    json_option,
    print_json,
    report,
)
from wharfinger.cli.control import Here, control
from wharfinger.cli.doctor import as_json_of, print_finding
from wharfinger.control.client import running
from wharfinger.doctor import credentials
from wharfinger.rules.documents.problems import did_you_mean
from wharfinger.running.desk import DataFolder


@click.command("preflight")
@click.argument("agent")
@config_option
@json_option
def preflight_command(config: Path | None, agent: str, *, as_json: bool) -> None:
    """Look whether AGENT could set off now: identity, policies, tests, tools, approvers, credentials, trust.

    Exit code 1 if it is not ready.
    """
    found = find(config)
    checked = checking.check(found.snapshot)
    if checked.configuration is None or checked.errors:
        report(checked.errors)
        fail("the configuration cannot be used", "see all of it with: wharfinger check", WRONG)
    configuration = checked.configuration
    if agent not in configuration.agents:
        hint = did_you_mean(agent, configuration.agents) or "see: wharfinger agents list"
        fail(f'there is no agent "{agent}"', hint, WRONG)
    data = data_folder(found, configuration.settings.data)
    known = _known(Here(found, configuration, data), agent, checked.cases)
    findings = list(preflight.findings(configuration, agent, known))
    verdict = preflight.readiness(findings)
    if as_json:
        shown = [as_json_of(finding) for finding in findings]
        print_json({"agent": agent, "verdict": verdict.value, "findings": shown})
    else:
        out = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            print_finding(out, finding)
        out.print(f"{agent}: {verdict}")
    sys.exit(REFUSED if verdict is preflight.Readiness.NOT_READY else 0)


def _known(place: Here, agent: str, cases: Any) -> preflight.Known:
    """What the running proxy says, or what its data folder holds."""
    with control(place) as at:
        shown: Any = at.do("agents.show", {"agent": agent}, None)
        people: Any = at.do("people.list", {}, None)
        approved: Any = at.do("tools.approved", {}, None)
        status: Any = at.do("status", {}, None) if running(place.data) else None
    if status is None:
        found = credentials.problems(place.configuration, place.found.snapshot.folder, place.data)
        unread = {name: problem.message for name, problem in found.items()}
    else:
        missing = set(place.configuration.credentials) - set(status["credentials"])
        unread = dict.fromkeys(missing, "the running proxy has no value of it")
    return preflight.Known(
        suspended=shown["suspended"],
        generation=shown["generation"],
        keyed={person["name"] for person in people if person["keys"]},
        approved={row["digest"] for row in approved},
        unread=unread,
        cases=cases,
        trusted=(DataFolder(place.data).ca / CA_KEY).exists(),
    )
