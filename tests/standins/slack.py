"""Slack on this machine: the methods of its API that we call, Socket Mode, and signed interactivity by HTTP.

Answers as docs.slack.dev describes them: `ok` and `error`, tokens as Bearer, envelopes that have to be
acknowledged by their id, a `disconnect` before a connection is ended, payloads of `block_actions` and
`view_submission` as they come from buttons in messages and from modals.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from aiohttp import WSMsgType, web

from standins.running import Loop, wait

TEAM = "T0000TEAM"
BOT_TOKEN = "xoxb-1234567890-standin-bot-token"
APP_TOKEN = "xapp-1-A0000-standin-app-token"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
LIMITS = {"header": 150, "section": 3000}


class Slack:
    """One workspace with one app."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._numbers = itertools.count(1)
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.acknowledged: list[str] = []
        self.connections = 0
        self.down = ""
        """The error that every call is answered with, if any; `gone` for a connection that is cut."""
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    def start(self) -> None:
        self._loop.run(self._start())

    def stop(self) -> None:
        self._loop.run(self._stop())

    def close(self) -> None:
        self.stop()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/api/{method}", self._api)
        app.router.add_get("/link/", self._socket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def _stop(self) -> None:
        for socket in self._sockets:
            await socket.close()
        self._sockets.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # The API.

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.calls.append((method, token))
        if self.down == "gone":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.down == "ratelimited":
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"}
            )
        if self.down:
            return web.json_response({"ok": False, "error": self.down})
        body = await request.read()
        form = request.content_type != "application/json"
        given = dict(await request.post()) if form else json.loads(body or b"{}")
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if token != wanted:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        answer = getattr(self, "_" + method.replace(".", "_"), None)
        if answer is None:
            return web.json_response({"ok": False, "error": "unknown_method"})
        return web.json_response(answer(given))

    def _auth_test(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team_id": TEAM, "user_id": "U0000BOT", "bot_id": "B0000BOT"}

    def _apps_connections_open(self, given: dict[str, Any]) -> dict[str, Any]:
        ticket = next(self._numbers)
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link/?ticket={ticket}&app_id=A0000"}

    def _chat_postMessage(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if (bad := self._bad(given)) is not None:
            return bad
        ts = f"{time.time():.0f}.{next(self._numbers):06}"
        if "thread_ts" in given:
            self.replies.append(given)
        else:
            self.messages[given["channel"], ts] = given
        return {"ok": True, "channel": given["channel"], "ts": ts, "message": given}

    def _chat_update(self, given: dict[str, Any]) -> dict[str, Any]:
        if (given["channel"], given["ts"]) not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        if (bad := self._bad(given)) is not None:
            return bad
        self.messages[given["channel"], given["ts"]] = given
        self.updates.append(given)
        return {"ok": True, "channel": given["channel"], "ts": given["ts"]}

    def _chat_postEphemeral(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.whispers.append(given)
        return {"ok": True, "message_ts": "1.0"}

    def _views_open(self, given: dict[str, Any]) -> dict[str, Any]:
        if not str(given.get("trigger_id", "")).startswith("trigger-"):
            return {"ok": False, "error": "invalid_trigger_id"}
        self.views.append(given["view"])
        return {"ok": True, "view": {"id": "V1"}}

    def _bad(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """What Slack says of blocks that it does not take."""
        for block in given.get("blocks", ()):
            limit = LIMITS.get(block["type"])
            if limit is not None and not 0 < len(block["text"]["text"]) <= limit:
                return {"ok": False, "error": "invalid_blocks"}
        return None

    # Socket Mode.

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self.connections += 1
        await socket.send_json(
            {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0000"}}
        )
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                if "envelope_id" in said:
                    self.acknowledged.append(said["envelope_id"])
        if socket in self._sockets:
            self._sockets.remove(socket)
        return socket

    def disconnect(self) -> None:
        """End the connections as Slack does to refresh them: with a word before."""

        async def end() -> None:
            for socket in tuple(self._sockets):
                await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
                await asyncio.sleep(0.05)
                await socket.close()

        self._loop.run(end())

    def send(self, payload: dict[str, Any]) -> str:
        """Send an interaction by Socket Mode; the id of its envelope."""
        envelope = f"e-{next(self._numbers)}"
        said = {"type": "interactive", "envelope_id": envelope, "accepts_response_payload": True}

        async def send() -> None:
            await self._sockets[-1].send_json(said | {"payload": payload})

        wait("a connection", lambda: self._sockets)
        self._loop.run(send())
        return envelope

    # What people do.

    def question(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """The newest message with something to press."""

        def look() -> tuple[tuple[str, str], dict[str, Any]] | None:
            found = [
                (place, message)
                for place, message in self.messages.items()
                if any(block["type"] == "actions" for block in message["blocks"])
            ]
            return found[-1] if found else None

        return wait("a question", look)

    def pressed(
        self, place: tuple[str, str], action: str, value: str, user: str, team: str = TEAM
    ) -> dict[str, Any]:
        """The payload of a button that was pressed."""
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "somebody", "team_id": team},
            "api_app_id": "A0000",
            "team": {"id": team, "domain": "standin"},
            "container": {
                "type": "message",
                "message_ts": place[1],
                "channel_id": place[0],
                "is_ephemeral": False,
            },
            "channel": {"id": place[0], "name": "ops"},
            "message": {"ts": place[1], **self.messages.get(place, {})},
            "trigger_id": f"trigger-{next(self._numbers)}",
            "actions": [{"action_id": action, "type": "button", "value": value, "action_ts": "1.0"}],
        }

    def submitted(self, view: dict[str, Any], reason: str, user: str, team: str = TEAM) -> dict[str, Any]:
        """The payload of a modal that was sent."""
        (block,) = view["blocks"]
        value = {"type": "plain_text_input", "value": reason or None}
        state = {"values": {block["block_id"]: {block["element"]["action_id"]: value}}}
        return {
            "type": "view_submission",
            "user": {"id": user, "team_id": team},
            "team": {"id": team},
            "view": {"id": "V1", **view, "state": state},
        }


def button(message: dict[str, Any], label: str) -> tuple[str, str]:
    """Action id and value of a message's button."""
    for block in message["blocks"]:
        for element in block.get("elements", ()) if block["type"] == "actions" else ():
            if element["text"]["text"] == label:
                return element["action_id"], element.get("value", "")
    raise AssertionError(f"no button {label}")


def texts(message: dict[str, Any]) -> list[str]:
    """Every text in a message."""
    found = [message.get("text", "")]
    waiting: list[Any] = list(message.get("blocks", ()))
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, dict):
            found += [item["text"]] if isinstance(item.get("text"), str) else []
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def signed(
    payload: dict[str, Any], secret: str = SIGNING_SECRET, at: float | None = None
) -> tuple[str, str, str]:
    """Timestamp, signature and body of an interaction by HTTP, computed apart from Slack's package."""
    timestamp = str(int(time.time() if at is None else at))
    body = urlencode({"payload": json.dumps(payload)})
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return timestamp, f"v0={digest}", body


def deliver(url: str, timestamp: str, signature: str, body: str) -> int:
    """Deliver an interaction by HTTP as Slack's servers do; the status of the answer."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }
    request = urllib.request.Request(url, body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
