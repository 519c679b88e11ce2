"""Taking prices: what becomes of each message, the mark, an option's volatility, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.plain import option_value
from engine.market.prices import PriceColumns, PriceOutcome, apply_prices
from engine.market.refresh import refresh

NAN, INF = math.nan, math.inf
NOW_NS = 1_790_000_000 * 1_000_000_000
HELD_SEQUENCE = 5
CALL = Instrument(
    "SPY C100", Product.EQUITY_OPTION, "SPY", 100.0, expiry_ns=NOW_NS + NANOSECONDS_PER_YEAR // 2, strike=100.0,
    right="call", exercise="european",
)  # fmt: skip
INSTRUMENTS = (
    Instrument("SPY", Product.ETF),
    Instrument(
        "CL", Product.FUTURE, combined_commodity="CL", contract_month="2026-12", negative_price_allowed=True
    ),
    CALL,
    Instrument("SAP", Product.EQUITY, currency="EUR"),
    Instrument(
        "SAP P90", Product.EQUITY_OPTION, "SAP", currency="EUR", expiry_ns=CALL.expiry_ns, strike=90.0,
        right="put", exercise="european",
    ),
    Instrument("EURUSD", Product.FX_RATE, currency="EUR"),
)  # fmt: skip

Message = tuple[str, float, float, float, float, int]  # instrument, bid, ask, mark, volatility, sequence


def market_with(*instruments: Instrument) -> Market:
    market = Market(rate=0.03, valuation_time_ns=NOW_NS)
    for instrument in instruments or INSTRUMENTS:
        market.put_instrument(instrument)
    refresh(market)
    return market


def apply(market: Market, *messages: Message, options: bool = True) -> tuple[list[int], list[str], list[str]]:
    """Outcomes; names of what may be worth something else; names of what needs a new risk array."""
    names, bid, ask, mark, volatility, sequence = zip(*messages, strict=True)
    outcome = apply_prices(
        market,
        PriceColumns(
            market.slots(list(names)),
            np.array(bid, np.float64),
            np.array(ask, np.float64),
            np.array(mark, np.float64),
            np.array(volatility, np.float64),
            np.array(sequence, np.int64) + NOW_NS,
            np.array(sequence, np.int64),
        ),
    )
    return outcome.tolist(), *refreshed(market, options)


def refreshed(market: Market, options: bool = True) -> tuple[list[str], list[str]]:
    """Names of what a refresh found, valued and risk, in the order of slots."""
    found = refresh(market, options)
    for slots in (found.valued, found.risk):
        assert slots.tolist() == sorted(set(slots.tolist()))
    return names_of(market, found.valued), names_of(market, found.risk)


def names_of(market: Market, slots: NDArray[np.int64]) -> list[str]:
    return [market.instruments[slot].instrument_id for slot in slots.tolist()]


def marked(instrument_id: str, mark: float, sequence: int, volatility: float = NAN) -> Message:
    return instrument_id, NAN, NAN, mark, volatility, sequence


def mark_of(market: Market, instrument_id: str) -> float:
    return float(market.mark[market.slot_of[instrument_id]])


def volatility_of(market: Market, option: Instrument = CALL) -> float:
    return float(market.volatility[market.slot_of[option.instrument_id]])


def is_priced(market: Market, instrument_id: str) -> bool:
    return bool(market.priced[market.slot_of[instrument_id]])


@pytest.mark.parametrize(
    ("bid", "ask", "mark", "volatility", "sequence", "outcome"),
    [
        (99, 101, NAN, NAN, 6, "APPLIED"),
        (100, 100, NAN, NAN, 6, "APPLIED"),
        (NAN, NAN, 0, NAN, 6, "APPLIED"),
        (99, 101, NAN, NAN, 5, "DUPLICATE"),
        (99, 101, NAN, NAN, 4, "LATE"),
        (NAN, NAN, NAN, NAN, 6, "EMPTY"),
        (NAN, NAN, NAN, 0.2, 6, "EMPTY"),
        (101, 99, NAN, NAN, 6, "CROSSED"),
        (101, 99, 100, NAN, 6, "CROSSED"),
        (NAN, NAN, -1, NAN, 6, "NEGATIVE"),
        (-1, 101, 100, NAN, 6, "NEGATIVE"),
        (NAN, -1, NAN, NAN, 6, "NEGATIVE"),
        (NAN, NAN, INF, NAN, 6, "NOT_FINITE"),
        (NAN, NAN, -INF, NAN, 6, "NOT_FINITE"),
        (99, INF, 100, NAN, 6, "NOT_FINITE"),
        (-INF, 101, 100, NAN, 6, "NOT_FINITE"),
        (99, 101, 100, INF, 6, "NOT_FINITE"),
        # A message that is wrong in itself is named so, however late it is.
        (101, 99, NAN, NAN, 4, "CROSSED"),
        (NAN, NAN, -1, NAN, 5, "NEGATIVE"),
        (NAN, NAN, NAN, NAN, 4, "EMPTY"),
    ],
)
def test_outcome_against_the_price_held(
    bid: float, ask: float, mark: float, volatility: float, sequence: int, outcome: str
) -> None:
    market = market_with()
    apply(market, marked("SPY", 50.0, HELD_SEQUENCE))
    found, valued, risk = apply(market, ("SPY", bid, ask, mark, volatility, sequence))
    assert [PriceOutcome(one).name for one in found] == [outcome]
    slot = market.slot_of["SPY"]
    if outcome == "APPLIED":
        assert valued == risk == ["SPY"]
        assert market.sequence[slot] == sequence
        assert market.source_time_ns[slot] == NOW_NS + sequence
    else:
        assert valued == risk == []
        assert (market.mark[slot], market.sequence[slot]) == (50.0, HELD_SEQUENCE)
        assert market.source_time_ns[slot] == NOW_NS + HELD_SEQUENCE


@pytest.mark.parametrize(
    ("bid", "ask", "mark", "expected"),
    [
        (99.0, 101.0, 100.5, 100.5),
        (99.0, 102.0, NAN, 100.5),
        (99.0, NAN, NAN, 99.0),
        (NAN, 101.0, NAN, 101.0),
        (NAN, NAN, 7.0, 7.0),
        (99.0, NAN, 98.0, 98.0),
    ],
)
def test_the_mark_is_the_mark_else_the_mid_else_the_one_side(
    bid: float, ask: float, mark: float, expected: float
) -> None:
    market = market_with()
    apply(market, ("SPY", bid, ask, mark, NAN, 1))
    assert mark_of(market, "SPY") == expected
    assert market.bid[market.slot_of["SPY"]] == pytest.approx(bid, nan_ok=True)
    assert market.ask[market.slot_of["SPY"]] == pytest.approx(ask, nan_ok=True)


def test_a_product_that_may_be_negative_is_taken_below_zero() -> None:
    market = market_with()
    assert apply(market, ("CL", -38.0, -37.0, NAN, NAN, 1)) == ([PriceOutcome.APPLIED], ["CL"], ["CL"])
    assert mark_of(market, "CL") == -37.5
    assert is_priced(market, "CL")
    assert apply(market, ("CL", -37.0, -38.0, NAN, NAN, 2))[0] == [PriceOutcome.CROSSED]
    assert apply(market, marked("CL", -INF, 2))[0] == [PriceOutcome.NOT_FINITE]


def test_in_a_batch_the_highest_sequence_wins_the_first_of_equals() -> None:
    market = market_with()
    outcome, valued, risk = apply(
        market,
        marked("SPY", 1.0, 6),
        marked("CL", 10.0, 3),
        marked("SPY", 2.0, 8),
        marked("SPY", 3.0, 7),
        marked("SPY", 4.0, 8),
    )
    superseded = PriceOutcome.SUPERSEDED
    assert outcome == [superseded, PriceOutcome.APPLIED, PriceOutcome.APPLIED, superseded, superseded]
    assert (mark_of(market, "SPY"), mark_of(market, "CL")) == (2.0, 10.0)
    assert valued == risk == ["SPY", "CL"]


def test_a_refused_message_supersedes_nothing() -> None:
    market = market_with()
    outcome, _, _ = apply(
        market, marked("SPY", 1.0, 6), ("SPY", 3.0, 2.0, NAN, NAN, 9), marked("SPY", NAN, 8)
    )
    assert outcome == [PriceOutcome.APPLIED, PriceOutcome.CROSSED, PriceOutcome.EMPTY]
    assert mark_of(market, "SPY") == 1.0


# ------------------------------------------------------------ volatility


def optioned(volatility: float = 0.25, underlying: float = 100.0) -> Market:
    """SPY at a price and its call marked at the model's value for a volatility."""
    market = market_with()
    apply(market, marked("SPY", underlying, 1))
    apply(market, marked("SPY C100", option_value(CALL, market, underlying, volatility), 1))
    return market


