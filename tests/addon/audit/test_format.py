"""`docs/audit-format.md` is true: its program verifies our logs, and it names what we store."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from wharfinger.audit import reader
from wharfinger.audit.book import Book
from wharfinger.audit.event import Event, EventKind, Outcome, Sent, Target, Who
from wharfinger.audit.events import approval, control, intent, outcome, rejected
from wharfinger.rules.policies.grants import Use
from wharfinger.rules.types import Code, Observed, RuleRef, Verdict

DOCUMENT = Path(__file__).parents[3] / "docs" / "audit-format.md"


@pytest.fixture
def log(opened: Callable[..., Book], folder: Path, who: Who, request_of: Any, decision_of: Any) -> Path:
    """A log in which every member occurs."""
    book = opened(segment_bytes=4000)
    call = {
        "inputs": {"card": "4242", "note": "n" * 600},
        "extras": {"expand": "charge"},
        "sensitive": frozenset({"card"}),
        "reason": "asked for",
    }
    request = request_of(target="/cards/4242?x=1")
    sent = Sent(200, "192.0.2.1:443", 1, 2, 3, 4, "d" * 64, {"own secret": 1}, {"upstream": 2.5}, False)
    book.record(intent("d_1", who, request, decision_of(call), approval="a_1", approvers=("alice",)))
    seen = Observed(
        Verdict.DENY, "not in business hours", (RuleRef("p", "policies/p.yaml", 2, Verdict.DENY),)
    )
    given = (Use("g_1", 1, ("alice",)),)
    book.record(intent("d_2", who, request_of(), decision_of(observed=seen, review=True, grants=given)))
    book.record(outcome("d_1", who, Outcome.COMPLETED, sent))
    book.record(approval("a_1", "used", person="alice"))
    book.record(control("reload", "alice", detail={"files": 3}))
    counted = rejected("d_3", who, Code.DENIED, "no rule allows this", target=Target.of(request_of()))
    book.record(replace(counted, trace="a" * 32, trace_parent="b" * 16, count=2, decisions=("d_3", "d_4")))
    for number in range(6):
        book.record(intent(f"d_{number + 10}", who, request_of(), decision_of()))
    return folder


def program() -> str:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)[0]


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program(), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documents_program_verifies_a_log_and_finds_a_change(log: Path) -> None:
    every = list(reader.records(log))
    assert len({record.file for record in every}) > 1
    found = run(log)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"{len(every)} events, head ")
    path = log / every[2].file
    path.write_bytes(path.read_bytes().replace(b"asked for", b"asked fox"))
    assert run(log).returncode != 0


def names(value: Any) -> Iterator[str]:
    for name, part in value.items():
        yield name
        if name == "calls":
            for call in part:
                yield from call


def test_every_member_and_kind_is_documented(log: Path) -> None:
    documented = set(re.findall(r"`([a-z_0-9]+)`", DOCUMENT.read_text("utf-8")))
    stored = {name for record in reader.records(log) for name in names(record.members)}
    assert len(stored) > 40
    assert stored <= documented
    assert {str(kind) for kind in EventKind} <= documented
    assert {str(ending) for ending in Outcome} <= documented


def test_every_field_of_an_event_is_stored(log: Path) -> None:
    """A field added to `Event` or `Sent` and forgotten by `render` is found here."""
    stored = {name for record in reader.records(log) for name in record.members}
    inner = {"who", "target", "sent"}
    assert {name for name in Event.__dataclass_fields__ if name not in inner} <= stored
    assert set(Sent.__dataclass_fields__) <= stored


def test_the_published_schema_knows_every_member_and_no_other(log: Path, schema: Any) -> None:
    """Every event of these tests is held to it; here, that it would tell."""
    every = [dict(record.members) for record in reader.records(log)]
    stored = {name for members in every for name in members}
    assert stored <= schema.schema["properties"].keys()
    for members in every:
        assert schema.is_valid(members)
        assert not schema.is_valid({**members, "unknown": 1})
        assert not schema.is_valid({**members, "leaf": "x"})
        assert not schema.is_valid({**members, "kind": "other"})
    for members in (members for members in every if members["kind"] != "segment"):
        assert not schema.is_valid({**members, "tree": []})
    (counted,) = [members for members in every if "count" in members]
    assert not schema.is_valid({name: counted[name] for name in counted if name != "code"})
