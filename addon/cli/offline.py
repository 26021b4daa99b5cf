"""`check`, `test` and `schema`: everything that can be said of a configuration without running anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from wharfinger.cli.common import REFUSED, WRONG, config_option, data_folder, find, print_json
from wharfinger.rules.documents.problems import Problem, Severity

if TYPE_CHECKING:
    from wharfinger.authoring.places import Found
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.policies.coverage import Exercised

_SHOWN = {"decided": "green", "held": "green", "never held": "yellow", "never reached": "red"}
_FORMATS = click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="How to print: text, JSON, or GitHub workflow annotations.",
)  # fmt: skip


def _annotation(problem: Problem) -> str:
    kind = "error" if problem.severity is Severity.ERROR else "warning"
    text = f"{problem.message}. {problem.hint}".strip().replace("%", "%25").replace("\n", "%0A")
    place = problem.position
    title = f",title={problem.code}" if problem.code else ""
    return f"::{kind} file={place.file},line={place.line},col={place.column}{title}::{text}"


def _as_json(problem: Problem) -> dict[str, object]:
    place = problem.position
    return {
        "file": place.file, "line": place.line, "column": place.column,
        "severity": str(problem.severity), "message": problem.message, "hint": problem.hint,
        "code": problem.code or None,
    }  # fmt: skip


@click.command("check")
@config_option
@_FORMATS
def check_command(config: Path | None, form: str) -> None:
    """Check the configuration: all problems of all files at once. Exit code 2 if it cannot be used.

    Warnings do not keep it from being used; docs/check.md says what each code means.
    """
    from wharfinger.authoring import checking

    found = find(config)
    checked = checking.check(found.snapshot)
    if checked.configuration is not None:
        approved = _approved(found, checked.configuration)
        checked = checking.remarked(checked, found.snapshot.files, approved)
    if form == "json":
        print_json(
            {
                "ok": checked.good,
                "digest": checked.configuration.digest if checked.configuration else None,
                "problems": [_as_json(problem) for problem in checked.problems],
                "failed_tests": [str(case) for case in checked.failed],
                "unnamed": dict(checked.unnamed),
            }
        )
    else:
        for problem in checked.problems:
            click.echo(_annotation(problem) if form == "github" else str(problem), err=form == "text")
        for case in checked.failed:
            click.echo(_case_annotation(str(case)) if form == "github" else str(case), err=form == "text")
        if checked.good and form == "text":
            _summary(checked)
    sys.exit(0 if checked.good else WRONG)


def _approved(found: Found, configuration: Configuration) -> frozenset[str]:
    """The digests of proposed tools that a person has approved, as far as this machine knows."""
    from wharfinger.cli.control import Here, approved_tools
    from wharfinger.faults import Fault

    data = data_folder(found, configuration.settings.data)
    try:
        return approved_tools(Here(found, configuration, data))
    except Fault:
        return frozenset()


def _case_annotation(text: str) -> str:
    return f"::error::{text.replace('%', '%25')}"


def _summary(checked: object) -> None:
    from wharfinger.authoring.checking import Checked

    if not isinstance(checked, Checked) or checked.configuration is None:
        return
    click.echo(f"ok: {checked.counted}")
    click.echo(f"policy digest {checked.configuration.digest}")
    if checked.unnamed:
        counted = ", ".join(f"{count} of {file}" for file, count in sorted(checked.unnamed.items()))
        click.echo(f"built-in tools that no rule is about: {counted}")


@click.command("test")
@click.option("--coverage", is_flag=True, help="Show which rules the tests exercise.")
@click.option(
    "--require-coverage",
    "required",
    type=click.IntRange(0, 100),
    metavar="N",
    help="Exit with 1 if fewer than N of a hundred rules hold in some test.",
)
@config_option
@_FORMATS
def test_command(config: Path | None, form: str, required: int | None, *, coverage: bool) -> None:
    """Run the policies' tests. Exit code 1 if one fails, 2 if the configuration cannot be used."""
    from wharfinger.authoring import checking
    from wharfinger.rules.policies import coverage as covering

    checked = checking.check(find(config).snapshot)
    if checked.configuration is None or checked.errors:
        for problem in checked.errors:
            click.echo(_annotation(problem) if form == "github" else str(problem), err=True)
        sys.exit(WRONG)
    exercised = covering.coverage(checked.configuration, checked.cases)
    share = covering.percentage(exercised)
    short = required is not None and share < required
    if form == "json":
        rows = [
            {"policy": case.policy, "passed": case.passed, "expected": case.expected, "got": case.got,
             "where": str(case.position), "reason": case.decision.reason if case.decision else ""}
            for case in checked.cases
        ]  # fmt: skip
        rules = [
            {"rule": str(each.rule), "policy": each.rule.policy, "verdict": each.rule.verdict,
             "state": each.state, "decided": each.decided, "held": each.held, "unmet": each.unmet,
             "errors": each.errors}
            for each in exercised
        ]  # fmt: skip
        ok = not checked.failed and not short
        print_json({"ok": ok, "tests": rows, "coverage": {"percent": round(share, 1), "rules": rules}})
    else:
        for case in checked.cases:
            if form == "text":
                click.echo(f"{'pass' if case.passed else 'FAIL'}  {case}")
            elif not case.passed:
                click.echo(_case_annotation(str(case)))
        if form == "text":
            click.echo(f"{len(checked.cases) - len(checked.failed)} passed, {len(checked.failed)} failed")
            if coverage:
                _show_coverage(exercised)
            if coverage or short:
                click.echo(f"{share:.1f} % of {len(exercised)} rules hold in some test", err=short)
        elif short:
            click.echo(f"::error::{share:.1f} %25 of the rules hold in some test, and {required} %25 must")
    sys.exit(REFUSED if checked.failed or short else 0)


def _show_coverage(exercised: Iterable[Exercised]) -> None:
    """For each policy a line for each rule: the most that was shown of it, and in how many tests what."""
    from itertools import groupby

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = Console(highlight=False, soft_wrap=True)
    table = Table("rule", "verdict", "shown", "decided", "held", "unmet", "failed", box=None)
    for name, rules in groupby(exercised, key=lambda each: each.rule.policy):
        held = list(rules)
        share = f"{sum(bool(each.held) for each in held)} of {len(held)}"
        table.add_row(f"[bold]{escape(name)}[/]", "", f"[dim]{share} hold[/]")
        for each in held:
            colour = _SHOWN[each.state]
            counts = (each.decided, each.held, each.unmet, each.errors)
            times = (str(count) if count else "" for count in counts)
            table.add_row(
                f"  {escape(str(each.rule))}", each.rule.verdict, f"[{colour}]{each.state}[/]", *times
            )
    out.print(table)


@click.command("schema")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
def schema_command(folder: Path | None) -> None:
    """Print the JSON Schemas of the configuration files, and of the audit log's events.

    Or write them into FOLDER, for an editor.
    """
    from wharfinger.audit.event_schema import event_schema
    from wharfinger.rules.schema import schemas

    exported = {**schemas(), "audit-event": event_schema()}
    if folder is None:
        print_json(exported)
        return
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in exported.items():
        target = folder / f"{name.replace('/', '-').replace('*', 'any').removesuffix('.yaml')}.schema.json"
        target.write_text(json.dumps(schema, indent=2) + "\n")
        click.echo(str(target))
