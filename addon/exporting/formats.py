"""The forms by name, each with how one event and how many of them are written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from wharfinger.audit.reader import Record, printable
from wharfinger.exporting import cef, cloudevents, ecs, ocsf

COLUMNS: Final = (
    "seq", "time", "kind", "decision", "agent", "agent_id", "run", "tools", "verdict", "code", "reason",
    "rules", "method", "scheme", "host", "port", "path", "status", "outcome", "approval", "state",
    "approvers", "person", "action", "credentials", "trace", "count", "confinement", "id",
)  # fmt: skip
"""Of CSV, in order: a new one is added at the end."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Format:
    """One form."""

    line: Callable[[Record], str]
    """One event, on one line, printable ASCII."""
    media_type: str
    batch: Callable[[Sequence[Record]], bytes]
    head: str = ""
    """The line before the first event, if there is one."""


def _lines(line: Callable[[Record], str]) -> Callable[[Sequence[Record]], bytes]:
    return lambda records: "".join(f"{line(record)}\n" for record in records).encode()


def _text(line: Callable[[Record], str], media_type: str, head: str = "") -> Format:
    return Format(line, media_type, _lines(line), head)


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, separators=(",", ":"))


def _as_json(made: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Callable[[Record], str]:
    return lambda record: _json(made(record.members))


def _row(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = printable(text).encode("ascii", "backslashreplace").decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(record: Record) -> str:
    members = {**record.members, "tools": record.tools}
    return _row(_cell(members.get(name, "")) for name in COLUMNS)


def _stored(record: Record) -> str:
    return record.line.decode("ascii")


_CLOUDEVENTS = _as_json(cloudevents.event)


def _cloudevents_batch(records: Sequence[Record]) -> bytes:
    return f"[{','.join(map(_CLOUDEVENTS, records))}]".encode()


FORMATS: Final[Mapping[str, Format]] = MappingProxyType({
    "jsonl": _text(_stored, "application/x-ndjson"),
    "csv": _text(_csv, "text/csv; header=present", _row(COLUMNS)),
    "ocsf": _text(_as_json(ocsf.event), "application/x-ndjson"),
    "ecs": _text(_as_json(ecs.event), "application/x-ndjson"),
    "cef": _text(lambda record: cef.event(record.members), "text/plain; charset=us-ascii"),
    "cloudevents": Format(_CLOUDEVENTS, "application/cloudevents-batch+json", _cloudevents_batch),
})  # fmt: skip
