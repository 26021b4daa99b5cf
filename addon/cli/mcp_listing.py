"""Ask a server of MCP for its tools: over streamable HTTP, or over the pipes of a command that is started."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import httpx2
from wharfinger.importing.operations import ImportFault
from wharfinger.importing.reading import MAX_BYTES

VERSION: Final = "2025-06-18"
_SECONDS: Final = 30.0
_PAGES: Final = 100
_HELLO: Final = {
    "protocolVersion": VERSION,
    "capabilities": {},
    "clientInfo": {"name": "wharfinger", "version": "1"},
}
type _Ask = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Sends a message; gives the answer to it, if it has an id."""


def of_url(url: str) -> dict[str, Any]:
    """The tools of the server at a URL. Raises `ImportFault`."""
    session: dict[str, str] = {}
    try:
        with httpx2.Client(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client:

            def ask(message: dict[str, Any]) -> dict[str, Any] | None:
                fields = {"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": VERSION}
                answer = client.post(url, json=message, headers=fields | session)
                if answer.status_code >= 300:
                    raise ImportFault(
                        f"the server answers {answer.status_code}",
                        "save the result of tools/list, and name that file",
                    )
                if (held := answer.headers.get("mcp-session-id")) is not None:
                    session["Mcp-Session-Id"] = held
                return _answer(answer.text, message)

            return _listing(ask)
    except httpx2.HTTPError as error:
        raise ImportFault(f"the server cannot be asked: {str(error) or type(error).__name__}") from None


def _answer(text: str, message: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a message in JSON or in a stream of events."""
    if "id" not in message:
        return None
    if text.lstrip().startswith("{"):
        return _object(text)
    for line in text.splitlines():
        if line.startswith("data:"):
            said = _object(line[5:])
            if said.get("id") == message["id"]:
                return said
    return None


def of_command(command: Sequence[str]) -> dict[str, Any]:
    """The tools of a server that the command starts and that speaks over its pipes. Raises `ImportFault`."""
    with _started(command) as process:
        out, into = process.stdout, process.stdin
        if out is None or into is None:
            raise ImportFault(f'"{command[0]}" has no pipes')

        def ask(message: dict[str, Any]) -> dict[str, Any] | None:
            try:
                into.write(json.dumps(message).encode() + b"\n")
                into.flush()
            except OSError:
                raise ImportFault(f'"{command[0]}" has ended') from None
            if "id" not in message:
                return None
            while line := out.readline(MAX_BYTES):
                said = _object(line.decode("utf-8", "replace"))
                if said.get("id") == message["id"]:
                    return said
            raise ImportFault(f'"{command[0]}" does not answer')

        return _listing(ask)


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which is ended with the block, or when it has taken too long."""
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise ImportFault(f'"{command[0]}" cannot be started: {error.strerror or error}') from None
    late = threading.Timer(_SECONDS, process.kill)
    late.start()
    try:
        yield process
    finally:
        late.cancel()
        process.kill()
        process.communicate()


def _listing(ask: _Ask) -> dict[str, Any]:
    """All pages of `tools/list`, after the greeting."""
    _result(ask({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _HELLO}))
    ask({"jsonrpc": "2.0", "method": "notifications/initialized"})
    tools: list[Any] = []
    cursor: str | None = None
    for page in range(_PAGES):
        params = {} if cursor is None else {"cursor": cursor}
        said = _result(ask({"jsonrpc": "2.0", "id": page + 2, "method": "tools/list", "params": params}))
        held = said.get("tools")
        tools += held if isinstance(held, list) else []
        cursor = said.get("nextCursor")
        if not isinstance(cursor, str) or not cursor:
            break
    return {"tools": tools}


def _result(said: dict[str, Any] | None) -> dict[str, Any]:
    result = (said or {}).get("result")
    if not isinstance(result, dict):
        raise ImportFault("the server does not answer as MCP has it")
    return result


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
