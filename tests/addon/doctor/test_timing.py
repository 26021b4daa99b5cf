"""A clock that is wrong is told by files, by the kernel, and by the book's two clocks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wharfinger.doctor import timing
from wharfinger.doctor.findings import Grade
from wharfinger.doctor.machine import Place

NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(("hours", "grade"), [(-1, Grade.OK), (20, Grade.OK), (27, Grade.FAIL)])
def test_a_file_that_is_still_to_come(tmp_path: Path, hours: int, grade: Grade) -> None:
    path = tmp_path / "written"
    path.touch()
    at = (NOW + timedelta(hours=hours)).timestamp()
    os.utime(path, (at, at))
    (found,) = timing.behind(NOW, [tmp_path / "missing", path])
    assert (found.grade, str(path) in found.text) == (grade, grade is Grade.FAIL)


def event(seconds: float, mono: float, kind: str = "intent") -> Mapping[str, Any]:
    at = NOW + timedelta(seconds=seconds)
    return {"kind": kind, "time": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", "mono_ns": int(mono * 1e9)}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([], "steady"),
        ([event(0, 5), event(60, 65), event(61, 66)], "steady"),
        ([event(0, 5), event(3660, 65)], "went forth by 3600 s"),
        ([event(3600, 5), event(60, 65)], "went back by 3600 s"),
        ([event(0, 500), event(9000, 3)], "steady"),
        ([event(0, 5), event(9000, 6, "started"), event(9001, 7)], "steady"),
        ([{"kind": "intent"}, event(0, 1), {"kind": "intent", "time": 3, "mono_ns": "x"}], "steady"),
    ],
    ids=["none", "steady", "set forth", "set back", "another boot", "another process", "no events of ours"],
)
def test_between_events(events: list[Mapping[str, Any]], said: str) -> None:
    (found,) = timing.moved(events)
    assert said in found.text
    assert (found.grade is Grade.OK) is (said == "steady")


@pytest.mark.parametrize(
    ("state", "grades"), [(True, {Grade.OK}), (False, {Grade.OK, Grade.REMARK}), (None, {Grade.OK})]
)
def test_what_the_kernel_says(
    installed: Place, monkeypatch: pytest.MonkeyPatch, state: bool | None, grades: set[Grade]
) -> None:
    monkeypatch.setattr(timing, "synchronised", lambda: state)
    assert {each.grade for each in timing.set_right(installed)} == grades


def test_the_kernel_is_asked() -> None:
    assert timing.synchronised() in {True, False, None}
