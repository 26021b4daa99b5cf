"""How the demo is told: in colour, as a story, or in plain lines for programs.

Both tell the same claims. What is a real key is taken out of everything that is printed, here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

INDENT, DEEPER = 3, 5
WHO = 15
"""Columns for the name of who sees something."""
WIDTH = 100
"""Columns at most: longer lines read badly."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the demo says, and whether it held."""

    text: str
    holds: bool


class Show:
    """What the scenes speak to; prints claims alone, one plain line each."""

    def __init__(self, console: Console) -> None:
        self.claims: list[Claim] = []
        self._console = console
        self._hidden: dict[str, str] = {}

    @property
    def columns(self) -> int:
        """Columns there are for what a command prints."""
        return max(min(WIDTH, self._console.width) - DEEPER, 40)

    def hide(self, secrets: dict[str, str]) -> None:
        """Show these texts as what they stand for."""
        self._hidden |= secrets

    def shown(self, text: str) -> str:
        """`text` as it may be printed."""
        for secret, name in self._hidden.items():
            text = text.replace(secret, f"‹{name}›")
        return text

    def claim(self, text: str, holds: bool, detail: str = "") -> None:
        """Say that something holds; `detail` is what was found instead, told only if it does not."""
        self.claims.append(Claim(text, holds))
        self._told(text, holds=holds, detail=self.shown(detail).strip())

    def _told(self, text: str, *, holds: bool, detail: str) -> None:
        self._line(f"{'ok' if holds else 'FAILED'}: {text}")
        if not holds and detail:
            for line in detail.splitlines():
                self._line(f"  | {line}")

    def _line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def skipped(self, text: str) -> None:
        """Say that something is not shown, and why."""
        self._line(f"skipped: {text}")

    def opening(self) -> None:
        """Say what is going to happen."""

    def scene(self, title: str, text: str) -> None:
        """A new scene, and what it is about."""

    def code(self, text: str, language: str = "python") -> None:
        """What the agent runs, or what a file says."""

    def command(self, text: str) -> None:
        """What a person types."""

    def output(self, who: str, text: str, *, crop: bool = False) -> None:
        """What somebody got to see; `crop` keeps each line to one line."""

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """While something takes its time."""
        yield

    def closing(self, seconds: float, program: str, kept: str) -> None:
        """Sum up, and say what to type next."""
        held = sum(claim.holds for claim in self.claims)
        self._line(f"{held} of {len(self.claims)} claims hold ({seconds:.0f} s)")
        if kept:
            self._line(f"kept: {kept}")
        self._line(f"next: {program} init, then {program} run --agent NAME -- CMD")


class Story(Show):
    """The same as a story, for a person at a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._scenes = 0

    def _put(self, content: RenderableType, *, indent: int = INDENT, above: int = 0, below: int = 0) -> None:
        self._console.print(
            Padding(content, (above, 0, below, indent)), width=min(WIDTH, self._console.width)
        )

    def opening(self) -> None:
        """The cast."""
        cast = Table.grid(padding=(0, 2))
        for who, what in (
            ("agent", "runs the official stripe and PyGithub packages, and curl; its keys are dummies"),
            ("wharfinger", "a real proxy, on a configuration made for this run"),
            (
                "Stripe, GitHub",
                "stand-ins on loopback; the claims are checked by what they received",
            ),
            ("bob", "may approve refunds, from another process"),
        ):
            cast.add_row(Text(who, "bold"), Text(what))
        self._console.print(Panel(cast, title="wharfinger: the demo", width=min(WIDTH, self._console.width)))

    def scene(self, title: str, text: str) -> None:
        """A heading and a sentence."""
        self._scenes += 1
        rule = Rule(Text(f"{self._scenes}  {title}", "bold"), align="left", style="dim")
        self._console.print()
        self._console.print(rule, width=min(WIDTH, self._console.width))
        self._put(Text(text))

    def code(self, text: str, language: str = "python") -> None:
        """With colours, on the terminal's own background."""
        syntax = Syntax(text.rstrip(), language, background_color="default", word_wrap=True)
        self._put(syntax, indent=DEEPER, above=1, below=1)

    def command(self, text: str) -> None:
        """After a prompt."""
        self._put(Text.assemble(("$ ", "dim"), (text, "bold")), above=1)

    def output(self, who: str, text: str, *, crop: bool = False) -> None:
        """Beside the name of who sees it, or below the command that printed it."""
        content = Text.from_ansi(self.shown(text).rstrip())
        content.highlight_regex(r"‹[^›]*›", "bold red")
        content.highlight_regex(r"(sk_test|ghp)_[A-Za-z0-9_-]+|\[redacted\]", "bold green")
        content.no_wrap, content.overflow = crop, "ellipsis" if crop else "fold"
        if not who:
            self._put(content, indent=DEEPER)
            return
        table = Table.grid(padding=(0, 2))
        table.add_column(width=WHO, style="cyan")
        table.add_column()
        table.add_row(who, content)
        self._put(table)

    def _told(self, text: str, *, holds: bool, detail: str) -> None:
        mark = ("✓ ", "bold green") if holds else ("✗ ", "bold red")
        line = Table.grid()
        line.add_row(Text.assemble(mark), Text(text, "" if holds else "bold red"))
        self._put(line)
        if not holds and detail:
            self._put(Text(detail, "red"), indent=INDENT + 2)

    def skipped(self, text: str) -> None:
        """In a weaker colour."""
        self._put(Text(f"- skipped: {text}", "yellow"))

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """With something that turns."""
        with self._console.status(escape(text)):
            yield

    def closing(self, seconds: float, program: str, kept: str) -> None:
        """The count, and the commands for one's own agent."""
        held = sum(claim.holds for claim in self.claims)
        good = held == len(self.claims)
        lines = [
            Text(
                f"{held} of {len(self.claims)} claims hold, {seconds:.0f} s.",
                "bold green" if good else "bold red",
            )
        ]
        if kept:
            lines.append(Text(f"Everything is kept in {kept}"))
        lines += [Text(""), Text("Put your own agent behind it:"), Text("")]
        commands = Table.grid(padding=(0, 3))
        commands.add_column(no_wrap=True)
        for command, what in (
            ("init", "writes a configuration, makes your key"),
            ("run --agent NAME -- CMD", "runs CMD behind the proxy"),
            ("approvals list", "what waits for your answer"),
            ("audit tail -f", "what went out, and what did not"),
        ):
            commands.add_row(Text(f"  {program} {command}", "bold"), Text(what, "dim"))
        self._console.print()
        self._console.print(Panel(Group(*lines, commands), width=min(WIDTH, self._console.width)))
