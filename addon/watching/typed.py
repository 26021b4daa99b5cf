"""The one line that is typed: a reason, or a filter."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from rich.text import Text
from wharfinger.audit.reader import printable

LIMIT: Final = 1000
"""Characters of it."""


class End(enum.Enum):
    """How typing ends."""

    SENT = "sent"
    TAKEN_BACK = "taken back"


@dataclass(slots=True)
class Typed:
    """See the module's head."""

    text: str | None = None
    """What has been typed so far; None: nothing is being typed, and keys are commands."""
    prompt: str = ""
    about: str = ""
    """The approval whose denial is given a reason; empty: it is a filter."""

    def begin(self, text: str, prompt: str, about: str = "") -> None:
        """Ask for a line that begins as `text`."""
        self.text, self.prompt, self.about = text, prompt, about

    def end(self) -> None:
        """Ask for none."""
        self.text, self.about = None, ""

    def press(self, key: str, character: str | None) -> End | None:
        """Take a key, by its name, and the character that it stands for."""
        text = self.text or ""
        match key:
            case "enter":
                return End.SENT
            case "escape":
                return End.TAKEN_BACK
            case "backspace" | "ctrl+h":
                self.text = text[:-1]
            case "ctrl+u":
                self.text = ""
            case _:
                self.paste(character or "")
        return None

    def paste(self, text: str) -> None:
        """Take all of a text that can be shown."""
        shown = "".join(char for char in text if char.isprintable())
        self.text = ((self.text or "") + shown)[:LIMIT]

    def line(self, width: int) -> Text:
        """The prompt, and the end of what was typed."""
        prompt, typed = printable(self.prompt), printable(self.text or "")
        room = max(width - len(prompt) - 1, width // 2, 1)
        shown = prompt[: max(width - room - 1, 0)]
        return Text.assemble((shown, "bold"), typed[-room:], ("▏", "blink"), no_wrap=True)
