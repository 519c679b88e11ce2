"""Taking prices: what becomes of each message, the mark, an option's volatility, and what moves with it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.plain import option_value
from engine.market.prices import PriceColumns, PriceOutcome, apply_prices

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
    return market


def apply(market: Market, *messages: Message) -> tuple[list[int], list[str]]:
    """Outcomes, and the names of what may have moved."""
    names, bid, ask, mark, volatility, sequence = zip(*messages, strict=True)
    outcome, moved = apply_prices(
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
    assert moved.tolist() == sorted(set(moved.tolist()))
    return outcome.tolist(), [market.instruments[slot].instrument_id for slot in moved.tolist()]


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
    found, moved = apply(market, ("SPY", bid, ask, mark, volatility, sequence))
    assert [PriceOutcome(one).name for one in found] == [outcome]
    slot = market.slot_of["SPY"]
    if outcome == "APPLIED":
        assert moved == ["SPY", "SPY C100"]
        assert market.sequence[slot] == sequence
        assert market.source_time_ns[slot] == NOW_NS + sequence
    else:
        assert moved == []
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
    assert apply(market, ("CL", -38.0, -37.0, NAN, NAN, 1)) == ([PriceOutcome.APPLIED], ["CL"])
    assert mark_of(market, "CL") == -37.5
    assert is_priced(market, "CL")
    assert apply(market, ("CL", -37.0, -38.0, NAN, NAN, 2))[0] == [PriceOutcome.CROSSED]
    assert apply(market, marked("CL", -INF, 2))[0] == [PriceOutcome.NOT_FINITE]


def test_in_a_batch_the_highest_sequence_wins_the_first_of_equals() -> None:
    market = market_with()
    outcome, moved = apply(
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
    assert moved == ["SPY", "CL", "SPY C100"]


def test_a_refused_message_supersedes_nothing() -> None:
    market = market_with()
    outcome, _ = apply(market, marked("SPY", 1.0, 6), ("SPY", 3.0, 2.0, NAN, NAN, 9), marked("SPY", NAN, 8))
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
    assert apply(market, marked("SPY C100", 8.0, 1)) == ([PriceOutcome.APPLIED], ["SPY C100"])
    assert math.isnan(volatility_of(market))
    assert not is_priced(market, "SPY C100")
    apply(market, marked("SPY", 100.0, 1))
    assert option_value(CALL, market, 100.0, volatility_of(market)) == pytest.approx(8.0, rel=1e-9)
    assert is_priced(market, "SPY C100")


# ------------------------------------------------------------ what moves with it


@pytest.mark.parametrize("order", [INSTRUMENTS, INSTRUMENTS[::-1]], ids=["options-late", "options-first"])
@pytest.mark.parametrize(
    ("instrument_id", "reached"),
    [
        ("SPY", {"SPY", "SPY C100"}),
        ("SPY C100", {"SPY C100"}),
        ("CL", {"CL"}),
        ("SAP", {"SAP", "SAP P90"}),
        ("EURUSD", {"EURUSD", "SAP", "SAP P90"}),
    ],
)
def test_options_and_foreign_instruments_move_with_their_price(
    order: tuple[Instrument, ...], instrument_id: str, reached: set[str]
) -> None:
    market = market_with(*order)
    _, moved = apply(market, marked(instrument_id, 1.1, 1))
    assert set(moved) == reached


def test_a_foreign_instrument_is_priced_once_its_rate_is() -> None:
    market = market_with()
    apply(market, marked("SAP", 95.0, 1), marked("SAP P90", 4.0, 1))
    assert not is_priced(market, "SAP")
    assert not is_priced(market, "SAP P90")
    apply(market, marked("EURUSD", 1.1, 1))
    assert is_priced(market, "SAP")
    assert is_priced(market, "SAP P90")
    slots = market.slots(["SAP", "SPY"])
    assert market.fx_rate(slots).tolist() == [1.1, 1.0]
