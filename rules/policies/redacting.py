"""What is taken out of an answer: by its tools, and by the policies of the agent that asked.

All entries add up. A policy may let its agents see what a tool's detectors would mask (`sees`); it lifts
nothing that a policy masks, and no field. A policy that observes masks, and lifts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from wharfinger.rules.models.redacting import detectors_in, paths_in
from wharfinger.rules.policies.policy import CompiledPolicy
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import UNMATCHED


def redactions(
    tools: tuple[Tool, ...], policies: Iterable[CompiledPolicy], environment: str | None, now: datetime
) -> tuple[tuple[str, ...], frozenset[str]]:
    """The fields, as written, and the detectors for an answer to a request that is these tools."""
    names = [tool.name for tool in tools] or [UNMATCHED]
    by_tool = tuple(entry for tool in tools for entry in tool.redact)
    policies = tuple(policies)
    by_policy = tuple(entry for policy in policies for name in names for entry in policy.redact.get(name, ()))
    seen = frozenset[str]().union(
        *(policy.sees for policy in policies if policy.holds_in(environment) and not policy.observes(now))
    )
    detectors = (detectors_in(by_tool) - seen) | detectors_in(by_policy)
    return tuple(dict.fromkeys(paths_in(by_tool + by_policy))), detectors
