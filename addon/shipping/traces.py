"""Traces: the spans of what stands in the audit log, sent to a collector by OTLP over HTTP.

A collector that is slow or dead keeps nobody waiting but this: the proxy knows nothing of it. It gets what it
has missed once it answers again. Where nothing was ever sent, the end of the log is where it begins.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from wharfinger import __version__
from wharfinger.audit import published
from wharfinger.audit.folder import Folder
from wharfinger.audit.reader import Tail
from wharfinger.keeping import private
from wharfinger.shipping.setup import Collector
from wharfinger.shipping.spans import Span, Spans

BATCH = 500
"""Events at a time."""
_SECONDS = 10.0
_SAMPLED = trace.TraceFlags(trace.TraceFlags.SAMPLED)


class Traces:
    """One collector."""

    def __init__(self, audit: Path, state: Path, collector: Collector) -> None:
        parts = urlsplit(collector.to)
        self.name = f"traces: {parts.scheme}://{parts.netloc}"
        self._cursor = state / f"{sha256(collector.to.encode()).hexdigest()[:16]}.traces"
        self._audit = audit
        self._spans = Spans()
        self._made = Made()
        self._waiting: tuple[int, list[ReadableSpan]] | None = None
        """What was not taken yet, and the event up to which it tells."""
        self._tail: Tail | None = None
        # Worker tells of the first failure and of the recovery; the exporter would tell of each.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(
            collector.to, timeout=_SECONDS, session=_session(collector), headers={}
        )

    def close(self) -> None:
        """Let go of everything."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        if self._tail is not None:
            self._tail.close()

    def deliver(self) -> int | None:
        """Send the spans of the next events, if there are any."""
        if self._tail is None:
            self._tail = Tail(self._audit, after=self._begin())
        if self._waiting is None:
            records = list(islice(self._tail.new(), BATCH))
            if not records:
                return None
            spans = self._spans.of(record.members for record in records)
            self._waiting = records[-1].seq, self._made.of(spans)
        reached, spans_made = self._waiting
        if spans_made and self._exporter.export(spans_made) is not SpanExportResult.SUCCESS:
            raise OSError("the collector does not take them")
        self._waiting = None
        self._keep(reached)
        return reached

    def _begin(self) -> int:
        """The last event that was told of, or else the last there is."""
        try:
            return int(json.loads(private.read(self._cursor, limit=100))["seq"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            folder = Folder.open(self._audit)
            try:
                position = published.read(folder)
            finally:
                folder.close()
            last = -1 if position is None else position.seq - 1
            self._keep(last)
            return last

    def _keep(self, seq: int) -> None:
        private.replace(self._cursor, json.dumps({"seq": seq}).encode() + b"\n")


class Made(SpanProcessor, IdGenerator):
    """Turns spans of ours into those that exporters take, with the ids and times that they have."""

    def __init__(self) -> None:
        resource = Resource({"service.name": "wharfinger", "service.version": __version__})
        provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=self)
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer("wharfinger", __version__)
        self._ended: list[ReadableSpan] = []
        self._next: Span | None = None

    def of(self, spans: Iterator[Span]) -> list[ReadableSpan]:
        """The same, in the same order."""
        for span in spans:
            self._make(span)
        ended, self._ended = self._ended, []
        return ended

    def _make(self, span: Span) -> None:
        self._next = span
        above = trace.SpanContext(span.trace, span.parent, is_remote=True, trace_flags=_SAMPLED)
        kind = trace.SpanKind.CLIENT if span.upstream else trace.SpanKind.SERVER
        made = self._tracer.start_span(
            span.name,
            trace.set_span_in_context(trace.NonRecordingSpan(above)) if span.parent else None,
            kind=trace.SpanKind.INTERNAL if span.name in {"decision", "hold"} else kind,
            attributes=span.attributes,
            start_time=_nanoseconds(span.begins.timestamp()),
        )
        if span.failed:
            made.set_status(trace.Status(trace.StatusCode.ERROR, span.failed))
        made.end(_nanoseconds(span.ends.timestamp()))

    def generate_span_id(self) -> int:
        """Give the id that the span has."""
        return self._next.id if self._next is not None else trace.INVALID_SPAN_ID

    def generate_trace_id(self) -> int:
        """Give the trace's."""
        return self._next.trace if self._next is not None else trace.INVALID_TRACE_ID

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it to be sent."""
        self._ended.append(span)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e6) * 1000


class _Bearer(requests.auth.AuthBase):
    """A token from a file, read each time, so that it can be changed under us."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._path.read_text('ascii').strip()}"
        return request


def _session(collector: Collector) -> requests.Session:
    """Nothing of the environment has a say in it, and no redirect is followed."""
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    session.verify = collector.ca or True
    if collector.token is not None:
        session.auth = _Bearer(collector.token)
    return session
