"""The server's figures in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTS_UP = "_total"


class _Figures(Collector):
    def __init__(self, figures: Mapping[str, float]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for name, value in self._figures.items():
            kind = CounterMetricFamily if name.endswith(_COUNTS_UP) else GaugeMetricFamily
            yield kind(f"lanline_{name}", name.removesuffix(_COUNTS_UP).replace("_", " "), value=value)


def exposition(figures: Mapping[str, float]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
