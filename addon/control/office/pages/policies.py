"""The policies: each with its source, its tests and what they exercise, its limits; and how they changed."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from wharfinger.control.office.known import Loaded, is_shown
from wharfinger.control.office.pages.page import Page
from wharfinger.control.office.pages.paging import Slice, found_in
from wharfinger.control.office.visit import Visit
from wharfinger.control.protocol import Code, ControlError
from wharfinger.rules.policies import limits
from wharfinger.rules.policies.coverage import Exercised, percentage
from wharfinger.rules.policies.policy import CompiledPolicy

_PAGE = 50
_AGENTS = 40
_CHANGES = 20
_LINES = 20_000
_DIFF = 4_000
"""Lines of a comparison that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy in the list."""

    policy: CompiledPolicy
    agents: int
    rules: int
    tests: int
    failed: int
    covered: float

    @property
    def limits(self) -> int:
        """How many limits are written in it."""
        return len(self.policy.model.limits)


async def show(visit: Visit) -> Response:
    """The list, and what was in force when."""
    loaded = await visit.configuration()
    rows = await run_in_threadpool(_rows, loaded)
    wanted = found_in(visit.query, rows, lambda row: f"{row.policy.name} {row.policy.model.description}")
    changes = visit.office.changes.newest()[: _CHANGES + 1]
    return visit.page(
        "policies.html",
        shown=Slice.of(visit.query, wanted, _PAGE),
        all=len(rows),
        digest=loaded.configuration.digest,
        warnings=loaded.configuration.warnings[:_PAGE],
        changes=_with_before(changes)[:_CHANGES],
        known=visit.office.configurations.known,
    )


def _with_before(changes: list[Any]) -> list[tuple[Any, str]]:
    """Each change with the digest that was in force before it, if another was."""
    found = []
    for index, change in enumerate(changes):
        earlier = (one.policy_digest for one in changes[index + 1 :] if one.policy_digest)
        before = next(earlier, "")
        found.append((change, before if change.policy_digest not in {"", before} else ""))
    return found


def _rows(loaded: Loaded) -> list[Row]:
    held = Counter(name for agent in loaded.configuration.agents.values() for name in agent.policies)
    by_policy = _by_policy(loaded)
    rows = []
    for name, policy in sorted(loaded.configuration.policies.items()):
        results = [case for case in loaded.cases if case.policy == name]
        failed = sum(not case.passed for case in results)
        rules = by_policy.get(name, [])
        rows.append(Row(policy, held[name], len(rules), len(results), failed, percentage(rules)))
    return rows


def _by_policy(loaded: Loaded) -> dict[str, list[Exercised]]:
    """The rules by the policy in whose file they stand, each once."""
    found: dict[str, list[Exercised]] = {}
    for each in loaded.exercised:
        found.setdefault(each.rule.policy, []).append(each)
    return found


async def one(visit: Visit) -> Response:
    """One policy."""
    loaded = await visit.configuration()
    policy = loaded.configuration.policies.get(visit.path["name"])
    if policy is None:
        raise ControlError(Code.UNKNOWN, "there is no policy of this name", "see the list of policies")
    return visit.page("policy.html", **await run_in_threadpool(_one, loaded, policy))


def _one(loaded: Loaded, policy: CompiledPolicy) -> dict[str, Any]:
    file = policy.model.position.file
    results = [case for case in loaded.cases if case.policy == policy.name]
    rules = _by_policy(loaded).get(policy.name, [])
    agents = [
        name for name, one in sorted(loaded.configuration.agents.items()) if policy.name in one.policies
    ]
    return {
        "policy": policy,
        "file": file,
        "lines": (loaded.text(file) or "").split("\n")[:_LINES],
        "marks": _marks(rules),
        "rules": rules,
        "covered": percentage(rules),
        "tests": list(zip(results, policy.model.tests, strict=False)),
        "failed": sum(not case.passed for case in results),
        "agents": agents[:_AGENTS],
        "more_agents": max(0, len(agents) - _AGENTS),
        "limits": [(limit, measure) for limit, measure in limits.every([policy.limits])],
    }


def _marks(rules: list[Exercised]) -> Mapping[int, list[Exercised]]:
    """The rules that begin in each line."""
    found: dict[int, list[Exercised]] = {}
    for each in rules:
        found.setdefault(each.rule.line, []).append(each)
    return found


async def source(visit: Visit) -> Response:
    """A file of the configuration, each line with its number and an address."""
    loaded, path = await visit.configuration(), visit.path["path"]
    text = loaded.text(path)
    if text is None:
        raise ControlError(Code.UNKNOWN, "this file is not there, or not shown", "policies and tools are")
    named = [name for name, one in loaded.configuration.policies.items() if one.model.position.file == path]
    marks: Mapping[int, list[Exercised]] = {}
    if path.startswith("policies/"):
        exercised = await run_in_threadpool(lambda: loaded.exercised)
        marks = _marks([each for each in exercised if each.rule.file == path])
    return visit.page("source.html", path=path, lines=text.split("\n")[:_LINES], marks=marks, policies=named)


@dataclass(frozen=True, slots=True)
class Difference:
    """How one file differs."""

    path: str
    lines: tuple[str, ...]
    """As `diff -u` writes it; none where it is not shown."""
    cut: bool


async def differ(visit: Visit) -> Response:
    """What lies between two policies that were in force."""
    await visit.configuration()
    before, after = visit.query.get("from", "")[:64], visit.query.get("to", "")[:64]
    configurations = visit.office.configurations
    old, new = configurations.files(before), configurations.files(after)
    missing = [digest for digest, files in ((before, old), (after, new)) if files is None]
    found = await run_in_threadpool(_differences, old, new) if old is not None and new is not None else []
    return visit.page("policy_diff.html", before=before, after=after, missing=missing, differences=found)


def _differences(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Difference]:
    found, left = [], _DIFF
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        lines: list[str] = []
        if is_shown(path):
            before, after = (files.get(path, b"").decode("utf-8", "replace") for files in (old, new))
            lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
        found.append(Difference(path, tuple(lines[:left]), len(lines) > left))
        left = max(0, left - len(lines))
    return found


PAGES = (
    Page("/policies", show, title="Policies"),
    Page("/changes", differ),
    Page("/policies/{name}", one),
    Page("/source/{path:path}", source),
)
