"""Credit default swaps in the engine: cash and equity, ageing into another cell, the pot, the call rule."""

from __future__ import annotations

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX
from engine.rules.unified.one_pot_parameters import OnePotParameters
from engine.state.engine import Engine
from engine.state.transition import Transition
from tests.credit_book import mark_at, swap_of
from tests.engine_book import DAY_NS, NOW_NS, TODAY, new_engine, prices, trades
from tests.rulebook_cases import nanoseconds, shipped

SILO = SILO_INDEX["security_based_swaps"]
NOW = "2026-09-21T14:13:20+00:00"  # NOW_NS of the engine's book
SWAP = swap_of("BOLT-2031-09", "BOLT", "2031-09-22")  # 61 started months; 60 from the next day on


@pytest.fixture
def engine() -> Engine:
    assert nanoseconds(NOW) == NOW_NS
    engine = new_engine(("A",))
    engine.put_instrument(SWAP)
    return engine


def quote(engine: Engine, spread_bp: float, sequence: int, now_ns: int = NOW_NS) -> float:
    mark = mark_at(SWAP, spread_bp, NOW, engine.policy.rate)
    outcome = engine.apply_prices(prices(engine, {SWAP.instrument_id: mark}, sequence, now_ns))
    assert not outcome.any()
    return mark


def trade(engine: Engine, name: str, quantity: float, price: float) -> None:
    row = (name, 1, "A", SWAP.instrument_id, quantity, price, False, TODAY)
    assert not engine.apply_trades(0, trades(engine, [row])).any()


def issued(engine: Engine) -> list[Transition]:
    """Binding calls of one evaluation."""
    transitions = engine.evaluate(NOW_NS).transitions
    return [one for one in transitions if one.binding and one.state == "issued"]


def test_protection_is_paid_for_and_gains_when_spreads_widen(engine: Engine) -> None:
    paid = quote(engine, 150.0, 1)
    trade(engine, "T", 10.0, paid)
    engine.evaluate(NOW_NS)
    assert engine.equity[0, SILO] == pytest.approx(0.0, abs=1e-6)
    assert engine.maintenance[0, SILO] == pytest.approx(10e6 * 0.5 * 0.085)  # 61 months
    worth = quote(engine, 320.0, 2)
    engine.evaluate(NOW_NS)
    assert engine.equity[0, SILO] == pytest.approx(10e6 * (worth - paid))
    assert worth > paid
    assert engine.maintenance[0, SILO] == pytest.approx(10e6 * 0.5 * 0.175)


def test_time_alone_moves_a_swap_into_the_next_cell(engine: Engine) -> None:
    trade(engine, "T", -10.0, quote(engine, 150.0, 1))
    engine.evaluate(NOW_NS)
    assert engine.maintenance[0, SILO] == pytest.approx(10e6 * 0.085)
    engine.evaluate(NOW_NS + DAY_NS)
    assert engine.maintenance[0, SILO] == pytest.approx(10e6 * 0.07)
    assert engine.shadow_check(["A"]) < 1e-6


def test_it_counts_the_same_on_both_sides_of_the_gap(engine: Engine) -> None:
    trade(engine, "T", -10.0, quote(engine, 150.0, 1))
    engine.evaluate(NOW_NS)
    gap = engine.statement("A", NOW_NS).gap
    assert engine.unified_requirement(engine.account_slots(["A"])).tolist() == [pytest.approx(850_000.0)]
    assert gap.gap_usd == gap.residual_usd == 0.0
    assert [term.amount_usd for term in gap.terms if term.name == "outside"] == [pytest.approx(-850_000.0)]


def test_initial_margin_below_the_threshold_is_shown_but_not_called(engine: Engine) -> None:
    trade(engine, "T", -10.0, quote(engine, 150.0, 1))
    assert issued(engine) == []
    quote(engine, 400.0, 2)
    [call] = issued(engine)
    assert (call.scope, call.reason) == ("silo:security_based_swaps", "FIRST")
    assert call.amount_usd == pytest.approx(-engine.equity[0, SILO])
    assert call.drivers[0].instrument_id == SWAP.instrument_id


def test_the_pot_refuses_the_product_by_name() -> None:
    mapping = shipped("one-pot")
    mapping["eligible_products"]["value"].append("credit_default_swap")
    with pytest.raises(MarginError) as caught:
        OnePotParameters.from_mapping(mapping)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert "credit_default_swap" in caught.value.detail


def test_a_share_and_a_swap_on_it_are_margined_twice_today_and_once_in_the_pot(engine: Engine) -> None:
    marks = {"AAPL": 200.0, "AAPL-SWAP": 200.0}
    assert not engine.apply_prices(prices(engine, marks, 1)).any()
    rows = [
        ("share", 1, "A", "AAPL", 10_000.0, 200.0, False, TODAY),
        ("swap", 1, "A", "AAPL-SWAP", -100.0, 200.0, False, TODAY),
    ]
    assert not engine.apply_trades(0, trades(engine, rows)).any()
    engine.evaluate(NOW_NS)
    assert engine.maintenance[0, SILO] == pytest.approx(0.15 * 2e6)
    assert engine.maintenance[0, SILO_INDEX["securities"]] == pytest.approx(0.15 * 2e6)
    gap = engine.statement("A", NOW_NS).gap
    floor = OnePotParameters.from_mapping(shipped("one-pot")).floor_share_of_silos * 0.30 * 2e6
    assert gap.gap_usd > 0.5 * 0.30 * 2e6
    assert engine.unified_requirement(engine.account_slots(["A"]))[0] >= floor
    netting = {term.silo: term.amount_usd for term in gap.terms if term.name == "netting"}
    assert netting["security_based_swaps"] > 0.0
    assert gap.residual_usd == pytest.approx(0.0, abs=1e-6)


def test_a_new_grid_takes_effect_while_it_runs_on_both_sides_of_the_gap(engine: Engine) -> None:
    trade(engine, "T", -10.0, quote(engine, 150.0, 1))
    engine.evaluate(NOW_NS)
    parameters = shipped("sec-18a-3") | {"version": "doubled"}
    for line in parameters["credit_grid"]["maturities"]:
        line["rates"] = [2.0 * rate for rate in line["rates"]]
    engine.put_rulebook("sec-18a-3", parameters)
    engine.evaluate(NOW_NS)
    assert engine.maintenance[0, SILO] == pytest.approx(1_700_000.0)
    assert engine.unified_requirement(engine.account_slots(["A"])).tolist() == [pytest.approx(1_700_000.0)]
    assert engine.shadow_check(["A"]) < 1e-6
