"""The view on a terminal: the questions that wait on top, the calls below, one of them in full on demand.

Rules: events are taken and counted as they come, whatever the terminal is able to show; it is drawn a few
times a second at most. What takes time (the proxy, the network) is done on threads. A question is answered
only where it is shown (`Board`), and never by a key that was meant for another.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.widgets import Footer, Static
from wharfinger.audit.reader import printable
from wharfinger.faults import Fault
from wharfinger.watching import drawing, filters
from wharfinger.watching.asking import Move, Questions
from wharfinger.watching.board import Board, Wish
from wharfinger.watching.calls import Calls, Entry
from wharfinger.watching.detail import NAME, Tab, show
from wharfinger.watching.filters import EVERYTHING, Filter
from wharfinger.watching.following import News, Refused, Source
from wharfinger.watching.layout import CSS, KEYS, Help
from wharfinger.watching.steps import Retell, Steps
from wharfinger.watching.typed import End, Typed
from wharfinger.watching.window import Window

FRAME_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 2.0
"""How often it is asked what waits, though nothing says that it has changed."""
_WAITING: Final = 256
"""Pieces of news that wait to be taken: then whoever follows waits, too."""
_LEAST_WIDTH: Final = 40
_LEAST_QUESTION: Final = 3
_AROUND: Final = 7
"""Lines that are not the questions': head, frame, the newest calls, keys."""
_TABS: Final = tuple(Tab)


