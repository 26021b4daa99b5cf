"""A proxy elsewhere, by its API: its events as they come, its questions, and the answers to them.

Rules: the token goes nowhere but to the address that was given, and over nothing but TLS or the loopback.
What comes is believed in nothing: what is no event is left out.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx2
from wharfinger.control.protocol import ControlError, read_object
from wharfinger.faults import Fault
from wharfinger.watching.asking import Move, size_of
from wharfinger.watching.following import Event, News, Refused, Take

_API: Final = "/api/v1"
PATH: Final = f"{_API}/events"
_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY: Final = 10.0
_SECONDS: Final = 30.0
_SILENCE_SECONDS: Final = 30.0
"""The API says something every ten seconds, if only that it is there."""
_MESSAGE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one message: 200 events of 16 KiB, and what each line has besides."""


def client(url: str, token: str, ca: Path | None = None) -> httpx2.Client:
    """A client of the API at `url`, which must show a certificate of `ca`, if there is one.

    Raises `Fault` where the token would go in the clear, or `ca` is no authority.
    """
    address = httpx2.URL(url)
    if address.scheme not in {"http", "https"} or not address.host or address.userinfo:
        raise Fault("this is no address of a console", "write it like https://console.example.com")
    if address.scheme == "http" and not _is_loopback(address.host):
        raise Fault(
            "the token would go to another machine in the clear",
            "use an https:// address, or a tunnel to this machine (ssh -L)",
        )
    return httpx2.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        follow_redirects=False,
        timeout=_SECONDS,
        verify=True if ca is None else _trusting(ca),
    )


def _trusting(ca: Path) -> ssl.SSLContext:
    """TLS that goes by one file of authorities, and by no other."""
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError):
        raise Fault(f'"{ca}" holds no certificate that can be read', "it must be PEM") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Stream:
    """The stream of events of a proxy's API."""

    def __init__(self, http: httpx2.Client, before: int) -> None:
        """`http` knows the address and presents the token."""
        self.name = str(http.base_url).rstrip("/")
        self._http = http
        self._before = before
        self._last: int | None = None
        self._ready = False

    def follow(self, take: Take, stop: threading.Event) -> None:
        """See `Source.follow`."""
        wait = _RETRY_SECONDS
        while not stop.is_set():
            self._ready = False
            try:
                self._follow(take, stop)
                why = "the connection was ended"
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                why = str(error) or type(error).__name__
            if stop.is_set():
                return
            wait = _RETRY_SECONDS if self._ready else min(2 * wait, _LONGEST_RETRY)
            take(News(trouble=f"{why[:200]}; connecting again"))
            stop.wait(wait)

    def _follow(self, take: Take, stop: threading.Event) -> None:
        headers = {"Accept": "text/event-stream"}
        if self._last is not None:
            headers["Last-Event-ID"] = str(self._last)
        timeout = httpx2.Timeout(10.0, read=_SILENCE_SECONDS)
        with self._http.stream(
            "GET", PATH, params={"last": self._before}, headers=headers, timeout=timeout
        ) as answer:
            _check(answer)
            take(News(trouble=""))
            self._ready = True
            for news in self._told(httpx2.EventSource(answer, max_event_size=_MESSAGE_LIMIT)):
                take(news)
                if stop.is_set():
                    return

    def _told(self, stream: httpx2.EventSource) -> Iterator[News]:
        for told in stream:
            if told.id.isascii() and told.id.isdigit():
                self._last = int(told.id[:15])
            match told.event:
                case "events" | "before":
                    yield News(_events(told.data), before=told.event == "before")
                case "missed" if told.data.isascii() and told.data.isdigit():
                    yield News(missed=int(told.data[:15]))
                case "signed-out":
                    raise Refused("the token is good no more")


def _check(answer: httpx2.Response) -> None:
    """Raise `Refused` where the API says no, `HTTPError` where it has trouble."""
    if answer.status_code == 200:
        return
    answer.read()
    said = problem(answer)
    if answer.status_code in {400, 401, 403, 404, 421} or answer.is_redirect:
        raise Refused(said)
    raise httpx2.HTTPError(said)


def problem(answer: httpx2.Response) -> str:
    """What an answer of the API says that is none of success."""
    try:
        error = read_object(answer.content[:10_000]).get("error")
    except ControlError:
        error = None
    said = error.get("message") if isinstance(error, dict) else None
    return f"{said[:300]}" if isinstance(said, str) else f"it answers {answer.status_code}"


def _events(text: str) -> list[Event]:
    """The events of one message; what is none is left out."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    kept = found if isinstance(found, list) else []
    return [event for event in kept if isinstance(event, dict) and type(event.get("seq")) is int]


class Api:
    """A proxy's API."""

    def __init__(self, http: httpx2.Client) -> None:
        """`http` knows the address and presents the token."""
        self._http = http

    def waiting(self) -> Sequence[Mapping[str, Any]]:
        """See `Questions.waiting`."""
        found = self._do("GET", "/approvals")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def answer(self, approval: str, move: Move, reason: str) -> str:
        """See `Questions.answer`."""
        body = {"reason": reason} if reason else {}
        done = self._do("POST", f"/approvals/{quote(approval, safe='')}/{move}", body)
        return str(done.get("state", "")) if isinstance(done, dict) else ""

    def signed(self) -> int | None:
        """See `Questions.signed`."""
        return size_of(self._do("GET", "/status"))

    def retell(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """The steps to a decision, as the office there tells them. Raises `Fault`."""
        told = self._do("GET", f"/audit/{quote(str(event.get('decision', '')), safe='')}/steps")
        return told if isinstance(told, dict) else {}

    def _do(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, _API + path, json=body, timeout=_SECONDS)
        except httpx2.HTTPError as error:
            raise Fault(f"the proxy does not answer: {str(error)[:200] or type(error).__name__}") from error
        if answer.status_code != 200:
            raise Fault(problem(answer))
        return read_object(b'{"given":' + answer.content + b"}")["given"]
