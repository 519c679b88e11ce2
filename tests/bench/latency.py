"""Price to margin call: from handing a price to the producer until a read_committed reader has the call event.

Twice: with the demo at its rates, and with the firm of the demo under the load that the budget names, then less of it
until the budget is kept. Beside it some accounts hold one stock with thin equity. Its price falls and rises again, at
moments that have nothing to do with the worker's passes, and each time all of these accounts are called or recover.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, Final

import numpy as np

from streams.contracts.topics import TopicTable
from tests.bench.background import READY
from tests.bench.crossings import INSTRUMENT, Crossings, cross_for
from tests.bench.processes import Sending, Worker, child, running_load, running_worker
from tests.bench.row import Row
from tests.bench.trades import create_topics

CROSSINGS: Final = 60
LONGEST_S: Final = 60.0
DEMO_P99_MS: Final = 250.0
PRICES_PER_S, TRADES_PER_S = 50_000, 5_000
LOADED_S: Final = 40.0
BUDGET_P50_MS, BUDGET_P99_MS = 30.0, 100.0
_SETTLED_S: Final = 5.0
_SHARES: Final = (0.5, 0.2, 0.05)  # of that load, tried in turn until one keeps the budget
_TRIED_S: Final = 15.0
_MOST_CROSSINGS: Final = 10_000
_PASSES: Final = "marginmon_evaluation_duration_seconds_count"
_TRANSACTIONS: Final = "marginmon_txn_commit_duration_seconds_count"
_STAGES: Final = {
    "evaluation pass": "evaluation_duration",
    "transaction, begin to commit": "txn_commit_duration",
    "newest input of a pass to its calls committed": "event_to_call",
    "lag of the worker's event loop": "event_loop_lag",
}


async def _with_demo(bootstrap: str, table: TopicTable) -> list[float]:
    crossings = Crossings(bootstrap, table)
    await crossings.start()
    try:
        with running_worker(bootstrap, table):
            return await cross_for(crossings, LONGEST_S, CROSSINGS)
    finally:
        await crossings.stop()


def _new_table(bootstrap: str) -> TopicTable:
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    return table


def _demo(bootstrap: str) -> list[Row]:
    table = _new_table(bootstrap)
    with child(["tests.bench.background", bootstrap, table.prefix, INSTRUMENT], READY):
        latencies_ms = asyncio.run(_with_demo(bootstrap, table))
    return _rows("the demo's rates", latencies_ms, None, DEMO_P99_MS)


def _rows(rates: str, latencies_ms: list[float], p50: float | None, p99: float | None) -> list[Row]:
    figure = f"price -> call at {rates}"
    middle, high = np.percentile(latencies_ms, [50, 99])
    return [
        Row(f"{figure}, {len(latencies_ms)} transitions: p50", float(middle), "ms", p50),
        Row(f"{figure}: p99", float(high), "ms", p99),
        Row(f"{figure}: longest", max(latencies_ms), "ms"),
    ]


class Loaded:
    """The budgeted load on one worker, and where its time goes meanwhile."""

    def __init__(self, worker: Worker, sending: Sending) -> None:
        self._worker, self._sending = worker, sending
        self.rows: list[Row] = []

    async def run(self, crossings: Crossings) -> None:
        """Measure once the load has been on for a while; then how much of it keeps the budget."""
        await self._set_rates(1.0)
        before, cpu_s, started = (
            await asyncio.to_thread(self._worker.metrics),
            self._cpu_s(),
            time.monotonic(),
        )
        latencies_ms = await cross_for(crossings, LOADED_S, _MOST_CROSSINGS)
        seconds = time.monotonic() - started
        cpu = [(now - then) / seconds for now, then in zip(self._cpu_s(), cpu_s, strict=True)]
        after = await asyncio.to_thread(self._worker.metrics)
        reached = await self._set_rates(_SHARES[0])
        rates = f"{PRICES_PER_S:,} prices/s and {TRADES_PER_S:,} trades/s"
        self.rows = [
            *_rows(rates, latencies_ms, BUDGET_P50_MS, BUDGET_P99_MS),
            Row("- prices sent", reached["prices_per_s"], "per second", 0.99 * PRICES_PER_S, True),
            Row("- trades sent", reached["trades_per_s"], "per second", 0.99 * TRADES_PER_S, True),
            Row("- longest wait of the sender for the broker", reached["longest_tick_ms"], "ms"),
            Row("- processor cores in use by the worker", cpu[0], "cores"),
            Row("- processor cores in use by the sender", cpu[1], "cores"),
            *(
                Row(f"- {what}: mean", 1000.0 * _mean(before, after, f"marginmon_{name}_seconds"), "ms")
                for what, name in _STAGES.items()
            ),
            Row("- evaluation passes", _grown(before, after, _PASSES) / seconds, "per second"),
            Row("- transactions", _grown(before, after, _TRANSACTIONS) / seconds, "per second"),
        ]
        kept = _keeps_budget(latencies_ms)
        self.rows += _highest(1.0) if kept else await self._lower(crossings)
        await asyncio.to_thread(self._sending.end)

    async def _set_rates(self, share: float) -> dict[str, Any]:
        """This share of the load from now on, counted once it has settled; returns what the last rates came to."""
        rates = share * PRICES_PER_S, share * TRADES_PER_S
        reached = await asyncio.to_thread(self._sending.rates, *rates)
        await asyncio.sleep(_SETTLED_S)
        await asyncio.to_thread(self._sending.rates, *rates)
        return reached

    async def _lower(self, crossings: Crossings) -> list[Row]:
        rows: list[Row] = []
        for share in _SHARES:
            await self._set_rates(share)
            latencies_ms = await cross_for(crossings, _TRIED_S, _MOST_CROSSINGS)
            rates = f"{share * PRICES_PER_S:,.0f} prices/s and {share * TRADES_PER_S:,.0f} trades/s"
            rows += _rows(rates, latencies_ms, None, None)
            if _keeps_budget(latencies_ms):
                return rows + _highest(share)
        return rows + _highest(0.0)

    def _cpu_s(self) -> tuple[float, float]:
        return self._worker.cpu_s(), self._sending.cpu_s()


def _keeps_budget(latencies_ms: list[float]) -> bool:
    middle, high = np.percentile(latencies_ms, [50, 99])
    return bool(middle <= BUDGET_P50_MS and high <= BUDGET_P99_MS)


def _highest(share: float) -> list[Row]:
    """``share`` 0: none of those tried."""
    budget = f"p50 <= {BUDGET_P50_MS:.0f} ms and p99 <= {BUDGET_P99_MS:.0f} ms"
    return [
        Row(f"highest load tried that keeps {budget} (0: none)", share * PRICES_PER_S, "prices per second")
    ]


def _grown(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return after.get(name, 0.0) - before.get(name, 0.0)


def _mean(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return _grown(before, after, f"{name}_sum") / max(1.0, _grown(before, after, f"{name}_count"))


def _loaded(bootstrap: str) -> list[Row]:
    async def run() -> list[Row]:
        crossings = Crossings(bootstrap, table)
        await crossings.start()
        try:
            with running_worker(bootstrap, table) as worker:
                loaded = Loaded(worker, sending)
                await loaded.run(crossings)
                return loaded.rows
        finally:
            await crossings.stop()

    table = _new_table(bootstrap)
    with running_load(bootstrap, table, INSTRUMENT) as sending:
        return asyncio.run(run())


def measure(bootstrap: str) -> list[Row]:
    """p50 and p99 over all accounts and crossings, at both rates."""
    return _demo(bootstrap) + _loaded(bootstrap)