def test_volatility_from_the_mark_is_kept_while_the_underlying_moves() -> None:
    market = optioned(0.25)
    assert volatility_of(market) == pytest.approx(0.25, rel=1e-9)
    before = volatility_of(market)
    apply(market, marked("SPY", 110.0, 2))
    assert volatility_of(market) == before
    apply(market, marked("SPY C100", option_value(CALL, market, 110.0, 0.4), 2))
    assert volatility_of(market) == pytest.approx(0.4, rel=1e-9)


def test_a_quoted_volatility_comes_before_the_mark_until_a_message_has_none() -> None:
    market = optioned(0.25)
    mark = mark_of(market, "SPY C100")
    apply(market, marked("SPY C100", mark, 2, volatility=0.33))
    assert volatility_of(market) == 0.33
    apply(market, marked("SPY", 104.0, 2))
    assert volatility_of(market) == 0.33
    apply(market, marked("SPY C100", option_value(CALL, market, 104.0, 0.25), 3))
    assert volatility_of(market) == pytest.approx(0.25, rel=1e-9)


def test_a_mark_below_intrinsic_value_has_volatility_zero_or_keeps_the_last() -> None:
    fresh = market_with()
    apply(fresh, marked("SPY", 150.0, 1), marked("SPY C100", 49.0, 1))
    assert volatility_of(fresh) == 0.0
    assert is_priced(fresh, "SPY C100")
    market = optioned(0.25)
    before = volatility_of(market)
    apply(market, marked("SPY", 150.0, 2), marked("SPY C100", 49.0, 2))
    assert volatility_of(market) == before
    assert is_priced(market, "SPY C100")


