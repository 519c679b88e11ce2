"""Figures of all workers together, read from their metrics pages."""

from __future__ import annotations

import time
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S: Final = 2.0
_WINDOW_S: Final = 15.0
_OUTCOMES_READ: Final = ("applied", "superseded", "duplicate", "late", "covered")

Labels = tuple[tuple[str, str], ...]


class Samples:
    """Samples of all workers, added up; for gauges that every worker sees alike, see the docs of metrics."""

    def __init__(self, pages: Sequence[str], time_s: float) -> None:
        """``pages``: texts of the metrics pages."""
        self.time_s = time_s
        self._values: dict[tuple[str, Labels], float] = {}
        for page in pages:
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    key = (sample.name, tuple(sorted(sample.labels.items())))
                    self._values[key] = self._values.get(key, 0.0) + sample.value

    def total(self, name: str, **labels: str) -> float:
        """Sum over all samples of this name with these labels."""
        wanted = labels.items()
        return sum(
            value
            for (sample, found), value in self._values.items()
            if sample == name and wanted <= set(found)
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums by the values of a label."""
        wanted = labels.items()
        sums: dict[str, float] = {}
        for (sample, found), value in self._values.items():
            if sample == name and wanted <= set(found):
                key = dict(found).get(label, "")
                sums[key] = sums.get(key, 0.0) + value
        return sums


@dataclass(frozen=True, slots=True)
class Figures:
    """What the table shows; amounts in USD, rates per second, times in milliseconds.

    Attributes:
        calls: open cases by (scope, state); scope is silo (binding) or unified (shadow).
        lag_messages: read from Kafka too late or not yet.
        latency_ms: median and 99th percentile from the newest input of a pass to its calls in Kafka, over the
            last seconds; None without calls.
    """

    silo_usd: float
    unified_usd: float
    trapped_usd: float
    silo_deficit_usd: float
    unified_deficit_usd: float
    accounts: Mapping[str, float]
    calls: Mapping[tuple[str, str], float]
    issued_per_s: float
    met_per_s: float
    prices_per_s: float
    trades_per_s: float
    lag_messages: float
    parked: float
    dead_letters: float
    latency_ms: tuple[float, float] | None

    @property
    def gap_usd(self) -> float:
        return self.silo_usd - self.unified_usd


class FigureReader:
    """Reads the workers' pages; rates and latencies are over the last seconds."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)
        self._history: deque[Samples] = deque()

    def read(self) -> Figures | None:
        """Figures of now; None while a worker does not answer."""
        try:
            pages = [self._page(address) for address in self._addresses]
        except OSError:
            return None
        now = Samples(pages, time.monotonic())
        self._history.append(now)
        while now.time_s - self._history[0].time_s > _WINDOW_S:
            self._history.popleft()
        return figures(now, self._history[0])

    @staticmethod
    def _page(address: str) -> str:
        with urllib.request.urlopen(f"{address}/metrics", timeout=_TIMEOUT_S) as answer:  # noqa: S310 - loopback
            text: str = answer.read().decode()
        return text


def figures(now: Samples, before: Samples) -> Figures:
    """Figures of now, with rates since an earlier sample."""
    elapsed_s = now.time_s - before.time_s

    def rate(name: str, **labels: str) -> float:
        change = now.total(name, **labels) - before.total(name, **labels)
        return change / elapsed_s if elapsed_s > 0 else 0.0

    def read_rate(topic: str) -> float:
        return sum(
            rate("marginmon_input_messages_total", topic=topic, outcome=outcome) for outcome in _OUTCOMES_READ
        )

    def calls(scope: str) -> dict[tuple[str, str], float]:
        by_state = now.by("marginmon_margin_calls_open", "state", scope=scope)
        return {(scope, state): number for state, number in by_state.items()}

    requirement = "marginmon_margin_requirement_usd"
    return Figures(
        silo_usd=now.total(requirement, view="silo", silo="all"),
        unified_usd=now.total(requirement, view="unified", silo="all"),
        trapped_usd=now.total("marginmon_trapped_excess_usd"),
        silo_deficit_usd=now.total("marginmon_deficit_usd", view="silo"),
        unified_deficit_usd=now.total("marginmon_deficit_usd", view="unified"),
        accounts=now.by("marginmon_accounts", "state"),
        calls=calls("silo") | calls("unified"),
        issued_per_s=rate("marginmon_margin_calls_total", scope="silo", state="issued"),
        met_per_s=rate("marginmon_margin_calls_total", scope="silo", state="met"),
        prices_per_s=read_rate("prices"),
        trades_per_s=read_rate("trades"),
        lag_messages=now.total("marginmon_consumer_lag_messages"),
        parked=now.total("marginmon_parked_messages"),
        dead_letters=now.total("marginmon_dlq_messages_total"),
        latency_ms=_latency_ms(now, before),
    )


def _latency_ms(now: Samples, before: Samples) -> tuple[float, float] | None:
    name = "marginmon_event_to_call_seconds_bucket"
    earlier = before.by(name, "le")
    grown = {float(le): count - earlier.get(le, 0.0) for le, count in now.by(name, "le").items()}
    if not grown or max(grown.values()) <= 0:
        return None
    return 1000.0 * quantile(0.5, grown), 1000.0 * quantile(0.99, grown)


def quantile(share: float, cumulative: Mapping[float, float]) -> float:
    """Quantile of a cumulative histogram by upper bounds, linear within a bucket; the last finite bound
    stands for everything above it."""
    wanted = share * max(cumulative.values())
    lower, below = 0.0, 0.0
    for upper, count in sorted(cumulative.items()):
        if count >= wanted:
            if upper == float("inf"):
                return lower
            inside = count - below
            return lower + (upper - lower) * ((wanted - below) / inside if inside > 0 else 1.0)
        lower, below = upper, count
    return lower
