"""Runs inside of the sandbox, before the command: opens the door, and becomes the command.

Executed by itself, with nothing but the standard library: `inside.py HANDLE PORT COMMAND…`. It listens on
the sandbox's own loopback, hands that socket out through HANDLE, waits for the word that the proxy accepts
there, and keeps nothing of either. Where PORT is 0 there is no door, and only the word is waited for.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

OWN_FAILURE = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
GO = b"go"


def main(handle: int, port: int, command: list[str]) -> int:
    """Never returns where all is well."""
    with socket.socket() as listening, socket.socket(fileno=handle) as outside:
        if port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen()
            socket.send_fds(outside, [b"door"], [listening.fileno()])
        else:
            outside.sendall(b"here")
        if outside.recv(len(GO)) != GO:
            return OWN_FAILURE
    os.closerange(3, 1 << 16)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - this is what it is for
    except FileNotFoundError:
        sys.stderr.write(f"error: {command[0]}: not found in the sandbox; show more with `--read`\n")
        return NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"error: {command[0]}: {(error.strerror or 'cannot be run').lower()}\n")
        return NOT_EXECUTABLE


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
