"""Treasury clearing: rows against QuantLib, the minimum, futures as a hedge, and the rulebook in the live engine."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses

from engine.base.errors import MarginError
from engine.market.instruments import SILO_INDEX, Instrument, Product, Silo
from engine.market.refresh import refresh
from engine.portfolio.accounts import Account
from engine.rules.treasury_clearing_parameters import Parameters
from engine.state.activity_state import TradeColumns
from engine.state.engine import Engine
from tests.engine_book import APPROVED, NOW_NS, TODAY, new_engine, prices, trades
from tests.rate_oracle import ql_date
from tests.rates_book import NOW, few_scenarios, packaged_scenarios
from tests.rulebook_cases import requirements, set_prices, shipped
from tests.treasury_book import MARKS, account, future, market_of, repo, rulebook, treasury

VALUED = date.fromisoformat(NOW[:10])


def test_rows_are_what_quantlib_gains_on_moved_yields() -> None:
    """The ten-year note lies between the key rates of seven and ten years."""
    scenarios = few_scenarios(5, 2)
    rules, market = rulebook(scenarios), market_of()
    [row] = rules.rows(market, market.slots(["10Y"]))
    ql.Settings.instance().evaluationDate = ql_date(VALUED)
    schedule = ql.Schedule(
        ql.Date(15, 11, 2026), ql.Date(15, 11, 2036), ql.Period(6, ql.Months), ql.NullCalendar(), ql.Unadjusted,
        ql.Unadjusted, ql.DateGeneration.Backward, False,
    )  # fmt: skip
    bond = ql.FixedRateBond(0, 100.0, schedule, [0.04], ql.ActualActual(ql.ActualActual.ISMA, schedule))
    terms = (bond.dayCounter(), ql.Compounded, ql.Semiannual)
    at = bond.bondYield(ql.BondPrice(99.5, ql.BondPrice.Clean), *terms, ql_date(VALUED), 1e-14)
    months = (date(2036, 11, 15) - VALUED).days / (365.25 / 12)
    upper = (months - 84) / 36
    for scenario in range(scenarios.count):
        seven, ten = (
            scenarios.shocks[scenario, scenarios.factor_index[f"UST:{tenor}"]] for tenor in ("7Y", "10Y")
        )
        moved = bond.cleanPrice(at + 0.01 * ((1 - upper) * seven + upper * ten), *terms, ql_date(VALUED))
        assert row[scenario] == pytest.approx(1e3 * (moved - 99.5), abs=1e-4)


def test_a_repo_is_worth_the_bond_less_the_cash() -> None:
    """By hand: 99.5 and 12 of 181 days of 2 accrued, less 99.8 for seven days at 4.1 %."""
    market = market_of()
    expected = 99.5 + 2.0 * 12 / 181 - 99.8 / (1 + 0.041 * 7 / 360)
    assert market.mark[market.slot_of["REPO-1W"]] == pytest.approx(expected, rel=1e-12)
    set_prices(market, [{"instrument_id": "10Y", "mark": 99.75}], sequence=2)
    assert market.mark[market.slot_of["REPO-1W"]] == pytest.approx(expected + 0.25, rel=1e-12)


def test_a_repo_against_anything_but_a_treasury_has_no_value() -> None:
    market = market_of()
    market.put_instrument(repo("REPO-ES", "ESH7", "2026-12-04", 99.8, 0.041))
    refresh(market)
    assert not market.priced[market.slot_of["REPO-ES"]]


def test_the_risk_of_a_repo_follows_the_treasury_behind_it() -> None:
    market = market_of()
    refresh(market)
    set_prices(market, [{"instrument_id": "10Y", "mark": 98.0}], sequence=2)
    market.put_instrument(treasury("10Y", "2036-11-15", 0.05))
    assert market.slot_of["REPO-1W"] in refresh(market).risk.tolist()


def test_futures_hedge_a_note() -> None:
    """A ten-year note against the future that moves as 6.8 years, DV01 against DV01."""
    rules, market = (
        rulebook(packaged_scenarios("scenarios-treasury-clearing.csv"), minimum_margin_offset=1.0),
        market_of(),
    )
    note, hedge = (rules.rows(market, market.slots([name]))[0] for name in ("10Y", "ZNH7"))
    first = rules.scenarios.count
    ratio = note[first:-2].sum() / hedge[first:-2].sum()
    books = ({"10Y": 100.0}, {"10Y": 100.0, "ZNH7": -100.0 * ratio})
    alone, hedged = requirements(rules, market, [account(market, book) for book in books])[:, 1]
    assert hedged < 0.4 * alone


@pytest.mark.parametrize("name", ["ESH7", "BUND"])
def test_what_moves_with_no_key_rate_is_charged_in_full(name: str) -> None:
    rules, market = rulebook(few_scenarios(20, 1)), market_of()
    value = abs(float(market.unit_value_usd(market.slots([name]))[0]))
    figures = requirements(rules, market, [account(market, {name: -3.0, "2Y": 0.0})])
    assert figures[0, 1] == pytest.approx(3.0 * value)


def test_the_minimum_margin_amount_by_hand() -> None:
    """Of the twenty newest moves of 30 years one in ten may be larger: the third largest counts."""
    scenarios = packaged_scenarios("scenarios-treasury-clearing.csv")
    rules = rulebook(scenarios, minimum_margin_lookback=20, minimum_margin_confidence=0.9)
    history = scenarios.shocks[scenarios.historical_count - 20 : scenarios.historical_count]
    moves = np.sort(np.abs(history[:, scenarios.factor_index["UST:30Y"]]))[::-1]
    assert rules.model.minimum_moves[-1] == pytest.approx(0.01 * moves[2])


def test_long_and_short_offset_by_a_share() -> None:
    rules, market = rulebook(few_scenarios(20, 0), minimum_margin_offset=0.5), market_of()
    facts = next(
        part.facts
        for part in rules.explain(account(market, {"2Y": 900.0, "30Y": -100.0}), market).tree.parts
        if part.name == "minimum margin top-up"
    )
    sides = sorted([float(facts["side_usd"]), float(facts["other_side_usd"])])
    assert facts["minimum_margin_usd"] == pytest.approx(sides[1] - 0.5 * sides[0])


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("minimum_margin_lookback", {"value": 5}, "minimum_margin_lookback.value"),
        ("futures", {"ZN": {"coupon": 0.06}}, "futures.ZN.years"),
        ("liquidity", {"buckets": []}, "buckets"),
    ],
)
def test_bad_parameters_are_named(key: str, value: object, named: str) -> None:
    with pytest.raises(MarginError, match=named):
        Parameters.from_mapping(shipped("treasury-clearing") | {key: value})


def test_a_set_without_the_key_rates_is_refused() -> None:
    with pytest.raises(MarginError, match="no factor GILT"):
        rulebook(few_scenarios(20, 0), key_rates="GILT")


def test_repo_in_another_currency_and_other_products_are_refused() -> None:
    rules = rulebook(few_scenarios(20, 0))
    with pytest.raises(MarginError, match="EUR"):
        rules.netting_set(repo("R", "BUND", "2026-12-04", 99.8, 0.02, currency="EUR"))
    with pytest.raises(MarginError, match="covers"):
        rules.netting_set(Instrument("AAPL", Product.EQUITY))


def engine_with_treasuries() -> Engine:
    engine = new_engine()
    for instrument in (
        treasury("10Y", "2036-11-15", 0.04),
        repo("REPO", "10Y", "2026-12-04", 99.8, 0.041),
        future("ZNH7", "ZN"),
    ):
        engine.put_instrument(instrument)
    return engine


def hold(engine: Engine) -> None:
    """A note and its hedge in the clearing silo, which trades name; a repo stands there by itself."""
    rows = [
        ("T1", 1, "A", "10Y", 100.0, 99.5, False, TODAY),
        ("T2", 1, "A", "ZNH7", -60.0, 112.0, False, TODAY),
        ("T3", 1, "B", "REPO", -100.0, 0.0, False, TODAY),
    ]
    columns = trades(engine, rows)
    silo = np.array([SILO_INDEX[Silo.TREASURY_CLEARING]] * 2 + [-1], np.int64)
    named = {name: getattr(columns, name) for name in columns.__slots__} | {"silo": silo}
    engine.apply_trades(0, TradeColumns(**named))


def maintenance(engine: Engine, account_id: str) -> float:
    slot = int(engine.account_slots([account_id])[0])
    return float(engine.maintenance[slot, SILO_INDEX[Silo.TREASURY_CLEARING]])


def test_the_portfolio_differential_by_hand() -> None:
    """Rises 30, 0 (a fall of 50) and 40, the newest last, at a decay of one half: (40 + 0 + 30 / 4) / 1.75, twice."""
    rules = rulebook(
        few_scenarios(20, 1), differential_lookback=3, differential_decay=0.5, differential_multiplier=2.0
    )
    part = rules.parameters.differential.explain((5.0, 100.0, 130.0, 80.0, 120.0))
    assert part.amount_usd == pytest.approx(2.0 * 47.5 / 1.75)
    assert part.facts["rises"] == 3.0
    assert rules.parameters.differential.charges([(5.0, 100.0, 130.0, 80.0, 120.0), (9.0,), ()]).tolist() == [
        pytest.approx(2.0 * 47.5 / 1.75),
        0.0,
        0.0,
    ]


def test_past_charges_of_an_account_raise_its_requirement_live() -> None:
    """Only of who holds something here; a record with other charges moves it in the next pass."""
    engine = new_engine(["A", "B"])
    place = SILO_INDEX[Silo.TREASURY_CLEARING]
    engine.apply_prices(prices(engine, {"T-NOTE": 99.0}, 1))
    columns = trades(engine, [("T", 1, "A", "T-NOTE", 5e6, 99.0, False, TODAY)])
    columns.silo[:] = place
    engine.apply_trades(0, columns)
    engine.evaluate(NOW_NS)
    slots = engine.account_slots(["A", "B"])
    before = float(engine.maintenance[slots[0], place])
    for past, differential in (((1e6, 1.1e6), 1e5), ((1e6, 0.9e6), 0.0), ((1e6,), 0.0), ((1e6, 1.3e6), 3e5)):
        for name in ("A", "B"):
            engine.put_account(Account(name, approvals=APPROVED, past_charges_usd=past), 0)
        engine.evaluate(NOW_NS)
        assert engine.maintenance[slots, place].tolist() == [pytest.approx(before + differential), 0.0]
        assert engine.shadow_check(["A", "B"]) < 0.01


def test_the_engine_follows_prices() -> None:
    engine = engine_with_treasuries()
    hold(engine)
    for sequence, mark in ((1, MARKS["10Y"]), (2, 96.0)):
        engine.apply_prices(prices(engine, {"10Y": mark, "ZNH7": 112.0}, sequence))
        engine.evaluate(NOW_NS)
    fresh = engine_with_treasuries()
    hold(fresh)
    fresh.apply_prices(prices(fresh, {"10Y": 96.0, "ZNH7": 112.0}, 1))
    fresh.evaluate(NOW_NS)
    for account_id in ("A", "B"):
        assert maintenance(engine, account_id) > 0.0
        assert abs(engine.statement(account_id, NOW_NS).gap.residual_usd) < 1e-4
        assert engine.statement(account_id, NOW_NS).silos == fresh.statement(account_id, NOW_NS).silos
    assert engine.shadow_check(["A", "B"]) <= 0.01
