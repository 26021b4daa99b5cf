"""Traces reach a collector that speaks OTLP over HTTP, by the vendor's exporter; a dead one stops nothing."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from wharfinger.audit.book import Book
from wharfinger.shipping.process import STATUS
from wharfinger.shipping.setup import Collector, Setup
from wharfinger.shipping.traces import Traces

type Write = Callable[[int], Book]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


def spans(receiver: Any) -> list[Any]:
    found = []
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        request = ExportTraceServiceRequest.FromString(data)
        for resource in request.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert named["service.name"] == "wharfinger"
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def drained(place: Traces) -> None:
    while place.deliver() is not None:
        pass


def test_it_begins_where_the_log_ends_and_goes_on_where_it_was(
    tmp_path: Path, state: Path, book: Write, receiver: Any
) -> None:
    book(5)
    collector = Collector(receiver.url)
    place = Traces(tmp_path / "audit", state, collector)
    drained(place)
    assert spans(receiver) == []
    book(3)
    drained(place)
    assert len(spans(receiver)) == 3
    place.close()
    book(2)
    place = Traces(tmp_path / "audit", state, collector)
    drained(place)
    place.close()
    assert len(spans(receiver)) == 5
    assert "hidden" not in place.name


@pytest.mark.parametrize("answer", [400, 307])
def test_what_a_collector_does_not_take_is_sent_again_and_once(
    tmp_path: Path, state: Path, book: Write, receiver: Any, answer: int
) -> None:
    place = Traces(tmp_path / "audit", state, Collector(receiver.url))
    book(1)
    drained(place)
    book(4)
    receiver.answers = [answer]
    with pytest.raises(OSError, match="does not take"):
        place.deliver()
    assert spans(receiver) == []
    drained(place)
    place.close()
    assert len(spans(receiver)) == 4


def test_a_token_is_read_each_time(tmp_path: Path, state: Path, book: Write, receiver: Any) -> None:
    token = tmp_path / "token"
    place = Traces(tmp_path / "audit", state, Collector(receiver.url, str(token)))
    book(1)
    drained(place)
    for text in ("one", "two"):
        token.write_text(f"{text}\n")
        book(1)
        drained(place)
    place.close()
    assert [headers["authorization"] for headers in receiver.headers] == ["Bearer one", "Bearer two"]


def test_the_process_sends_them_and_tells_of_a_collector_that_is_dead(
    tmp_path: Path, state: Path, book: Write, receiver: Any
) -> None:
    """Started as the proxy starts it; nothing of the environment says where traces go."""
    book(1)
    (state / "x").touch()
    for url, sent in ((receiver.url, 3), ("http://127.0.0.1:1/v1/traces", 0)):
        receiver.bodies.clear()
        receiver.headers.clear()
        setup = Setup(tmp_path / "audit", state, traces=Collector(url))
        assert Setup.read(setup.line()) == setup
        place = Traces(tmp_path / "audit", state, Collector(url))
        drained(place)
        book(3)
        process = subprocess.Popen(
            [sys.executable, "-m", "wharfinger.shipping.process"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:2", "OTEL_TRACES_SAMPLER": "always_off"},
        )
        _, said = process.communicate(setup.line(), timeout=60)
        place.close()
        assert process.returncode == 0
        assert len(spans(receiver)) == sent, (said, (state / STATUS).read_bytes())
        (row,) = json.loads((state / STATUS).read_bytes())
        assert (row["sent"] is not None) is bool(sent)
        assert b"Traceback" not in said
