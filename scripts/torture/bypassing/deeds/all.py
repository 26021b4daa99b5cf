"""All themes, in the order of the catalogue."""

from __future__ import annotations

from bypassing.deeds import Theme, books, faulty, floods, loading


def every() -> tuple[Theme, ...]:
    """All of them."""
    modules = (loading, floods, faulty, books)
    return tuple(theme for module in modules for theme in module.themes())
