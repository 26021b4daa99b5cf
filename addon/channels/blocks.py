"""The card as Slack shows it: blocks, all of plain text, so that nothing in them is a mention or a link.

Limits are Slack's (docs.slack.dev/reference/block-kit/blocks): 150 characters in a header, 3,000 in others.
What does not fit makes the card not whole, and there is no button to approve then.
"""

from __future__ import annotations

from typing import Any, Final

from wharfinger.channels import alarm as alarms
from wharfinger.channels.alarm import Alarm
from wharfinger.channels.card import CUT_SHORT, WORDS, Card, rows
from wharfinger.channels.notices import Ask, Settled
from wharfinger.channels.shown import cut, in_slack

APPROVE: Final = "wharfinger_approve"
DENY: Final = "wharfinger_deny"
WHOLE: Final = "wharfinger_whole"
REASON: Final = "wharfinger_reason"
"""Ids of what can be pressed and filled in."""
HEADER_LIMIT: Final = 150
SECTION_LIMIT: Final = 3000
VALUE_LIMIT: Final = 600
LINES_LIMIT: Final = 30
REASON_LIMIT: Final = 1000
_MEMBERS: Final = 40

type Block = dict[str, Any]


def question(ask: Ask, console: str) -> tuple[str, list[Block]]:
    """The text of the notification, and the blocks."""
    shown, whole = _card(ask.card)
    blocks = [_header("Somebody has to approve this"), *shown]
    if ask.members:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _mentions(ask)}]})
    blocks.append({"type": "actions", "elements": _buttons(ask, console, whole=whole)})
    return f"Approval needed: {in_slack(cut(ask.card.title, 120).text)}", blocks


def asked_too(ask: Ask) -> str:
    """What those are told who are asked later than others."""
    return f"Nobody has answered yet, so this asks {_mentions(ask)}, too"


def outcome(settled: Settled) -> tuple[str, list[Block]]:
    """The same question once it is answered, without anything to press."""
    shown, _ = _card(settled.card)
    by = f" by {settled.person}" if settled.person else ""
    said = f"{settled.state}{by}" + (f": {cut(settled.comment, 300).text}" if settled.comment else "")
    text = in_slack(f"This is {said}")
    return text, [_header("Approval"), *shown, _section(text)]


def alarm(alarm: Alarm) -> tuple[str, list[Block]]:
    """The text of the notification, and the blocks, with nothing to press."""
    title = in_slack(alarms.title(alarm))
    blocks = [_header(title), *(_section(in_slack(line)) for line in alarms.lines(alarm))]
    if alarm.members:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _mentions(alarm)}]})
    blocks.append(_context(alarms.REFUSED))
    return title, blocks


def reasons(metadata: str) -> Block:
    """The view that asks for the reason of a denial."""
    return {
        "type": "modal",
        "callback_id": REASON,
        "private_metadata": metadata,
        "title": _plain("Deny"),
        "submit": _plain("Deny"),
        "close": _plain("Back"),
        "blocks": [
            {
                "type": "input",
                "block_id": REASON,
                "optional": True,
                "label": _plain("Reason, which the agent is told"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": True,
                    "max_length": REASON_LIMIT,
                },
            }
        ],
    }


def refusal(said: str) -> str:
    """What whoever pressed a button is told where it came to nothing."""
    return in_slack(f"That did not count: {cut(said, 300).text}")


def _card(card: Card) -> tuple[list[Block], bool]:
    """The blocks of a card, and whether all that matters is in them."""
    card = card.within(VALUE_LIMIT, LINES_LIMIT)
    text = "\n".join(f"{word}: {in_slack(text)}" for word, text in rows(card))
    whole = card.whole and len(text) <= SECTION_LIMIT
    blocks = [_section(text if len(text) <= SECTION_LIMIT else text[: SECTION_LIMIT - 1] + "…")]
    if card.said:
        words = in_slack(card.said)
        blocks += [{"type": "divider"}, _context(WORDS), _section(words[:SECTION_LIMIT])]
    if not whole:
        blocks.append(_section(CUT_SHORT))
    return blocks, whole


def _mentions(ask: Ask | Alarm) -> str:
    """Of member ids, which `check` has looked at."""
    return " ".join(f"<@{member}>" for member in ask.members[:_MEMBERS])


def _buttons(ask: Ask, console: str, *, whole: bool) -> list[Block]:
    deny = _button(DENY, "Deny", ask.buttons["deny"], "danger")
    if whole:
        return [_button(APPROVE, "Approve", ask.buttons["approve"], "primary"), deny]
    look = {"type": "button", "action_id": WHOLE, "text": _plain("See all of it")}
    return [look | {"url": f"{console}/approvals/{ask.card.approval}"}, deny] if console else [deny]


def _button(action: str, text: str, value: str, style: str) -> Block:
    return {"type": "button", "action_id": action, "text": _plain(text), "value": value, "style": style}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text[:HEADER_LIMIT])}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_plain(text)]}
