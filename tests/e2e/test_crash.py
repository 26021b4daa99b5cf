"""The proxy is killed in the middle of its work, and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch, until
from staging.standins import Answer, Reply, Seen
from staging.world import APPROVER, World

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


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


@pytest.fixture
def crashing(separate: Callable[..., Operator]) -> Operator:
    """A proxy of its own, to be killed."""
    operator = separate()
    operator.start()
    return operator


def test_killed_while_a_request_is_under_way(crashing: Operator, slow: threading.Event) -> None:
    """The client's connection breaks; the next start finds the book whole, and the open intent `unknown`."""
    agent, watch = Agent.of(crashing), Watch(crashing, apis.DOCS)
    fetching = agent.begin("curl", "-sS", "https://docs.python.org/3/")
    until("the request has arrived", lambda: watch.requests)
    (intent,) = [event for event in watch.events() if event["kind"] == "intent"]
    crashing.stop(signal.SIGKILL)
    assert agent.end(fetching).code != 0
    assert crashing.run("audit", "verify").code == 0, "what was durable is whole"
    slow.set()
    crashing.start()
    ended = [event for event in watch.events() if event.get("decision") == intent["decision"]]
    assert [(event["kind"], event.get("outcome")) for event in ended] == [
        ("intent", None),
        ("outcome", "unknown"),
    ]
    crashing.run("audit", "verify")
    assert "stand-in" in Agent.of(crashing).run("curl", "-sS", "https://docs.python.org/3/").out
    assert len(watch.requests) == 2, "nothing is sent again by itself"


def test_killed_while_a_question_waits(crashing: Operator) -> None:
    """The question outlives the crash, and so does the answer: the same request then goes through once."""
    agent, watch = Agent.of(crashing), Watch(crashing, apis.STRIPE)
    refund = (
        "sh", "-c", 'curl -sS -u "$STRIPE_API_KEY:" -d payment_intent=pi_1 -d amount=6000 '
        "https://api.stripe.com/v1/refunds",
    )  # fmt: skip
    asking = agent.begin(*refund)
    until("a question", lambda: "held" in watch.kinds())
    crashing.stop(signal.SIGKILL)
    agent.end(asking)
    (row,) = crashing.run("approvals", "list", "--json").json
    crashing.run("approvals", "approve", row["id"], "--as", APPROVER)
    assert not watch.connected
    crashing.start()
    agent = Agent.of(crashing)
    assert '"re_6000"' in agent.run(*refund).out
    assert len(watch.requests) == 1


def test_killed_in_the_middle_of_a_write(crashing: Operator) -> None:
    """The office ends with the proxy. What the crash left of a line is no part of the book; that it was
    there is told."""
    mark = crashing.mark()
    crashing.stop(signal.SIGKILL)
    until("the office has ended", lambda: _refused(crashing.told["console"]), 10)
    segment = max((crashing.data / "audit").glob("*.jsonl"))
    with segment.open("ab") as file:
        file.write(b'{"v":1,"seq":')
    crashing.start()
    crashing.run("audit", "verify")
    (told,) = [event for event in crashing.events(mark) if event["kind"] == "recovered"]
    assert "13" in str(told)


def _refused(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5).close()
    except ConnectionRefusedError:
        return True
    return False
