"""How far behind the places are that the book is copied to, as the process that copies it says."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from wharfinger.running import measuring

ROWS = [
    {"place": "events: https://logs.example.com as jsonl", "sent": 41, "error": None},
    {"place": "checkpoints: stdout", "sent": 40, "error": None},
    {"place": "traces: https://otel.example.com", "sent": None, "error": "it is down"},
]


def lag(path: Path, size: int) -> dict[str, dict[str, float]]:
    runtime = cast(Any, SimpleNamespace(desk=SimpleNamespace(book=SimpleNamespace(position=None))))
    runtime.desk.book.position = SimpleNamespace(seq=size)
    families: Any = measuring._copies(runtime, measuring._sinks(path))
    return {family["name"]: {labels[0]: value for labels, value in family["rows"]} for family in families}


def test_each_place_is_as_far_behind_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(ROWS))
    events, checkpoints, traces = (str(row["place"]) for row in ROWS)
    assert lag(path, 42) == {
        "wharfinger_copy_lag_events": {events: 0, checkpoints: 2, traces: 42},
        "wharfinger_copy_failing": {events: False, checkpoints: False, traces: True},
    }


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '[{"sent": 1}]', '"x"'])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "status.json"
    if text is not None:
        path.touch(mode=0o600)
        path.write_text(text)
    assert lag(path, 42) == {"wharfinger_copy_lag_events": {}, "wharfinger_copy_failing": {}}


def test_a_file_that_others_may_write_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(json.dumps(ROWS))
    path.chmod(0o666)
    assert lag(path, 42)["wharfinger_copy_lag_events"] == {}
