"""How far the limits of agents are used, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from wharfinger.rules.models.limits import Window, spelled_amount
from wharfinger.rules.policies import limits
from wharfinger.rules.policies.limits import Counters, Limit, Measure
from wharfinger.rules.types import JSON

if TYPE_CHECKING:
    from wharfinger.control.services import Declared
    from wharfinger.limits.ledger import Ledger


def usage(
    configuration: Declared, ledger: Ledger, agents: Mapping[str, str], runs: Mapping[str, Iterable[str]]
) -> list[JSON]:
    """A row for each limit of each of `agents` (name: id); `runs` are those under way, by agent id."""
    rows: list[JSON] = []
    for name, agent_id in sorted(agents.items()):
        declared = configuration.agents.get(name)
        if declared is None:
            continue
        held = [known for policy in declared.policies if (known := configuration.policies.get(policy))]
        for limit, measure in limits.every(policy.limits for policy in held):
            if not limit.holds_in(declared.environment):
                continue
            of = runs.get(agent_id, ()) if measure.rate.window is Window.RUN else [""]
            rows += [_row(name, limit, measure, ledger.view(agent_id, run), run) for run in of]
    return rows


def _row(agent: str, limit: Limit, measure: Measure, counters: Counters, run: str) -> JSON:
    rate = measure.rate
    used = counters.used(measure.key, rate.window) or 0
    full = used > rate.most - 1 if not measure.input else used >= rate.most
    frees = counters.frees(measure.key, rate.window, rate.most - 1) if full and not measure.input else None
    return {
        "agent": agent,
        "policy": limit.ref.policy,
        "rule": str(limit.ref),
        "tool": limit.tool,
        "counts": f"sum of {measure.input}" if measure.input else "calls",
        "window": rate.window.value,
        "run": run or None,
        "used": spelled_amount(Fraction(used)),
        "most": spelled_amount(rate.most),
        "then": "deny" if limit.ask is None else "ask",
        "reached": full,
        "frees": None if frees is None else frees.isoformat(timespec="seconds"),
    }
