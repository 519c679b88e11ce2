"""The worker's real metrics with one sample of everything, as the catalogue tests need them."""

from __future__ import annotations

import numpy as np
from prometheus_client.metrics import MetricWrapperBase

from engine.state.firm_limit_uses import FirmLimitUses, LimitUse
from engine.state.intraday_book import IntradayTotals
from engine.state.totals import Totals
from streams.worker.metrics import WorkerMetrics
from tests.boards.metric_table import catalogue

TOTALS = Totals(
    accounts={"in_call": 1, "warning": 1, "clear": 1, "incomplete": 1},
    closing=1,
    positions=3,
    instruments=2,
    requirement={"securities": 100.0, "futures": 50.0},
    equity={"securities": 80.0, "futures": 90.0},
    deficit={"securities": 20.0, "futures": 0.0},
    unified_requirement=120.0,
    unified_deficit=0.0,
    accounts_in_silo_deficit=1,
    accounts_in_unified_deficit=0,
    trapped_excess=20.0,
    rulebook_effect=10.0,
    netting_effect=25.0,
    add_ons=5.0,
    utilisation=np.array([0.5, 1.25, np.inf]),
    worst_deficits=[("A1", 20.0)],
    worst_gaps=[("A1", 30.0)],
    open_calls={("silo", "issued"): 1, ("silo", "warning"): 1, ("unified", "issued"): 0},
    open_amount={"silo": 20.0, "unified": 0.0},
    oldest_call_ns=1_000_000_000,
    oldest_price_ns={"equity": 2_000_000_000},
    stale_instruments=0,
    groups_over_allocated=1,
    intraday=IntradayTotals(1, 1, 1_250.0, 2, 3_000.0, 0),
    firm_limits=FirmLimitUses((LimitUse("volume", "AAPL", 0.5),), {"volume": 0.001}, {"volume": 1}),
)


def worker_metrics() -> WorkerMetrics:
    """A worker's metrics after a refresh, every labelled metric with one child.

    Raises:
        ValueError: a metric's labels are not the documented ones.
    """
    metrics = WorkerMetrics()
    metrics.aggregates.totals, metrics.aggregates.time_ns = TOTALS, 3_000_000_000
    documented = {metric.name: metric.labels for metric in catalogue()}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            labels = documented[family.name + ("_total" if family.type == "counter" else "")]
            if labels:
                metric.labels(**dict.fromkeys(labels, "some"))
    metrics.input_lag.observe("margin.trades", np.array([0.01]))
    return metrics
