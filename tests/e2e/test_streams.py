"""A stream of events reaches the client as it comes, and a key in it does not reach the client at all."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator

import pytest
from staging import apis
from staging.stage import Agent
from staging.standins import Reply, Seen
from staging.world import World

STREAM = """\
from openai import OpenAI
stream = OpenAI().chat.completions.create(
    model="gpt-5", messages=[{"role": "user", "content": "How long?"}], stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content, flush=True)
"""


def _event(content: str) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    chunk = {
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5", "choices": [choice],
    }  # fmt: skip
    return f"data: {json.dumps(chunk)}\n\n".encode()


def test_events_come_one_by_one(world: World, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API goes on once the client has shown what came so far; then it tells the key, in two parts."""
    key = world.keys["OPENAI_API_KEY"]
    seen_first = threading.Event()
    telling = _event(f"your key is {key}, is it not")
    cut = telling.index(key.encode()) + len(key) // 2

    def pieces() -> Iterator[bytes]:
        yield _event("first")
        assert seen_first.wait(20)
        yield telling[:cut]
        yield telling[cut:]
        yield b"data: [DONE]\n\n"

    def answer(_seen: Seen) -> Reply:
        return Reply(200, b"", {"Content-Type": "text/event-stream"}, pieces())

    monkeypatch.setattr(world.hosts[apis.OPENAI], "answer", answer)
    process = agent.begin(sys.executable, "-c", STREAM)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first == "first\n", process.communicate()
    seen_first.set()
    rest = agent.end(process).out
    assert rest == f"your key is {agent.environment['OPENAI_API_KEY']}, is it not\n"
