"""The steps to a decision, for `explain`: what was read, what it presents, what the rules said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.types import Request, Step

if TYPE_CHECKING:
    from wharfinger.rules.policies.ruling import Ruled
    from wharfinger.rules.recognition.presented import Presented
    from wharfinger.rules.recognition.recognised import Recognised


def of_refusal(request: Request, read: Recognised, refusal: Refusal) -> Iterator[Step]:
    """Where the request was refused before any rule was asked, or whatever rules said."""
    if read.calls:
        yield from of_calls(request, read)
    kind = "spelling" if not read.calls else "credential" if refusal is not read.refusal else "input"
    yield Step(kind, refusal.reason, "deny")
    yield Step("verdict", refusal.reason, "deny")


def of_calls(request: Request, read: Recognised) -> Iterator[Step]:
    """Which calls the request is, by which tools."""
    yield Step("spelling", f"{request.method} {request.scheme}://{read.host}", "ok")
    for part in read.parts:
        for fit in part.fitting:
            result = "wins" if fit.tool is part.winner else "fits"
            yield Step("tool", f"{fit.tool.name} ({fit.tool.position})", result)
        if not part.fitting:
            yield Step("tool", "no tool fits", part.call.tool)
        for name in sorted(part.call.inputs):
            yield Step("input", name, "ok")
        blast = part.call.blast
        yield Step("blast", str(blast), str(blast.score))


def of_credentials(shown: Presented, *, assumed: bool) -> Iterator[Step]:
    """What would be put in. `assumed`: whether it is taken for granted that the placeholder is there."""
    for placement in shown.placements:
        how = "assumed" if assumed and not shown.exchanged else "placeholder"
        yield Step("credential", f"{placement.credential} in {placement.name} ({how})", "ok")
    for name in shown.own:
        yield Step("credential", f"a login of the agent's own in {name}", "passes")


def of_rules(dropped: Iterable[str], ruling: Ruled, granting: Iterable[Step]) -> Iterator[Step]:
    """What is taken off, and what the rules and grants said."""
    for name in dropped:
        yield Step("headers", name, "dropped")
    yield from ruling.steps
    yield from granting
    yield Step("verdict", ruling.judgement.reason, ruling.judgement.verdict.value)
