"""Twice the load that one worker sustains, for twenty seconds, and what becomes of memory, lag and trades.

Prices and trades come at equal rates, which rise by half until the worker's lag in trades grows beyond half a second of
them; the step before is what it sustains here, with broker and sender on the same cores. These go first: a worker that
takes its full share of two cores keeps the sender from reaching twice its rate. After the surplus the load falls to
half of what is sustainable.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from itertools import islice
from typing import Final

from streams.contracts.topics import TopicTable
from streams.parameters import load_policy
from tests.bench.day import simulation
from tests.bench.processes import Sending, Worker, running_load, running_worker, summed
from tests.bench.row import Row
from tests.bench.trades import create_topics

FIRST_RATE: Final = 10_000.0
STEP: Final = 1.5
STEP_S: Final = 6.0
OVERLOAD_S: Final = 20.0
MOST_STEPS: Final = 12
ACCOUNTS: Final = 40  # whose positions are compared
_LAG_S: Final = 0.5  # of trades at the present rate
_SENT_SHARE: Final = 0.9  # a sender below this is itself the limit
_LEAST_LAG: Final = 500.0
_POLL_S: Final = 0.25
_NICENESS: Final = 10  # of the worker
_DEADLINE_S: Final = 180.0
_TOLERANCE: Final = 1e-6
_LAG: Final = r'marginmon_consumer_lag_messages\{.*topic="trades".*\}'
_TAKEN: Final = r'marginmon_input_messages_total\{.*topic="trades".*\}'
_APPLIED: Final = r'marginmon_input_messages_total\{.*outcome="applied".*topic="trades".*\}'
_AGE: Final = r'marginmon_input_event_lag_seconds_%s\{.*topic="prices".*\}'


class Course:
    """Rise, overload, recovery; the figures as they come."""

    def __init__(self, worker: Worker, sending: Sending, shown: frozenset[str]) -> None:
        """``shown``: the instruments whose positions the worker's account page names."""
        self._worker, self._sending, self._shown = worker, sending, shown
        self.rows: list[Row] = []

    def run(self) -> None:
        """All of it."""
        traders = self._sending.rates(0.0, 0.0)["accounts"]
        before = {account_id: held for account_id in traders if (held := self._worker.positions(account_id))}
        before = dict(islice(before.items(), ACCOUNTS))
        sustained, reached = self._sustained()
        self.rows.append(
            Row("overload: prices and trades that one worker sustains, each", sustained, "per second")
        )
        if reached:
            self.rows.append(Row("- the sender came to its limit first, at", reached, "per second"))
        self._sending.rates(0.5 * sustained, 0.5 * sustained)
        self._until(lambda: self._lag() < max(_LEAST_LAG, 0.5 * _LAG_S * sustained))
        self._overload(2.0 * sustained)
        self._recover(0.5 * sustained)
        self._compare(before)

    def _sustained(self) -> tuple[float, float]:
        """The highest rate without growing lag; and what the sender came to if that ended the search, else 0."""
        rate, sustained = FIRST_RATE, FIRST_RATE
        for _ in range(MOST_STEPS):
            self._sending.rates(rate, rate)
            time.sleep(STEP_S)
            lag = self._lag()
            reached = self._sending.rates(rate, rate)["trades_per_s"]
            if lag > max(_LEAST_LAG, _LAG_S * rate):
                return sustained, 0.0
            if reached < _SENT_SHARE * rate:
                return reached, reached
            sustained, rate = rate, rate * STEP
        return sustained, 0.0

    def _overload(self, rate: float) -> None:
        before, resident, samples = self._worker.metrics(), self._worker.resident_mib(), []
        self._sending.rates(rate, rate)
        ends = time.monotonic() + OVERLOAD_S
        while time.monotonic() < ends:
            time.sleep(_POLL_S)
            samples.append((self._worker.resident_mib(), self._lag()))
        after, reached = self._worker.metrics(), self._sending.rates(rate, rate)
        applied = summed(after, _APPLIED) - summed(before, _APPLIED)
        highest = max(mib for mib, _ in samples)
        self.rows += [
            Row("- trades sent during the overload", reached["trades_per_s"], "per second", 1.8 * rate / 2.0, True),
            Row("- trades applied during the overload", applied / OVERLOAD_S, "per second"),
            Row("- most trades waiting in Kafka", max(lag for _, lag in samples), "trades"),
            Row("- price's record to applied, mean during the overload", _mean_age_ms(before, after), "ms"),
            Row("- memory before the overload", resident, "MiB"),
            Row("- most memory during the overload", highest, "MiB"),
            Row("- growth per trade applied, whose ledger entry stays", _per(highest - resident, applied), "bytes"),
        ]  # fmt: skip

    def _recover(self, rate: float) -> None:
        started = time.monotonic()
        self._sending.rates(rate, rate)
        self._until(lambda: self._lag() < max(_LEAST_LAG, _LAG_S * rate))
        self.rows.append(Row("- time until the lag is gone, at half of it", time.monotonic() - started, "s"))

    def _compare(self, before: dict[str, dict[str, float]]) -> None:
        """Every trade sent has been applied once, and positions moved by what they left open."""
        sent = self._sending.end()
        self._until(lambda: summed(self._worker.metrics(), _TAKEN) >= sent["trades"])
        lost = sent["trades"] - summed(self._worker.metrics(), _APPLIED)
        wrong = 0
        for account_id, held in before.items():
            expected = dict(held)
            for owner, instrument_id, quantity in sent["open"]:
                if owner == account_id and instrument_id in self._shown:
                    expected[instrument_id] = expected.get(instrument_id, 0.0) + quantity
            wrong += _differs(expected, self._worker.positions(account_id))
        self.rows += [
            Row("- trades sent", sent["trades"], "trades"),
            Row("- trades lost or applied twice", abs(lost), "trades", 0.0),
            Row(f"- accounts of {len(before)} whose positions are not the sum of their trades", wrong, "accounts", 0.0),
        ]  # fmt: skip

    def _lag(self) -> float:
        return summed(self._worker.metrics(), _LAG)

    @staticmethod
    def _until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not reached():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the worker did not catch up within {_DEADLINE_S:g} s")
            time.sleep(_POLL_S)


def _mean_age_ms(before: dict[str, float], after: dict[str, float]) -> float:
    total, number = (summed(after, _AGE % part) - summed(before, _AGE % part) for part in ("sum", "count"))
    return 1000.0 * total / max(number, 1.0)


def _per(mib: float, trades: float) -> float:
    return mib * 2**20 / max(trades, 1.0)


def _differs(expected: dict[str, float], found: dict[str, float]) -> bool:
    names = expected.keys() | found.keys()
    return any(abs(expected.get(name, 0.0) - found.get(name, 0.0)) > _TOLERANCE for name in names)


def _shown() -> frozenset[str]:
    eligible = load_policy().unified.eligible_products
    instruments = (json.loads(r.value) for r in simulation().opening() if r.topic == "instruments")
    return frozenset(i["instrument_id"] for i in instruments if i["product"] in eligible)


def measure(bootstrap: str) -> list[Row]:
    """The rows of the run."""
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    with running_load(bootstrap, table, "") as sending, running_worker(bootstrap, table, _NICENESS) as worker:
        course = Course(worker, sending, _shown())
        course.run()
    return course.rows