def test_an_expired_option_has_volatility_zero() -> None:
    market = optioned(0.25)
    market.valuation_time_ns = CALL.expiry_ns
    apply(market, marked("SPY", 107.0, 2), marked("SPY C100", 7.0, 2))
    assert volatility_of(market) == 0.0
    assert is_priced(market, "SPY C100")


def test_an_option_waits_for_its_underlying() -> None:
    market = market_with()
    assert apply(market, marked("SPY C100", 8.0, 1)) == ([PriceOutcome.APPLIED], ["SPY C100"], [])
    assert math.isnan(volatility_of(market))
    assert not is_priced(market, "SPY C100")
    _, valued, risk = apply(market, marked("SPY", 100.0, 1))
    assert valued == risk == ["SPY", "SPY C100"]
    assert option_value(CALL, market, 100.0, volatility_of(market)) == pytest.approx(8.0, rel=1e-9)
    assert is_priced(market, "SPY C100")


# ------------------------------------------------------------ what follows from a price


FIRST_MARKS = {"SPY": 100.0, "CL": 70.0, "SPY C100": 8.0, "SAP": 95.0, "SAP P90": 4.0, "EURUSD": 1.1}


def priced_market(order: tuple[Instrument, ...] = INSTRUMENTS) -> Market:
    market = market_with(*order)
    apply(market, *(marked(name, mark, 1) for name, mark in FIRST_MARKS.items()))
    return market


@pytest.mark.parametrize("order", [INSTRUMENTS, INSTRUMENTS[::-1]], ids=["options-late", "options-first"])
@pytest.mark.parametrize(
    ("instrument_id", "valued", "risk"),
    [
        ("SPY", {"SPY"}, {"SPY", "SPY C100"}),
        ("SPY C100", {"SPY C100"}, {"SPY C100"}),
        ("CL", {"CL"}, {"CL"}),
        ("SAP", {"SAP"}, {"SAP", "SAP P90"}),
        ("EURUSD", {"EURUSD", "SAP", "SAP P90"}, {"EURUSD", "SAP", "SAP P90"}),
    ],
)
def test_options_follow_their_underlying_and_foreign_instruments_their_rate(
    order: tuple[Instrument, ...], instrument_id: str, valued: set[str], risk: set[str]
) -> None:
    market = priced_market(order)
    _, found_valued, found_risk = apply(market, marked(instrument_id, 1.01 * FIRST_MARKS[instrument_id], 2))
    assert (set(found_valued), set(found_risk)) == (valued, risk)
    assert refreshed(market) == ([], [])


