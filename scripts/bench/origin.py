"""The far end of a bench: an HTTPS server in a process of its own that costs little and answers at once.

    python scripts/bench/origin.py CHAIN.pem

Prints its port. By the last part of the path:

- `download/BYTES`: that many bytes; the field `X-At` tells when they began to leave (CLOCK_MONOTONIC, in ns)
- `events/COUNT`: server-sent events, 10 ms apart, or `?gap=MS`; each tells when it left
- anything else: a small JSON object, once the request has come whole

Speaks just the HTTP/1.1 that a proxy sends; not a server for anything else.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time

_JSON = (
    b'{"id":"ch_3MmlLrLkdIwHu7ix0snN0B15","object":"charge","amount":100,"currency":"usd","paid":true,'
    b'"status":"succeeded","customer":"cus_NffrFeUfNV2Hib","created":1679090539,"description":null}'
)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Wed, 14 Jan 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-cache, no-store\r\n"
    b"Request-Id: req_lyqVJdxqgAQ7lj\r\nStrict-Transport-Security: max-age=63072000\r\n"
    b"Vary: Origin\r\n\r\n%b" % (len(_JSON), _JSON)
)
_PIECE = b"0123456789abcdef" * 4096
EVENT_GAP = 0.010


class Origin(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left: int | None = None
        self._chunked = False
        self._path = self._query = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._chunked:
            self._until_last_chunk(data)
        elif self._left is not None:
            self._body(data)
        else:
            self._buffer += data
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if end:
                self._buffer = b""
                self._begin(head, rest)

    def _begin(self, head: bytes, rest: bytes) -> None:
        self._path, _, self._query = head.split(b" ", 2)[1].partition(b"?")
        low = head.lower()
        if b"\r\ntransfer-encoding: chunked" in low:
            self._chunked = True
            self._until_last_chunk(rest)
            return
        _, found, value = low.partition(b"\r\ncontent-length:")
        self._left = int(value.partition(b"\r\n")[0]) if found else 0
        self._body(rest)

    def _body(self, data: bytes) -> None:
        assert self._left is not None
        self._left -= len(data)
        if self._left <= 0:
            self._left = None
            self._answer()

    def _until_last_chunk(self, data: bytes) -> None:
        self._buffer = (self._buffer + data)[-5:]
        if self._buffer == b"0\r\n\r\n":
            self._buffer, self._chunked = b"", False
            self._answer()

    def _answer(self) -> None:
        *_, kind, amount = (b"", b"", *self._path.split(b"/"))
        if kind == b"download":
            self._start(self._download(int(amount)))
        elif kind == b"events":
            self._start(self._events(int(amount)))
        else:
            self._transport.write(_ANSWER)

    def _start(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _download(self, amount: int) -> None:
        kind = b"Content-Type: application/octet-stream"
        head = b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\nX-At: %d\r\n\r\n"
        self._transport.write(head % (kind, amount, time.monotonic_ns()))
        while amount > 0:
            await self._writable.wait()
            self._transport.write(_PIECE[:amount])
            amount -= len(_PIECE)

    async def _events(self, count: int) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        _, _, gap = self._query.partition(b"gap=")
        for _ in range(count):
            await asyncio.sleep(int(gap) / 1000 if gap else EVENT_GAP)
            event = b'data: {"choices":[{"delta":{"content":" hello"}}],"at":%d}\n\n' % time.monotonic_ns()
            self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        self._transport.write(b"0\r\n\r\n")


async def main() -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    context.set_alpn_protocols(["http/1.1"])
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
