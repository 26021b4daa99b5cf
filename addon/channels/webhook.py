"""The webhook: a signed POST of every question, every answer and every alarm, to whoever keeps track of them.

Signed as standardwebhooks.com says (version 1.0.0, symmetric): HMAC-SHA256 over id, timestamp and body. Sent
at least once; the id is the same each time, so that a receiver can tell. Redirects are not followed, and the
address that was checked is the one that is dialled. Nothing comes back this way: an answer is not read.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import functools
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from wharfinger.channels.alarm import Alarm
from wharfinger.channels.notices import Ask, Settled
from wharfinger.channels.outbox import Job, Rejected, Unreachable
from wharfinger.networks import Address, Network, may_dial

TIMEOUT: Final = 15.0
"""Seconds for one POST."""
VALUE_LIMIT: Final = 4096
"""Characters of one value that are sent."""
LONGEST_WAIT: Final = 3600.0
"""Seconds that a receiver may ask to be left alone."""
_PREFIX: Final = "whsec_"
_KEPT: Final = timedelta(hours=24)
"""How long an answer is of use to a receiver that was away."""


class BadSecret(ValueError):
    """The signing secret is not one."""


def key_of(secret: str) -> bytes:
    """The key in a secret as Standard Webhooks writes it; raises `BadSecret`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise BadSecret("it is not `whsec_` and base64 of 24 to 64 bytes")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


class WebhookChannel:
    """See the module's head."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        private: Iterable[str] = (),
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`private`: networks that the host may be in; raises `BadSecret`."""
        self._url = httpx2.URL(url)
        self._key = key_of(secret)
        self._private: tuple[Network, ...] = tuple(map(ipaddress.ip_network, private))
        self._client = httpx2.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=TIMEOUT, transport=transport
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def asked(self, ask: Ask) -> list[Job]:
        """Tell of a question."""
        return [self._job(ask.card.approval, "pending", card_json(ask), ask.card.expires)]

    def settled(self, settled: Settled) -> list[Job]:
        """Tell how it came out."""
        data = {"approval": settled.card.approval, "agent": settled.card.agent, "state": settled.state}
        said = data | {"person": settled.person or None, "comment": settled.comment or None}
        return [self._job(settled.card.approval, settled.state, said, datetime.now(UTC) + _KEPT)]

    def alarmed(self, alarm: Alarm) -> list[Job]:
        """Tell of misuse."""
        found = [dataclasses.asdict(each) for each in alarm.found]
        data = {"sum": alarm.sum, "found": found, "more": alarm.more, "at": alarm.at.isoformat()}
        return [self._typed("agent.misuse", alarm.found[0].decision, data, datetime.now(UTC) + _KEPT)]

    def _job(self, approval: str, state: str, data: Mapping[str, Any], until: datetime) -> Job:
        return self._typed(f"approval.{state}", approval, data, until)

    def _typed(self, kind: str, about: str, data: Mapping[str, Any], until: datetime) -> Job:
        event = {"type": kind, "timestamp": datetime.now(UTC).isoformat(), "data": data}
        body = json.dumps(event, separators=(",", ":")).encode("ascii")
        digest = hashlib.sha256(f"{about}\n{kind}\n{event['timestamp']}".encode()).hexdigest()
        return Job(until, functools.partial(self._post, f"msg_{digest[:32]}", body))

    async def _post(self, message_id: str, body: bytes) -> None:
        host, port = self._url.host, self._url.port or urlsplit(str(self._url)).port
        address = await checked_address(host, port or _default_port(self._url), self._private)
        now = int(datetime.now(UTC).timestamp())
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "wharfinger",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._key, message_id, now, body),
        }
        target = self._url.copy_with(host=str(address))
        request = self._client.build_request(
            "POST", target, content=body, headers=headers, extensions={"sni_hostname": host}
        )
        try:
            answer = await self._client.send(request, stream=True)
            await answer.aclose()
        except httpx2.HTTPError as error:
            raise Unreachable(f"the receiver does not answer: {type(error).__name__}") from None
        _judge(answer)


def _judge(answer: httpx2.Response) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    if 300 <= status < 400 or status == 410:
        raise Rejected(f"the receiver answers {status}, and redirects are not followed")
    wait = answer.headers.get("retry-after", "")
    pause = min(float(wait), LONGEST_WAIT) if wait.isascii() and wait.isdigit() else 0.0
    raise Unreachable(f"the receiver answers {status}", pause)


def card_json(ask: Ask) -> dict[str, Any]:
    """A question as receivers get it."""
    return {"state": "pending"} | ask.card.within(VALUE_LIMIT).as_json()


def _default_port(url: httpx2.URL) -> int:
    return 443 if url.scheme == "https" else 80


async def checked_address(host: str, port: int, private: Collection[Network]) -> Address:
    """An address of `host`, all of which may be dialled. Raises `Rejected` or `Unreachable`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT):
            infos = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        raise Unreachable("the receiver's name cannot be resolved") from None
    found = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos]
    if not found:
        raise Unreachable("the receiver's name has no address")
    if not all(may_dial(address, private) for address in found):
        raise Rejected("the receiver's name resolves to an address that may not be dialled; see `private`")
    return found[0]
