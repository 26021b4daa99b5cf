"""Runs as `python -m wharfinger.control.office FD SOCKET [URL]`: FD is the listening socket it inherits.

URL is where the office is for others, if it is passed on to under another name.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from wharfinger.control.office.application import application

_PRIORITY = 5
"""Nice value: the proxy comes first."""
_HEAD_LIMIT = 32 * 1024
_CONNECTIONS = 256


def _end_with_the_proxy() -> None:
    """Wait until standard input, which the proxy holds open, comes to its end."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve until terminated, or until the proxy is gone."""
    threading.Thread(target=_end_with_the_proxy, daemon=True).start()
    os.nice(_PRIORITY)
    handle, control = int(sys.argv[1]), Path(sys.argv[2])
    sock = socket.socket(fileno=handle)
    config = uvicorn.Config(
        application(control.parent, sock.getsockname()[1], "".join(sys.argv[3:4])),
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        http="h11",
        ws="none",
        lifespan="on",
        proxy_headers=False,
        h11_max_incomplete_event_size=_HEAD_LIMIT,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
