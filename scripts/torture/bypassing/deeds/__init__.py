"""Classes of the catalogue that are no bytes on a socket: what is done to a proxy, and what comes of it.

Files that are loaded, books that are meddled with, floods and stalls. Each theme has a scene of its own (a
proxy, a book, a process that loads) and deeds, one after the other in it; a deed tells what went wrong, and
nothing otherwise. Harmless deeds are the positive control: they must go well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Deed:
    """One thing that is done."""

    says: str
    do: Callable[[Any], str]
    """Given the scene: what is wrong; empty where nothing is."""
    harmless: bool = False
    sort: str = ""
    """Where not all are tried, one of each sort comes before a second of any."""


@dataclass(frozen=True)
class Theme:
    """A class of them."""

    name: str
    """Its number in the threat catalogue, and some words for it."""
    scene: Callable[[], AbstractContextManager[Any]]
    deeds: Callable[[Any], Sequence[Deed]]
    """Given the scene: all there are."""
    costly: float = 1.0
    """How many of those that are no look-alikes are tried where all are asked for; the rest takes hours."""

    @property
    def id(self) -> str:
        """The number in the catalogue."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Done:
    """What came of one."""

    theme: str
    says: str
    harmless: bool
    wrong: str
