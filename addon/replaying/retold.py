"""Every step to a decision that is in the audit log: decided again, by the configuration that decided it.

The log tells what was decided, and by which rules; the steps to it follow from the configuration, as long as
that is at hand. Where it is not, or the log does not hold enough, there are no steps, and it is said why.
Nothing is told of another configuration: that is what `replay` is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wharfinger.replaying.again import ASSUMED, STRICTNESS, Again, Undecidable
from wharfinger.replaying.recorded import KINDS, Recorded, recorded
from wharfinger.rules.configuration import Configuration
from wharfinger.rules.types import JSON, Decision

_SHOWN: Final = 16
"""Characters of a digest."""


def decides(event: Mapping[str, Any]) -> bool:
    """Whether an event is of a decision by policy."""
    return event.get("kind") in KINDS and bool(event.get("calls")) and "verdict" in event


def digest_of(event: Mapping[str, Any]) -> str:
    """Of the configuration that an event was decided by; empty where it does not say."""
    digest = event.get("policy_digest")
    return digest if isinstance(digest, str) else ""


def retell(configuration: Configuration | None, event: Mapping[str, Any]) -> dict[str, JSON]:
    """`steps` as `explain` has them, and a `note`: what they rest on, or why there are none. Never raises."""
    if not decides(event):
        return _none("it was refused before any rule was asked")
    if configuration is None or configuration.digest != digest_of(event):
        digest = digest_of(event)[:_SHOWN] or "one that it does not name"
        return _none(f"it was decided by the configuration {digest}, which is not in force any more")
    try:
        held = recorded(event)
        found = [decision for _, decision in Again(configuration, explain=True).decisions(held)]
    except Undecidable as why:
        return _none(f"it cannot be decided again: {why}")
    except (LookupError, TypeError, ValueError, AttributeError):  # an event may come from anywhere
        return _none("it cannot be decided again: the event is not understood")
    return {"steps": _steps(held, found), "note": _note(held, found)}


def _none(why: str) -> dict[str, JSON]:
    return {"steps": [], "note": why}


def _steps(held: Recorded, found: list[Decision]) -> list[JSON]:
    told: list[JSON] = []
    for call, decision in zip(held.calls, found, strict=True):
        for step in decision.trace:
            row: dict[str, JSON] = {"kind": step.kind, "text": step.text, "result": step.result}
            row["rule"] = None if step.rule is None else str(step.rule)
            told.append(row | ({"call": call.tool} if len(found) > 1 else {}))
    return told


def _note(held: Recorded, found: list[Decision]) -> str:
    verdict = max((each.verdict for each in found), key=lambda verdict: STRICTNESS[verdict])
    if verdict is not held.verdict:
        return (
            f"decided again it comes to {verdict}: what else counted then (a limit, a grant, a suspension, "
            "another part of the request) is not in the log"
        )
    return f"decided again, with the same verdict; taken for granted: {'; '.join(ASSUMED)}"
