"""Templates, and how what others wrote is shown: escaped, bounded, with nothing hidden in it.

Every text that a template puts out passes through `safe_text`, so that no control, bidirectional or
invisible character reaches a page, and then through Jinja's escaping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from wharfinger.approvals.question import safe_text
from wharfinger.control.office.assets import Assets

_FOLDER = Path(__file__).parent / "templates"
WORDS = 2000
"""Characters of a text that are shown at once."""


def environment(assets: Assets) -> Environment:
    """The templates of the office."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.globals["asset"] = assets.path
    made.filters |= {
        "time": time,
        "pretty": pretty,
        "cut": cut,
        "inline": inline,
        "left": left,
        "capital": capital,
        "raw_text": raw_text,
    }
    return made


def _visible(value: Any) -> Any:
    if value is None:
        return ""
    return safe_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def time(value: str | datetime | None) -> Markup:
    """An instant: in UTC as it comes, in the reader's zone once the page's script has seen it."""
    if not value:
        return Markup("")
    instant = value if isinstance(value, datetime) else _instant(value)
    if instant is None:
        return escape(safe_text(str(value)))
    plain = instant.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        plain.isoformat(timespec="milliseconds"), plain.strftime("%Y-%m-%d %H:%M:%S")
    )


def left(value: str, now: datetime) -> str:
    """How long it is until an instant, in words."""
    instant = _instant(value)
    if instant is None:
        return ""
    return words_of(instant - now)


def words_of(span: timedelta) -> str:
    """A span of time, as coarse as a person would say it."""
    seconds = max(0, int(span.total_seconds()))
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and name == "minute"):
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} s"


def cut(value: object, limit: int = WORDS) -> str:
    """A text, at most `limit` characters long, that says how much is missing."""
    text = str(value)
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … {len(text[limit:].encode('utf-8', 'surrogatepass'))} more bytes"


def raw_text(value: object) -> Markup:
    """A text to be edited: as it is, for what is sent back must be the same."""
    return escape(str(value))


def inline(values: Mapping[str, Any], limit: int = 160) -> str:
    """Inputs of a call in one line."""
    written = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return cut(written, limit)


def pretty(value: Any, limit: int = 64 * 1024) -> Markup:
    """JSON over several lines."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return Markup("\n").join(escape(safe_text(line)) for line in cut(text, limit).split("\n"))


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return instant if instant.tzinfo else None


def capital(text: object) -> str:
    """A message of ours as the beginning of a sentence."""
    plain = str(text)
    return plain[:1].upper() + plain[1:]
