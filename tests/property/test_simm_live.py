"""ISDA SIMM of our own instruments on random books and markets: columns == twin, live == afresh."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.rules.interface import Holding
from engine.rules.simm.live import IsdaSimm
from engine.rules.simm.live_parameters import Parameters
from engine.state.engine import Engine
from streams.parameters import load_policy, read_rulebook
from tests.engine_book import APPROVED, DAY_NS, prices, trades
from tests.rates_book import EURO, NOW, PAR_RATES, index_swap, market_of, quote_id, quotes_of, rate_swap
from tests.rulebook_cases import nanoseconds, requirements

SILO = "uncleared_swaps"
NOW_NS = nanoseconds(NOW)
BUSINESS_DAY = NOW_NS // DAY_NS
RATE_SWAPS = [
    rate_swap("usd-2y", "USD-SOFR", "2026-12-01", "2028-12-01", 0.037),
    rate_swap("usd-10y", "USD-SOFR", "2027-03-01", "2037-03-01", 0.05),
    rate_swap("eur-5y", "EUR-ESTR", "2026-12-01", "2031-12-01", 0.02),
    rate_swap("eur-term", "EUR-EURIBOR-6M", "2026-06-15", "2046-06-15", 0.03, fixing=0.022),
    rate_swap("unpriced", "USD-SOFR", "2025-06-16", "2032-06-16", 0.01),
]
OTHERS = [
    Instrument(
        "credit", Product.CREDIT_DEFAULT_SWAP, multiplier=1e6, currency="EUR", reference_entity="ACME", coupon=0.01,
        expiry_ns=nanoseconds("2031-06-20T21:00:00+00:00"), recovery_rate=0.4, negative_price_allowed=True,
    ),
    index_swap("credit-index", "CDX.NA.IG", "2031-12-20", 0.01),
    replace(index_swap("credit-names", "TWO", "2031-06-20", 0.05), components=(("ACME", 0.7), ("BETA", 0.3))),
    Instrument("share", Product.EQUITY_SWAP, "AAA", 100),
    Instrument("euro-share", Product.EQUITY_SWAP, "BBB", 100, currency="EUR"),
    Instrument("basket", Product.EQUITY_SWAP, multiplier=10, components=(("AAA", 0.6), ("CCC", 0.4))),
    Instrument("basket-2", Product.EQUITY_SWAP, multiplier=10, components=(("AAA", 0.5), ("CCC", 0.5))),
    Instrument("index", Product.EQUITY_SWAP, "SPX", index_class="broad"),
]  # fmt: skip
MARKS = {
    "credit": 0.02, "credit-index": -0.02, "credit-names": 0.01, "share": 50.0, "euro-share": 20.0,
    "basket": 400.0, "basket-2": 300.0, "index": 6_000.0,
}  # fmt: skip
LISTED = [*RATE_SWAPS, *OTHERS]
quantities = st.floats(-2_000.0, 2_000.0).map(lambda quantity: round(quantity, 2)).filter(bool)
books = st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), quantities, max_size=7)


def rulebook(**changes: Any) -> IsdaSimm:
    names = {"names": {"AAA": "7", "BBB": "7"}, "others": "Residual", "indexes": "11"}
    return IsdaSimm(Parameters.from_mapping(read_rulebook("isda-simm") | {"equity_buckets": names} | changes))


RULEBOOK = rulebook()
MARKET = market_of(LISTED, MARKS)
WITHOUT_EURO = market_of(LISTED, MARKS, without=["EURUSD"])


@settings(max_examples=80, deadline=None)
@given(st.lists(books, min_size=1, max_size=3), st.booleans(), st.sampled_from([10, 1]))
def test_columns_equal_the_twin(accounts: list[dict[str, float]], euro: bool, days: int) -> None:
    market = MARKET if euro else WITHOUT_EURO
    simm = RULEBOOK if days == 10 else rulebook(horizon_days=1)
    held = [
        [Holding(market.instruments[market.slot_of[name]], each, SILO) for name, each in book.items()]
        for book in accounts
    ]
    figures = requirements(simm, market, held)
    for holdings, (initial, maintenance) in zip(held, figures.tolist(), strict=True):
        explained = simm.explain(holdings, market)
        assert initial == maintenance
        assert maintenance == pytest.approx(explained.requirement.maintenance_usd, rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() < 0.01


ACCOUNTS = ("A", "B", "C")
moves = st.tuples(st.just("quote"), st.sampled_from([*sorted(PAR_RATES), "ig"]), st.floats(-0.002, 0.002))
fills = st.tuples(
    st.just("trade"), st.sampled_from([*(one.instrument_id for one in RATE_SWAPS[:4]), "ig-5y"]),
    st.integers(-40, 40).filter(bool).map(float),
)  # fmt: skip


def new_engine() -> Engine:
    engine = Engine(load_policy())
    for account in ACCOUNTS:
        engine.put_account(Account(account, approvals=APPROVED), 0)
    for instrument in [
        EURO,
        *(quote for curve_id in PAR_RATES for quote in quotes_of(curve_id)),
        *RATE_SWAPS,
    ]:
        engine.put_instrument(instrument)
    engine.put_instrument(index_swap("ig-5y", "CDX.NA.IG", "2031-12-20", 0.01))
    engine.take_partition(0)
    engine.go_live(0)
    return engine


def quote(engine: Engine, rates: dict[str, float], sequence: int) -> None:
    assert not engine.apply_prices(prices(engine, rates, sequence, NOW_NS)).any()


def fill(engine: Engine, number: int, account: str, name: str, quantity: float, silo: str) -> None:
    columns = trades(engine, [(f"T{number}", 1, account, name, quantity, 0.0, False, BUSINESS_DAY)])
    columns.silo[:] = SILO_INDEX[silo]
    engine.apply_trades(0, columns)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.one_of(moves, fills)), min_size=2, max_size=8))
def test_live_is_the_same_as_afresh(happening: list[tuple[str, tuple[str, str, float]]]) -> None:
    """Packaged policy: swaps held uncleared, one account cleared beside, quotes moving between the trades."""
    rates = {"EURUSD": 1.16, "ig-5y": -0.015} | {
        quote_id(curve_id, tenor): rate
        for curve_id, curve in PAR_RATES.items()
        for tenor, rate in curve.items()
    }
    live = new_engine()
    quote(live, rates, 1)
    booked: list[tuple[int, str, str, float]] = []
    for number, (account, (kind, name, amount)) in enumerate(happening, start=2):
        if kind == "trade":
            fill(live, number, account, name, amount, SILO)
            booked.append((number, account, name, amount))
        else:
            moved = {key: rate + amount for key, rate in rates.items() if key.startswith(f"{name}-")}
            rates |= moved
            quote(live, moved, number)
        live.evaluate(NOW_NS)
        assert live.shadow_check(list(ACCOUNTS)) < 0.01
    afresh = new_engine()
    quote(afresh, rates, 100)
    for entry in booked:
        fill(afresh, *entry, SILO)
    afresh.evaluate(NOW_NS)
    slots = live.account_slots(ACCOUNTS)
    place = SILO_INDEX[SILO]
    expected = afresh.maintenance[afresh.account_slots(ACCOUNTS), place]
    np.testing.assert_allclose(live.maintenance[slots, place], expected, rtol=1e-9, atol=0.01)
    for account, figure in zip(ACCOUNTS, expected.tolist(), strict=True):
        assert (figure > 0.0) == any(
            abs(sum(amount for _, who, what, amount in booked if (who, what) == (account, name))) > 0.0
            for name in {what for _, _, what, _ in booked}
        )


def test_the_same_swap_cleared_and_uncleared() -> None:
    """It stands in two silos under two rulebooks, which do not see each other."""
    engine = new_engine()
    rates = {"EURUSD": 1.16} | {
        quote_id(curve_id, tenor): rate
        for curve_id, curve in PAR_RATES.items()
        for tenor, rate in curve.items()
    }
    quote(engine, rates, 1)
    fill(engine, 1, "A", "usd-10y", 10.0, SILO)
    fill(engine, 2, "A", "usd-10y", -10.0, "cleared_swaps")
    engine.evaluate(NOW_NS)
    figures = engine.maintenance[engine.account_slots(["A"])[0]]
    slot = engine.market.slot_of["usd-10y"]
    simm = requirements(rulebook(), MARKET, [[Holding(engine.market.instruments[slot], 10.0, SILO)]])
    assert figures[SILO_INDEX[SILO]] == pytest.approx(float(simm[0, 1]), rel=1e-9)
    assert figures[SILO_INDEX["cleared_swaps"]] > 0.0
