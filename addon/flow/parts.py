"""What the layers and hooks of one runtime share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wharfinger.deciding.gate import Gate
    from wharfinger.deciding.live import Live
    from wharfinger.flow.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may take, in bytes, and on connections."""

    head: int = 64 * 1024
    body: int = 32 * 1024 * 1024
    parse: int = 1024 * 1024
    connections: int = 512
    per_agent: int = 64


@dataclass(frozen=True, slots=True)
class Parts:
    """The runtime, as the flow sees it."""

    gate: Gate
    live: Live
    sessions: Sessions
    limits: Limits
