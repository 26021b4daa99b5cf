"""The view without a terminal: what keys do, what is drawn, and that nothing that comes is lost to it."""

# ruff: noqa: E501 - a question as the proxy tells it

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events as keys
from textual.pilot import Pilot
from textual.widgets import Static
from wharfinger.faults import Fault
from wharfinger.watching import board
from wharfinger.watching.asking import Move
from wharfinger.watching.calls import Calls
from wharfinger.watching.following import Here, News, Refused, Take
from wharfinger.watching.screen import View


class Script:
    """A source that tells what a test gives it."""

    name = "here"

    def __init__(self, *news: News, refused: str = "") -> None:
        self.news, self.refused = news, refused

    def follow(self, take: Take, stop: threading.Event) -> None:
        for news in self.news:
            take(news)
        if self.refused:
            raise Refused(self.refused)
        stop.wait()


class Desk:
    """Questions that wait here, and what was answered."""

    def __init__(self, *numbers: int) -> None:
        self.open = [question(number) for number in numbers]
        self.answers: list[tuple[str, str, str]] = []
        self.trouble = ""

    def waiting(self) -> Sequence[Mapping[str, Any]]:
        if self.trouble:
            raise Fault(self.trouble)
        return list(reversed(self.open))

    def answer(self, approval: str, move: Move, reason: str) -> str:
        self.answers.append((approval, move, reason))
        self.open = [each for each in self.open if each["id"] != approval]
        return {"approve": "approved", "deny": "denied"}[move]

    def signed(self) -> int | None:
        return 1


