"""Cleared swaps: scenario rows against QuantLib, what is refused, and the rulebook in the live engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Silo
from engine.market.refresh import refresh
from engine.state.engine import Engine
from streams.cli import main
from streams.parameters import read_rulebooks, read_toml, take_policy
from tests import rate_oracle
from tests.engine_book import DAY_NS, NOW_NS, TODAY, new_engine, prices, trades
from tests.file_book import write_json
from tests.rates_book import (
    CONVENTIONS,
    NOW,
    PAR_RATES,
    few_scenarios,
    holdings_of,
    index_swap,
    market_of,
    quote_id,
    quotes_of,
    rate_swap,
    rulebook,
)
from tests.rulebook_cases import requirements, shipped

SOFR = quotes_of("USD-SOFR")
SOFR_MARKS = {quote_id("USD-SOFR", tenor): rate for tenor, rate in PAR_RATES["USD-SOFR"].items()}
SWAP = rate_swap("SWAP", "USD-SOFR", "2026-10-01", "2036-10-01", 0.038)
SEASONED = rate_swap("SEASONED", "USD-SOFR", "2025-06-16", "2032-06-16", 0.03, fixing=0.0412)


@pytest.mark.parametrize("curve_id", PAR_RATES)
def test_rows_are_what_quantlib_gains_on_moved_quotes(curve_id: str) -> None:
    scenarios = few_scenarios(historical=4, stress=2)
    market = market_of([rate_swap("S", curve_id, "2027-03-01", "2040-09-01", 0.03)])
    rules = rulebook(scenarios)
    [row] = rules.rows(market, market.slots(["S"]))
    convention = CONVENTIONS[curve_id]
    euro = 1.16 if convention.currency == "EUR" else 1.0

    def value(scenario: int | None) -> float:
        def quotes(name: str) -> dict[str, float]:
            return {
                tenor: rate + (0.0 if scenario is None else _move(scenario, name, tenor))
                for tenor, rate in PAR_RATES[name].items()
            }

        def _move(scenario: int, name: str, tenor: str) -> float:
            """The set has all tenors of the book: nothing lies between two."""
            factor = f"{rules.parameters.rate_factors[name]}:{tenor}"
            return 0.01 * float(scenarios.shocks[scenario, scenarios.factor_index[factor]])

        today = date.fromisoformat(NOW[:10])
        discount = convention.discount_curve
        curves = rate_oracle.overnight_curves(today, CONVENTIONS[discount], quotes(discount))
        if convention.is_term:
            curves = rate_oracle.term_curves(today, convention, quotes(curve_id), curves.discount)
        return rate_oracle.payer_value(curves, convention, date(2027, 3, 1), date(2040, 9, 1), 0.03)

    for scenario in range(scenarios.count):
        expected = 1e6 * euro * (value(scenario) - value(None))
        assert row[scenario] == pytest.approx(expected, abs=1e-4)


def test_a_payer_gains_by_the_tenors_it_rests_on() -> None:
    """The add-on's columns: a ten-year payer gains in the ten-year bucket; their sum is the parallel DV01."""
    rules = rulebook(few_scenarios(1, 0))
    market = market_of([rate_swap("S", "USD-SOFR", "2026-12-01", "2036-12-01", 0.0384)])
    [row] = rules.rows(market, market.slots(["S"]))
    buckets = row[1:5]
    assert buckets[2] > 10 * np.abs(buckets[[0, 1, 3]]).max()
    shifts = {"USD-SOFR": np.full((1, 8), 1e-4)}
    [[moved]] = market.rate_curves.values(market, "USD-SOFR", market.slots(["S"]), shifts, 1)
    assert buckets.sum() == pytest.approx(1e6 * moved, rel=1e-3)


