#!/usr/bin/env python3
"""What a decision costs by the length of its path and by the number of tools: it grows with the first only.

Configurations of 100 to 10,000 tools, a fifth of them of each length of path; `decide` whole, on requests
that are allowed. The configurations take turns, so that the machine's noise meets them alike. Prints the
median in microseconds of the processor's time, draws it with `--svg FILE`, and exits 1 if a hundred times
the tools cost more than 1.25 times as much at any length.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.requests.placeholders import Placeholders
from wharfinger.rules.types import Facts, Request, Verdict

NUMBERS = (100, 300, 1_000, 3_000, 10_000)
LENGTHS = (2, 4, 8, 16, 32)
ROUNDS = 300
ASKED = 12
"""Requests of each length and configuration."""
GROWTH = 1.25
HOST = "api.example.com"
NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)

type Medians = dict[tuple[int, int], float]
"""Microseconds, by the number of tools and the length of the path."""


def length_of(tool: int) -> int:
    return LENGTHS[tool % len(LENGTHS)]


def path(tool: int, inputs: str) -> str:
    """Three in four segments are constants; `inputs` stands in the others."""
    segments = [f"area{tool % 40}", f"kind{tool}"]
    segments += [inputs.format(n) if n % 4 == 0 else f"part{n}" for n in range(2, length_of(tool))]
    return "/" + "/".join(segments)


def configuration(number: int) -> Configuration:
    tools = "".join(
        f"\n  - tool: tool_{n}\n    effect: read\n    run: {{method: GET, url: '{path(n, '${{p{}}}')}'}}"
        for n in range(number)
    )
    files = {
        "wharfinger.yaml": "version: 1",
        "agents.yaml": "agents: {bot: {owner: alice, policies: [main]}}",
        "people.yaml": "people: {alice: {email: alice@example.com}}",
        "tools/many.yaml": f"api: many\nbase: https://{HOST}\ntools:{tools}",
        "policies/main.yaml": "policy: main\nallow: [{tool: '*'}]",
    }
    return load(Sources({name: text.encode() for name, text in files.items()}, {}))


def requests(number: int, length: int) -> list[Request]:
    """Spread over all tools of this length."""
    mine = [n for n in range(number) if length_of(n) == length]
    return [
        Request("bot", "GET", "https", HOST, 443, path(n, "value{}"), (("Host", HOST),), b"")
        for n in mine[:: max(1, len(mine) // ASKED)][:ASKED]
    ]


def measured() -> Medians:
    facts = Facts(Placeholders({}), agent_id="agt_1")
    loaded = {number: configuration(number) for number in NUMBERS}
    asked = {(n, length): requests(n, length) for n in NUMBERS for length in LENGTHS}
    for (number, _), each in asked.items():
        assert all(decide(loaded[number], r, facts, NOW).verdict is Verdict.ALLOW for r in each)
    times: dict[tuple[int, int], list[float]] = {key: [] for key in asked}
    for _ in range(ROUNDS):
        for key, each in asked.items():
            start = time.thread_time_ns()
            for request in each:
                decide(loaded[key[0]], request, facts, NOW)
            times[key].append((time.thread_time_ns() - start) / len(each) / 1000)
    return {key: statistics.median(values) for key, values in times.items()}


def table(medians: Medians) -> str:
    lines = ["tools    " + "".join(f"{length:>6} segments" for length in LENGTHS)]
    for number in NUMBERS:
        cells = "".join(f"{medians[number, length]:>12.1f} µs" for length in LENGTHS)
        lines.append(f"{number:>6}   {cells}")
    return "\n".join(lines)


# The drawing: two panels side by side, in colours that show on light and on dark.

WIDTH, HEIGHT, MARGIN, PANEL = 760, 300, 48, 300
INK, GRID = "#7d8590", "#7d859040"
COLOURS = ("#6cb6ff", "#3b8eea", "#8957e5", "#d2609a", "#e5534b")


def drawing(medians: Medians) -> str:
    most = max(medians.values()) * 1.1
    tools = [[medians[number, length] for number in NUMBERS] for length in LENGTHS]
    lengths = [[medians[number, length] for length in LENGTHS] for number in NUMBERS]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}">',
        "<title>Microseconds for one decision, by the number of tools and by the length of the path</title>",
        *panel(MARGIN, "number of tools", NUMBERS, [f"{n} segments" for n in LENGTHS], tools, most),
        *panel(
            MARGIN + PANEL + 80,
            "segments of the path",
            LENGTHS,
            [f"{n:,} tools" for n in NUMBERS],
            lengths,
            most,
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def panel(  # noqa: PLR0917 - what is drawn, and where
    left: int, what: str, marks: tuple[int, ...], names: list[str], lines: list[list[float]], most: float
) -> list[str]:
    """One panel: marks at equal distances below, microseconds at the side, a line for each name."""
    top, bottom = 28, HEIGHT - MARGIN
    across = [left + index * PANEL / (len(marks) - 1) for index in range(len(marks))]

    def up(value: float) -> float:
        return bottom - value / most * (bottom - top)

    parts = []
    for value in range(0, int(most) + 1, 20 if most < 200 else 50):
        y = up(value)
        parts += [
            f'<line x1="{left}" y1="{y:.1f}" x2="{left + PANEL}" y2="{y:.1f}" stroke="{GRID}"/>',
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>',
        ]
    parts += [
        f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{mark:,}</text>'
        for x, mark in zip(across, marks, strict=True)
    ]
    middle = left + PANEL / 2
    parts += [
        f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">{what}</text>',
        f'<text x="{left}" y="16">µs for one decision</text>',
    ]
    for index, (name, values) in enumerate(zip(names, lines, strict=True)):
        points = " ".join(f"{x:.1f},{up(value):.1f}" for x, value in zip(across, values, strict=True))
        y = bottom - 8 - 14 * (len(names) - 1 - index)
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[index]}" stroke-width="2"/>',
            f'<text x="{left + 12}" y="{y + 4}" fill="{COLOURS[index]}">{name}</text>',
        ]
    return parts


def main() -> int:
    """Measure, print, draw if asked to, and say whether the number of tools matters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path, help="draw the figures into this file")
    svg = parser.parse_args().svg
    medians = measured()
    print(table(medians))
    growth = max(medians[NUMBERS[-1], length] / medians[NUMBERS[0], length] for length in LENGTHS)
    print(f"a hundred times the tools cost {growth:.2f} times as much at most (limit {GROWTH})")
    if svg is not None:
        svg.write_text(drawing(medians), encoding="utf-8")
    return 0 if growth <= GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
