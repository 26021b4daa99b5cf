"""The time that a tool or rule gives an exchange: when it is over, both sides are cut off.

One timer for all streams of a layer: one for each would be kept long after most of them have ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from mitmproxy.proxy import commands, events, layer
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.permits import Permit
from wharfinger.flow.passages import Passage, Passages
from wharfinger.flow.sessions import Stage
from wharfinger.rules.types import Code

_HELP = "It may have been carried out; look before sending it again."


class Deadlines:
    """When the passages of one layer are over."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages
        self._wakes: dict[commands.Command, float] = {}
        """Wake-ups that were asked for, each with its time on the monotonic clock."""

    def start(self, passage: Passage, permit: Permit) -> layer.CommandGenerator[None]:
        """Let the time of what has just been sent begin to run, if it has one."""
        if permit.decision.timeout is not None:
            passage.over_at = passage.sent_at + permit.decision.timeout.total_seconds()
            yield from self.wait()

    def wait(self) -> layer.CommandGenerator[None]:
        """Ask to be woken when the first time is over, if that has not been asked for."""
        times = [passage.over_at for passage in self._passages.values() if passage.over_at]
        if times and not any(at <= min(times) for at in self._wakes.values()):
            wake = commands.RequestWakeup(max(min(times) - time.monotonic(), 0.0))
            self._wakes[wake] = min(times)
            yield wake

    def is_over(self, event: events.Event) -> bool:
        """Whether `event` is one of the wake-ups that were asked for here."""
        return isinstance(event, events.Wakeup) and event.command in self._wakes

    def over(self, wakeup: events.Wakeup) -> Iterator[tuple[int, Passage, Answer]]:
        """Which streams had until now, each with what its agent is told."""
        now = self._wakes.pop(wakeup.command)
        for stream_id, passage in tuple(self._passages.items()):
            permit = passage.exchange.permit
            if not 0 < passage.over_at <= now or permit is None or permit.decision.timeout is None:
                continue
            passage.over_at = 0.0
            if passage.exchange.stage is Stage.SENT:
                seconds = permit.decision.timeout.total_seconds()
                reason = f"the exchange took longer than the {seconds:g} s it is given, and was cut off"
                yield (
                    stream_id,
                    passage,
                    Answer(Code.UPSTREAM, reason, _HELP, permit.decision_id, status=504, close=True),
                )
