"""Load a configuration and run its policies' tests: what `check`, `test`, start and every reload do.

Run as a module it does the same for a snapshot given on standard input, for `running.rechecking`. No
credential source is ever run here.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from wharfinger.authoring.snapshot import Catalogue, Snapshot
from wharfinger.rules import cases
from wharfinger.rules.cases import CaseResult
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError, Problem, Severity, in_order
from wharfinger.rules.lint import keys, linting
from wharfinger.rules.policies import observing


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking one snapshot."""

    configuration: Configuration | None
    problems: tuple[Problem, ...]
    cases: tuple[CaseResult, ...] = ()
    unnamed: Mapping[str, int] = field(default_factory=dict)
    """Built-in tools that no rule is about, by file, where the configuration was looked through."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that keep the configuration from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """Policy tests whose decision was not the expected one."""
        return tuple(case for case in self.cases if not case.passed)

    @property
    def good(self) -> bool:
        """Whether the configuration may be put to use."""
        return self.configuration is not None and not self.errors and not self.failed

    @property
    def counted(self) -> str:
        """How much there is of each, in words; of a configuration that could be read."""
        if self.configuration is None:
            return ""
        return f"{counted(self.configuration)}, {_count(len(self.cases), 'test passed', 'tests passed')}"


def counted(held: Configuration) -> str:
    """How much a configuration has of each, in words."""
    counts = (
        (len(held.agents), "agent", "agents"),
        (len(held.policies), "policy", "policies"),
        (len(held.tools), "tool", "tools"),
        (len(held.credentials), "credential", "credentials"),
    )
    return ", ".join(_count(*each) for each in counts)


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def check(snapshot: Snapshot, *, run_cases: bool = True, lint: bool = False) -> Checked:
    """Load the snapshot and run its policies' tests; with `lint` also remark on what deserves a look."""
    if any(problem.severity is Severity.ERROR for problem in snapshot.problems):
        found: tuple[Problem, ...] = ()
        try:
            unread = frozenset(p.position.file for p in snapshot.problems if p.severity is Severity.ERROR)
            load(Sources(snapshot.files, Catalogue(), unread))
        except ConfigurationError as error:
            found = error.problems
        return Checked(None, (*snapshot.problems, *found))
    return check_files(snapshot.files, snapshot.problems, run_cases=run_cases, lint=lint)


def check_files(
    files: Mapping[str, bytes],
    problems: tuple[Problem, ...] = (),
    *,
    run_cases: bool = True,
    lint: bool = False,
) -> Checked:
    """The same for files already read."""
    try:
        configuration = load(Sources(files, Catalogue()))
    except ConfigurationError as error:
        return Checked(None, (*problems, *error.problems))
    results = cases.run(configuration) if run_cases else ()
    found = (*problems, *configuration.warnings, *observing.remarks(configuration, datetime.now(UTC)))
    checked = Checked(configuration, found, results)
    return remarked(checked, files) if lint else checked


def remarked(checked: Checked, files: Mapping[str, bytes], approved: frozenset[str] = frozenset()) -> Checked:
    """With what deserves a look, in its files too.

    `approved` are the digests of proposed tools that a person has approved.
    """
    if checked.configuration is None:
        return checked
    seen = linting.remarks(checked.configuration, checked.cases, approved)
    problems = in_order((*checked.problems, *seen.problems, *keys.written(files)))
    return replace(checked, problems=problems, unnamed=seen.unnamed)


def _main() -> None:
    given = json.load(sys.stdin)
    checked = check_files({name: base64.b64decode(content) for name, content in given.items()})
    digest = checked.configuration.digest if checked.configuration is not None and checked.good else None
    answer = {
        "digest": digest,
        "problems": [str(problem) for problem in checked.errors],
        "failed": [str(case) for case in checked.failed],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
