"""HTTP/2 at both ends of the proxy, for tests: an agent that may send what it likes, and an origin."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.addon.flow.conftest import Answered, Proxy

type Fields = Sequence[tuple[str, str]]


@dataclass
class Got:
    """What has come on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    interim: list[int] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    reset: int | None = None
    error: str = ""

    @property
    def answered(self) -> Answered:
        return Answered(self.status, self.headers, bytes(self.body))


class Http2Agent:
    """One agent connection that speaks HTTP/2 in its tunnel."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.got: defaultdict[int, Got] = defaultdict(Got)
        self.closed = False
        self.goaway: int | None = None
        self.uploaded = 0
        self.credit = True
        """Whether what has come is given credit for."""
        self.changed = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        self._reading = asyncio.get_running_loop().create_task(self._read())

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(65536):
                async with self.changed:
                    for event in self.h2.receive_data(data):
                        self._take(event)
                    self.flush()
                    self.changed.notify_all()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            async with self.changed:
                self.closed = True
                self.changed.notify_all()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        stream_id = getattr(event, "stream_id", None)
        if not stream_id:
            return
        got = self.got[stream_id]
        match event:
            case h2.events.InformationalResponseReceived():
                got.interim.append(int(dict(event.headers)[":status"]))
            case h2.events.ResponseReceived():
                got.headers = dict(event.headers)
                got.status = int(got.headers[":status"])
            case h2.events.DataReceived():
                got.body += event.data
                if self.credit:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream_id)
            case h2.events.TrailersReceived():
                got.trailers = dict(event.headers)
            case h2.events.StreamEnded():
                got.ended = True
            case h2.events.StreamReset():
                got.reset = int(event.error_code)

    def fields(
        self, method: str, target: str, more: Fields = (), host: str = "api.example.com", *, key: bool = True
    ) -> list[tuple[str, str]]:
        made = [(":method", method), (":scheme", "https"), (":authority", host), (":path", target), *more]
        if key:
            made.append(("authorization", f"Bearer {self.proxy.placeholder()}"))
        return made

    def begin(self, fields: Fields, *, end: bool = False) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, list(fields), end_stream=end)
        self.flush()
        return stream_id

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream_id, data, end_stream=end)
        self.flush()

    async def upload(self, stream_id: int, data: bytes, *, end: bool = True) -> None:
        """Send as much as windows admit, waiting for more."""
        at = 0
        while at < len(data):
            room = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            if room <= 0:
                async with asyncio.timeout(20), self.changed:
                    await self.changed.wait()
                continue
            self.h2.send_data(stream_id, data[at : at + room])
            at += room
            self.uploaded += room
            self.flush()
            await self.writer.drain()
        if end:
            self.h2.end_stream(stream_id)
            self.flush()

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: holds() or self.closed)

    async def answer(self, stream_id: int) -> Got:
        """The response on `stream_id`, once it has ended or been reset, or all is over."""
        got = self.got[stream_id]
        await self.until(lambda: got.ended or got.reset is not None)
        return got

    async def request(
        self, method: str, target: str, more: Fields = (), body: bytes = b"", **kwargs: Any
    ) -> Got:
        stream_id = self.begin(self.fields(method, target, more, **kwargs), end=not body)
        if body:
            await self.upload(stream_id, body)
        return await self.answer(stream_id)

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(OSError):
            await self.writer.drain()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self.writer.transport.abort()


async def http2(proxy: Proxy, host: str = "api.example.com", agent: str | None = None) -> Http2Agent:
    """A connection of an agent that speaks HTTP/2."""
    reader, writer = await proxy.open()
    writer.write(
        f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n"
        f"Proxy-Authorization: {proxy.proxy_auth(agent)}\r\n\r\n".encode()
    )
    line = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert line.startswith(b"HTTP/1.1 200"), line
    context = ssl.create_default_context(cafile=str(proxy.runtime.client.ca))
    context.set_alpn_protocols(["h2"])
    await writer.start_tls(context, server_hostname=host)
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    assert chosen == "h2", chosen
    made = Http2Agent(proxy, reader, writer)
    await made.start()
    return made


async def comes_to_rest(count: Callable[[], int]) -> int:
    """What `count` gives once it has not changed for a while."""
    before, same = -1, 0
    while same < 10:
        await asyncio.sleep(0.05)
        now = count()
        before, same = now, same + 1 if now == before else 0
    return before


@dataclass
class Asked:
    """A request as the origin got it."""

    stream_id: int
    headers: list[tuple[str, str]]
    connection: int
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Speaker:
    """One connection to the origin, as what answers sees it."""

    def __init__(self, origin: Http2Origin, writer: asyncio.StreamWriter, number: int) -> None:
        self.origin, self.writer, self.number = origin, writer, number
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=False, header_encoding="latin-1", validate_outbound_headers=False
            )
        )
        self.asked: dict[int, Asked] = {}
        self.changed = asyncio.Condition()

    def flush(self) -> None:
        if not self.writer.is_closing():
            self.writer.write(self.h2.data_to_send())

    async def reply(
        self, stream_id: int, status: int, fields: Fields = (), body: bytes = b"", trailers: Fields = ()
    ) -> None:
        self.h2.send_headers(
            stream_id, [(":status", str(status)), *fields], end_stream=not (body or trailers)
        )
        if body:
            await self.data(stream_id, body, end=not trailers)
        if trailers:
            self.h2.send_headers(stream_id, list(trailers), end_stream=True)
        self.flush()

    async def data(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        at = 0
        while at < len(data):
            room = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            if room <= 0:
                self.flush()
                async with self.changed:
                    await self.changed.wait()
                continue
            piece = data[at : at + room]
            at += len(piece)
            self.h2.send_data(stream_id, piece, end_stream=end and at == len(data))
            self.origin.sent += len(piece)
        self.flush()


type Answering = Callable[[Speaker, Asked], Awaitable[None]]


class Http2Origin:
    """An origin that speaks HTTP/2 and keeps its own record. By default it says what it was sent."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.bytes_received = 0
        self.sent = 0
        self.requests: list[Asked] = []
        self.speakers: list[Speaker] = []
        self.handler: Answering = self.echo
        self.early = False
        """Whether the handler runs once the head is there, not the whole request."""
        self.credit = True
        self._tasks: set[asyncio.Task[None]] = set()

    @staticmethod
    async def echo(speaker: Speaker, asked: Asked) -> None:
        await speaker.reply(
            asked.stream_id, 200, [("content-type", "text/plain")], bytes(asked.body) or b"ok"
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        speaker = Speaker(self, writer, self.connections)
        self.speakers.append(speaker)
        speaker.h2.initiate_connection()
        speaker.flush()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65536):
                self.bytes_received += len(data)
                for event in speaker.h2.receive_data(data):
                    self._take(speaker, event)
                speaker.flush()
                async with speaker.changed:
                    speaker.changed.notify_all()
        writer.close()

    def _take(self, speaker: Speaker, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                asked = Asked(event.stream_id, list(event.headers), speaker.number)
                speaker.asked[event.stream_id] = asked
                self.requests.append(asked)
                if self.early:
                    self._start(speaker, asked)
            case h2.events.DataReceived():
                speaker.asked[event.stream_id].body += event.data
                if self.credit:
                    speaker.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                asked = speaker.asked[event.stream_id]
                asked.ended = True
                if not self.early:
                    self._start(speaker, asked)
            case h2.events.StreamReset():
                if event.stream_id in speaker.asked:
                    speaker.asked[event.stream_id].reset = int(event.error_code)

    def _start(self, speaker: Speaker, asked: Asked) -> None:
        async def run() -> None:
            with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
                await self.handler(speaker, asked)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Http2Origin]:
    """An origin, serving."""
    made = Http2Origin()
    context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for task in tuple(made._tasks):
            task.cancel()
        server.close()
        server.close_clients()
