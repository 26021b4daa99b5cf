"""The view's parts as rich makes them: the head with its rates, and the table of calls.

Every text of an event is made visible before it is drawn (`printable`), so that no control character of an
agent, or of a proxy elsewhere, reaches the terminal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text
from wharfinger.audit.reader import printable
from wharfinger.watching.calls import Calls, Entry
from wharfinger.watching.rates import sparkline

STYLES: Final = {"allow": "green", "ask": "yellow", "deny": "red"}
_LONGEST: Final = 200
"""Characters of a field that are drawn at most."""
_WIDE: Final = 118
"""From here on there is room for all columns, and for rules with their folder."""
_MEASURE: Final = Console(width=80, file=io.StringIO())
"""What lines are folded by; nothing is printed on it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how wide it is, and on how wide a terminal it is shown."""

    name: str
    cell: Callable[[Entry], Text]
    width: int | None = None
    """None: it shares what the others leave."""
    share: int = 1
    from_width: int = 0
    to_width: int = 100_000
    right: bool = False


def columns(width: int) -> list[Column]:
    """Those that a terminal of this width has room for."""
    return [column for column in COLUMNS if column.from_width <= width <= column.to_width]


def table(entries: Sequence[Entry], chosen: str, width: int) -> Table:
    """The calls, as they are given; the chosen one stands out."""
    shown = columns(width)
    made = Table(
        box=None, expand=True, padding=(0, 1, 0, 0), header_style="bold", show_edge=False, pad_edge=False
    )
    for column in shown:
        made.add_column(
            column.name,
            width=column.width,
            ratio=None if column.width else column.share,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.right else "left",
        )
    for entry in entries:
        style = "reverse" if entry.decision == chosen else ""
        made.add_row(*(column.cell(entry) for column in shown), style=style)
    return made


def head(calls: Calls, where: str, trouble: str, second: int, width: int) -> Text:
    """Two lines: what is followed and how that goes, and the rates of the last minute."""
    first = Text("wharfinger ", style="bold", no_wrap=True, overflow="ellipsis")
    first.append(printable(where))
    first.append(f"  {printable(trouble)}" if trouble else "  connected", "bold red" if trouble else "green")
    if calls.missed:
        first.append(f"  {calls.missed} events missed", "yellow")
    first.truncate(max(width - 1, 1), overflow="ellipsis")
    return Text("\n").join((first, _rates(calls, second, width)))


def _rates(calls: Calls, second: int, width: int) -> Text:
    every, denied = calls.rates.of(second), calls.rates.of(second, "deny")
    counts = Text()
    for verdict, style in STYLES.items():
        counts.append(f"  {verdict} ")
        counts.append(str(calls.counted[verdict]), style)
    if calls.findings:
        counts.append(f"  found {calls.findings}", "magenta")
    counts.append(f"  out {size(calls.sent_bytes)} in {size(calls.received_bytes)}", "dim")
    rate, denials = f"{_rate(every)}/s ", f"  denied {_rate(denied)}/s "
    bars = max(5, min(30, (width - len(rate) - len(denials) - len(counts)) // 2))
    line = Text.assemble(
        rate,
        (f"{sparkline(every, bars):>{bars}}", "cyan"),
        denials,
        (f"{sparkline(denied, bars):>{bars}}", "red"),
    )
    line.append_text(counts)
    line.truncate(max(width - 1, 1), overflow="ellipsis")
    return line


def size(count: float | None) -> str:
    """A number of bytes, short."""
    if count is None:
        return ""
    for unit in ("B", "k", "M"):
        if count < 1000:
            return f"{count:.0f}{unit}" if unit == "B" or count >= 10 else f"{count:.1f}{unit}"
        count /= 1000
    return f"{count:.1f}G"


def _rate(counts: Sequence[int]) -> str:
    """Calls a second over the last ten whole ones."""
    whole = counts[-11:-1]
    return f"{sum(whole) / len(whole):.1f}" if whole else "0.0"


def folded(text: Text, width: int, under: int) -> Text:
    """Lines that are too long go on below themselves, indented to where their second word begins."""
    room = max(width - under, 10)
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        if line.cell_len <= width:
            lines.append(line)
            continue
        first, rest = line.divide([under])
        if first.cell_len > under:  # wide characters
            lines.extend(line.wrap(_MEASURE, width))
            continue
        for number, part in enumerate(rest.wrap(_MEASURE, room)):
            part.rstrip()
            lines.append(Text.assemble(first if number == 0 else " " * under, part))
    return Text("\n").join(lines)


def _short(rules: str) -> str:
    """Rules without the folder that all of them are in."""
    return ", ".join(rule.removeprefix("policies/") for rule in rules.split(", "))


def _plain(text: str, style: str = "") -> Text:
    return Text(printable(text[:_LONGEST]), style)


def _time(entry: Entry) -> Text:
    try:
        at = datetime.fromisoformat(entry.at).astimezone()
    except (ValueError, OverflowError, OSError):
        return Text("")
    return Text(f"{at:%H:%M:%S}", "dim")


def _verdict(entry: Entry) -> Text:
    text = _plain(entry.verdict, STYLES.get(entry.verdict, ""))
    if entry.times > 1:
        text.append(f" ×{entry.times}", "bold")
    if entry.observed:
        text.append(f" ({printable(entry.observed[:6])})", STYLES.get(entry.observed, ""))
    return text


def _result(entry: Entry) -> Text:
    said = f"{entry.status} {entry.state}" if entry.status is not None else entry.state
    return _plain(said, {"waits": "bold yellow", "under way": "dim"}.get(entry.state, ""))


def _duration(entry: Entry) -> Text:
    ms = entry.milliseconds
    if ms is None:
        return Text("")
    return Text(f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.0f} s")


def _bytes(entry: Entry) -> Text:
    if entry.sent_bytes is None and entry.received_bytes is None:
        return Text("")
    return Text(f"{size(entry.sent_bytes) or '-'}/{size(entry.received_bytes) or '-'}", "dim")


def _findings(entry: Entry) -> Text:
    return Text(str(entry.findings) if entry.findings else "", "magenta")


COLUMNS: Final = (
    Column("time", _time, 8),
    Column("agent", lambda entry: _plain(entry.agent), share=2),
    Column("tool", lambda entry: _plain(entry.tool or entry.where), share=4),
    Column("verdict", _verdict, 9),
    Column("rule", lambda entry: _plain(_short(entry.rule)), share=4, from_width=76, to_width=_WIDE - 1),
    Column("rule", lambda entry: _plain(entry.rule), share=4, from_width=_WIDE),
    Column("approval", lambda entry: _plain(entry.approval, "yellow"), 10, from_width=_WIDE),
    Column("result", _result, share=3, from_width=56),
    Column("time spent", _duration, 10, from_width=92, right=True),
    Column("out/in", _bytes, 11, from_width=104, right=True),
    Column("found", _findings, 5, from_width=84, right=True),
)
"""What the table shows, in the order of what matters to somebody who glances at it."""
