"""`check`, `test` and `schema`: everything that can be said of a configuration without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from wharfinger.cli.common import REFUSED, WRONG, config_option, find, print_json
from wharfinger.rules.problems import Problem, Severity

_FORMATS = click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="How to print: text, JSON, or GitHub workflow annotations.",
)  # fmt: skip


def _annotation(problem: Problem) -> str:
    kind = "error" if problem.severity is Severity.ERROR else "warning"
    text = f"{problem.message}. {problem.hint}".strip().replace("%", "%25").replace("\n", "%0A")
    place = problem.position
    return f"::{kind} file={place.file},line={place.line},col={place.column}::{text}"


def _as_json(problem: Problem) -> dict[str, object]:
    place = problem.position
    return {
        "file": place.file, "line": place.line, "column": place.column,
        "severity": str(problem.severity), "message": problem.message, "hint": problem.hint,
    }  # fmt: skip


@click.command("check")
@config_option
@_FORMATS
def check_command(config: Path | None, form: str) -> None:
    """Check the configuration: all problems of all files at once. Exit code 2 if it cannot be used."""
    from wharfinger import checking

    checked = checking.check(find(config).snapshot)
    if form == "json":
        print_json(
            {
                "ok": checked.good,
                "digest": checked.configuration.digest if checked.configuration else None,
                "problems": [_as_json(problem) for problem in checked.problems],
                "failed_tests": [str(case) for case in checked.failed],
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


def _case_annotation(text: str) -> str:
    return f"::error::{text.replace('%', '%25')}"


def _summary(checked: object) -> None:
    from wharfinger.checking import Checked

    if not isinstance(checked, Checked) or checked.configuration is None:
        return
    held = checked.configuration
    click.echo(
        f"ok: {len(held.agents)} agents, {len(held.policies)} policies, {len(held.tools)} tools, "
        f"{len(held.credentials)} credentials, {len(checked.cases)} tests passed"
    )
    click.echo(f"policy digest {held.digest}")


@click.command("test")
@config_option
@_FORMATS
def test_command(config: Path | None, form: str) -> None:
    """Run the policies' tests. Exit code 1 if one fails, 2 if the configuration cannot be used."""
    from wharfinger import checking

    checked = checking.check(find(config).snapshot)
    if checked.configuration is None or checked.errors:
        for problem in checked.errors:
            click.echo(_annotation(problem) if form == "github" else str(problem), err=True)
        sys.exit(WRONG)
    if form == "json":
        rows = [
            {"policy": case.policy, "passed": case.passed, "expected": case.expected, "got": case.got,
             "where": str(case.position), "reason": case.decision.reason if case.decision else ""}
            for case in checked.cases
        ]  # fmt: skip
        print_json({"ok": not checked.failed, "tests": rows})
    else:
        for case in checked.cases:
            if form == "text":
                click.echo(f"{'pass' if case.passed else 'FAIL'}  {case}")
            elif not case.passed:
                click.echo(_case_annotation(str(case)))
        if form == "text":
            click.echo(f"{len(checked.cases) - len(checked.failed)} passed, {len(checked.failed)} failed")
    sys.exit(REFUSED if checked.failed else 0)


@click.command("schema")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
def schema_command(folder: Path | None) -> None:
    """Print the JSON Schemas of the configuration files, or write them into FOLDER, for an editor."""
    from wharfinger.rules.schema import schemas

    exported = schemas()
    if folder is None:
        print_json(exported)
        return
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in exported.items():
        target = folder / f"{name.replace('/', '-').replace('*', 'any').removesuffix('.yaml')}.schema.json"
        target.write_text(json.dumps(schema, indent=2) + "\n")
        click.echo(str(target))
