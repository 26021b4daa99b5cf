"""From what was counted, as JSON, to what Prometheus and OpenMetrics read.

In the office, and so not in the proxy's process: writing some thousand lines costs no request any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry


def exposition(families: Sequence[Any], accept: str = "") -> tuple[bytes, str]:
    """What is served, and its media type, for a client that accepts these."""
    encoder, media_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(families))
    return encoder(registry), media_type


class _Counted(Collector):
    def __init__(self, families: Sequence[Any]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry need not look for names that are taken."""
        return ()

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield _metric(family)


def _metric(family: Any) -> Metric:
    name, text, labels = family["name"], family["help"], family["labels"]
    if family["type"] == "histogram":
        return _histogram(family)
    made: CounterMetricFamily | GaugeMetricFamily
    if family["type"] == "counter":
        made = CounterMetricFamily(name, text, labels=labels)
    else:
        made = GaugeMetricFamily(name, text, labels=labels)
    for values, number in family["rows"]:
        made.add_metric(values, number)
    return made


def _histogram(family: Any) -> Metric:
    made = HistogramMetricFamily(family["name"], family["help"], labels=family["labels"])
    ends = [*(str(float(bound)) for bound in family["bounds"]), "+Inf"]
    for values, counts, total in family["rows"]:
        made.add_metric(values, list(zip(ends, accumulate(counts), strict=True)), total)
    return made
