"""Limits of a proxy that is killed, and what is denied in an emergency, through the command line."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.standins import Answer, Reply, Seen
from staging.world import FILES, World

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

LIMITED = FILES["policies/work.yaml"].replace(
    "tests:\n", "limits:\n  - {tool: unmatched, calls: 2/hour}\ntests:\n"
)
DOCS = "https://docs.python.org/3/"


@pytest.fixture
def slow(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An API that answers only once the event is set."""
    release = threading.Event()
    real: Answer = world.hosts[apis.DOCS].answer

    def answer(seen: Seen) -> Reply:
        release.wait(30)
        return real(seen)

    monkeypatch.setattr(world.hosts[apis.DOCS], "answer", answer)
    yield release
    release.set()


def test_what_was_under_way_in_a_crash_stays_counted(
    separate: Callable[..., Operator], slow: threading.Event
) -> None:
    """Killed between intent and outcome: the next start has the count."""
    operator = separate(policies__work=LIMITED)
    operator.start()
    agent, watch = Agent.of(operator), Watch(operator, apis.DOCS)
    fetching = agent.begin("curl", "-sS", DOCS)
    until("the request has arrived", lambda: watch.requests)
    operator.stop(signal.SIGKILL)
    agent.end(fetching)
    slow.set()
    operator.start()
    (row,) = operator.run("limits", "list", "--json").json
    assert (row["agent"], row["used"], row["most"], row["reached"]) == ("bot", "1", "2", False)
    agent = Agent.of(operator)
    assert "stand-in" in agent.run("curl", "-sS", DOCS).out
    assert "The limit of 2 calls" in agent.run("curl", "-sS", DOCS).out
    assert len(watch.requests) == 2


def test_an_emergency_denial_acts_at_once_and_outlives_a_restart(separate: Callable[..., Operator]) -> None:
    operator = separate()
    operator.start()
    mark = operator.mark()
    agent = Agent.of(operator)
    assert "stand-in" in agent.run("curl", "-sS", DOCS).out
    added = operator.run(
        "deny", "add", "--host", "*.Python.org", "--because", "it leaks", "--for", "2h", "--as", "alice"
    )
    assert "It leaks" in agent.run("curl", "-sS", DOCS).out
    operator.stop()
    operator.start()
    agent = Agent.of(operator)
    assert "It leaks" in agent.run("curl", "-sS", DOCS).out
    (row,) = operator.run("deny", "list", "--json").json
    assert (row["host"], row["person"]) == ("*.python.org", "alice")
    assert row["id"] in added.out
    operator.run("deny", "remove", row["id"], "--as", "alice")
    assert "stand-in" in agent.run("curl", "-sS", DOCS).out
    told = [event["action"] for event in operator.events(mark) if event["kind"] == "control"]
    assert [action for action in told if action.startswith("deny.")] == ["deny.add", "deny.remove"]
