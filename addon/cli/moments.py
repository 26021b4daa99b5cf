"""Instants as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wharfinger.cli.common import fail


def moment(text: str | None) -> datetime | None:
    """An instant: ISO 8601, or a time ago such as 90s, 15m, 24h, 7d."""
    if text is None:
        return None
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if text[-1:] in units and text[:-1].isdigit():
        return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        fail(f'"{text}" is not a time', "write it like 2026-01-14T12:00+01:00, or 24h for a day ago", 2)
    return instant if instant.tzinfo else instant.astimezone()
