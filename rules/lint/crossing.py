"""Templates of the user's that cross: a request could be either, and neither is the other's special case.

Where one template is a special case of another (`/items/latest`, `/items/${id}`) the order of specificity is
plain to see. Where each is special in its own place (`/${team}/latest`, `/items/${id}`) the order decides as
surely, but a reader would not guess it; so they are named, with a request that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice
from operator import attrgetter
from typing import Final

from wharfinger.rules.documents import kinds
from wharfinger.rules.documents.problems import Problem, Severity
from wharfinger.rules.lint.view import View
from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.tools.places import Endpoint
from wharfinger.rules.tools.template import Text
from wharfinger.rules.tools.tool import Tool

MAX_PAIRS: Final = 200_000
"""Pairs that are looked at; more would take long, and nobody reads as many remarks."""
FILLER: Final = "x"

type Segments = tuple[Text, ...]


def templates(view: View) -> Iterator[Problem]:
    """Remarks on pairs of the user's own HTTP tools that cross."""
    own = [tool for tool in view.configuration.tools if not tool.builtin and tool.protocol is Protocol.HTTP]
    for pair in islice(_candidates(own), MAX_PAIRS):
        one, other = sorted(pair, key=attrgetter("position"))
        path = together(one.path.segments, other.path.segments)
        if path is None or not _apart(one, other) or _nested(one, other) or _nested(other, one):
            continue
        yield Problem(
            other.position,
            f'a request can be "{one.name}" as well as "{other.name}": {example(one, other, path)}',
            "the one that is more special further left goes first, and deny rules see both; "
            "tell them apart by a constant",
            Severity.WARNING,
            kinds.CROSSING,
        )


def example(one: Tool, other: Tool, path: str) -> str:
    """A request that both templates match, in words."""
    method = next(method for method in one.methods if method in other.methods)
    endpoint = next(each for each in one.endpoints if each.shape in {e.shape for e in other.endpoints})
    held = sorted({*one.constants, *other.constants})
    return f"{method} {_base(endpoint)}{path}" + (f" with {', '.join(held)}" if held else "")


def _base(endpoint: Endpoint) -> str:
    names = {v.name: FILLER for label in endpoint.labels for v in label.variables}
    return f"{endpoint.scheme}://{endpoint.write(names)}"


def _candidates(tools: list[Tool]) -> Iterator[tuple[Tool, Tool]]:
    """Pairs that share a method and a host, and whose constant segments do not differ; each once."""
    places: dict[tuple[str, str], list[Tool]] = {}
    for tool in tools:
        for method in tool.methods:
            for endpoint in tool.endpoints:
                places.setdefault((method, endpoint.shape), []).append(tool)
    told: set[tuple[int, int]] = set()
    for group in places.values():
        for one, other in _alike(group, 0):
            key = (min(id(one), id(other)), max(id(one), id(other)))
            if one is not other and key not in told:
                told.add(key)
                yield one, other


def _alike(group: list[Tool], depth: int) -> Iterator[tuple[Tool, Tool]]:
    """Divide by the constant at this depth; whatever has a variable there goes with each of them."""
    if len(group) < 2:
        return
    if depth > max(len(tool.path.segments) for tool in group):
        yield from combinations(group, 2)
        return
    constants: dict[str | None, list[Tool]] = {}
    open_ones: list[Tool] = []
    for tool in group:
        segments = tool.path.segments
        rest = tool.path.rest is not None and depth >= len(segments) - 1
        if rest or (depth < len(segments) and segments[depth].constant is None):
            open_ones.append(tool)
        else:
            here = segments[depth].constant if depth < len(segments) else None
            constants.setdefault(here, []).append(tool)
    for same in constants.values():
        yield from _alike([*same, *open_ones], depth + 1)
    if not constants:
        yield from _alike(open_ones, depth + 1)


def together(one: Segments, other: Segments) -> str | None:
    """A path that both match; None if there is none, or none is found."""
    path = ""
    for index in range(max(len(one), len(other))):
        mine, theirs = _segment(one, index), _segment(other, index)
        if mine is None or theirs is None:
            return None
        text = _both(mine, theirs)
        if text is None:
            return None
        path += f"/{text}"
    return path


def _segment(segments: Segments, index: int) -> Text | None:
    """The segment at this place; the last for as long as it stands for the rest of the path."""
    if index < len(segments):
        return segments[index]
    last = segments[-1].single
    return segments[-1] if last is not None and last.rest else None


def _both(one: Text, other: Text) -> str | None:
    """A text that both segments match."""
    if one.constant is not None:
        return one.constant if _matches(other, one.constant) else None
    filled = [_filled(one), _filled(other), _joined(one, other), _joined(other, one)]
    return next((text for text in filled if _matches(one, text) and _matches(other, text)), None)


def _matches(segment: Text, text: str) -> bool:
    constant = segment.constant
    return text == constant if constant is not None else bool(text) and segment.fits(text)


def _filled(segment: Text) -> str:
    return "".join(part if isinstance(part, str) else FILLER for part in segment.parts)


def _joined(one: Text, other: Text) -> str:
    """The beginning of one and the end of the other: `a-${x}` and `${y}-b` share `a-x-b`."""
    first, last = one.parts[0], other.parts[-1]
    return (first if isinstance(first, str) else "") + FILLER + (last if isinstance(last, str) else "")


def _apart(one: Tool, other: Tool) -> bool:
    """Whether what the two hold constant in query, headers and body can be in one request."""
    mine, theirs = _by_place(one), _by_place(other)
    return all(mine[place] == theirs[place] for place in mine.keys() & theirs.keys())


def _by_place(tool: Tool) -> dict[str, str]:
    return dict(constant.partition("=")[::2] for constant in tool.constants)


def _nested(inner: Tool, outer: Tool) -> bool:
    """Whether every request of `inner` is one of `outer`, too."""
    if not set(outer.constants) <= set(inner.constants):
        return False
    here, around = inner.path.segments, outer.path.segments
    for index in range(max(len(here), len(around))):
        mine, theirs = _segment(here, index), _segment(around, index)
        if mine is None or theirs is None or not _within(mine, theirs):
            return False
    return True


def _within(mine: Text, theirs: Text) -> bool:
    rest = mine.single is not None and mine.single.rest
    if theirs.single is not None:
        return theirs.single.rest or not rest
    if mine.constant is not None:
        return _matches(theirs, mine.constant)
    return mine.shape == theirs.shape
