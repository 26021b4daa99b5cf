"""The other end of the control socket: for the command line, synchronous, one command at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from wharfinger.control.protocol import (
    LINE_LIMIT,
    PURPOSE,
    SOCKET,
    VERSION,
    Code,
    Command,
    ControlError,
    read_object,
)
from wharfinger.faults import Fault
from wharfinger.keeping.people import PersonKey
from wharfinger.keeping.sockets import address, peer_is_ours
from wharfinger.rules.types import JSON

_CONNECT_SECONDS = 5.0


class NotRunning(Fault):
    """No runtime serves this data folder."""

    def __init__(self, data: Path) -> None:
        """Name the folder."""
        super().__init__(f'no proxy is running on "{data}"', "start one with: wharfinger up")


class Control(Protocol):
    """Somewhere that commands can be given: a running proxy, or the data folder itself."""

    def do(self, action: str, args: Mapping[str, Any] | None = None, key: PersonKey | None = None) -> JSON:
        """Have `action` done, signed by `key` where it changes anything; raises `ControlError`."""
        ...


class Client:
    """A connection to a running proxy."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        """Use `connect`."""
        self._connection = connection
        self._timeout = timeout
        self._buffer = bytearray()
        self._number = 0
        self._nonce = ""
        self.session: str | None = None
        """Token of the session that commands without a key are given in."""
        self.background = False

    @classmethod
    def connect(cls, data: Path, timeout: float = 310.0) -> Self:
        """Connect to whoever serves the data folder; raises `NotRunning`.

        `timeout` is the time in seconds that a command may take.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_CONNECT_SECONDS)
        client = cls(connection, timeout)
        try:
            with address(data, SOCKET) as name:
                connection.connect(name)
            if not peer_is_ours(connection):
                raise Fault(
                    f'the control socket in "{data}" is served by another user', "check the data folder"
                )
            client._greet()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            client.close()
            raise NotRunning(data) from None
        except OSError as error:
            client.close()
            reason = (error.strerror or "it does not answer").lower()
            raise Fault(f'the control socket in "{data}" cannot be used: {reason}') from error
        except BaseException:
            client.close()
            raise
        return client

    def do(self, action: str, args: Mapping[str, Any] | None = None, key: PersonKey | None = None) -> JSON:
        """See `Control.do`."""
        self._number += 1
        person, session = (key.person, None) if key else (None, self.session)
        command = Command(
            self._number, action, dict(args or {}), person, session=session, background=self.background
        )
        said = signed(command, self._nonce, key).as_line()
        if len(said) > LINE_LIMIT:
            raise ControlError(Code.BAD_REQUEST, f"{action}: this is more than {LINE_LIMIT} bytes")
        try:
            self._connection.settimeout(self._timeout)
            self._connection.sendall(said)
            return result(self._read())
        except OSError as error:
            raise Fault(f"the proxy ended the connection before it answered {action}") from error

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _greet(self) -> None:
        hello = read_object(self._read())
        if hello.get("ok") is False:
            result_of(hello)
        if hello.get("version") != VERSION:
            raise Fault("the running proxy is of another version", "restart it: wharfinger stop, then up")
        self._nonce = str(hello.get("nonce"))

    def _read(self) -> bytes:
        end = time.monotonic() + (self._connection.gettimeout() or self._timeout)
        while b"\n" not in self._buffer:
            self._connection.settimeout(max(end - time.monotonic(), 0.001))
            part = self._connection.recv(65536)
            if not part or len(self._buffer) > 64 * LINE_LIMIT:
                raise ConnectionResetError("the connection was ended")
            self._buffer += part
        text, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        return text


def signed(command: Command, nonce: str, key: PersonKey | None) -> Command:
    """The command with its signature, if there is a key."""
    if key is None:
        return command
    signature = key.sign(PURPOSE, command.signed_text(nonce))
    return Command(command.number, command.do, command.args, key.person, signature)


def result(text: bytes) -> JSON:
    """What a reply's line gives; raises the `ControlError` it stands for."""
    return result_of(read_object(text))


def result_of(reply: Mapping[str, Any]) -> JSON:
    """What a reply gives; raises the `ControlError` it stands for."""
    if reply.get("ok") is True:
        given: JSON = reply.get("result")
        return given
    try:
        code = Code(str(reply.get("code")))
    except ValueError:
        code = Code.INTERNAL
    raise ControlError(code, str(reply.get("error")), str(reply.get("hint") or ""))


def running(data: Path) -> bool:
    """Whether a runtime serves the data folder's control socket."""
    try:
        Client.connect(data).close()
    except NotRunning:
        return False
    return True
