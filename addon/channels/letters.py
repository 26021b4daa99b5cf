"""What a mail about a question says: as plain text, and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wharfinger.approvals.question import safe_text
from wharfinger.channels.card import CUT_SHORT, WORDS, Card, rows
from wharfinger.channels.links import spelled
from wharfinger.channels.notices import Letter
from wharfinger.channels.shown import cut, in_html

VALUE_LIMIT: Final = 2000
"""Characters of one value that are shown."""
SUBJECT_LIMIT: Final = 120
_ONLY_SHOWS: Final = "The link only shows. Nothing is decided before you type the code."


def subject(card: Card) -> str:
    """The subject."""
    return cut(f"Approval needed: {card.title}", SUBJECT_LIMIT).text


def plain(card: Card, letter: Letter) -> str:
    """The text. Every line that holds something of the agent's begins with a word of ours."""
    return "\n".join(_lines(card.within(VALUE_LIMIT), letter)) + "\n"


def _lines(card: Card, letter: Letter) -> Iterator[str]:
    yield from ("Somebody has to approve this:", "")
    yield from (f"  {word:<9} {safe_text(text)}" for word, text in rows(card))
    if card.said:
        yield from ("", WORDS, f"  | {safe_text(card.said)}")
    if not card.whole:
        yield from ("", CUT_SHORT)
    yield from ("", "Look at it, and decide:", f"  {letter.url}")
    yield from ("Your code, which nobody else has:", f"  {spelled(letter.code)}", "", _ONLY_SHOWS)


def page(card: Card, letter: Letter) -> str:
    """The same as HTML, without anything that is fetched."""
    return "\n".join(_page(card.within(VALUE_LIMIT), letter)) + "\n"


def _page(card: Card, letter: Letter) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><meta charset="utf-8"><title>Approval needed</title>'
    yield '<body style="font:15px/1.5 sans-serif;max-width:44rem"><p>Somebody has to approve this:</p>'
    yield '<table cellpadding="4">'
    for word, text in rows(card):
        yield f'<tr><td valign="top">{word}</td><td><code>{in_html(text)}</code></td></tr>'
    yield "</table>"
    if card.said:
        yield f"<p>{in_html(WORDS)}</p><blockquote><code>{in_html(card.said)}</code></blockquote>"
    if not card.whole:
        yield f"<p><b>{CUT_SHORT}</b></p>"
    yield f'<p><a href="{in_html(letter.url)}">Look at it, and decide</a>.'
    yield "Your code, which nobody else has:</p>"
    yield f'<p style="font:20px monospace">{spelled(letter.code)}</p><p>{_ONLY_SHOWS}</p></body></html>'