def test_index_protection_gains_when_spreads_widen() -> None:
    scenarios = few_scenarios(20, 0)
    rules = rulebook(scenarios)
    market = market_of([index_swap("IG", "CDX.NA.IG", "2031-12-20", 0.01)], {"IG": -0.022})
    [row] = rules.rows(market, market.slots(["IG"]))
    shocks = scenarios.shocks[:, scenarios.factor_index["CDS:CDX.NA.IG"]]
    assert (np.sign(row[:20]) == np.sign(shocks)).all()


def test_a_hedged_curve_position_needs_less_than_its_legs() -> None:
    swaps = [
        rate_swap("5Y", "USD-SOFR", "2026-12-01", "2031-12-01", 0.0365),
        rate_swap("10Y", "USD-SOFR", "2026-12-01", "2036-12-01", 0.0384),
    ]
    market, rules = market_of(swaps), rulebook(few_scenarios(200, 4))
    alone, other, both = requirements(
        rules, market,
        [holdings_of(market, book) for book in ({"5Y": 100.0}, {"10Y": -55.0}, {"5Y": 100.0, "10Y": -55.0})],
    )[:, 1]  # fmt: skip
    assert both < 0.5 * (alone + other)


@pytest.mark.parametrize(
    ("instrument", "reason", "named"),
    [
        (replace(SWAP, instrument_id="X", underlying="USD-LIBOR"), Reason.BAD_INSTRUMENT, "USD-LIBOR"),
        (replace(SWAP, instrument_id="X", currency="EUR"), Reason.BAD_INSTRUMENT, "currency EUR"),
        (replace(SWAP, instrument_id="X", start_ns=0), Reason.BAD_INSTRUMENT, "start"),
        (replace(SOFR[0], instrument_id="X"), Reason.BAD_INSTRUMENT, "another quote of 3M"),
        (replace(SOFR[0], instrument_id="X", tenor="5D"), Reason.BAD_INSTRUMENT, "5D"),
        (index_swap("X", "ITRAXX", "2031-12-20", 0.01), Reason.BAD_PARAMETER, "credit_factors.ITRAXX"),
    ],
)
def test_what_cannot_be_valued_or_margined_is_refused(
    instrument: Instrument, reason: Reason, named: str
) -> None:
    engine = engine_with_swaps()
    with pytest.raises(MarginError, match=named) as caught:
        engine.put_instrument(instrument)
    assert caught.value.reason is reason


def test_quotes_that_admit_no_curve_once_moved_count_by_their_sensitivities() -> None:
    """A ten-year rate of 22 % above 4 % before it just has a discount factor; 150 basis points more have none."""
    scenarios = few_scenarios(2, 1)
    rules = rulebook(scenarios, stress_weight=1.0)
    market = market_of([], dict.fromkeys(SOFR_MARKS, 0.04) | {"USD-SOFR-10Y": 0.22})
    market.remove(market.slot_of["USD-SOFR-30Y"])
    market.put_instrument(replace(SWAP, start_ns=SWAP.start_ns + 90 * DAY_NS))
    refresh(market)
    [row] = rules.rows(market, market.slots(["SWAP"]))
    assert np.isfinite(row).all()
    curve = market.rate_curves.curve(market, "USD-SOFR", {"USD-SOFR": np.full((1, 7), 0.015)}, 1)
    assert np.isnan(curve.logs).all()
    held = holdings_of(market, {"SWAP": -10.0})
    twin = rules.explain(held, market).requirement.maintenance_usd
    assert requirements(rules, market, [held])[0, 1] == pytest.approx(twin, rel=1e-9)


def test_a_curve_that_the_scenarios_do_not_move_is_refused() -> None:
    mapping = shipped("cleared-swaps")
    mapping["rate_factors"]["USD-SOFR"] = "IR:NOWHERE"
    rules = rulebook(few_scenarios(2, 0))
    rules = type(rules)(type(rules.parameters).from_mapping(mapping), rules.scenarios)
    with pytest.raises(MarginError, match="no factor IR:NOWHERE"):
        rules.netting_set(SWAP)


