"""Traces of real requests at a collector that speaks OTLP: each once, whole, and without what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Told
from wharfinger.shipping.setup import Collector
from wharfinger.shipping.traces import Traces

from tests.addon.flow.conftest import SECRET
from tests.addon.shipping.conftest import Receiver

JSON = [("Content-Type", "application/json")]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def told(collector: Receiver) -> dict[str, list[Any]]:
    """The spans by their traces."""
    found: dict[str, list[Any]] = {}
    for body in collector.bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                found.setdefault(span.trace_id.hex(), []).append(span)
    return found


async def test_each_request_is_one_span_with_its_parts(
    proxy: Any, collector: Receiver, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    place = Traces(proxy.runtime.desk.data.audit, state, Collector(collector.url))
    assert place.deliver() is None
    canary = "canary4711"
    traced = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("X-Canary", canary), *JSON]
    asking = asyncio.get_running_loop().create_task(
        proxy.request("POST", "/pay", traced, b'{"amount": 4711001}')
    )
    approvals = proxy.runtime.desk.approvals
    while not (pending := await approvals.list()):
        await asyncio.sleep(0.01)
    await approvals.approve(pending[0].id, "alice")
    assert (await asking).status == 200
    assert (await proxy.request("GET", f"/items/{canary}?{canary}=1")).status == 200
    await proxy.request("DELETE", f"/{canary}", [("X", SECRET)], host=f"{canary}.example.com")
    await proxy.settled()
    while await asyncio.to_thread(place.deliver) is not None:
        pass
    place.close()

    found = told(collector)
    paid = {span.name: span for span in found.pop(TRACE)}
    assert set(paid) == {"pay", "decision", "hold", "upstream"}
    root = paid.pop("pay")
    assert root.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in paid.values()} == {root.span_id}
    assert root.kind == Told.SPAN_KIND_SERVER
    assert paid["upstream"].kind == Told.SPAN_KIND_CLIENT
    for span in paid.values():
        assert root.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
    assert paid["decision"].end_time_unix_nano <= paid["hold"].start_time_unix_nano
    assert paid["hold"].end_time_unix_nano <= paid["upstream"].start_time_unix_nano
    assert sorted(len(spans) for spans in found.values()) == [2, 3], "denied, and sent"
    roots = [span for spans in found.values() for span in spans if not span.parent_span_id]
    assert sorted(span.name for span in roots) == ["get_item", "unmatched"]
    everything = b"".join(collector.bodies)
    for text in (canary, "4711001", SECRET, proxy.token(), proxy.placeholder()):
        assert text.encode() not in everything
