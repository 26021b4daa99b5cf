"""What Prometheus is given is read back by its own parser as what was counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from wharfinger.audit.event import Outcome, Sent
from wharfinger.metering.exposition import exposition
from wharfinger.metering.families import Counter, gauge
from wharfinger.metering.meter import Course, Meter
from wharfinger.rules.types import Code


def samples(families: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def counted() -> list[Any]:
    meter = Meter()
    meter.admitted("bot", Course(), Code.DENIED)
    meter.admitted("bot", Course(), None)
    sent = Sent(
        status=201, request_bytes=3, response_bytes=5, findings={"KEY": 2}, timings_ms={"total": 40.0}
    )
    meter.ended("bot", Outcome.COMPLETED, sent)
    meter.synced(0.002, 7)
    families = [*meter.as_json(), gauge("wharfinger_connections", "Open.", {("bot",): 3}, ("agent",))]
    return list(json.loads(json.dumps(families)))  # as it comes over the control socket


@pytest.mark.parametrize(
    ("accept", "media_type", "read"),
    [
        ("", "text/plain", read_text),
        ("text/plain;version=0.0.4", "text/plain", read_text),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", read_openmetrics),
    ],
    ids=["nothing", "text", "openmetrics"],
)
def test_what_was_counted_is_read_back(accept: str, media_type: str, read: Any) -> None:
    text, given = exposition(counted(), accept)
    assert given.startswith(media_type)
    found = samples(read(text.decode()))
    agent = ("agent", "bot")
    denied = (agent, ("code", "denied"), ("tool", ""), ("verdict", "deny"))
    assert found["wharfinger_decisions_total", denied] == 1
    assert found["wharfinger_outcomes_total", (agent, ("outcome", "completed"))] == 1
    assert found["wharfinger_upstream_responses_total", (("class", "2xx"),)] == 1
    assert found["wharfinger_body_bytes_total", (agent, ("direction", "received"))] == 5
    assert found["wharfinger_findings_total", (("finding", "KEY"),)] == 2
    assert found["wharfinger_book_events_total", ()] == 7
    assert found["wharfinger_connections", (agent,)] == 3
    phase = ("phase", "total")
    assert found["wharfinger_duration_seconds_bucket", (("le", "0.025"), phase)] == 0
    assert found["wharfinger_duration_seconds_bucket", (("le", "0.05"), phase)] == 1
    assert found["wharfinger_duration_seconds_bucket", (("le", "+Inf"), phase)] == 1
    assert found["wharfinger_duration_seconds_sum", (phase,)] == pytest.approx(0.04)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ä ö", "}", '"} 1\nforged 2'])
def test_no_label_breaks_out_of_its_line(name: str) -> None:
    family = Counter("wharfinger_decisions", "Help\nwith a line.", ("agent",))
    family.add((name,))
    text, _ = exposition([family.as_json()])
    found = samples(read_text(text.decode()))
    assert found["wharfinger_decisions_total", (("agent", name),)] == 1
    assert {key for key, _ in found} == {"wharfinger_decisions_total"}