def engine_with_swaps() -> Engine:
    engine = new_engine()
    for instrument in [*SOFR, SWAP, SEASONED]:
        engine.put_instrument(instrument)
    return engine


def quote(engine: Engine, marks: Mapping[str, float], sequence: int) -> None:
    engine.apply_prices(prices(engine, dict(marks), sequence))


def hold(engine: Engine) -> None:
    rows = [
        ("T1", 1, "A", "SWAP", 100.0, 0.0, False, TODAY),
        ("T2", 1, "A", "SEASONED", -130.0, 0.0, False, TODAY),
        ("T3", 1, "B", "SWAP", -40.0, 0.0, False, TODAY),
    ]
    engine.apply_trades(0, trades(engine, rows))


def maintenance(engine: Engine, account_id: str) -> float:
    account = int(engine.account_slots([account_id])[0])
    return float(engine.maintenance[account, SILO_INDEX[Silo.CLEARED_SWAPS]])


def test_the_engine_follows_the_curve() -> None:
    """After quotes that moved, one by one: values and requirements are those of an engine that starts with them."""
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    moved = SOFR_MARKS | {"USD-SOFR-5Y": 0.0391, "USD-SOFR-10Y": 0.0402}
    quote(engine, {"USD-SOFR-5Y": 0.0391}, 2)
    engine.evaluate(NOW_NS)
    quote(engine, {"USD-SOFR-10Y": 0.0402}, 2)
    engine.evaluate(NOW_NS)
    fresh = engine_with_swaps()
    hold(fresh)
    quote(fresh, moved, 1)
    fresh.evaluate(NOW_NS)
    for account_id in ("A", "B"):
        here, there = engine.statement(account_id, NOW_NS), fresh.statement(account_id, NOW_NS)
        assert here.silos == there.silos
        assert maintenance(engine, account_id) > 0.0
    assert engine.shadow_check(["A", "B"]) <= 0.01


def test_risk_of_swaps_waits_for_the_pass_that_reprices_options() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    slot = engine.market.slot_of["SWAP"]
    book = engine.silo_books["cleared-swaps"]
    mark, row = float(engine.market.mark[slot]), book.rows.values[slot].copy()
    quote(engine, {"USD-SOFR-10Y": 0.0450}, 2)
    engine.evaluate(NOW_NS, options=False)
    assert float(engine.market.mark[slot]) > mark
    assert (book.rows.values[slot] == row).all()
    engine.evaluate(NOW_NS, options=True)
    assert (book.rows.values[slot] != row).any()


def test_a_swap_without_its_curve_is_missing_and_named() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, {name: mark for name, mark in SOFR_MARKS.items() if name != "USD-SOFR-2Y"}, 1)
    engine.evaluate(NOW_NS)
    assert any("SWAP" in text for text in engine.statement("B", NOW_NS).quality.incomplete)
    quote(engine, {"USD-SOFR-2Y": 0.0371}, 1)
    engine.evaluate(NOW_NS)
    assert not engine.statement("B", NOW_NS).quality.incomplete


def test_a_swap_is_as_old_as_the_oldest_quote_of_its_curve() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    assert not engine.statement("B", NOW_NS).quality.stale
    later = NOW_NS + 301_000_000_000
    engine.apply_prices(
        prices(engine, {name: mark for name, mark in SOFR_MARKS.items() if name != "USD-SOFR-3M"}, 2, later)
    )
    engine.evaluate(later)
    assert engine.statement("B", later).quality.stale
    engine.apply_prices(prices(engine, {"USD-SOFR-3M": SOFR_MARKS["USD-SOFR-3M"]}, 2, later))
    engine.evaluate(later)
    assert not engine.statement("B", later).quality.stale


