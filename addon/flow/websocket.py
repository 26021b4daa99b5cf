"""A WebSocket through the proxy: two ends, and whole messages between them, looked at before they pass.

Rules: what the agent says goes upstream only once the gate has let this very message pass, in the order in
which it was said; while one waits, nothing more is read from the agent. What the upstream says reaches the
agent without secrets. A fault of either side, a refusal or a change of policy ends both, the agent's with a
Close frame that says why; whatever comes after that is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._events import RequestData, ResponseData
from wharfinger.audit.event import Outcome, Sent
from wharfinger.deciding.answers import Answer
from wharfinger.deciding.gate import Gate
from wharfinger.deciding.permits import Ending, Permit, Withdrawn
from wharfinger.flow.held import Room
from wharfinger.flow.parts import Limits
from wharfinger.flow.websocket_cleaning import Cleaning
from wharfinger.flow.websocket_frames import MESSAGES, Broken, ConnectionType, Frames, Heard, Kind, closing
from wharfinger.rules.redact.fields import Unredactable
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.types import Message, Request
from wsproto.frame_protocol import CloseReason

CLOSE_TIMEOUT = 5.0
"""Seconds for which the answer to a Close frame is waited for."""

BATCH = 64
"""Messages of an upstream that are taken up before others have their turn."""

TRIES = 3
"""How often a message is decided anew because policies changed while it was."""

_KINDS = {Kind.TEXT: Message.TEXT, Kind.BINARY: Message.BINARY}


@dataclass(slots=True, eq=False)
class Said:
    """Something the agent said, on its way through the gate. Without a permit it goes nowhere."""

    heard: Heard
    request: Request
    """The handshake's, with this as its body."""
    permit: Permit | None = None
    refusal: Answer | None = None
    tries: int = 1


@dataclass
class AgentMessage(commands.StartHook):
    """The agent has said something on an open WebSocket."""

    flow: http.HTTPFlow
    said: Said


@dataclass
class Goodbye(events.Event):
    """A request under way is not allowed any more."""

    flow_id: str
    reason: str


@dataclass(slots=True, eq=False)
class Counts:
    """What has passed so far: messages and their bytes, each way."""

    said: int = 0
    said_bytes: int = 0
    heard: int = 0
    heard_bytes: int = 0
    findings: Counter[str] = field(default_factory=Counter)


