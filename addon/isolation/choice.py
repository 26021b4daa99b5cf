"""How a command is to be kept: what `--isolate` and `--no-isolate` ask for, and what holds without either."""

from __future__ import annotations

import enum
import re
import sys
from dataclasses import dataclass

from wharfinger.faults import Fault

_NETNS = "netns:"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
"""Of a network namespace: what ip-netns(8) keeps as a file's name."""
SANDBOXED = "sandbox"
"""What `--isolate` means without a value."""

ISOLATED, LANDLOCK, UNCONFINED = "isolated", "landlock", "none"
"""Confinements, as events tell them: the door is the only way out; our own files are hidden; neither."""
CONFINEMENTS = (ISOLATED, LANDLOCK, UNCONFINED)


class CannotChoose(Fault):
    """What was asked for means nothing, or two things."""


class Kind(enum.Enum):
    """The walls there are."""

    SANDBOX = "sandbox"
    """A sandbox whose only way out is a door of the proxy's."""
    NAMESPACE = "netns"
    """The same sandbox in a network namespace that exists, with whatever ways out that has."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run gets."""

    kind: Kind
    namespace: str = ""
    by_default: bool = False

    @property
    def in_sandbox(self) -> bool:
        """Whether bubblewrap is needed, and --read and --write mean something."""
        return self.kind is not Kind.NONE


def choose(isolate: str | None, *, no_isolate: bool, system: str = sys.platform) -> Choice:
    """What these options ask for: without either, a sandbox on Linux, and none elsewhere.

    Raises `CannotChoose`.
    """
    if isolate is not None and no_isolate:
        raise CannotChoose("--isolate and --no-isolate are opposites", "name one of them")
    if no_isolate:
        return Choice(Kind.NONE)
    if isolate is None:
        return Choice(Kind.SANDBOX if system == "linux" else Kind.NONE, by_default=True)
    if isolate == SANDBOXED:
        return Choice(Kind.SANDBOX)
    name = isolate.removeprefix(_NETNS)
    if name != isolate and _NAME.fullmatch(name):
        return Choice(Kind.NAMESPACE, name)
    raise CannotChoose(
        f'"{isolate}" is no kind of isolation',
        "--isolate takes nothing, or =netns:NAME; COMMAND comes after `--`",
    )
