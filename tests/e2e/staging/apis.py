"""What the stand-ins answer: enough for the vendors' own packages to be content.

Each knows one key and refuses all others, as the real ones do: a placeholder gets nobody in. Shapes after
https://docs.stripe.com/api, https://docs.github.com/rest, https://docs.slack.dev/reference/methods,
https://platform.openai.com/docs/api-reference and https://docs.claude.com/en/api.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .standins import Answer, Reply, Seen

STRIPE, GITHUB, SLACK = "api.stripe.com", "api.github.com", "slack.com"
OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"
GIT, PYPI, DOCS, MIRROR = "github.com", "pypi.org", "docs.python.org", "mirror.example.com"
HOSTS = (STRIPE, GITHUB, SLACK, OPENAI, ANTHROPIC, GIT, PYPI, DOCS, MIRROR)

WORDS = ("Refunds ", "take ", "ten ", "days.")
"""What the models say, piece by piece."""


def _behind(key: str, refusal: Any, answer: Answer) -> Answer:
    """`answer` to whoever presents the key."""

    def guarded(seen: Seen) -> Reply:
        presented = (seen.header("authorization"), seen.header("x-api-key"))
        if not {f"Bearer {key}", f"token {key}", key} & set(presented):
            return Reply.json(refusal, 401)
        return answer(seen)

    return guarded


def stripe(key: str) -> Answer:
    def answer(seen: Seen) -> Reply:
        if (seen.method, seen.path) == ("POST", "/v1/refunds"):
            amount = int(seen.form["amount"])
            return Reply.json({"id": f"re_{amount}", "object": "refund", "amount": amount})
        if seen.path.startswith("/v1/payment_intents/"):
            # What somebody once debugged: the key comes back, in a header of the answer too.
            held = {
                "id": "pi_1",
                "object": "payment_intent",
                "metadata": {"debug": seen.header("authorization")},
            }
            return Reply.json(held, **{"X-Debug": seen.header("authorization")})
        return Reply.json({"error": {"type": "invalid_request_error", "message": "no such thing"}}, 404)

    return _behind(key, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}, answer)


def github(key: str) -> Answer:
    def answer(seen: Seen) -> Reply:
        match seen.method, seen.path.strip("/").split("/"):
            case "GET", ["user"]:
                return Reply.json({"login": "acme-bot", "id": 1, "type": "User"})
            case "POST", ["repos", _, _, "issues"]:
                return Reply.json({"id": 3, "number": 42, "title": seen.json["title"], "state": "open"}, 201)
        return Reply.json({"message": "Not Found"}, 404)

    return _behind(key, {"message": "Bad credentials"}, answer)


def slack(key: str) -> Answer:
    def answer(seen: Seen) -> Reply:
        if seen.path == "/api/chat.postMessage":
            return Reply.json(
                {"ok": True, "channel": "C0000000001", "ts": "1.2", "message": {"text": "hello"}}
            )
        return Reply.json({"ok": False, "error": "unknown_method"})

    return _behind(key, {"ok": False, "error": "invalid_auth"}, answer)


def openai(key: str) -> Answer:
    def chunk(delta: dict[str, str], end: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-5",
            "choices": [choice],
        }

    def answer(seen: Seen) -> Reply:
        if seen.path != "/v1/chat/completions":
            return Reply.json({"error": {"message": "no such thing", "type": "invalid_request_error"}}, 404)
        if seen.json.get("stream"):
            pieces = [(None, chunk({"content": word})) for word in WORDS]
            return Reply.events(*pieces, (None, chunk({}, "stop")), (None, "[DONE]"))
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [choice]}
        return Reply.json(whole)

    return _behind(key, {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}, answer)


def anthropic(key: str) -> Answer:
    empty = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip

    def answer(seen: Seen) -> Reply:
        if seen.path != "/v1/messages":
            return Reply.json({"type": "error", "error": {"type": "not_found_error", "message": "none"}}, 404)
        if not seen.json.get("stream"):
            content = [{"type": "text", "text": "".join(WORDS)}]
            return Reply.json({**empty, "content": content, "stop_reason": "end_turn"})
        pieces = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in WORDS
        ]
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": empty},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *pieces,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        ]
        return Reply.events(*((str(event["type"]), event) for event in events))

    refusal = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    return _behind(key, refusal, answer)


def git(key: str, root: Path) -> Answer:
    """The smart protocol over bare repositories below `root`, by git's own git-http-backend(1)."""
    login = "Basic " + base64.b64encode(f"x-access-token:{key}".encode()).decode()

    def answer(seen: Seen) -> Reply:
        if seen.header("authorization") != login:
            return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'})
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(root),
            "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": seen.method, "PATH_INFO": seen.path, "QUERY_STRING": seen.query,
            "CONTENT_TYPE": seen.header("content-type"), "CONTENT_LENGTH": str(len(seen.body)),
            "HTTP_CONTENT_ENCODING": seen.header("content-encoding"),
            "GIT_PROTOCOL": seen.header("git-protocol"), "REMOTE_USER": "bot", "REMOTE_ADDR": "127.0.0.1",
        }  # fmt: skip
        given = subprocess.run(
            ["git", "http-backend"], input=seen.body, env=environment, capture_output=True, check=True
        ).stdout
        head, _, body = given.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return Reply(int(fields.pop("Status", "200").split()[0]), body, fields)

    return answer


def page(_seen: Seen) -> Reply:
    """A page that anyone may read."""
    return Reply(200, b"<title>stand-in</title>", {"Content-Type": "text/html"})


def mirror(seen: Seen) -> Reply:
    """All that was sent comes back: in a redirect, in header fields, and in the body, packed or in pieces."""
    told = "; ".join(f"{name}={value}" for name, value in seen.headers)
    body = json.dumps({"target": seen.target, "headers": seen.headers, "body": seen.body.decode()}).encode()
    body += base64.b64encode(told.encode()) + b"\n" + quote(told, safe="").encode()
    fields = {"Content-Type": "text/plain", "X-Told": told, "Location": f"https://{MIRROR}{seen.target}"}
    status = 302 if seen.path.startswith("/redirect") else 200
    if seen.path.startswith("/packed"):
        return Reply(status, gzip.compress(body), fields | {"Content-Encoding": "gzip"})
    if seen.path.startswith("/pieces"):
        return Reply(status, b"", fields, [bytes([byte]) for byte in body])
    return Reply(status, body, fields)
