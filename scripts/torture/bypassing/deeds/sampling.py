"""Which deeds of a theme are done."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bypassing.deeds import Deed, Theme


def sampled(theme: Theme, deeds: Sequence[Deed], share: float, rng: random.Random) -> list[Deed]:
    """So many of either kind, at least one, in their order."""
    kept: list[Deed] = []
    for harmless, part in ((False, share * theme.costly), (True, share)):
        group = [deed for deed in deeds if deed.harmless is harmless]
        count = min(len(group), max(1, round(len(group) * part)))
        kept += sorted(rng.sample(group, count), key=group.index)
    return kept