class Relay(layer.Layer):
    """One open WebSocket. `ended` is set once both sides are to be closed."""

    def __init__(
        self,
        context: Context,
        flow: http.HTTPFlow,
        stream_id: int,
        permit: Permit,
        *,
        gate: Gate,
        limits: Limits,
        room: Room,
        secrets: Callable[[], SecretSet],
        pseudonyms: bytes = b"",
    ) -> None:
        super().__init__(context)
        self.flow = flow
        self._cleaning = Cleaning(
            permit.decision.response, secrets, parse_limit=limits.parse, pseudonyms=pseudonyms
        )
        self.counts = Counts(findings=self._cleaning.findings)
        self.ended: tuple[Outcome, str] | None = None
        self.stream_id = stream_id
        self._permit = permit
        self._gate = gate
        self._agent = Frames(ConnectionType.SERVER, limits.body, room)
        self._server = Frames(ConnectionType.CLIENT, limits.body, room)
        self._waiting: Said | None = None
        self._rest: commands.Command | None = None
        """The pause in which others have their turn."""
        self._deadline: commands.Command | None = None
        """When the answer to a Close frame is no longer waited for."""

    @property
    def waits(self) -> bool:
        """Whether something the agent said is being decided: nothing more is taken up meanwhile."""
        return self._waiting is not None and self.ended is None

    @property
    def rests(self) -> bool:
        """Whether the upstream has said more than others can wait for."""
        return self._rest is not None and self.ended is None

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Process `event`. Nothing here blocks: what is waited for comes as an event."""
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.HookCompleted):
            yield from self._decided()
        elif self.ended is not None:
            return
        elif isinstance(event, events.DataReceived):
            if event.connection is self.context.client:
                self._agent.receive(event.data)
                yield from self._listen()
            else:
                self._server.receive(event.data)
                yield from self._hear()
        elif isinstance(event, events.ConnectionClosed):
            yield from self._left() if event.connection is self.context.client else self._lost()
        elif isinstance(event, Goodbye):
            yield from self._break_off(CloseReason.POLICY_VIOLATION, event.reason, f"cut off: {event.reason}")
        elif isinstance(event, events.Wakeup):
            yield from self._woken(event.command)

    # What the agent says

    def _listen(self) -> layer.CommandGenerator[None]:
        """Have the next thing the agent said decided, one at a time."""
        if self._waiting is not None or self.ended is not None:
            return
        try:
            heard = self._agent.next()
        except Broken as broken:
            yield from self._break_off(broken.code, str(broken), f"the agent sent {broken}")
            return
        if heard is not None:
            message = _KINDS.get(heard.kind, Message.CONTROL)
            request = replace(self._permit.request, body=heard.data, message=message)
            self._waiting = Said(heard, request)
            yield self._ask(self._waiting)

    def _ask(self, said: Said) -> commands.Command:
        hook = AgentMessage(self.flow, said)
        hook.blocking = self  # type: ignore[assignment] # whoever waits for it, as layers say it
        return hook

    def _decided(self) -> layer.CommandGenerator[None]:
        """Pass on what was waiting, if there is a permit for it that still holds."""
        said, self._waiting = self._waiting, None
        if said is None:
            return
        if self.ended is not None or (said.heard.kind in MESSAGES and not self._server.open):
            self._finish(said, Ending(Outcome.NOT_SENT, reason="the connection was closed"))
            return
        try:
            if said.permit is None:
                raise Withdrawn("the message was not opened by the gate, so nothing was sent")
            self._gate.redeem(said.permit, self._as_sent(said))
        except Withdrawn as withdrawn:
            yield from self._withdrawn(said, str(withdrawn))
            return
        yield from self._pass_on(said)
        yield from self._listen()

    def _as_sent(self, said: Said) -> Request:
        """What is about to be said upstream, as the flow shows the connection it is said on."""
        message = _KINDS.get(said.heard.kind, Message.CONTROL)
        return replace(self._permit.seen, body=said.heard.data, message=message)

    def _withdrawn(self, said: Said, reason: str) -> layer.CommandGenerator[None]:
        self._finish(said, Ending(Outcome.NOT_SENT, reason=reason))
        if said.permit is not None and said.tries < TRIES:
            self._waiting = Said(said.heard, said.request, tries=said.tries + 1)
            yield self._ask(self._waiting)
            return
        answer = said.refusal
        decision = f" ({answer.decision})" if answer is not None and answer.decision else ""
        reason = answer.reason if answer is not None else reason
        why = "a message was refused" if said.heard.kind in MESSAGES else "a control frame was refused"
        yield from self._break_off(CloseReason.POLICY_VIOLATION, reason, why, suffix=decision)

    def _pass_on(self, said: Said) -> layer.CommandGenerator[None]:
        size = len(said.heard.data)
        yield self._to_server(said.heard)
        if said.heard.kind in MESSAGES:
            self.counts.said += 1
            self.counts.said_bytes += size
        elif said.heard.kind is Kind.CLOSE:
            yield from self._closing()
        self._finish(said, Ending(Outcome.COMPLETED, Sent(request_bytes=size)))

    def _finish(self, said: Said, ending: Ending) -> None:
        if said.permit is not None and said.permit.decision.calls:
            self._gate.finish(said.permit, ending)

    # What the upstream says

    def _hear(self) -> layer.CommandGenerator[None]:
        """Pass on what the upstream said, a number of messages at a time."""
        if self._rest is not None:
            return
        try:
            for _ in range(BATCH):
                heard = self._server.next()
                if heard is None:
                    return
                yield from self._tell(heard)
        except Broken as broken:
            reason = f"the upstream sent {broken}"
            yield from self._break_off(
                CloseReason.INTERNAL_ERROR, reason, reason, Outcome.UPSTREAM_FAILED, upstream=broken.code
            )
            return
        except Unredactable as error:
            reason = f"fields of the upstream's messages are to be redacted: {error}"
            yield from self._break_off(CloseReason.INTERNAL_ERROR, reason, reason)
            return
        self._rest = commands.RequestWakeup(0)
        yield self._rest

    def _tell(self, heard: Heard) -> layer.CommandGenerator[None]:
        """Say to the agent what the upstream said. Raises `Unredactable`."""
        if heard.kind in MESSAGES:
            self.counts.heard += 1
            self.counts.heard_bytes += len(heard.data)
            yield self._to_agent(replace(heard, data=self._cleaning.message(heard)))
            return
        clean = self._cleaning.control(heard.data)
        if heard.kind is Kind.CLOSE:
            yield self._to_agent(closing(heard.code, clean.decode("utf-8", "replace")))
            yield from self._closing()
        else:
            yield self._to_agent(replace(heard, data=clean[:125]))

    # The end

    def _closing(self) -> layer.CommandGenerator[None]:
        """One side has sent a Close frame, and the other has been told."""
        if self._agent.closed and self._server.closed:
            self.ended = (Outcome.COMPLETED, "")
        elif self._deadline is None:
            self._deadline = commands.RequestWakeup(CLOSE_TIMEOUT)
            yield self._deadline

    def _woken(self, command: commands.Command) -> layer.CommandGenerator[None]:
        if command is self._rest:
            self._rest = None
            yield from self._hear()
        elif command is self._deadline:
            reason = "the Close frame was not answered"
            yield from self._break_off(CloseReason.NORMAL_CLOSURE, reason, reason, Outcome.COMPLETED)

    def _left(self) -> layer.CommandGenerator[None]:
        """The agent has closed its connection."""
        outcome = Outcome.COMPLETED if self._agent.heard_close else Outcome.CLIENT_GONE
        yield from self._break_off(CloseReason.GOING_AWAY, "", "the agent left", outcome)

    def _lost(self) -> layer.CommandGenerator[None]:
        """The upstream has closed its connection; after its Close frame the agent is still waited for."""
        if self._server.heard_close:
            return
        reason = "the upstream closed the connection without a Close frame"
        yield from self._break_off(CloseReason.INTERNAL_ERROR, reason, reason, Outcome.UPSTREAM_FAILED)

    def _break_off(
        self,
        code: int,
        reason: str,
        recorded: str,
        outcome: Outcome = Outcome.WITHHELD,
        *,
        suffix: str = "",
        upstream: int = CloseReason.GOING_AWAY,
    ) -> layer.CommandGenerator[None]:
        """End both sides: the agent is told why, the upstream that it is over."""
        self.ended = (outcome, recorded)
        yield self._to_agent(closing(code, reason, suffix))
        yield self._to_server(closing(upstream))

    def _to_agent(self, heard: Heard) -> commands.Command:
        return SendHttp(ResponseData(self.stream_id, self._agent.say(heard)), self.context.client)

    def _to_server(self, heard: Heard) -> commands.Command:
        return SendHttp(RequestData(self.stream_id, self._server.say(heard)), self.flow.server_conn)
