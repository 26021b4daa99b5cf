"""What is drawn: every text made visible, at every width, and nothing cut that matters most."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from wharfinger.watching import drawing
from wharfinger.watching.calls import Calls
from wharfinger.watching.detail import Tab, show

HOSTILE = {
    "terminal": "a\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "line": "a\r\nb\tc\x0b\x0c\x85\u2028",
    "c1": "a\x9b31m\x90q\x9c",
    "bidi": "a\u202egnp.\u2066x\u2069\u200f",
    "hidden": "a\u200b\u2060\ufeff\u00ad\U000e0041",
    "markup": "[red]a[/red] [link=http://x]y[/link] \\[b]",
    "wide": "あ" * 300,
    "long": "x" * 20_000,
    "surrogate": "a\udc9b",
    "nul": "\x00\x7f\x08\x08\x08",
}


def drawn(renderable: Any, width: int = 140) -> str:
    """As it would go to a terminal, without styles of our own."""
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_terminal=True, legacy_windows=False
    )
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def poisoned(told: Any, value: str) -> Calls:
    """A call every text of which is hostile."""
    calls = Calls()
    inner = {"tool": value, "effect": value, "reason": value, "blast": value, "inputs": {value: value},
             "extras": {value: {value: [value]}}, "hmac": {value: value}}  # fmt: skip
    texts = ("agent", "verdict", "reason", "host", "path", "method", "approval", "observed", "code", "run",
             "policy_digest", "identified_by", "trace", "id", "prev", "leaf", value)  # fmt: skip
    lists = ("rules", "credentials", "dropped", "grants", "approvers", "query")
    members = dict.fromkeys(texts, value) | {name: [value] for name in lists}
    calls.take(
        [told("held", value, calls=[inner], cut={value: {value: 1}}, hmac={value: value}, **members)], None
    )
    end = {"outcome": value, "status": 200, "findings": {value: 2}, "timings_ms": {"total": 1.0, value: 2.0}}
    calls.take([told("outcome", value, address=value, **end)], None)
    calls.take([told("control", value, action=value, person=value, agent=value)], None)
    return calls


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [20, 60, 140, 300])
def test_no_control_character_reaches_the_terminal(told, name: str, width: int):
    value = HOSTILE[name]
    calls = poisoned(told, value)
    (entry,) = calls.newest()
    parts = [drawing.table([entry], "", width), drawing.head(calls, value, value, 0, width)]
    parts += [show(entry, tab, 1, {}) for tab in Tab]
    for part in parts:
        text = drawn(part, width)
        assert "a" in text or name in {"wide", "long", "nul"}
        wrong = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {
            "\n"
        }
        assert wrong == set()
        assert max(map(len, text.splitlines())) <= width


def test_markup_is_text(told):
    (entry,) = poisoned(told, HOSTILE["markup"]).newest()
    assert "[red]a[/red]" in drawn(show(entry, Tab.DECISION, None, {}))
    assert "[red]a" in drawn(drawing.table([entry], "", 300), 300)


def test_a_row_has_every_column_where_there_is_room(told):
    calls = Calls()
    calls.take([told("intent", approval="a_123", request_bytes=12)], None)
    end = {"outcome": "completed", "status": 200, "response_bytes": 34_567, "findings": {"card": 2}}
    calls.take([told("outcome", **end, timings_ms={"total": 12.4})], None)
    text = drawn(drawing.table(calls.newest(), "", 160), 160)
    head, row = text.splitlines()[:2]
    for name in ("agent", "tool", "verdict", "rule", "approval", "result", "time spent", "out/in", "found"):
        assert name in head
    for cell in (
        "bot",
        "get_thing",
        "allow",
        "policies/things.yaml:3",
        "a_123",
        "200 completed",
        "12 ms",
        "12B/35k",
        " 2",
    ):
        assert cell in row


@pytest.mark.parametrize("width", [24, 50, 80, 100])
def test_on_a_narrow_terminal_agent_tool_and_verdict_are_left(told, width: int):
    shown = [column.name for column in drawing.columns(width)]
    assert shown[:4] == ["time", "agent", "tool", "verdict"]
    assert len(shown) < len(drawing.COLUMNS)


def test_the_head_tells_of_trouble_rates_and_what_was_missed(told):
    calls = Calls()
    calls.take([told("denied", f"d_{number}") for number in range(20)], 100)
    calls.missed = 3
    text = drawn(drawing.head(calls, "here", "the connection was ended", 101, 140))
    assert "the connection was ended" in text
    assert "3 events missed" in text
    assert "2.0/s" in text
    assert "deny 20" in text
    assert "█" in text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0B"), (999, "999B"), (1000, "1.0k"), (34_567, "35k"), (5e6, "5.0M"), (7e12, "7000.0G")],
)
def test_sizes_are_short(count: float | None, text: str):
    assert drawing.size(count) == text


def test_long_lines_go_on_below_themselves():
    text = Text("name    one two three four\nshort\n\nother   " + "x" * 30)
    shown = drawing.folded(text, 20, 8).plain.splitlines()
    assert shown == [
        "name    one two", "        three four", "short", "", "other   xxxxxxxxxxxx", "        xxxxxxxxxxxx",
        "        xxxxxx",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_folding_loses_nothing(told, name: str):
    shown = show(poisoned(told, HOSTILE[name]).newest()[0], Tab.DECISION, None, {})
    folded = drawing.folded(shown, 60, 17)
    assert folded.plain.replace(" ", "").replace("\n", "") == shown.plain.replace(" ", "").replace("\n", "")
    assert max(line.cell_len for line in folded.split("\n")) <= 60


@pytest.mark.parametrize(("width", "said"), [(80, "things.yaml:3"), (140, "policies/things.yaml:3")])
def test_the_line_of_a_rule_is_seen_on_a_narrow_terminal(told, width: int, said: str):
    calls = Calls()
    calls.take([told("denied")], None)
    words = drawn(drawing.table(calls.newest(), "", width), width).split()
    assert said in words
