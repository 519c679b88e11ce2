"""The simulated market: deterministic, valid by the contracts, accepted by the engine, shares as configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from math import sqrt

import msgspec
import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Product
from engine.state.engine import Engine
from streams.contracts.codec import COLLATERAL, POSITIONS, PRICES, TRADES, Fault, decode_model
from streams.contracts.reference import AccountRecord, InstrumentRecord
from streams.parameters import load_policy
from streams.simulator.faults import KINDS
from streams.simulator.record import SimulatedRecord
from streams.simulator.settings import SimulationSettings
from streams.simulator.simulation import Simulation, business_day_before
from streams.simulator.universe import universe
from tests.simulated_firm import SECOND_NS, START_NS, Firm

SMALL = SimulationSettings(accounts=60, prices_per_s=400, trades_per_s=80)
HOT = {"prices": PRICES, "trades": TRADES, "collateral": COLLATERAL, "positions": POSITIONS}
MODELS = {"instruments": InstrumentRecord, "accounts": AccountRecord}


def records_of_run(settings: SimulationSettings, seconds: int, tick_ms: int = 100) -> list[SimulatedRecord]:
    simulation = Simulation(settings, load_policy(), START_NS)
    records = list(simulation.opening())
    for tick in range(1, seconds * 1000 // tick_ms + 1):
        records += simulation.advance(START_NS + tick * tick_ms * 1_000_000)
    return records


def of_topic(records: Iterable[SimulatedRecord], topic: str) -> list[dict[str, object]]:
    return [msgspec.json.decode(record.value) for record in records if record.topic == topic]


def assert_share(count: int, of: int, share: float) -> None:
    """Within five standard deviations of what was configured."""
    assert abs(count - of * share) < 5 * sqrt(of * share * (1 - share)), (count, of, share)


def test_the_same_seed_and_instants_give_the_same_bytes() -> None:
    settings = replace(SMALL, bad_share=0.01)
    first, second = records_of_run(settings, 5), records_of_run(settings, 5)
    assert first == second
    assert records_of_run(replace(settings, seed=8), 5) != first


def test_every_record_is_valid_by_its_contract() -> None:
    # Enough accounts for some money to move within ten seconds.
    records = records_of_run(replace(SMALL, accounts=1500), 10)
    topics = {record.topic for record in records}
    assert topics == {"instruments", "accounts", "prices", "positions", "trades", "collateral"}
    for topic, codec in HOT.items():
        chosen = [record for record in records if record.topic == topic]
        decoded = codec.decode(chosen)
        assert decoded.faults == []
        assert len(decoded.messages) == len(chosen) > 0
        assert decoded.with_unknown_fields == 0
    for topic, model in MODELS.items():
        for record in records:
            if record.topic == topic:
                assert not isinstance(decode_model(model, record.value), Fault)


@pytest.mark.parametrize("start", ["2026-11-18", "2026-12-18", "2027-02-28", "2028-02-29", "2026-12-31"])
def test_the_engine_accepts_every_instrument_whatever_the_day(start: str) -> None:
    engine = Engine(load_policy())
    listings = universe(date.fromisoformat(start))
    for listing in listings:
        engine.put_instrument(listing.record.to_engine())
        expiry = listing.record.expiry
        assert expiry is None or expiry.date() > date.fromisoformat(start)
    assert 150 <= len(listings) <= 400
    assert len({listing.instrument_id for listing in listings}) == len(listings)
    assert {listing.record.product for listing in listings} == {product.value for product in Product}


def test_nothing_is_refused_and_everything_is_priced() -> None:
    firm = Firm(SMALL)
    firm.open()
    for _ in range(12):
        firm.tick()
    assert firm.refusals == []
    assert len(firm.intake.parking) == 0
    assert firm.engine.totals().accounts["incomplete"] == 0
    assert firm.taken["prices", "applied"] > 1000


def test_rates_and_shares_are_as_configured() -> None:
    settings = replace(SMALL, trades_per_s=1000, prices_per_s=2000, late_share=0.01, duplicate_share=0.02)
    records = records_of_run(settings, 20)
    trades = of_topic(records, "trades")
    fresh = {trade["trade_id"] for trade in trades}
    assert len(fresh) == 20_000
    versions = Counter((trade["trade_id"], trade["version"], trade["status"]) for trade in trades)
    assert_share(sum(number > 1 for number in versions.values()), 20_000, settings.duplicate_share)
    cancelled = {trade["trade_id"] for trade in trades if trade["status"] == "cancelled"}
    corrected = {trade["trade_id"] for trade in trades if trade["version"] == 2} - cancelled
    # Changes follow within 20 s, so some of them are still to come at the end.
    assert 0.3 * 20_000 * settings.cancel_share < len(cancelled) < 20_000 * settings.cancel_share
    expected = settings.correction_share + settings.late_share
    assert 0.5 * 20_000 * expected < len(corrected) < 1.05 * 20_000 * expected
    opening = sum(not listing.late for listing in universe(date(2026, 11, 18)))
    prices = len(of_topic(records, "prices")) - opening
    extra = 40_000 * settings.duplicate_share
    assert 40_000 + 0.8 * extra < prices < 40_000 + 1.2 * extra


def test_late_versions_come_after_the_correction_and_are_ignored_by_the_engine() -> None:
    firm = Firm(replace(SMALL, late_share=0.2, duplicate_share=0.2))
    firm.open()
    for _ in range(16):
        firm.tick()
    for topic in ("prices", "trades"):
        assert firm.taken[topic, "late"] > 10
        assert firm.taken[topic, "duplicate"] > 10
    assert firm.refusals == []


def test_positions_of_the_simulation_are_those_of_the_engine() -> None:
    """Corrections, cancels, duplicates and late versions included: both sides agree on who wins."""
    shares = {"late_share": 0.05, "duplicate_share": 0.05, "correction_share": 0.2, "cancel_share": 0.2}
    firm = Firm(replace(SMALL, **shares))
    firm.open()
    for _ in range(60):
        firm.tick()
    held = {}
    holdings, market = firm.engine.holdings, firm.engine.market
    every = holdings.of(np.arange(firm.engine.accounts.count))
    positions = every.only(~every.collateral)
    for slot, instrument, quantity in zip(
        positions.account.tolist(), positions.instrument.tolist(), positions.quantity.tolist(), strict=True
    ):
        account = firm.engine.accounts.records[slot].account_id
        held[account, market.instruments[instrument].instrument_id] = quantity
    positions_of = ((a.account_id, a.positions) for a in firm.simulation.accounts)
    wanted = {(account, name): q for account, book in positions_of for name, q in book.items() if q != 0.0}
    assert firm.simulation.trading.counts["cancels"] > 50
    assert held == pytest.approx(wanted, abs=1e-6)


REASONS = {
    "negative": Reason.NEGATIVE_PRICE,
    "crossed": Reason.CROSSED_QUOTE,
    "empty": Reason.WRONG_TYPE,
    "huge": Reason.OUT_OF_RANGE,
    "wrong_type": Reason.WRONG_TYPE,
    "no_such_day": Reason.OUT_OF_RANGE,
    "unknown_silo": Reason.OUT_OF_RANGE,
    "huge_quantity": Reason.OUT_OF_RANGE,
    "missing_version": Reason.WRONG_TYPE,
    "wrong_status": Reason.OUT_OF_RANGE,
    "cut_off": Reason.MALFORMED,
    "not_a_number": Reason.NOT_FINITE,
    "not_json": Reason.MALFORMED,
    "foreign_key": Reason.KEY_MISMATCH,
    "clock_skew": Reason.CLOCK_SKEW,
}


def test_every_bad_record_is_refused_for_its_reason() -> None:
    firm = Firm(SMALL)
    firm.open()
    assert set(REASONS) == set(KINDS)
    for kind, reason in REASONS.items():
        firm.refusals.clear()
        firm.take([firm.simulation.faults.fault(kind, firm.now_ns)])
        assert [refusal.reason for refusal in firm.refusals] == [reason], kind


def test_bad_records_come_at_their_share_and_late_reference_data_parks() -> None:
    firm = Firm(replace(SMALL, bad_share=0.01))
    firm.open()
    parked = 0
    for _ in range(4 * 65):
        firm.tick()
        parked = max(parked, len(firm.intake.parking))
    assert len(firm.refusals) == pytest.approx(0.01 * 480 * 65, abs=1)
    assert sum(firm.simulation.latecomers.counts.values()) >= 1
    assert firm.taken["prices", "parked"] + firm.taken["trades", "parked"] >= 1
    assert parked >= 1
    assert firm.engine.totals().accounts["incomplete"] == 0


@pytest.mark.parametrize(
    ("name", "value"), [("bad_share", 1.5), ("accounts", 0), ("prices_per_s", -1.0), ("seed", -1)]
)
def test_settings_out_of_bounds_are_named(name: str, value: float) -> None:
    with pytest.raises(MarginError, match=f"setting {name}: {value}"):
        replace(SMALL, **{name: value})


def test_a_later_run_wins_over_an_earlier_one() -> None:
    """Sequences and ids of a run that starts a second later do not collide with those of the first."""
    first = records_of_run(SMALL, 2)
    later = Simulation(SMALL, load_policy(), START_NS + 3 * SECOND_NS)
    second = [*later.opening(), *later.advance(START_NS + 4 * SECOND_NS)]
    highest = max(int(str(price["sequence"])) for price in of_topic(first, "prices"))
    assert highest < min(int(str(price["sequence"])) for price in of_topic(second, "prices"))
    ids = [{trade["trade_id"] for trade in of_topic(run, "trades")} for run in (first, second)]
    assert not ids[0] & ids[1]


def test_start_of_day_is_of_the_weekday_before() -> None:
    monday = 1_795_392_000 * SECOND_NS  # 2026-11-23
    assert business_day_before(monday) == "2026-11-20"
    assert business_day_before(START_NS) == "2026-11-17"
