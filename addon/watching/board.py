"""What views of open questions show and take: oldest first, one of them chosen, and what each key does.

Rules: no input, no output and no clock here. The choice stays with its question while others come and go. A
key answers only the question that has been on the screen for a moment, and approves only what has been on it
to its last line: a list that moves under the finger decides nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wharfinger.approvals.question import safe_text
from wharfinger.channels.card import CUT_SHORT, WORDS, Card, rows

SETTLED: Final = 0.7
"""Seconds that a question has to be on the screen before a key answers it."""
_LABEL: Final = 9


class Key(enum.StrEnum):
    """What can be pressed."""

    APPROVE = "a"
    DENY = "d"
    NEXT = "j"
    PREVIOUS = "k"
    FURTHER = " "
    QUIT = "q"


class Wish(enum.Enum):
    """What a key comes to."""

    APPROVE = "approve"
    DENY = "deny"
    QUIT = "quit"


@dataclass(slots=True)
class Board:
    """See the module's head."""

    cards: tuple[Card, ...] = ()
    chosen: str = ""
    """Id of the approval that is shown."""
    since: float = 0.0
    """When it came on the screen."""
    top: int = 0
    """The first of its lines that is shown."""
    seen: int = 0
    """How many of its lines have been shown."""
    said: str = ""
    """The last word to the person."""
    _order: list[str] = field(default_factory=list)

    @property
    def card(self) -> Card | None:
        """The question that is shown."""
        return next((card for card in self.cards if card.approval == self.chosen), None)

    @property
    def place(self) -> int:
        """Where it stands among the others, from 0."""
        return next((index for index, card in enumerate(self.cards) if card.approval == self.chosen), 0)

    def update(self, approvals: Sequence[Mapping[str, Any]], now: float) -> None:
        """Take the questions as they are now, newest first."""
        before = self.place
        self.cards = tuple(Card.of(approval) for approval in reversed(approvals))
        if self.card is None and self.cards:
            self._choose(self.cards[min(before, len(self.cards) - 1)].approval, now)
        elif not self.cards:
            self.chosen = ""

    def show(self, width: int, height: int) -> list[str]:
        """The lines of the chosen question that fit, each no longer than `width`. They count as seen."""
        card = self.card
        lines = [] if card is None else list(lines_of(card, width))
        self.top = max(0, min(self.top, len(lines) - 1))
        shown = lines[self.top : self.top + max(height, 1)]
        if self.top <= self.seen:  # none is counted as seen that was passed over
            self.seen = max(self.seen, self.top + len(shown))
        self._order = lines
        return shown

    @property
    def below(self) -> int:
        """How many lines follow those that are shown last."""
        return max(0, len(self._order) - self.seen)

    def press(self, key: str, now: float, height: int) -> Wish | None:
        """What a key comes to; None for what only moves, and for what may not be."""
        card = self.card
        match key:
            case Key.QUIT:
                return Wish.QUIT
            case Key.NEXT | Key.PREVIOUS if self.cards:
                step = 1 if key == Key.NEXT else -1
                self._choose(self.cards[(self.place + step) % len(self.cards)].approval, now)
            case Key.FURTHER if card is not None:
                self.top = self.top + height if self.top + height < len(self._order) else 0
            case Key.APPROVE | Key.DENY if card is not None:
                return self._answer(card, key, now)
        return None

    def _answer(self, card: Card, key: str, now: float) -> Wish | None:
        if now - self.since < SETTLED:
            self.said = "this question has only just come up: read it first"
            return None
        if key == Key.DENY:
            return Wish.DENY
        if not card.whole:
            self.said = CUT_SHORT
            return None
        if self.below:
            self.said = f"{self.below} more lines: press space to see them before you approve"
            return None
        return Wish.APPROVE

    def _choose(self, approval: str, now: float) -> None:
        self.chosen, self.since, self.top, self.seen, self.said = approval, now, 0, 0, ""


def lines_of(card: Card, width: int) -> Iterator[str]:
    """A card as lines of a terminal. Those that go on from another begin with a bar."""
    for word, text in rows(card):
        yield from _folded(f"{word:<{_LABEL}} {safe_text(text)}", width)
    if card.said:
        yield ""
        yield WORDS[:width]
        yield from _folded(f"| {safe_text(card.said)}", width)
    if not card.whole:
        yield ""
        yield from _folded(CUT_SHORT, width)


def _folded(text: str, width: int) -> Iterator[str]:
    width = max(width, 20)
    yield text[:width]
    rest = text[width:]
    inner = width - _LABEL - 3
    for start in range(0, len(rest), inner):
        yield f"{'':<{_LABEL}} ¦ {rest[start : start + inner]}"
