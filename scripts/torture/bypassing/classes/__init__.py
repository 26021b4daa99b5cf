"""The classes of the threat catalogue, each as vectors and look-alikes."""

from __future__ import annotations

from bypassing.classes import bodies, credentials, framing, hosts, http2, keys, paths, reflections
from bypassing.vectors import Class


def every() -> tuple[Class, ...]:
    """All classes, in the order of the catalogue."""
    modules = (hosts, paths, bodies, framing, credentials, reflections, keys, http2)
    return tuple(each for module in modules for each in module.classes())
