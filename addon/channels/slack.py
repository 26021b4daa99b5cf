"""Slack: questions in one channel, answered by buttons, and alarms.

Answers come by Socket Mode, or by signed HTTP through the office; either way Slack says who pressed what, in
which message. Here is seen to it that it is Slack who says so, and of which workspace the person is; all else
(that the value is ours, that the message is the one we posted, that the person may answer) is the proxy's to
check. Slack's own package, which blocks, does the talking, in threads.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import certifi
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler
from wharfinger.channels import blocks
from wharfinger.channels.alarm import Alarm
from wharfinger.channels.notices import Answer, Ask, Heard, Interaction, Posted, Replied, Settled
from wharfinger.channels.outbox import Job, Rejected, Unreachable
from wharfinger.channels.slack_http import Signed
from wharfinger.channels.slack_socket import Socket, silent

_log = logging.getLogger(__name__)

TIMEOUT: Final = 15
"""Seconds for one call of the API."""
_UPDATED_WITHIN: Final = timedelta(hours=24)
_PASSING: Final = frozenset({
    "ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error", "request_timeout",
    "team_added_to_org",
})  # fmt: skip
"""Errors of the API that go away by themselves."""
_MENDABLE: Final = frozenset({
    "invalid_auth", "not_authed", "account_inactive", "token_expired", "token_revoked", "missing_scope",
    "not_in_channel", "channel_not_found", "is_archived", "no_permission",
})  # fmt: skip
"""Errors that an administrator can mend while questions wait."""


class Ears(Protocol):
    """Something that listens for interactions, in threads of its own."""

    def close(self) -> None:
        """Stop."""
        ...


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that was pressed, or the form of a denial that was sent."""

    action: str
    value: str
    place: Mapping[str, str]
    user: str
    team: str
    trigger: str = ""
    reason: str = ""


