"""A histogram that takes whole batches: one bincount instead of an observation per message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily, Metric


class BatchHistogram:
    """A Prometheus histogram with one label, as a collector."""

    def __init__(self, name: str, help_text: str, label: str, buckets: Sequence[float]) -> None:
        self._name, self._help, self._label = name, help_text, label
        self._bounds: NDArray[np.float64] = np.array(buckets, np.float64)
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, values: NDArray[np.float64]) -> None:
        """Add all values."""
        places = np.searchsorted(self._bounds, values, side="left")
        counts = np.bincount(places, minlength=len(self._bounds) + 1)
        self._counts[label] = self._counts.get(label, np.zeros_like(counts)) + counts
        self._sums[label] = self._sums.get(label, 0.0) + float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """The family, for the registry."""
        family = HistogramMetricFamily(self._name, self._help, labels=[self._label])
        for label, counts in sorted(self._counts.items()):
            family.add_metric([label], cumulative(self._bounds, counts), self._sums[label])
        yield family


def cumulative(bounds: Iterable[float], counts: NDArray[np.int64]) -> list[tuple[str, float]]:
    """Prometheus buckets (upper bound, number at or below it); the last one is +Inf."""
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return list(zip(names, np.cumsum(counts).astype(float).tolist(), strict=True))
