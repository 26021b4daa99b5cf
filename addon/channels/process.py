"""The process of the channels: what is slow, or may fail, or is somebody else's code, is done here.

Runs as `python -m wharfinger.channels.process`, beside the proxy, which speaks to it over its standard input
and output (`notices`). It holds the secrets of the channels and nothing else: no credential, no store, no
key, so it can decide nothing. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from wharfinger.channels import notices
from wharfinger.channels.alarm import Alarm
from wharfinger.channels.mail import MailChannel, Server
from wharfinger.channels.notices import Ask, Health, Heard, Interaction, Notice, Replied, Settled, Setup
from wharfinger.channels.outbox import Job, Outbox
from wharfinger.channels.webhook import WebhookChannel
from wharfinger.secret import disarm_process

if TYPE_CHECKING:
    from wharfinger.channels.slack import SlackChannel


class Channel(Protocol):
    """One channel, as far as posting goes."""

    @property
    def name(self) -> str:
        """As in the settings."""
        ...

    def asked(self, ask: Ask) -> list[Job]:
        """What there is to do to tell of a question."""
        ...

    def settled(self, settled: Settled) -> list[Job]:
        """What there is to do to tell how it came out."""
        ...

    def alarmed(self, alarm: Alarm) -> list[Job]:
        """What there is to do to tell of misuse."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Station:
    """All channels, each behind its own queue."""

    def __init__(self, setup: Setup, tell: Callable[[Notice], object], *, pause: float = 1.0) -> None:
        """`tell` says a notice to the proxy; `pause` is the first between two tries of a job."""
        self._tell = tell
        self._outboxes: dict[str, Outbox] = {}
        self._channels: dict[str, Channel] = {}
        self._listening: dict[str, Outbox] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._slack: SlackChannel | None = None
        for name, settings in setup.channels.items():
            try:
                self._channels[name] = self._open(name, settings, setup.url)
            except Exception as error:  # noqa: BLE001 - one that cannot be opened is told; the others go on
                tell(Health(name, up=False, why=_why_not(name, error)))
                continue
            self._outboxes[name] = Outbox(name, tell, pause=pause)

    def _open(self, name: str, settings: Mapping[str, Any], url: str) -> Channel:
        if name == "webhook":
            return WebhookChannel(settings["url"], settings["secret"], settings["private"])
        if name == "email":
            server = Server(
                settings["host"], settings["port"], settings["tls"],
                settings.get("user"), settings.get("password"), settings.get("ca"),
            )  # fmt: skip
            return MailChannel(server, settings["sender"])
        from wharfinger.channels.slack import SlackChannel  # noqa: PLC0415 - of an extra

        answers = Outbox("slack answers", self._tell)
        opened = SlackChannel(
            settings, url, self._tell, lambda up, why: answers.up() if up else answers.down(why)
        )
        self._slack = opened
        return opened

    def start(self) -> None:
        """Begin to post and to listen."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(outbox.run()) for outbox in self._outboxes.values()]
        if self._slack is not None:
            self._tasks.append(loop.create_task(self._slack.listen()))

    def take(self, notice: Notice) -> None:
        """Do what the proxy says. Returns at once."""
        match notice:
            case Ask() | Settled() | Alarm():
                for name in notice.channels:
                    self._queue(name, notice)
            case Interaction() if self._slack is not None:
                self._slack.interact(notice)
            case Interaction():
                self._tell(Replied(notice.ref, 404))
            case Heard() if self._slack is not None:
                self._slack.heard(notice)
            case _:
                raise notices.NotUnderstood(f"the proxy does not say {type(notice).__name__}")

    def _queue(self, name: str, notice: Ask | Settled | Alarm) -> None:
        channel, outbox = self._channels.get(name), self._outboxes.get(name)
        if channel is None or outbox is None:
            return
        for job in _jobs(channel, notice):
            outbox.put(job)

    async def close(self) -> None:
        """End everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()


def _jobs(channel: Channel, notice: Ask | Settled | Alarm) -> list[Job]:
    match notice:
        case Ask():
            return channel.asked(notice)
        case Settled():
            return channel.settled(notice)
        case Alarm():
            return channel.alarmed(notice)


def _why_not(name: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the package for it is not installed: pip install 'wharfinger[{name}]'"
    return f"it cannot be opened: {error if isinstance(error, ValueError) else type(error).__name__}"


async def serve(reader: asyncio.StreamReader, tell: Callable[[Notice], object]) -> None:
    """Serve until the proxy has nothing more to say."""
    first = notices.read(await reader.readuntil(b"\n"))
    if not isinstance(first, Setup):
        raise notices.NotUnderstood("the proxy does not begin with a setup")
    station = Station(first, tell)
    station.start()
    try:
        while text := await reader.readline():
            station.take(notices.read(text))
    finally:
        await station.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=notices.LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout)

    def tell(notice: Notice) -> None:
        transport.write(notices.line(notice))

    with contextlib.suppress(asyncio.IncompleteReadError):
        await serve(reader, tell)
    transport.close()


def main() -> None:
    """Serve the proxy that has started this process."""
    disarm_process()
    logging.basicConfig(level=logging.WARNING, format="channels: %(message)s")
    asyncio.run(_main())


if __name__ == "__main__":
    main()
