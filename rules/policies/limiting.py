"""What limits make of what the rules say: a limit that is passed denies, or asks as well (`then: ask`)."""

from __future__ import annotations

from collections.abc import Sequence

from wharfinger.rules.policies.asking import agreed
from wharfinger.rules.policies.judging import Judgement
from wharfinger.rules.policies.limits import Passed, Weighed
from wharfinger.rules.types import Code, RuleRef, Verdict


def limited(judgement: Judgement, weighed: Weighed) -> Judgement:
    """The judgement under the limits; one that denies already stays as it is."""
    if judgement.verdict is Verdict.DENY or not weighed.passed:
        return judgement
    denying = weighed.denying
    return _denied(judgement, denying) if denying else _asked(judgement, weighed.passed)


def _denied(judgement: Judgement, passed: Sequence[Passed]) -> Judgement:
    """The one that stays passed for longest tells when the request may come again."""
    first = max(passed, key=_lasts)
    return Judgement(
        Verdict.DENY,
        first.reason,
        first.help,
        _refs(passed),
        found=judgement.found,
        code=Code.DENIED if first.error else Code.LIMIT,
    )


def _lasts(passed: Passed) -> tuple[bool, bool, float]:
    return passed.error, passed.frees is None, passed.frees.timestamp() if passed.frees else 0.0


def _asked(judgement: Judgement, passed: Sequence[Passed]) -> Judgement:
    asks = [] if judgement.ask is None else [judgement.ask]
    asks += [each.limit.ask for each in passed if each.limit.ask is not None]
    rules = (*(judgement.rules if judgement.ask is not None else ()), *_refs(passed))
    ask = agreed(asks)
    beyond = f"{passed[0].reason}, and a person decides on what goes beyond it"
    reason = judgement.reason if judgement.ask is not None else beyond
    return Judgement(Verdict.ASK, reason, "", rules, ask, judgement.found, timeout=judgement.timeout)


def _refs(passed: Sequence[Passed]) -> tuple[RuleRef, ...]:
    return tuple(dict.fromkeys(each.limit.ref for each in passed))
