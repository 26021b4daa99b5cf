"""How many streams of server-sent events are open, in one session and in total: each holds a connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.responses import StreamingResponse


@dataclass(slots=True)
class OpenStreams:
    """The streams of one address that are open now, and how many may be."""

    of_one_session: int
    in_total: int
    _open: Counter[str] = field(default_factory=Counter)

    def full(self, session: str) -> bool:
        """Whether this session may have no further one now."""
        return self._open[session] >= self.of_one_session or self._open.total() >= self.in_total

    def answer(self, session: str, parts: AsyncIterator[str]) -> StreamingResponse:
        """The answer that tells these parts, which counts from its first part until it ends."""
        return StreamingResponse(self._counted(session, parts), media_type="text/event-stream")

    async def _counted(self, session: str, parts: AsyncIterator[str]) -> AsyncIterator[str]:
        self._open[session] += 1
        try:
            async for part in parts:
                yield part
        finally:
            self._open[session] -= 1
            self._open += Counter()  # drops those at zero