def question(number: int, *, inputs: int = 1) -> dict[str, Any]:
    given = {f"amount{index}": number for index in range(inputs)}
    call = {
        "tool": "refund",
        "description": "Refund",
        "effect": "write",
        "inputs": given,
        "extras": {},
        "blast": "",
    }
    asked = {
        "method": "POST", "scheme": "https", "host": "api.example.com", "port": 443, "path": "/r", "calls": [call],
        "headers": [], "reason": "", "body_size": 1, "body_sha256": "0" * 64, "complete": True,
    }  # fmt: skip
    return {
        "id": f"a_{number}", "agent": "bot", "rules": ["p:1"], "approvers": ["finance"],
        "expires": "2026-01-14T13:00:00+00:00", "request": asked,
    }  # fmt: skip


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question may be answered as soon as it is there."""
    monkeypatch.setattr(board, "SETTLED", 0.0)


def text(view: View, name: str) -> str:
    """What a part of the view shows."""
    part = view.query_one(f"#{name}", Static)
    width = max(part.size.width, 1)
    return "\n".join(part.render_line(y).text for y in range(part.size.height)) if width else ""


async def until(pilot: Pilot[None], what: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await pilot.pause(0.05)


def events(told: Any, count: int) -> News:
    made = [told("denied", f"d_{number}", agent=f"agent-{number}") for number in range(count)]
    return News(made, trouble="")


async def test_calls_come_newest_first_and_one_is_shown_in_full(told: Any) -> None:
    view = View(Calls(), Script(events(told, 50)), Desk())
    async with view.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: "agent-40" in text(view, "calls"))
        assert text(view, "calls").index("agent-49") < text(view, "calls").index("agent-48")
        assert "connected" in text(view, "head")
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: "verdict" in text(view, "text"))
        assert view._window.chosen == "d_47"
        await pilot.press("right", "right")
        await until(pilot, lambda: "wharfinger audit show d_47" in text(view, "text"))
        await until(pilot, lambda: "not yet in a checkpoint" in text(view, "text"))
        await pilot.press("escape")
        await until(pilot, lambda: not view.query_one("#detail").display)
        await pilot.press("c")
        await until(pilot, lambda: "agent-49" not in text(view, "calls"))
        assert "deny 50" in text(view, "head")


async def test_the_steps_to_a_decision_are_asked_for_once(told: Any) -> None:
    asked: list[str] = []

    def retell(event: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(event["decision"])
        if event["decision"] == "d_1":
            raise Fault("the proxy does not answer")
        return {"steps": [{"kind": "verdict", "text": "no rule", "result": "deny"}], "note": "decided again"}

    view = View(Calls(), Script(events(told, 3)), Desk(), retell=retell)
    async with view.run_test(size=(140, 60)) as pilot:
        await until(pilot, lambda: "agent-2" in text(view, "calls"))
        await pilot.press("enter")
        await until(pilot, lambda: "decided again" in text(view, "text"))
        assert "no rule  deny" in text(view, "text")
        await pilot.press("right", "left")
        await until(pilot, lambda: "decided again" in text(view, "text"))
        assert asked == ["d_2"]
        await pilot.press("down")
        await until(pilot, lambda: "does not answer" in text(view, "text"))
        assert asked == ["d_2", "d_1"]


async def test_a_filter_is_typed_and_one_that_is_none_says_why(told: Any) -> None:
    view = View(Calls(), Script(events(told, 30)), Desk())
    async with view.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "agent-29" in text(view, "calls"))
        await pilot.press("slash", *"agent=*-7", "enter")
        await until(pilot, lambda: "agent-29" not in text(view, "calls"))
        assert "agent-7" in text(view, "calls")
        assert "shown: agent=*-7" in text(view, "head")
        await pilot.press("slash", *" colour=red", "enter")
        await until(pilot, lambda: "no field is called" in text(view, "said"))
        await pilot.press("escape", "slash", *["backspace"] * 20, "enter")
        await until(pilot, lambda: "agent-29" in text(view, "calls"))


@pytest.mark.usefixtures("settled")
async def test_a_question_is_on_top_and_answered_by_a_key(told: Any) -> None:
    desk = Desk(1, 2)
    view = View(Calls(), Script(events(told, 1)), desk)
    async with view.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "1 of 2 that wait  a_1" in text(view, "question"))
        await pilot.press("a")
        await until(pilot, lambda: "1 of 1 that wait  a_2" in text(view, "question"))
        assert "a_1 is approved" in text(view, "said")
        await pilot.press("d", *"no, not a q", "enter")
        await until(pilot, lambda: not view.query_one("#question").display)
        assert desk.answers == [("a_1", "approve", ""), ("a_2", "deny", "no, not a q")]
        await pilot.press("a")
        await until(pilot, lambda: "nothing waits" in text(view, "said"))


async def test_a_question_that_has_only_just_come_is_not_answered() -> None:
    desk = Desk(1)
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "a_1" in text(view, "question"))
        view._board.since = float("inf")
        await pilot.press("a", "d")
        await until(pilot, lambda: "read it first" in text(view, "question"))
        assert desk.answers == []


@pytest.mark.usefixtures("settled")
async def test_a_question_is_approved_only_when_all_of_it_was_shown() -> None:
    desk = Desk()
    desk.open = [question(1, inputs=30)]
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "more lines below" in text(view, "question"))
        await pilot.press("a")
        await until(pilot, lambda: "press space" in text(view, "question"))
        assert desk.answers == []
        for _ in range(12):
            await pilot.press("space")
            await pilot.pause(0.25)
            if "below" not in text(view, "question"):
                break
        await pilot.press("a")
        await until(pilot, lambda: desk.answers == [("a_1", "approve", "")])


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("size", [(120, 8), (30, 40), (1, 1)], ids=str)
async def test_a_question_there_is_no_room_for_is_not_answered(size: tuple[int, int]) -> None:
    desk = Desk(1)
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=size) as pilot:
        await until(pilot, lambda: view._board.card is not None)
        await pilot.pause(0.3)
        await pilot.press("a", "d", *"x", "enter")
        assert desk.answers == []
        assert view._said == "the terminal is too small to show the question"
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "a_1" in text(view, "question"))
        await pilot.press("a")
        await until(pilot, lambda: desk.answers)


@pytest.mark.usefixtures("settled")
async def test_a_reason_is_for_the_question_it_was_begun_for() -> None:
    """While it is typed the question goes, and another comes to its place."""
    desk = Desk(1)
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "a_1" in text(view, "question"))
        await pilot.press("d", *"wro")
        desk.open = [question(2)]
        view.look()
        await pilot.pause(0.5)
        await pilot.press(*"ng", "enter")
        await until(pilot, lambda: desk.answers)
        assert desk.answers == [("a_1", "deny", "wrong")]
        await until(pilot, lambda: "a_2" in text(view, "question"))
        await pilot.press("d", *"x", "escape", "q")
        assert len(desk.answers) == 1


@pytest.mark.usefixtures("settled")
async def test_what_is_typed_is_no_command_however_fast_it_comes() -> None:
    """All of it arrives at once, as over a slow line: no letter of a reason approves, denies or ends."""
    desk = Desk(1, 2)
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "a_1" in text(view, "question"))
        for key in ("d", *"aqdcj/?k a", "\t", "backspace", "enter"):
            name = {" ": "space", "/": "slash", "?": "question_mark", "\t": "tab"}.get(key, key)
            view.post_message(keys.Key(name, key if len(key) == 1 else None))
        await until(pilot, lambda: desk.answers)
        assert desk.answers == [("a_1", "deny", "aqdcj/?k")]
        await until(pilot, lambda: "1 of 1 that wait  a_2" in text(view, "question"))
        view.post_message(keys.Paste("aaa"))
        await pilot.pause(0.3)
        assert len(desk.answers) == 1
        view.post_message(keys.Key("d", "d"))
        view.post_message(keys.Paste("a\x1b[2Jb\n"))
        view.post_message(keys.Key("enter", None))
        await until(pilot, lambda: len(desk.answers) == 2)
        assert desk.answers[1] == ("a_2", "deny", "a[2Jb")


async def test_what_is_wrong_is_said(told: Any) -> None:
    desk = Desk()
    desk.trouble = "no proxy is running"
    news = (News(trouble=""), News(missed=7), News(trouble="it went; connecting again"))
    view = View(Calls(), Script(*news), desk, limits="agent=bot")
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "no proxy is running" in text(view, "said"))
        assert "it went; connecting again" in text(view, "head")
        assert "7 events missed" in text(view, "head")
        assert "only agent=bot" in text(view, "head")
    view = View(Calls(), Script(refused="the token is good no more"), Desk())
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "the token is good no more" in text(view, "head"))
    view = View(Calls(), Script(), Desk(), ended=lambda: "the proxy has ended")
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "the proxy has ended" in text(view, "head"))


@pytest.mark.parametrize("wrong", [[{}], [{"id": "a_1"}], [{"id": 1, "request": 2}], [3], "text"], ids=repr)
async def test_questions_that_are_none_do_no_harm(wrong: Any) -> None:
    desk = Desk()
    desk.open = wrong
    view = View(Calls(), Script(), desk)
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "not understood" in text(view, "said"))
        await pilot.press("a")
        assert desk.answers == []


async def test_help_names_every_key_that_is_bound(told: Any) -> None:
    view = View(Calls(), Script(), Desk())
    async with view.run_test(size=(120, 40)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        shown = view.screen.query_one("#help", Static)
        help_ = "\n".join(shown.render_line(y).text for y in range(shown.size.height))
        for key in ("a ", "d ", "j k", "space", "↑ ↓", "Home", "Enter", "← →", "PgUp PgDn", "/ ", "c ", "q "):
            assert key in help_
        await pilot.pause(0.5)  # frames go on behind it
        await pilot.press("q")
        await until(pilot, lambda: "connecting" in text(view, "head"))


async def test_a_flood_is_counted_to_the_last_and_the_keys_still_work(
    tmp_path: Path, book: Any, decided: Any, ended: Any
) -> None:
    """900 calls as fast as the log takes them, on a terminal that changes its size all the while."""
    view = View(Calls(kept=100), Here(tmp_path / "audit", 10), Desk())

    async def flood() -> None:
        for number in range(900):
            book.submit(decided("intent", f"d_{number}"))
            book.submit(ended(f"d_{number}"))
            if number % 30 == 0:
                await asyncio.sleep(0.01)

    async with view.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "connected" in text(view, "head"))
        flooding = asyncio.get_running_loop().create_task(flood())
        for size in ((40, 12), (200, 60), (1, 1), (80, 24), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.press("down")
            await pilot.pause(0.2)
        await flooding
        await until(pilot, lambda: "allow 900" in text(view, "head"))
        await until(pilot, lambda: view._calls.findings == 900)
        assert (len(view._calls), view._calls.missed, view._calls.received_bytes) == (100, 0, 900_000)
        await pilot.press("home")
        await until(pilot, lambda: view._calls.newest()[0].decision == "d_899")
        assert all(entry.state == "completed" for entry in view._calls.newest())
