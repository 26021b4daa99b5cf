"""All themes, in the order of the catalogue."""

from __future__ import annotations

from bypassing.deeds import Theme, books, disks, faulty, floods, loading, meddling


def every() -> tuple[Theme, ...]:
    """All of them."""
    modules = (loading, floods, faulty, disks, meddling, books)
    return tuple(theme for module in modules for theme in module.themes())