def test_a_new_day_values_swaps_anew() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    before = float(engine.market.mark[engine.market.slot_of["SWAP"]])
    engine.evaluate(NOW_NS + DAY_NS)
    after = float(engine.market.mark[engine.market.slot_of["SWAP"]])
    fresh = engine_with_swaps()
    quote(fresh, SOFR_MARKS, 1)
    fresh.evaluate(NOW_NS + DAY_NS)
    assert after != before
    assert after == float(fresh.market.mark[fresh.market.slot_of["SWAP"]])


def test_the_evidence_of_a_call_names_the_quotes_of_the_curve() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    [issued] = [one for one in engine.evaluate(NOW_NS).transitions if one.account_id == "B" and one.binding]
    assert issued.evidence is not None
    prices_of = {price["instrument_id"]: price["mark"] for price in issued.evidence["prices"]}
    assert prices_of.items() >= SOFR_MARKS.items()
    assert prices_of["SWAP"] == engine.market.mark[engine.market.slot_of["SWAP"]]
    records = {record["instrument_id"]: record for record in issued.evidence["instruments"]}
    assert records["SWAP"]["fixing"] is None


def test_new_parameters_keep_the_scenario_set() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    before = maintenance(engine, "B")
    mapping = shipped("cleared-swaps") | {"version": "next"}
    mapping["stress_weight"]["value"] = 1.0
    engine.put_rulebook("cleared-swaps", mapping)
    engine.evaluate(NOW_NS)
    assert maintenance(engine, "B") > before
    assert engine.silo_books["cleared-swaps"].rulebook.version == "next"


def test_another_policy_keeps_curves_and_scenarios() -> None:
    engine = engine_with_swaps()
    hold(engine)
    quote(engine, SOFR_MARKS, 1)
    engine.evaluate(NOW_NS)
    before = maintenance(engine, "B")
    take_policy(engine, read_toml("policy.toml") | {"version": "next"}, read_rulebooks())
    engine.evaluate(NOW_NS)
    assert maintenance(engine, "B") == before > 0.0
    quote(engine, {"USD-SOFR-10Y": 0.0450}, 2)
    engine.evaluate(NOW_NS)
    assert maintenance(engine, "B") != before


def test_parameters_of_a_book_take_effect_on_the_packaged_scenarios(tmp_path: Path) -> None:
    parameters = shipped("cleared-swaps")
    parameters["initial_share"]["value"] = 1.5
    names = ["instrument_id", "product", "underlying", "tenor", "negative_price_allowed"]
    content = {
        "accounts": [{"account_id": "A"}],
        "instruments": [
            *({name: getattr(quote, name) for name in names} for quote in SOFR),
            {
                "instrument_id": "SWAP", "product": "interest_rate_swap", "underlying": "USD-SOFR",
                "multiplier": 1_000_000, "start": "2026-12-01", "expiry": "2036-12-01", "coupon": 0.038,
                "negative_price_allowed": True,
            },
        ],
        "prices": [
            {"instrument_id": name, "mark": mark, "source_time_ns": NOW_NS, "sequence": 1}
            for name, mark in SOFR_MARKS.items()
        ],
        "positions": [
            {
                "account_id": "A", "business_date": "2026-09-18", "as_of_ns": NOW_NS - 1,
                "positions": [{"instrument_id": "SWAP", "quantity": 100}],
            }
        ],
        "rulebooks": [
            {"rulebook_id": "cleared-swaps", "version": "own", "method": "cleared-swaps", "parameters": parameters}
        ],
    }  # fmt: skip
    file = write_json(tmp_path, content)
    result = CliRunner().invoke(main, ["margin", str(file), "--rulebook", "cleared-swaps", "--json"])
    assert result.exit_code == 0, result.output
    [entry] = json.loads(result.stdout)["requirements"]
    expected = 1.5 * float(entry["maintenance"])
    assert float(entry["initial"]) == pytest.approx(expected, abs=0.02)
    assert entry["tree"]["facts"]["version"] == "own"
