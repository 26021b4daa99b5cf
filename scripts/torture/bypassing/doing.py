"""The deeds, done in a process of their own to this checkout or to a copy of its code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bypassing.deeds import Done

type Counts = tuple[int, int, int, int]
"""Vectors, those that got through, look-alikes, those that were kept out."""


@dataclass(frozen=True)
class Asked:
    """Which deeds are wanted."""

    seed: int
    share: float
    only: tuple[str, ...] = ()
    """Classes; none for all."""
    until_wrong: bool = False
    """Whether the first that goes wrong is enough."""


def done(asked: Asked, code: Path | None = None) -> list[Done]:
    """Do them. Raises RuntimeError where they cannot be done."""
    environment = dict(os.environ) if code is None else {**os.environ, "PYTHONPATH": str(code)}
    how_many = "until-wrong" if asked.until_wrong else "all"
    arguments = [str(asked.seed), str(asked.share), how_many, *asked.only]
    process = subprocess.run(
        [sys.executable, "-m", "bypassing.deeds", *arguments],
        cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if process.returncode:
        raise RuntimeError(f"the deeds cannot be done\n{process.stderr[-2000:]}")
    return [Done(**json.loads(line)) for line in process.stdout.splitlines()]


def by_class(deeds: Sequence[Done]) -> Mapping[str, Counts]:
    """The counts of each theme."""
    counts: dict[str, Counts] = {}
    for one in deeds:
        a, b, c, d = counts.get(one.theme, (0, 0, 0, 0))
        wrong = bool(one.wrong)
        counts[one.theme] = (a, b, c + 1, d + wrong) if one.harmless else (a + 1, b + wrong, c, d)
    return counts