def test_a_price_that_changes_nothing_yields_nothing() -> None:
    market = priced_market()
    for name, mark in FIRST_MARKS.items():
        assert apply(market, marked(name, mark, 2)) == ([PriceOutcome.APPLIED], [], [])
    before = volatility_of(market)
    apply(market, marked("SPY", 101.0, 3))
    assert apply(market, marked("SPY C100", 8.0, 3)) == ([PriceOutcome.APPLIED], [], ["SPY C100"])
    assert volatility_of(market) < before, "the same mark again at a higher underlying is a new one"


def test_a_foreign_instrument_is_priced_once_its_rate_is() -> None:
    market = market_with()
    apply(market, marked("SAP", 95.0, 1), marked("SAP P90", 4.0, 1))
    assert not is_priced(market, "SAP")
    assert not is_priced(market, "SAP P90")
    _, valued, risk = apply(market, marked("EURUSD", 1.1, 1))
    assert valued == risk == ["SAP", "SAP P90", "EURUSD"]
    assert is_priced(market, "SAP")
    assert is_priced(market, "SAP P90")
    slots = market.slots(["SAP", "SPY"])
    assert market.fx_rate(slots).tolist() == [1.1, 1.0]


def test_a_touched_slot_is_valued_anew_and_nothing_else() -> None:
    market = priced_market()
    market.touch(market.slots(["SPY"]))
    assert refreshed(market) == (["SPY"], [])


def test_a_step_of_time_renews_the_risk_of_living_options() -> None:
    market = priced_market()
    market.step_time(NOW_NS + 1)
    assert refreshed(market, options=False) == ([], [])
    assert market.risk.valuation_time_ns == NOW_NS
    assert refreshed(market) == ([], ["SPY C100", "SAP P90"])
    assert market.risk.valuation_time_ns == NOW_NS + 1
    market.step_time(CALL.expiry_ns + 1)
    assert refreshed(market) == ([], ["SPY C100", "SAP P90"])
    market.step_time(CALL.expiry_ns + 2)
    assert refreshed(market) == ([], [])


def test_a_republished_instrument_renews_all_that_rests_on_it() -> None:
    market = priced_market()
    market.put_instrument(replace(INSTRUMENTS[0], average_daily_volume=7e7))
    assert refreshed(market) == (["SPY"], ["SPY", "SPY C100"])


def test_other_terms_of_an_option_need_another_volatility() -> None:
    market = optioned(0.25)
    mark = mark_of(market, "SPY C100")
    other = replace(CALL, strike=95.0)
    market.put_instrument(other)
    assert refreshed(market) == (["SPY C100"], ["SPY C100"])
    assert option_value(other, market, 100.0, volatility_of(market)) == pytest.approx(mark, rel=1e-9)


# ------------------------------------------------------------ options left waiting


def test_options_wait_with_what_they_rest_on_but_their_value_does_not() -> None:
    market = priced_market()
    before = volatility_of(market)
    _, valued, risk = apply(market, marked("SPY", 101.0, 2), marked("SPY C100", 9.0, 2), options=False)
    assert (valued, risk) == (["SPY", "SPY C100"], [])
    assert volatility_of(market) == before
    assert market.risk.mark[market.slot_of["SPY"]] != 101.0
    assert refreshed(market, options=False) == ([], [])
    assert refreshed(market) == ([], ["SPY", "SPY C100"])
    assert market.risk.mark[market.slot_of["SPY"]] == 101.0
    assert option_value(CALL, market, 101.0, volatility_of(market)) == pytest.approx(9.0, rel=1e-9)
    assert refreshed(market) == ([], [])


def test_an_option_without_volatility_does_not_wait() -> None:
    market = market_with()
    apply(market, marked("SPY", 100.0, 1), options=False)
    _, valued, risk = apply(market, marked("SPY C100", 8.0, 1), options=False)
    assert valued == risk == ["SPY C100"]
    assert is_priced(market, "SPY C100")
    assert market.risk.volatility[market.slot_of["SPY C100"]] == volatility_of(market)
    assert refreshed(market) == ([], [])
