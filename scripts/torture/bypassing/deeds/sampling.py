"""Which deeds of a theme are done."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from bypassing.deeds import Deed, Theme


def sampled(theme: Theme, deeds: Sequence[Deed], share: float, rng: random.Random) -> list[Deed]:
    """So many of either kind, at least one, in their order."""
    kept: list[Deed] = []
    for harmless, part in ((False, share * theme.costly), (True, share)):
        group = [deed for deed in deeds if deed.harmless is harmless]
        count = min(len(group), max(1, round(len(group) * part)))
        kept += sorted(_mixed(group, rng)[:count], key=group.index)
    return kept


def _mixed(deeds: Sequence[Deed], rng: random.Random) -> list[Deed]:
    """In an order of chance, in which all sorts are there before any comes again."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, Deed]] = []
    for deed in rng.sample(deeds, len(deeds)):
        turns.append((seen[deed.sort], deed))
        seen[deed.sort] += 1
    return [deed for _, deed in sorted(turns, key=lambda turn: turn[0])]
