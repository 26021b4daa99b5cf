"""What an evaluation of a CEL expression may cost, worked out before it is made.

Rules: no input of an agent makes one evaluation take more than five milliseconds. The library stops after
10,000 turns of loops, but one turn may be dear: a list is built by copying, a text is searched anew, a
pattern is compiled again. So each expression has, from its tree, how its cost grows with the number of
elements and the bytes of the inputs; where the sum is over `LIMIT`, it is not evaluated, which is an error.

The prices are nanoseconds, measured with a margin (scripts/bench/conditions.py shows estimates beside what
evaluations took).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import re2
from wharfinger.rules.conditions.cel_tree import Call, Constant, Group, Ident, Loop, Node, walk
from wharfinger.rules.weight import LIMIT, PROGRAM, Weight

TURNS: Final = 10_000
"""Turns of loops after which the library stops."""
MAX_ORDER: Final = 3
"""Loops within, or over the result of, one another."""

_STEP, _ELEMENT, _BYTE, _BUILD, _FUNCTION, _VALUE = 40, 180, 0.3, 22, 10_000, 500
_COMPILE, _INSTRUCTION, _PRODUCT = 6_000, 400, 0.003
_SCANS: Final[Mapping[str, float]] = {"contains": 6, "size": 1.5, "matches": 2}
_COMPARES: Final = frozenset({"_==_", "_!=_", "@in", "_+_"})
_FUNCTIONS: Final = frozenset({"given", "within", "cidr", "domain", "email", "findings"})
_LISTS: Final = 8
"""Elements that a function of ours gives, as `findings` does, beyond which none is usual."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How the cost of an expression grows."""

    steps: int
    loops: int
    order: int
    """How deep its loops stand in each other; one over the result of another counts as within it."""
    reaches: bool
    """Whether some loop reads in every turn what is not its own, or puts texts or lists together."""
    builds: int
    """Loops that build lists."""
    literals: int
    """Elements written out in the expression."""
    by_element: float
    by_byte: float
    products: int
    """Searches for a text that is itself an input."""
    functions: int
    programs: int
    """Instructions of its patterns together."""
    patterns: int

    def nanoseconds(self, weight: Weight) -> float:
        """An upper bound for one evaluation on inputs of this weight."""
        elements = weight.elements + self.literals
        turns = 1
        if self.loops:
            turns = min(TURNS, self.loops * max(1, elements) ** (self.order if self.reaches else 1))
        again = turns if self.reaches else 1
        once = elements * _ELEMENT + weight.size * _BYTE
        each = self.steps * _STEP + self.builds * elements * _BUILD + self.functions * _FUNCTION
        each += self.patterns * _COMPILE + self.programs * _INSTRUCTION
        read = elements * self.by_element + weight.size * (self.by_byte + self.programs * PROGRAM)
        return once + turns * each + again * (read + self.products * weight.size**2 * _PRODUCT)

    def exceeded(self, weight: Weight) -> bool:
        """Whether an evaluation on inputs of this weight may take longer than it may."""
        return weight.countless or self.nanoseconds(weight) > LIMIT


def cost(tree: Node) -> Cost:
    """The cost of an expression. Patterns in it are known to be patterns."""
    nodes = tuple(walk(tree))
    calls = [node for node in nodes if isinstance(node, Call)]
    loops = [node for node in nodes if isinstance(node, Loop)]
    names = [call.function for call in calls]
    sizes = [_program(call) for call in calls if call.function == "matches"]
    functions = sum(name in _FUNCTIONS for name in names)
    return Cost(
        steps=len(nodes),
        loops=len(loops),
        order=_order(tree),
        reaches=any(_reaches(loop) for loop in loops),
        builds=sum(isinstance(loop.begin, Group) for loop in loops),
        literals=sum(len(node.parts) for node in nodes if isinstance(node, Group))
        + _LISTS * names.count("findings"),
        by_element=20 * sum(name in _COMPARES for name in names) + _VALUE * names.count("findings"),
        by_byte=sum(_SCANS.get(name, _BYTE) for name in names),
        products=sum(
            call.function == "contains" and not isinstance(call.args[-1], Constant) for call in calls
        ),
        functions=functions,
        programs=sum(sizes),
        patterns=len(sizes),
    )


def _program(call: Call) -> int:
    pattern = call.args[-1]
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        return 0
    return int(re2.compile(pattern.value).programsize)


def _below(node: Node) -> Iterator[Node]:
    """What stands directly below a node."""
    match node:
        case Call(_, args):
            yield from args
        case Group(parts):
            yield from parts
        case Loop(over, begin, body):
            yield from (over, begin, *body)
        case Constant() | Ident():
            pass
        case _:
            yield node.operand


def _order(node: Node) -> int:
    if isinstance(node, Loop):
        return 1 + _order(node.over) + max(_order(part) for part in (node.begin, *node.body))
    return max((_order(part) for part in _below(node)), default=0)


def _reaches(loop: Loop) -> bool:
    inner = [node for part in loop.body for node in walk(part)]
    own = loop.own.union(*(node.own for node in inner if isinstance(node, Loop)))
    foreign = any(isinstance(node, Ident) and node.name not in own for node in inner)
    return foreign or any(isinstance(node, Call) and _grows(node) for node in inner)


def _grows(call: Call) -> bool:
    """Whether a call puts something together that is not the loop's own result."""
    return call.function == "_+_" and not (
        isinstance(call.args[0], Ident) and call.args[0].name.startswith("@")
    )
