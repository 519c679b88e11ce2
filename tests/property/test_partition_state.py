"""A partition restored from a checkpoint and the log behind it is one that has read the whole log, whatever happened.

Quantities and prices are binary fractions, so that sums are exact in whatever order entries came.
"""

from __future__ import annotations

from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from engine.base.business_days import date_text
from tests.engine_book import TODAY
from tests.partition_log import ACCOUNTS, Follower

DAYS = [date_text(TODAY + step) for step in (-1, 0, 1)]
accounts = st.sampled_from(ACCOUNTS)
held = st.sampled_from(["SPY", "AAPL", "AAPL-C", "ESZ6", "SAP", "BTC-PERP", "LATE"])
lots = st.integers(-8, 8).map(float)


def of_entry(
    kind: str, drawn: st.SearchStrategy[dict[str, Any]], owners: st.SearchStrategy[str], numbers: int
) -> st.SearchStrategy[dict[str, Any]]:
    """Records of entries: one version is the same however often it is sent, as producers promise; account and day
    are the entry's (what versions that move it may differ by stands in decision 18)."""

    def record(number: int, version: int) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(
            lambda content, account, day: (
                content
                | {"account_id": account, "business_date": day, "version": version}
                | {f"{kind}_id": f"{kind[0].upper()}{number}"}
            ),
            st.shared(drawn, key=f"{kind} {number} {version}"),
            st.shared(owners, key=f"owner of {kind} {number}"),
            st.shared(st.sampled_from(DAYS), key=f"day of {kind} {number}"),
        )

    return st.tuples(st.integers(0, numbers), st.integers(1, 3)).flatmap(lambda name: record(*name))


trades = of_entry("trade", st.builds(
    lambda instrument, quantity, status, silo: {
        "instrument_id": instrument, "quantity": quantity, "price": 128.25, "trade_time_ns": 1, "status": status,
        **({"silo": silo} if silo else {}),
    },
    held, lots, st.sampled_from(["new", "new", "cancelled"]), st.sampled_from(["", "", "", "securities", "futures"]),
), accounts | st.just("NOBODY"), 9)  # fmt: skip


def _movement(what: str, quantity: float) -> dict[str, Any]:
    assets = {
        "usd": {"currency": "USD"},
        "eur": {"currency": "EUR"},
        "note": {"instrument_id": "T-NOTE"},
        "swap": {"instrument_id": "T-NOTE", "released_currency": "USD", "released_quantity": 64.0},
        "late": {"instrument_id": "LATE"},
    }
    return {"silo": "securities", "quantity": quantity * 1024.0, "time_ns": 1, **assets[what]}


movements = of_entry(
    "collateral",
    st.builds(_movement, st.sampled_from(["usd", "eur", "note", "swap", "late"]), lots),
    accounts,
    5,
)
openings = st.builds(
    lambda account, day, as_of, part, parts, instrument, quantity, silo: {
        "account_id": account, "business_date": day, "as_of_ns": as_of, "part": min(part, parts), "parts": parts,
        "positions": [
            {"instrument_id": instrument, "quantity": quantity, "reference_price": 64.5}
            | ({"silo": silo} if silo else {})
        ],
        "cash": [{"silo": "securities", "amount": 65536.0}, {"silo": "futures", "amount": 512.0, "currency": "EUR"}],
    },
    accounts, st.sampled_from(DAYS[:2]), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), held,
    lots.filter(bool), st.sampled_from(["", "", "securities"]),
)  # fmt: skip


class PartitionMachine(RuleBasedStateMachine):
    """A worker follows the log; checkpoints are taken at any time; it is restarted both ways at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = Follower()
        self.checkpoint: bytes | None = None
        self.day_has_begun = False

    @initialize(cash=st.sampled_from([0.0, 4096.0, 262144.0]))
    def open_day(self, cash: float) -> None:
        for account in ACCOUNTS:
            opening = {
                "account_id": account, "business_date": DAYS[0], "as_of_ns": 0, "part": 1, "parts": 1,
                "cash": [{"silo": "securities", "amount": cash}],
            }  # fmt: skip
            self.worker.send("positions", opening)

    @rule(batch=st.lists(trades, min_size=1, max_size=5))
    def trade(self, batch: list[dict[str, Any]]) -> None:
        self.day_has_begun = True
        self.worker.now_ns += 1_000_000_000
        self.worker.send("trades", *({**each, "trade_time_ns": self.worker.now_ns} for each in batch))

    @rule(batch=st.lists(movements, min_size=1, max_size=4))
    def move(self, batch: list[dict[str, Any]]) -> None:
        self.day_has_begun = True
        self.worker.now_ns += 1_000_000_000
        self.worker.send("collateral", *({**each, "time_ns": self.worker.now_ns} for each in batch))

    # One that comes behind entries which it covers leaves the running worker notes of them that a replay has not:
    # decision 18.
    @precondition(lambda self: not self.day_has_begun)
    @rule(batch=st.lists(openings, min_size=1, max_size=2))
    def open(self, batch: list[dict[str, Any]]) -> None:
        self.worker.send("positions", *batch)

    @rule(topic=st.sampled_from(["trades", "collateral", "positions"]))
    def send_rubbish(self, topic: str) -> None:
        self.worker.send(topic, b"{")

    @rule(closed=st.booleans())
    def close(self, closed: bool) -> None:
        self.worker.close(ACCOUNTS[2], closed)

    @precondition(lambda self: not self.worker.late_known)
    @rule()
    def learn(self) -> None:
        self.worker.learn_late()

    @rule(mark=st.sampled_from([150.0, 200.0, 260.0]))
    def price(self, mark: float) -> None:
        self.worker.price("AAPL", mark)

    @rule(seconds=st.sampled_from([1, 1, 86_400]))
    def evaluate(self, seconds: int) -> None:
        self.worker.evaluate(seconds)

    @rule()
    def take_checkpoint(self) -> None:
        self.checkpoint = self.worker.checkpoint()

    @precondition(lambda self: self.checkpoint is not None)
    @rule(more=st.lists(trades, max_size=4), goes_on=st.booleans())
    def restart(self, more: list[dict[str, Any]], goes_on: bool) -> None:
        """Both ways; then the same happens to both; the one from the checkpoint goes on, or the one before."""
        assert self.checkpoint is not None
        self.day_has_begun |= goes_on and bool(more)
        replayed, restored = self.worker.restarted(None), self.worker.restarted(self.checkpoint)
        event(
            f"behind the checkpoint: {min(3, sum(replayed.counts.values()) - sum(restored.counts.values()))}"
        )
        assert restored.shown() == replayed.shown()
        for each in (replayed, restored):
            each.counts.clear()
            each.send("trades", *more)
        first = [each.evaluate() for each in (replayed, restored)]
        assert first[0].transitions == first[1].transitions
        assert first[0].intraday == first[1].intraday
        assert restored.figures() == replayed.figures()
        assert restored.counts == replayed.counts
        again = [each.evaluate() for each in (replayed, restored)]
        assert again[0].transitions == again[1].transitions
        assert restored.shown() == replayed.shown()
        if goes_on:
            self.worker = restored


PartitionMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPartitionState = PartitionMachine.TestCase
