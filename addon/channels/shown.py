r"""Text that an agent may have written, made safe for where it is shown.

Rules: what would not show, or would move what shows, is written out (`\u{202e}`); what a kind of text gives a
meaning to is escaped; what is too long is cut at a whole character, with the number of bytes left out.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from wharfinger.approvals.question import safe_text


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as far as it is shown."""

    text: str
    whole: bool


def cut(text: str, limit: int) -> Cut:
    """The first `limit` characters of `text` made visible, and how many bytes follow."""
    visible = safe_text(text)
    if len(visible) <= limit:
        return Cut(visible, whole=True)
    rest = visible[limit:].encode("utf-8", "surrogatepass")
    return Cut(f"{visible[:limit]} … {len(rest)} more bytes", whole=False)


def in_html(text: str) -> str:
    """For HTML, between tags and in quoted attributes."""
    return html.escape(safe_text(text), quote=True)


def in_slack(text: str) -> str:
    """For any text object of Slack, whose three characters with a meaning are written as entities.

    Without them no `<!channel>`, `<@U…>` and no link is made of it
    (docs.slack.dev/messaging/formatting-message-text).
    """
    return safe_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
