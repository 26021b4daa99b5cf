"""What an agent is told when its request is refused: DESIGN 7, in a shape that every SDK can show.

One JSON object fits the SDKs of Stripe (`error.message`), OpenAI and Anthropic (`error.message`), GitHub
(`message`) and whoever prints the body. git shows a body only as plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
from wharfinger.deciding.spoken import Spoken
from wharfinger.rules.protocols import git
from wharfinger.rules.protocols.git import Pushed
from wharfinger.rules.types import Code

STATUS: Mapping[Code, int] = {
    Code.DENIED: 403,
    Code.APPROVAL_PENDING: 403,
    Code.MISUSE: 403,
    Code.LIMIT: 403,
    Code.BAD_REQUEST: 400,
    Code.TOO_LARGE: 413,
    Code.IDENTITY: 407,
    Code.UNAVAILABLE: 502,
    Code.UPSTREAM: 502,
}
"""HTTP status of each kind of refusal."""

REASONS: Mapping[int, str] = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}

GRPC_STATUS: Mapping[int, int] = {
    400: 3,  # INVALID_ARGUMENT
    403: 7,  # PERMISSION_DENIED
    407: 16,  # UNAUTHENTICATED
    413: 8,  # RESOURCE_EXHAUSTED
    431: 8,
    502: 14,  # UNAVAILABLE
    504: 4,  # DEADLINE_EXCEEDED
}
"""gRPC's codes for what HTTP says by these (https://grpc.io/docs/guides/status-codes/); else UNKNOWN, 2."""
GRPC_PLAIN = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
"""What `grpc-message` has as it is besides letters, digits and `_.-~`; all else is percent-encoded."""

NO_RETRY: tuple[tuple[str, str], ...] = (("x-should-retry", "false"), ("stripe-should-retry", "false"))
"""Read by the OpenAI and Anthropic SDKs, and by Stripe's: a refusal is not retried in silence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal as it goes to the agent."""

    code: Code
    reason: str
    help: str = ""
    decision: str = ""
    status: int = 0
    tool: str | None = None
    rule: str | None = None
    approval: str | None = None
    retry_after: int | None = None
    plain: bool = False
    """Send the message as text, for git."""
    flat: bool = False
    """Have `error` be the message itself, for npm, which shows it as text."""
    spoken: Spoken | None = None
    """The protocol above HTTP to put it in."""
    pushed: Pushed | None = None
    """The push that it is about, for git, which shows nothing of an answer to one but its own report."""
    grpc: bool = False
    """Say it as gRPC has it: by a status of its own, in a head without a body."""
    close: bool = False
    extra: tuple[tuple[str, str], ...] = field(default=())

    @property
    def http_status(self) -> int:
        """Status to send: the code's own unless one was given, or the protocol has another."""
        if self.grpc or self._reported is not None:
            return 200
        return self._usual if self.spoken is None else self.spoken.status(self._usual)

    @property
    def phrase(self) -> str:
        """Reason phrase of the status line."""
        return REASONS.get(self.http_status, "Refused")

    @property
    def message(self) -> str:
        """REASON. HELP"""
        reason = self.reason.rstrip(".")
        return f"{reason[:1].upper()}{reason[1:]}. {self.help}".strip()

    def body(self) -> bytes:
        """The body: JSON, a report or text for git, nothing for gRPC."""
        if self.grpc:
            return b""
        if self._reported is not None:
            return git.report(self._reported, f"wharfinger: {self.code}", f"wharfinger: {self.message}")
        if self.plain:
            return f"wharfinger: {self.message}\n".encode()
        content: dict[str, object] = {
            "error": {"type": "wharfinger", "code": str(self.code), "message": self.message},
            "message": self.message,
            "decision": self.decision,
        }
        more = {
            "tool": self.tool,
            "rule": self.rule,
            "approval": self.approval,
            "retry_after": self.retry_after,
        }
        content |= {name: value for name, value in more.items() if value is not None}
        if self.flat and self.spoken is None:
            content["error"] = self.message
        return orjson.dumps(content if self.spoken is None else self.spoken.put(content))

    def headers(self, length: int) -> list[tuple[str, str]]:
        """Header fields of the answer; never `Retry-After`, which SDKs obey in silence."""
        if self.grpc:
            code = GRPC_STATUS.get(self._usual, 2)
            return [
                ("Content-Type", "application/grpc"),
                ("Grpc-Status", str(code)),
                ("Grpc-Message", quote(self.message, safe=GRPC_PLAIN)),
                ("Wharfinger-Decision", self.decision or "none"),
            ]
        fields = [
            ("Content-Type", self._media),
            ("Content-Length", str(length)),
            ("Wharfinger-Decision", self.decision or "none"),
        ]
        if self.http_status == 407:
            fields.append(("Proxy-Authenticate", 'Basic realm="wharfinger"'))
        if self.close:
            fields.append(("Connection", "close"))
        return [*fields, *NO_RETRY, *self.extra]

    @property
    def _usual(self) -> int:
        """The status where no protocol above HTTP has another."""
        return self.status or STATUS.get(self.code, 403)

    @property
    def _reported(self) -> Pushed | None:
        """The push whose report it is, which comes with a good status."""
        return self.pushed if self._usual == 403 else None

    @property
    def _media(self) -> str:
        if self._reported is not None:
            return git.REPORT_TYPE
        return "text/plain; charset=utf-8" if self.plain else "application/json"

    def raw(self, *, head_alone: bool = False) -> bytes:
        """The whole HTTP/1.1 message; `head_alone` as the answer to a HEAD."""
        body = self.body()
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers(len(body)))
        start = f"HTTP/1.1 {self.http_status} {self.phrase}\r\n{head}\r\n".encode("latin-1")
        return start if head_alone else start + body
