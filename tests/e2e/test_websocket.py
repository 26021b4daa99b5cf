"""An unmodified WebSocket client through the running proxy: what it may say, how it is told what not."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from staging import apis
from staging.stage import Agent, Operator
from staging.world import AGENT, SETTINGS, World
from websockets.sync.server import ServerConnection, serve

URL = f"wss://{apis.MIRROR}/talk"
TOOLS = f"""\
api: mirror
base: https://{apis.MIRROR}
auth: {{secret: MIRROR_KEY}}
tools:
  - tool: mirror_connect
    effect: write
    run: {{type: websocket, url: "wss://{apis.MIRROR}/talk"}}
  - tool: mirror_say
    effect: write
    run: {{type: websocket, url: /talk, message: {{type: say, text: "${{text}}"}}}}
  - tool: mirror_forget
    effect: destructive
    run: {{type: websocket, url: /talk, message: {{type: forget}}}}
"""
POLICY = """\
policy: work
allow:
  - tool: mirror_connect
  - tool: mirror_say
deny:
  - tool: mirror_forget
    because: agents forget nothing
tests:
  - {agent: bot, call: mirror_say, input: {text: hello}, expect: allow}
  - {agent: bot, call: mirror_forget, input: {}, expect: deny}
"""


class Api:
    """Says back what it is told, with the key that it was shown: an API that tells too much."""

    def __init__(self, world: World) -> None:
        self.heard: list[str | bytes] = []
        self.keys: list[str] = []
        self.server = serve(self._talk, "127.0.0.1", 0, ssl=world.ca.context())
        self.port = self.server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        key = socket.request.headers["Authorization"]
        self.keys.append(key)
        try:
            for message in socket:
                self.heard.append(message)
                socket.send(f"{message!s} by {key}")
        except websockets.ConnectionClosed:
            pass

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    opened = Api(world)
    yield opened
    opened.close()


@pytest.fixture
def operator(separate: Callable[..., Operator], api: Api) -> Operator:
    resolve = json.dumps({f"{apis.MIRROR}:443": f"127.0.0.1:{api.port}"})
    settings = SETTINGS.format(listen=0, resolve=resolve, hold="5s")
    made = separate(wharfinger=settings, tools__mirror=TOOLS, policies__work=POLICY)
    made.start()
    return made


def say(text: str, kind: str = "say") -> str:
    return json.dumps({"type": kind, "text": text} if kind == "say" else {"type": kind})


def lines(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_talk(operator: Operator, api: Api, world: World, clients: Path) -> None:
    """The API gets the real key, the client never sees it, and what is refused is said in the Close frame."""
    agent = Agent.of(operator)
    ran = agent.python([clients / "use_websockets.py", URL, say("hello"), say("", "forget")])
    assert ran.code == 0, ran.said
    assert api.keys == [f"Bearer {world.keys['MIRROR_KEY']}"]
    assert api.heard == [say("hello")]
    ((code, reason),) = lines(ran.out)
    assert (code, "agents forget nothing" in reason.lower()) == (1008, True)
    operator.mark()
    told = [
        (event["kind"], event.get("outcome") or event["calls"][0]["tool"])
        for event in operator.events()
        if event["kind"] in {"intent", "denied", "outcome"}
    ]
    assert told == [
        ("intent", "mirror_connect"),
        ("intent", "mirror_say"),
        ("outcome", "completed"),
        ("denied", "mirror_forget"),
        ("outcome", "withheld"),
    ]


def test_a_talk_ends_when_the_agent_is_suspended(
    operator: Operator, api: Api, world: World, clients: Path
) -> None:
    agent = Agent.of(operator)
    process = agent.begin(sys.executable, str(clients / "use_websockets.py"), URL, say("hello"))
    assert process.stdout is not None
    (answer,) = json.loads(process.stdout.readline())
    assert world.keys["MIRROR_KEY"] not in answer
    assert agent.environment["MIRROR_KEY"] in answer
    operator.run("agents", "suspend", AGENT, "--as", "alice")
    begun = time.monotonic()
    (code, reason) = json.loads(process.stdout.readline())
    assert time.monotonic() - begun < 1  # the promise: it was told while the command still ran
    assert (code, "suspended" in reason) == (1008, True)
    assert agent.end(process).code == 0
    (refused,) = lines(agent.python([clients / "use_websockets.py", URL]).out)
    assert refused[0] in {403, 407}
