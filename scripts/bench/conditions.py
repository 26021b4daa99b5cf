#!/usr/bin/env python3
"""What one evaluation of a condition costs at worst, over conditions and inputs made to be dear.

For each pair the input grows until the condition refuses to be evaluated on it, and the dearest evaluation on
the way is kept, with how large the input then was. Beside it stands what the estimate of `cel_cost` was.
Printed is processor time, the least of several rounds, so that other processes do not count. Exits 1 if an
evaluation takes more than 5 ms.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from wharfinger.rules import blast
from wharfinger.rules.conditions.when import Condition, Scope, Subject, Written, compile_when
from wharfinger.rules.documents.problems import Position, Problems
from wharfinger.rules.inputs import Input

LIMIT_MS = 5.0
ROUNDS = 3
GROWTH = 1.5
MOST = 1_100_000
SUBJECT = Subject(
    "tool", {"s": Input("s"), "t": Input("t"), "l": Input("l", "array"), "o": Input("o", "object")}
)

type Shape = Callable[[int], dict[str, Any]]
RANDOM = random.Random(1)
MIXED = "".join(RANDOM.choices("abcdefghijkABCDEFG0123456789 -.@", k=MOST))
AB = "".join(RANDOM.choices("ab", k=MOST))

SHAPES: dict[str, Shape] = {
    "text": lambda n: {"s": "a" * n, "t": "b", "l": ["b"], "o": {}},
    "random text": lambda n: {"s": AB[:n], "t": "b", "l": ["c"], "o": {}},
    "wide text": lambda n: {"s": "日" * n, "t": "b", "l": ["c"], "o": {}},
    "two texts": lambda n: {"s": "a" * n, "t": "a" * (n // 2) + "b", "l": ["c"], "o": {}},
    "list": lambda n: {"s": "a", "t": "b", "l": ["b"] * n, "o": {}},
    "list of long": lambda n: {"s": "a", "t": "b", "l": ["a" * 100] * n, "o": {}},
    "list of lists": lambda n: {"s": "a", "t": "b", "l": [["b"] * 30] * (n // 30), "o": {}},
    "list and text": lambda n: {"s": "a" * n, "t": "b" * n, "l": ["ab"] * n, "o": {}},
    "object": lambda n: {"s": "a", "t": "b", "l": ["k"], "o": {str(i): i for i in range(n)}},
    "deep object": lambda n: {"s": "a", "t": "b", "l": ["k"], "o": deep(min(n, 500))},
    "like secrets": lambda n: {"s": ("sk-" * n)[:n], "t": "b", "l": ["sk- " * 20] * (n // 80), "o": {}},
    "like numbers": lambda n: {"s": ("4111 " * n)[:n], "t": "b", "l": ["4111 " * 16] * (n // 80), "o": {}},
    "like all": lambda n: {"s": MIXED[:n], "t": "b", "l": [MIXED[:n]], "o": {}},
}
CONDITIONS: list[Any] = [
    'input.t == "x"',
    'input.s == input.t',
    'input.s < input.t',
    "size(input.s) > 5",
    'input.s.contains("aaaaaaaaaaaaaaaaaaab")',
    "input.s.contains(input.t)",
    'input.s + input.s + input.t == "x"',
    r'input.s.matches("^(a|b)*a(a|b){20}c")',
    r'input.s.matches("(?i)password|secret|token")',
    r'(input.s + "x").matches("^(a|b)*a(a|b){20}c")',
    "input.l.all(x, dyn(x) != 1)",
    'input.l.all(x, x.endsWith("b"))',
    'input.l.all(x, x.contains("aaab") || true)',
    'input.l.all(x, !x.matches("[a-z]+@example.com$"))',
    'input.l.map(x, x) == []',
    'input.l.filter(x, true).map(y, y) == []',
    'input.l.map(x, input.s + input.t) == []',
    'input.l.map(x, input.l) == []',
    "input.l.all(x, input.l.exists(y, y == x))",
    "input.l.all(x, input.l.all(y, input.l.all(z, dyn(z) != 1)))",
    "input.l.all(x, x in input.l)",
    "input.l.all(x, !input.s.contains(dyn(x)) || true)",
    "input.l.all(x, size(input.s) > 0)",
    "input.l.all(x, input.s != input.t)",
    "input.l.all(x, dyn(x).all(y, dyn(y) != 1))",
    "input.o.all(k, input.o[k] != 7)",
    "input.o == input.o",
    'input.l.all(x, string(dyn(x)) != "")',
    "input.l == input.l",
    '"q" in input.l',
    'domain(input.s) == "x"',
    'input.l.all(x, domain(x) == "x" || true)',
    "input.l.all(x, email(x) || true)",
    'input.l.all(x, cidr(x, "10.0.0.0/8") || true)',
    "size(findings(input.s)) == 0",
    'size(findings(input)) == 0 || "card" in findings(input.s) || "secret" in findings(input.l)',
    "input.l.all(x, size(findings(x)) >= 0)",
    "call.blast > 50",
    {"s": {"contains": "aaaab"}},
    {"s": {"matches": "^(a|b)*a(a|b){20}c"}},
    {"s": {"matches": "(?i)password|secret|token"}},
    {"l": {"all": {"endswith": "b"}}},
    {"l": {"all": {"in": ["a", "b", "c"]}}},
    {"l": {"all": {"matches": "^[a-z]+$", "not_in": ["x"]}}},
    {"l": {"all": {"domain": {"in": ["x"]}}}},
    {"l": {"any": {"all": {"equals": "x"}}}},
    {"s": {"findings": "none"}, "l": {"findings": {"not": ["card", "iban"]}}},
    {"l": {"all": {"findings": "none"}}},
]  # fmt: skip


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def compiled(when: Any) -> Condition:
    problems = Problems()
    condition = compile_when(when, (SUBJECT,), lambda *_, **__: Position(""), problems)
    assert condition is not None, [str(problem) for problem in problems]
    return condition


def scope(inputs: dict[str, Any]) -> Scope:
    return Scope(
        inputs=inputs,
        call={"tool": "tool", "effect": "write"},
        agent={"name": "bot", "owner": "alice"},
        request={"method": "POST", "scheme": "https", "host": "x.example", "port": 443, "path": "/"},
        facts={"confinement": "none"},
        now=datetime(2026, 1, 14, tzinfo=UTC),
    )


def timed(condition: Condition, inputs: dict[str, Any]) -> tuple[float, bool]:
    """The least milliseconds of several evaluations, each on a scope of its own, and whether one was made."""
    least, refused = float("inf"), False
    for _ in range(ROUNDS):
        fresh = scope(inputs)
        start = time.thread_time_ns()
        outcome = condition.evaluate(fresh)
        least = min(least, (time.thread_time_ns() - start) / 1e6)
        refused = "too large" in outcome.error
    return least, not refused


def grown(condition: Condition, shape: Shape) -> Iterator[tuple[float, int, dict[str, Any]]]:
    """What evaluations cost, on inputs of growing size, a little beyond the first that is refused."""
    size, beyond = 16, 0
    while size < MOST and beyond < 3:
        inputs = shape(size)
        cost, made = timed(condition, inputs)
        yield cost, size, inputs
        beyond += not made
        size = int(size * GROWTH) if made else size * 16


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    worst = 0.0
    for when in CONDITIONS:
        condition = compiled(when)
        found = [(*each, name) for name, shape in SHAPES.items() for each in grown(condition, shape)]
        cost, size, inputs, name = max(found, key=lambda each: each[0])
        worst = max(worst, cost)
        estimate = ""
        if isinstance(condition, Written):
            estimate = f"estimate {condition.expression.cost.nanoseconds(scope(inputs).weight) / 1e6:9.2f} ms"
        print(f"{cost:6.2f} ms  {name:14} {size:8}  {estimate:22} {when}")
    inputs = {
        f"input_{n}": value for n, value in enumerate(["a*", 5, ["x"] * 20, {"to": ["a@b.example"] * 9}])
    }
    start = time.thread_time_ns()
    for _ in range(10_000):
        blast.score("write", inputs)
    print(f"blast of a usual call: {(time.thread_time_ns() - start) / 1e7:.1f} µs")
    print(f"worst {worst:.2f} ms, under {LIMIT_MS:g} ms: {'yes' if worst < LIMIT_MS else 'NO'}")
    return 0 if worst < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
