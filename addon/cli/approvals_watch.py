"""`approvals watch`: what waits for a person, live on a terminal, answered by a key."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from wharfinger.cli.common import WRONG, as_option, config_option, fail
from wharfinger.cli.control import here
from wharfinger.cli.people_keys import person_key
from wharfinger.control.protocol import ControlError
from wharfinger.keeping.people import PersonKey
from wharfinger.watching.asking import Here, Move
from wharfinger.watching.board import Board, Key, Wish

_LOOK_SECONDS: Final = 2.0
_REASON_LIMIT: Final = 1000
_ARROWS: Final = {"\x1b[B": Key.NEXT, "\x1b[A": Key.PREVIOUS, "\x1b[6~": Key.FURTHER}
_ESCAPE, _ENTER, _RUBOUT = "\x1b", ("\r", "\n"), ("\x7f", "\b")
_AT_ONCE: Final = 4096
"""Bytes that are read of what was typed or pasted at once."""
_HELP: Final = "a approve once   d deny   j/k next, previous   space more of it   q quit"
_FRAME: Final = 6
"""Lines around the question."""


@click.command("watch")
@config_option
@as_option
def watch(config: Path | None, person: str | None) -> None:
    """Show what waits for a person as it comes, and answer by a key."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail("this needs a terminal", "see `wharfinger approvals list --json` for programs", WRONG)
    data = here(config).data
    key = person_key(person)
    Watching(data, key).run()


class Watching:
    """One person before one terminal."""

    def __init__(self, data: Path, key: PersonKey) -> None:
        self._questions = Here(data, key)
        self._board = Board()
        self._typing: str | None = None
        self._console = Console(highlight=False)

    def run(self) -> None:
        """Watch until the person has seen enough. Raises `Fault` where no proxy is running."""
        self._look()
        with _terminal() as descriptor, Live(console=self._console, screen=True, auto_refresh=False) as live:
            last = time.monotonic()
            while True:
                live.update(self._picture(), refresh=True)
                ready, _, _ = select.select([descriptor], [], [], 0.2)
                typed = os.read(descriptor, _AT_ONCE).decode("utf-8", "ignore") if ready else ""
                if any(self._take(key) is Wish.QUIT for key in keys(typed)):
                    return
                if time.monotonic() - last >= _LOOK_SECONDS and self._typing is None:
                    self._look()
                    last = time.monotonic()

    # The proxy.

    def _look(self) -> None:
        self._board.update(self._questions.waiting(), time.monotonic())

    def _answer(self, move: Move, reason: str) -> None:
        approval = self._board.chosen
        try:
            state = self._questions.answer(approval, move, reason)
        except ControlError as error:
            self._board.said = error.message
        else:
            self._look()
            self._board.said = f"{approval} is {state}"

    # The keys.

    def _take(self, key: str) -> Wish | None:
        if self._typing is not None:
            self._type(key)
            return None
        wish = self._board.press(_ARROWS.get(key, key), time.monotonic(), self._height)
        if wish is Wish.APPROVE:
            self._answer("approve", "")
        elif wish is Wish.DENY:
            self._typing = ""
        return wish

    def _type(self, key: str) -> None:
        """Take what is typed as the reason of a denial: Enter sends it, Escape takes it back."""
        text = self._typing or ""
        if key == _ESCAPE:
            self._typing = None
        elif key in _ENTER:
            self._typing = None
            self._answer("deny", text)
        elif key in _RUBOUT:
            self._typing = text[:-1]
        elif key.isprintable():
            self._typing = (text + key)[:_REASON_LIMIT]

    # The picture.

    @property
    def _height(self) -> int:
        return max(shutil.get_terminal_size().lines - _FRAME, 3)

    def _picture(self) -> Group:
        board, width = self._board, shutil.get_terminal_size().columns
        if board.card is None:
            said = Text(board.said, style="dim")
            return Group(Text("nothing waits for a person", style="bold"), said, Text(_HELP, style="dim"))
        shown = [Text(line, no_wrap=True, overflow="crop") for line in board.show(width, self._height)]
        below = f", {board.below} more lines below" if board.below else ""
        head = Text(
            f"{board.place + 1} of {len(board.cards)} that wait   {board.chosen}{below}", style="bold"
        )
        foot = Text(_HELP, style="dim")
        if self._typing is not None:
            foot = Text(f"reason (Enter sends, Escape takes back): {self._typing}")
        return Group(head, Text(""), *shown, Text(""), Text(board.said, style="bold"), foot)


def keys(typed: str) -> Iterator[str]:
    """What was typed, key by key: characters, and the sequences that stand for other keys."""
    while typed:
        length = len(typed) if typed.startswith(_ESCAPE) else 1
        yield typed[:length]
        typed = typed[length:]


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """Standard input, each key as it is pressed, and nothing echoed; what was typed before is dropped."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        termios.tcflush(descriptor, termios.TCIFLUSH)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