def pressed(payload: Mapping[str, Any]) -> Pressed | None:
    """What somebody did, as Slack tells it; None for anything that is none of ours, or not well formed."""
    try:
        user, team = str(payload["user"]["id"]), _team(payload)
        if payload["type"] == "view_submission" and payload["view"]["callback_id"] == blocks.REASON:
            kept = json.loads(payload["view"]["private_metadata"])
            given = payload["view"]["state"]["values"][blocks.REASON][blocks.REASON]["value"] or ""
            return Pressed(blocks.REASON, str(kept["value"]), _place(kept), user, team, reason=str(given))
        if payload["type"] != "block_actions" or payload["container"]["type"] != "message":
            return None
        (action,) = payload["actions"]
        if action["action_id"] not in {blocks.APPROVE, blocks.DENY}:
            return None
        box = payload["container"]
        place = {"channel": str(box["channel_id"]), "ts": str(box["message_ts"])}
        return Pressed(
            action["action_id"], str(action["value"]), place, user, team, str(payload.get("trigger_id", ""))
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _team(payload: Mapping[str, Any]) -> str:
    """The workspace that the person is of: in a shared channel it need not be ours."""
    user, team = payload["user"], payload.get("team") or {}
    own = user.get("team_id") or team.get("id")
    return str(own) if team.get("id") in {None, own} else ""


def _place(kept: Mapping[str, Any]) -> dict[str, str]:
    return {"channel": str(kept["channel"]), "ts": str(kept["ts"])}


class SlackChannel:
    """See the module's head."""

    name = "slack"

    def __init__(
        self,
        settings: Mapping[str, Any],
        console: str,
        tell: Callable[[Answer | Posted | Replied], object],
        health: Callable[[bool, str], object],
    ) -> None:
        """`settings` as written, with the secrets' values; `health` is told whether answers can come."""
        self._trust = ssl.create_default_context(cafile=certifi.where())
        self._channel = settings["channel"]
        self._console = console
        self._tell = tell
        self._health = health
        self._client = WebClient(
            token=settings["token"],
            base_url=settings["api"],
            timeout=TIMEOUT,
            ssl=self._trust,
            logger=silent,
            retry_handlers=[ConnectionErrorRetryHandler(max_retry_count=0)],
        )
        self._app_token: str | None = settings.get("app_token")
        secret = settings.get("signing_secret")
        self._signed = None if secret is None else Signed(secret)
        self._ears: Ears | None = None
        self._team = ""
        self._places: dict[str, dict[str, str]] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = asyncio.Event()
        """Set while no question is on its way to Slack: what is pressed then is in a message that we know."""
        self._told.set()
        self._loop = asyncio.get_running_loop()

    # Telling.

    def asked(self, ask: Ask) -> list[Job]:
        """Post the question."""
        return [Job(ask.card.expires, functools.partial(self._post, ask))]

    def settled(self, settled: Settled) -> list[Job]:
        """Change the message, so that it says how the question came out."""
        until = datetime.now(UTC) + _UPDATED_WITHIN
        return [Job(until, functools.partial(self._update, settled))]

    def alarmed(self, alarm: Alarm) -> list[Job]:
        """Post the alarm."""
        until = datetime.now(UTC) + _UPDATED_WITHIN
        return [Job(until, functools.partial(self._alarm, alarm))]

    async def _alarm(self, alarm: Alarm) -> None:
        text, shown = blocks.alarm(alarm)
        await self._call(
            "chat.postMessage", channel=self._channel, text=text, blocks=shown, parse="none",
            link_names=False, unfurl_links=False, unfurl_media=False,
        )  # fmt: skip

    async def _post(self, ask: Ask) -> None:
        known = self._places.get(ask.card.approval)
        if known is not None:
            if ask.again:
                await self._call(
                    "chat.postMessage", channel=known["channel"], thread_ts=known["ts"],
                    text=blocks.asked_too(ask),
                )  # fmt: skip
            return
        text, shown = blocks.question(ask, self._console)
        self._told.clear()
        try:
            answer = await self._call(
                "chat.postMessage", channel=self._channel, text=text, blocks=shown, parse="none",
                link_names=False, unfurl_links=False, unfurl_media=False,
            )  # fmt: skip
            place = {"channel": str(answer["channel"]), "ts": str(answer["ts"])}
            self._places[ask.card.approval] = place
            self._tell(Posted(self.name, ask.card.approval, place))
        finally:
            self._told.set()

    async def _update(self, settled: Settled) -> None:
        place = self._places.pop(settled.card.approval, None) or settled.place
        if not place:
            return
        text, shown = blocks.outcome(settled)
        await self._call("chat.update", **place, text=text, blocks=shown, parse="none", link_names=False)

    async def _call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Call the API; raises `Unreachable` or `Rejected`."""
        try:
            answer = await asyncio.to_thread(self._client.api_call, method, json=arguments)
        except SlackApiError as error:
            raise _failure(method, error) from None
        except (OSError, SlackClientError) as error:
            raise Unreachable(f"Slack does not answer: {type(error).__name__}") from None
        data = answer.data
        return data if isinstance(data, dict) else {}

    # Hearing.

    async def listen(self) -> None:
        """Have answers come in: by Socket Mode, if there is an app's token for it. Runs until cancelled."""
        pause = 1.0
        while True:
            try:
                await self._know_team()
                if self._app_token is None:
                    self._health(True, "")
                    return
                await self._hear()
            except (Unreachable, Rejected) as failure:
                self._health(False, str(failure))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 60.0)

    async def _hear(self) -> None:
        """Listen by Socket Mode, which connects again by itself, and tell whenever that changes."""
        assert self._app_token is not None  # noqa: S101 - for the type checker; `listen` has looked
        socket = Socket(self._app_token, self._client, self._from_thread)
        self._ears = socket
        try:
            await asyncio.to_thread(socket.connect)
            while True:
                good = socket.connected
                self._health(good, "" if good else "Socket Mode is not connected")
                await asyncio.sleep(1.0)
        finally:
            await asyncio.to_thread(socket.close)

    async def _know_team(self) -> None:
        if not self._team:
            self._team = str((await self._call("auth.test")).get("team_id") or "")
        if not self._team:
            raise Rejected("Slack does not say of which workspace the app is")

    def _from_thread(self, payload: Mapping[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._receive, payload)

    def interact(self, interaction: Interaction) -> None:
        """Take what came by HTTP, if Slack has signed it."""
        payload = None
        if self._signed is not None:
            payload = self._signed.payload(interaction.timestamp, interaction.signature, interaction.body)
        self._tell(Replied(interaction.ref, 200 if payload is not None else 401))
        if payload is not None:
            self._receive(payload)

    def _receive(self, payload: Mapping[str, Any]) -> None:
        """Look at one interaction that Slack has vouched for."""
        did = pressed(payload)
        if did is None:
            return
        if not self._team or did.team != self._team:
            _log.warning("an interaction in Slack by somebody of another workspace was left alone")
            return
        if did.action == blocks.DENY:
            self._start(self._ask_reason(did))
            return
        self._start(self._answer(did))

    async def _answer(self, did: Pressed) -> None:
        await self._told.wait()
        ref = next(self._numbers)
        self._waiting[ref] = (did.place["channel"], did.user)
        self._tell(Answer(ref, self.name, did.value, did.place, did.user, did.reason))

    async def _ask_reason(self, did: Pressed) -> None:
        metadata = json.dumps({"value": did.value, **did.place})
        await self._call("views.open", trigger_id=did.trigger, view=blocks.reasons(metadata))

    def heard(self, heard: Heard) -> None:
        """Tell whoever pressed a button, and nobody else, why it came to nothing."""
        channel, user = self._waiting.pop(heard.ref, ("", ""))
        if user and not heard.good:
            text = blocks.refusal(heard.said)
            self._start(self._say(channel, user, text))

    async def _say(self, channel: str, user: str, text: str) -> None:
        await self._call("chat.postEphemeral", channel=channel, user=user, text=text, parse="none")

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _quietly(work: Any) -> None:
        try:
            await work
        except (Unreachable, Rejected) as failure:
            _log.warning("slack: %s", failure)

    async def close(self) -> None:
        """Let go of everything."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _failure(method: str, error: SlackApiError) -> Unreachable | Rejected:
    """What an error of the API means for whoever posts. Slack's codes are of letters and `_`."""
    response = error.response
    data = response.data if not isinstance(response, dict) else response
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    code = code if code.replace("_", "").isalnum() and len(code) < 60 else "unknown"
    status = getattr(response, "status_code", 0)
    said = f"Slack refuses {method}: {code}"
    if status == 429 or status >= 500 or code in _PASSING or code in _MENDABLE or code == "unknown":
        wait = str(getattr(response, "headers", {}).get("Retry-After", ""))
        return Unreachable(said, min(float(wait), 3600.0) if wait.isascii() and wait.isdigit() else 0.0)
    return Rejected(said)