class View(App[None]):
    """See the module's head."""

    ENABLE_COMMAND_PALETTE = False
    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(
        self,
        calls: Calls,
        source: Source,
        questions: Questions,
        *,
        ended: Callable[[], str] = str,
        limits: str = "",
        retell: Retell | None = None,
    ) -> None:
        """`ended` says why there is nothing more to come, if so; `limits` which calls are followed only."""
        super().__init__()
        self._calls = calls
        self._source = source
        self._questions = questions
        self._ended = ended
        self._limits = limits
        self._steps = Steps(retell)
        self._board = Board()
        self._window = Window()
        self._seen: Filter = EVERYTHING
        self._news: queue.Queue[News] = queue.Queue(_WAITING)
        self._stop = threading.Event()
        self._trouble = "connecting"
        self._no_answers = ""
        self._said = ""
        self._tab = 0
        self._open = False
        self._lines = 0
        """How many lines of the question there is room for; 0: it does not stand on the screen."""
        self._typed = Typed()
        self._signed: int | None = None
        self._one = asyncio.Lock()
        self._looked = 0.0
        self._second = 0
        self._size_drawn = Size()
        self._changed = True
        self._head = Static(id="head")
        self._question = Static(id="question")
        self._table = Static(id="calls")
        self._detail = Vertical(id="detail")
        self._tabs = Static(id="tabs")
        self._scroll = VerticalScroll(id="scroll", can_focus=False)
        self._text = Static(id="text")
        self._foot = Static(id="said")

    def compose(self) -> ComposeResult:
        """The parts, top to bottom."""
        yield self._head
        yield self._question
        yield self._table
        with self._detail:
            yield self._tabs
            with self._scroll:
                yield self._text
        yield self._foot
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to follow."""
        threading.Thread(target=self._follow, name="follow", daemon=True).start()
        self.set_interval(FRAME_SECONDS, self._frame)
        self._frame()

    def on_unmount(self) -> None:
        """End following."""
        self._stop.set()

    def on_resize(self) -> None:
        """Draw anew."""
        self._changed = True

    # The thread.

    def _follow(self) -> None:
        try:
            self._source.follow(self._put, self._stop)
        except Refused as refused:
            self._put(News(trouble=str(refused)))

    def _put(self, news: News) -> None:
        while not self._stop.is_set():
            try:
                self._news.put(news, timeout=0.5)
            except queue.Full:
                continue
            return

    # A frame.

    def _frame(self) -> None:
        asked = self._take()
        if asked or time.monotonic() - self._looked >= _LOOK_SECONDS:
            self.look()
        if (why := self._ended()) and why != self._trouble:
            self._trouble, self._changed = why, True
        size = self._table.size  # another one once what is above it has found its place
        if size != self._size_drawn:
            self._size_drawn, self._changed = size, True
        second = int(time.time())
        if self._changed or second != self._second:
            self._second, self._changed = second, False
            self._draw()

    def _take(self) -> bool:
        asked = False
        for _ in range(_WAITING):
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
            self._changed = True
            self._calls.missed += news.missed
            if news.trouble is not None:
                self._trouble = news.trouble
            asked |= self._calls.take(news.events, None if news.before else int(time.time()))
        return asked

    def look(self) -> None:
        """Ask what waits."""
        self._looked = time.monotonic()
        self.run_worker(self._look(), group="look", exclusive=True)

    async def _look(self) -> None:
        if self._typed.about:  # the question stays what it is while its reason is typed
            return
        try:
            async with self._one:
                found = await asyncio.to_thread(self._questions.waiting)
                if self._open:
                    self._signed = await asyncio.to_thread(self._questions.signed)
        except Fault as fault:
            self._no_answers = fault.message
            found = ()
        except (ValueError, KeyError, TypeError) as error:
            self._no_answers = f"the proxy says what is not understood: {type(error).__name__}"
            found = ()
        else:
            self._no_answers = ""
        if not self._typed.about:
            self._update(found)
        self._changed = True

    def _update(self, found: Any) -> None:
        try:
            self._board.update(found, time.monotonic())
        except (KeyError, TypeError, ValueError, AttributeError):
            self._board.update((), time.monotonic())
            self._no_answers = "the questions of this proxy are not understood: it is of another version"

    # Drawing.

    def _draw(self) -> None:
        if not self.is_running or self.size.width == 0 or isinstance(self.screen, Help):
            return
        width = self.size.width - 2
        where = self._source.name + (f"  only {self._limits}" if self._limits else "")
        where += f"  shown: {self._seen}" if self._seen.terms else ""
        head = drawing.head(self._calls, where, self._trouble, self._second, width)
        self._head.update(head)
        self._draw_question()
        self._draw_calls(width)
        self._draw_detail()
        self._foot.update(self._last_line(width))

    def _draw_question(self) -> None:
        box, board = self._question, self._board
        room = min((self.size.height - _AROUND) // 2 + 2, self.size.height - _AROUND)
        fits = board.card is not None and room >= _LEAST_QUESTION and self.size.width >= _LEAST_WIDTH
        self._lines = room - 1 if fits else 0
        box.display = fits
        if not fits:
            return
        lines = board.show(self.size.width - 6, self._lines)
        below = f", {board.below} more lines below (space)" if board.below else ""
        head = f"{board.place + 1} of {len(board.cards)} that wait  {printable(board.chosen)}{below}"
        shown = [Text(head, "bold"), *(Text(line, no_wrap=True, overflow="crop") for line in lines)]
        if board.said:
            shown[0].append(f"  {board.said}", "bold yellow")
        box.update(Text("\n").join(shown))

    def _draw_calls(self, width: int) -> None:
        box = self._table
        entries = self._calls.newest(self._seen)
        first, behind = self._window.show([entry.decision for entry in entries], box.size.height - 1)
        box.update(drawing.table(entries[first:behind], self._window.chosen, width))

    def _draw_detail(self) -> None:
        entry = self._calls.get(self._window.chosen)
        self._detail.display = self._open and entry is not None
        if not self._open or entry is None:
            return
        tabs = Text()
        for number, tab in enumerate(_TABS):
            tabs.append(f" {tab.value} ", "reverse bold" if number == self._tab else "")
        self._tabs.update(tabs)
        tab = _TABS[self._tab]
        if tab is Tab.DECISION and self._steps.lack(entry):
            self.run_worker(self._tell(entry), group="tell", exclusive=True)
        shown = show(entry, tab, self._signed, self._steps.of(entry))
        self._text.update(drawing.folded(shown, max(self._scroll.size.width - 2, 20), NAME))

    async def _tell(self, entry: Entry) -> None:
        await self._steps.ask(entry)
        self._changed = True

    # Keys: questions.

    def action_answer(self, key: str) -> None:
        """One of the board's keys."""
        self._changed = True
        if self._board.card is None:
            self._said = self._no_answers or "nothing waits for a person"
            return
        if not self._lines:
            self._said = "the terminal is too small to show the question"
            return
        self._said = ""
        wish = self._board.press(key, time.monotonic(), self._lines)
        if wish is Wish.APPROVE:
            self._answer(self._board.chosen, "approve", "")
        elif wish is Wish.DENY:
            chosen = self._board.chosen
            prompt = f"reason to deny {chosen} (Enter sends, Escape takes back): "
            self._typed.begin("", prompt, chosen)

    def _answer(self, approval: str, move: Move, reason: str) -> None:
        self.run_worker(self._answered(approval, move, reason), group="answer")

    async def _answered(self, approval: str, move: Move, reason: str) -> None:
        try:
            async with self._one:
                state = await asyncio.to_thread(self._questions.answer, approval, move, reason)
            self._said = f"{approval} is {state}"
        except Fault as fault:
            self._said = fault.message
        self._changed = True
        self.look()

    # Keys: what is typed. No part of the screen takes keys by itself: they are read one after the other, so
    # that what follows the key that begins a reason is part of the reason, however fast it comes.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is typed no key is a command, but the one that ends all."""
        return self._typed.text is None or action == "end"

    def on_key(self, event: events.Key) -> None:
        """Take what is typed."""
        if self._typed.text is None:
            return
        event.stop()
        event.prevent_default()
        match self._typed.press(event.key, event.character):
            case End.SENT:
                self._submit(self._typed.text.strip(), self._typed.about)
            case End.TAKEN_BACK:
                self._typed.end()
        self._changed = True
        self._foot.update(self._last_line(self.size.width - 2))  # what is typed is seen without delay

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted is text, and never a command."""
        if self._typed.text is not None:
            self._typed.paste(event.text)
            self._changed = True

    def _submit(self, text: str, denying: str) -> None:
        """Send the reason, or take over the filter."""
        if denying:
            self._typed.end()
            self._answer(denying, "deny", text)
            return
        try:
            self._seen = filters.parse(text)
        except filters.NoFilter as wrong:
            self._typed.prompt = f"{wrong}: "
        else:
            self._typed.end()
            self._said = ""

    def _last_line(self, width: int) -> Text:
        if self._typed.text is not None:
            return self._typed.line(width)
        return Text(printable(self._said or self._no_answers or self._calls.news)[:width], no_wrap=True)

    def action_filter(self) -> None:
        """Type a filter."""
        self._said = ""
        prompt = "show only (agent=bot tool=get_* verdict=deny ms>500 …): "
        self._typed.begin(str(self._seen), prompt)
        self._changed = True

    def action_leave(self) -> None:
        """Out of what was opened last."""
        if self._open:
            self._open = False
        else:
            self._window.release()
        self._said = ""
        self._changed = True

    # Keys: calls.

    def _names(self) -> list[str]:
        return [entry.decision for entry in self._calls.newest(self._seen)]

    def action_move(self, step: int) -> None:
        """Choose another call."""
        self._window.move(self._names(), step)
        self._changed = True

    def action_page(self, step: int) -> None:
        """A screenful further, of what is open, or of the calls."""
        if self._open:
            scroll = self._scroll
            (scroll.scroll_page_up if step < 0 else scroll.scroll_page_down)(animate=False)
            return
        self.action_move(step * max(1, self._table.size.height - 2))

    def action_newest(self) -> None:
        """Follow the newest again."""
        self._window.release()
        self._changed = True

    def action_open(self) -> None:
        """Show the chosen call in full: the newest, if none is chosen."""
        if not self._window.chosen:
            self.action_move(0)
        self._open = bool(self._window.chosen)
        self.look()
        self._changed = True

    def action_tab(self, step: int) -> None:
        """Another tab of what is open."""
        self._tab = (self._tab + step) % len(_TABS)
        self._scroll.scroll_home(animate=False)
        self._changed = True

    def action_clear(self) -> None:
        """Forget the calls that are shown."""
        self._calls.clear()
        self._window.release()
        self._open = False
        self._changed = True

    def action_end(self) -> None:
        """End, whatever is being typed."""
        self.exit()

    def action_help(self) -> None:
        """What the keys do."""
        self.push_screen(Help())
