"""The board of `approvals watch`: what is chosen, what a key answers, and what it does not."""

# ruff: noqa: E501 - hostile texts

from __future__ import annotations

from typing import Any

import pytest
from wharfinger.channels.card import WORDS, Card
from wharfinger.watching.board import SETTLED, Board, Wish, lines_of


def approval(number: int, **changes: Any) -> dict[str, Any]:
    call = {"tool": "refund", "description": "Refund", "effect": "write", "inputs": {"amount": number}, "extras": {}, "blast": ""}  # fmt: skip
    asked = {
        "method": "POST", "scheme": "https", "host": "api.example.com", "port": 443, "path": "/r", "calls": [call],
        "headers": [], "reason": "", "body_size": 1, "body_sha256": "0" * 64, "complete": True,
    }  # fmt: skip
    return {
        "id": f"a_{number}", "agent": "bot", "rules": ["p:1"], "approvers": ["finance"],
        "expires": "2026-01-14T13:00:00+00:00", "request": asked | changes,
    }  # fmt: skip


def board(*numbers: int, width: int = 80, height: int = 30, **changes: Any) -> Board:
    made = Board()
    made.update([approval(number, **changes) for number in sorted(numbers, reverse=True)], 0.0)
    made.show(width, height)
    return made


def test_the_oldest_is_shown_first_and_keys_move():
    made = board(1, 2, 3)
    assert made.chosen == "a_1"
    made.press("j", 1, 30)
    assert made.chosen == "a_2"
    made.press("k", 1, 30)
    made.press("k", 1, 30)
    assert made.chosen == "a_3"
    assert made.press("q", 1, 30) is Wish.QUIT
    assert made.press("x", 1, 30) is None


@pytest.mark.parametrize(("key", "wish"), [("a", Wish.APPROVE), ("d", Wish.DENY)])
def test_a_key_answers_what_has_been_on_the_screen_for_a_moment(key: str, wish: Wish):
    made = board(1)
    assert made.press(key, SETTLED - 0.01, 30) is None
    assert "read it first" in made.said
    assert made.press(key, SETTLED, 30) is wish


def test_the_choice_stays_while_others_come_and_go():
    made = board(2, 3)
    made.press("j", 1, 30)
    made.update([approval(4), approval(3), approval(1)], 5.0)
    assert made.chosen == "a_3"
    made.show(80, 30)
    assert made.press("a", 5.1, 30) is Wish.APPROVE


def test_a_question_that_takes_the_place_of_another_is_not_answered_by_its_key():
    """Somebody else answers the one that was shown, and in the same moment the finger comes down."""
    made = board(1, 2)
    made.update([approval(2)], 9.0)
    made.show(80, 30)
    assert made.chosen == "a_2"
    assert made.press("a", 9.2, 30) is None
    assert made.press("d", 9.2, 30) is None
    assert made.press("a", 9.1 + SETTLED, 30) is Wish.APPROVE


def test_nothing_is_approved_before_its_last_line_was_shown():
    made = board(1, height=3)
    assert made.below
    assert made.press("a", 5, 3) is None
    assert "more lines" in made.said
    assert made.press("d", 5, 3) is Wish.DENY
    while made.below:
        made.press(" ", 5, 3)
        made.show(80, 3)
    assert made.press("a", 5, 3) is Wish.APPROVE


def test_nothing_is_approved_that_was_cut():
    made = board(1, complete=False)
    assert made.press("a", 5, 30) is None
    assert "too long" in made.said
    assert made.press("d", 5, 30) is Wish.DENY


def test_an_empty_board_answers_nothing():
    made = board()
    assert made.show(80, 30) == []
    assert [made.press(key, 9, 30) for key in "adjk "] == [None] * 5


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b[H", "\u202efdp", "x\ny", "[red]x[/red]", "\x9b31m", "a" * 500, "\u200b", "\x07"]
)
def test_lines_of_a_hostile_agent(text: str):
    """No control reaches the terminal; every line begins with a word of ours or a bar."""
    changes = {"reason": text, "path": f"/{text}", "headers": [["x", text]]}
    shown = list(lines_of(Card.of(approval(1, **changes)), 60))
    words = (
        "agent",
        "call",
        "where",
        "input",
        "policy",
        "blast",
        "body",
        "may vary",
        "until",
        "| ",
        " ",
        WORDS[:60],
    )
    for line in shown:
        assert line == "" or line.startswith(words), line
        assert line.isprintable()
        assert len(line) <= 60


@pytest.mark.parametrize("step", [4, 5, 6, 7, 8])
def test_lines_that_were_passed_over_are_not_seen(step: int):
    """The terminal shrank between a key and the picture before it: nothing is approved unseen."""
    made = board(1, height=3, headers=[["x", str(number)] for number in range(20)])
    while made.below:
        top = made.top
        made.press(" ", 1, step)
        made.show(80, 3)
        if made.top <= top:
            break
    assert made.press("a", 1, 3) is None
    for _ in range(20):
        made.press(" ", 1, 3)
        made.show(80, 3)
    assert made.press("a", 1, 3) is Wish.APPROVE
