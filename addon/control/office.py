"""The office: the process that people look at. It knows of the runtime what the control socket tells it.

Runs as `python -m wharfinger.control.office FD SOCKET`: FD is the listening socket it inherits. It holds no
credential and no CA key, and answers only to a Host that is its own, which keeps web pages of other origins
from reading it by DNS rebinding.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from wharfinger.control.client import Client
from wharfinger.faults import Fault

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>wharfinger</title>
<meta name="viewport" content="width=device-width"><style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:4rem auto;padding:0 1rem}
code{font-family:ui-monospace,monospace}</style>
<h1>wharfinger</h1><p role="status">%s</p>
<p>What waits for a person: <code>wharfinger approvals list</code></p>
<p>What has passed: <code>wharfinger audit tail</code></p></html>"""


def application(data: Path, port: int) -> Starlette:
    """The office's web application."""
    hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    def serving() -> bool:
        try:
            with Client.connect(data, 5) as client:
                answer = client.do("status")
        except Fault:
            return False
        return isinstance(answer, dict) and answer.get("running") is True

    def refused(request: Request) -> Response | None:
        if request.headers.get("host", "") in hosts:
            return None
        return JSONResponse({"error": "this host is not served here"}, 421, _HEADERS)

    async def health(request: Request) -> Response:
        if answer := refused(request):
            return answer
        good = await run_in_threadpool(serving)
        return JSONResponse({"proxy": "serving" if good else "unreachable"}, 200 if good else 503, _HEADERS)

    async def home(request: Request) -> Response:
        if answer := refused(request):
            return answer
        good = await run_in_threadpool(serving)
        text = "The proxy is serving." if good else "The proxy does not answer."
        return HTMLResponse(_PAGE % text, 200, _HEADERS)

    return Starlette(routes=[Route("/", home), Route("/healthz", health)])


def _end_with_the_proxy() -> None:
    """Wait until standard input, which the proxy holds open, comes to its end."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve until terminated, or until the proxy is gone."""
    threading.Thread(target=_end_with_the_proxy, daemon=True).start()
    handle, control = int(sys.argv[1]), Path(sys.argv[2])
    sock = socket.socket(fileno=handle)
    config = uvicorn.Config(
        application(control.parent, sock.getsockname()[1]),
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
