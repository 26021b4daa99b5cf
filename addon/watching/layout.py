"""How the view is laid out, and what its keys are."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static
from wharfinger.watching import filters

CSS: Final = """
Screen { layers: base; background: $background; }
#head { height: 2; padding: 0 1; }
#question { height: auto; display: none; border: round $warning; padding: 0 1; }
#calls { height: 1fr; min-height: 3; padding: 0 1; }
#detail { height: 2fr; display: none; border-top: solid $primary; padding: 0 1; }
#tabs { height: 1; }
#said { height: 1; padding: 0 1; }
Help { align: center middle; }
#help { width: auto; max-width: 90%; height: auto; border: round $primary; padding: 1 2; }
"""
KEYS: Final[list[BindingType]] = [
    Binding("a", "answer('a')", "approve"),
    Binding("d", "answer('d')", "deny"),
    Binding("j", "answer('j')", "next", show=False),
    Binding("k", "answer('k')", "previous", show=False),
    Binding("space", "answer(' ')", "more", show=False),
    Binding("up", "move(-1)", "up", show=False),
    Binding("down", "move(1)", "choose"),
    Binding("pageup", "page(-1)", "page up", show=False),
    Binding("pagedown", "page(1)", "page down", show=False),
    Binding("home", "newest", "newest", show=False),
    Binding("enter", "open", "in full"),
    Binding("left", "tab(-1)", "tab", show=False),
    Binding("right", "tab(1)", "tab", show=False),
    Binding("escape", "leave", "back", show=False),
    Binding("slash", "filter", "filter"),
    Binding("c", "clear", "clear", show=False),
    Binding("question_mark", "help", "help"),
    Binding("q", "quit", "quit"),
    Binding("ctrl+c", "end", "end", show=False, priority=True),
]

HELP: Final = """\
a          approve the question that is shown, once
d          deny it: Enter sends the reason, Escape takes it back
j k        the next question, the one before
space      more of it: approved is only what was shown to its end

↑ ↓        choose a call; Home goes back to the newest
Enter      the chosen call in full; Escape closes it
← →        decision, redactions, audit position, events
PgUp PgDn  further in it, or in the calls
/          show only some: agent=bot verdict=deny ms>500 word
           (a field, then = != > <; * for anything; nothing: all)
c          clear the calls; what was counted stays
q          end

Fields: {fields}
"""


class Help(ModalScreen[None]):
    """What the keys do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "back", show=False)
    ]

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static(Text(HELP.format(fields=", ".join((*filters.TEXTS, *filters.NUMBERS)))), id="help")
