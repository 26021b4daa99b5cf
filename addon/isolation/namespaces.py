"""A network namespace that exists: found by its name, as ip-netns(8) keeps them, and entered.

What ways out it has is the business of whoever made it (`scripts/netns/up` leaves it the proxy alone), so
a run in one is not said to be isolated.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from wharfinger.isolation.view import CannotIsolate

FOLDER = Path("/run/netns")
_NS_GET_NSTYPE = 0xB703
"""Tells the type of a namespace (linux/nsfs.h, ioctl_nsfs(2))."""


def opened(name: str) -> int:
    """A descriptor of the namespace. Raises `CannotIsolate`."""
    if os.geteuid() != 0:
        raise CannotIsolate(
            f'only root may enter the network namespace "{name}"',
            "run this as root; or leave out =netns:NAME, for a namespace of the run's own",
        )
    path = FOLDER / name
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        there = ", ".join(sorted(entry.name for entry in FOLDER.glob("*"))) or "none"
        raise CannotIsolate(
            f'there is no network namespace "{name}"', f"make it with scripts/netns/up; there are: {there}"
        ) from None
    if not _is_namespace(handle):
        os.close(handle)
        raise CannotIsolate(f'"{path}" is no network namespace', "ip netns list shows those there are")
    return handle


def enter(handle: int) -> None:
    """Have this process be in it from now on."""
    os.setns(handle, os.CLONE_NEWNET)


def _is_namespace(handle: int) -> bool:
    """Asked of the kernel: anything could lie there."""
    try:
        return fcntl.ioctl(handle, _NS_GET_NSTYPE) == os.CLONE_NEWNET
    except OSError:
        return False
