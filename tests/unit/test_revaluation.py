"""Options of a market in batches: near the exact prices, the same bits on any threads and in any company."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.base.threads import Threads
from engine.market.implied_volatility import implied_volatility
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.plain import option_value
from engine.market.pricing import option_delta, option_price
from engine.market.refresh import refresh
from engine.market.revaluation import implied_volatilities, option_deltas, option_moves, option_prices

NOW_NS = 1_790_000_000 * 1_000_000_000
DAY_NS = 86_400 * 1_000_000_000
RATE = 0.04

Float64s = NDArray[np.float64]


class Book(NamedTuple):
    """A market of options with marks and volatilities, and where their underlyings and volatilities may go."""

    market: Market
    slots: NDArray[np.int64]
    underlying_points: Float64s
    volatility_points: Float64s


def book_of(threads: int = 1, seed: int = 71) -> Book:
    """Chains of every model: calls and puts, three expiries, 12 strikes each with a volatility of its own."""
    market = Market(RATE, NOW_NS, threads=Threads(threads))
    market.put_instrument(Instrument("STOCK", Product.EQUITY))
    market.put_instrument(
        Instrument("OIL", Product.FUTURE, combined_commodity="CL", contract_month="2026-12", multiplier=10)
    )
    kinds = (
        (Product.EQUITY_OPTION, "STOCK", "american", "lognormal"),
        (Product.EQUITY_OPTION, "STOCK", "european", "lognormal"),
        (Product.FUTURE_OPTION, "OIL", "american", "lognormal"),
        (Product.FUTURE_OPTION, "OIL", "european", "normal"),
    )
    for kind, (product, underlying, exercise, model) in enumerate(kinds):
        for days in (7, 60, 500):
            for strike in range(70, 130, 5):
                market.put_instrument(
                    Instrument(
                        f"{kind} {days} {strike}", product, underlying, expiry_ns=NOW_NS + days * DAY_NS,
                        strike=float(strike), right="call" if strike % 2 else "put", exercise=exercise,
                        price_model=model, dividend_yield=0.02, combined_commodity="CL",
                        contract_month="2026-12",
                    )
                )  # fmt: skip
    slots = np.arange(2, market.count)
    generator = np.random.default_rng(seed)
    market.mark[:2] = 100.0
    unit = np.where(market.model[slots] == 5, 100.0, 1.0)
    market.volatility[slots] = unit * generator.uniform(0.1, 0.6, len(slots))
    underlying_points = 100.0 * generator.uniform(0.8, 1.2, (len(slots), 9))
    volatility_points = market.volatility[slots][:, None] * generator.uniform(0.5, 2.0, (len(slots), 9))
    return Book(market, slots, underlying_points, volatility_points)


def exact(book: Book, place: int, underlying: float, volatility: float) -> float:
    slot, market = int(book.slots[place]), book.market
    instrument = market.instruments[slot]
    years = float(market.years_to_expiry(np.array([slot]))[0])
    return option_price(
        int(market.model[slot]), instrument.right == "call", underlying, instrument.strike, years, RATE,
        instrument.dividend_yield, volatility,
    )  # fmt: skip


def test_prices_are_the_exact_ones_within_two_millionths_of_the_strike() -> None:
    book = book_of()
    prices = option_prices(book.market, book.slots, book.underlying_points, book.volatility_points)
    expected = np.array(
        [
            [exact(book, place, u, v) for u, v in zip(*points, strict=True)]
            for place, points in enumerate(zip(book.underlying_points, book.volatility_points, strict=True))
        ]
    )
    error = np.abs(prices - expected) / book.market.strike[book.slots][:, None]
    assert error.max() < 2e-6
    european = np.isin(book.market.model[book.slots], (1, 5))
    assert np.array_equal(prices[european], expected[european])


def test_deltas_are_the_exact_ones_within_a_ten_thousandth() -> None:
    book = book_of()
    market = book.market
    deltas = option_deltas(market, book.slots)
    for place, slot in enumerate(book.slots.tolist()):
        instrument = market.instruments[slot]
        expected = option_delta(
            int(market.model[slot]), instrument.right == "call", 100.0, instrument.strike,
            float(market.years_to_expiry(book.slots[place : place + 1])[0]), RATE, instrument.dividend_yield,
            float(market.volatility[slot]),
        )  # fmt: skip
        assert deltas[place] == pytest.approx(expected, abs=1e-4), instrument


def test_same_bits_on_any_threads_in_any_order_and_alone() -> None:
    book = book_of()
    moves = option_moves(book.market, book.slots, book.underlying_points, book.volatility_points)
    threaded = book_of(threads=3).market
    assert np.array_equal(
        option_moves(threaded, book.slots, book.underlying_points, book.volatility_points), moves
    )
    threaded.threads.close()
    order = np.random.default_rng(72).permutation(len(book.slots))
    shuffled = option_moves(
        book_of().market, book.slots[order], book.underlying_points[order], book.volatility_points[order]
    )
    assert np.array_equal(shuffled, moves[order])
    for place in range(0, len(book.slots), 7):
        one = slice(place, place + 1)
        alone = option_moves(
            book_of().market, book.slots[one], book.underlying_points[one], book.volatility_points[one]
        )
        assert np.array_equal(alone[0], moves[place])


def test_tables_of_another_time_are_not_used() -> None:
    book = book_of()
    arguments = (book.slots, book.underlying_points, book.volatility_points)
    first = option_prices(book.market, *arguments)
    book.market.step_time(NOW_NS + 5 * DAY_NS)
    later = option_prices(book.market, *arguments)
    fresh = book_of().market
    fresh.step_time(NOW_NS + 5 * DAY_NS)
    assert np.array_equal(later, option_prices(fresh, *arguments))
    assert not np.array_equal(first, later)


def test_many_curves_keep_what_was_made_before_they_grew() -> None:
    book = book_of()
    arguments = (book.slots, book.underlying_points, book.volatility_points)
    before = option_prices(book.market, *arguments)
    for days in range(40):
        book.market.put_instrument(
            Instrument(
                f"more {days}", Product.EQUITY_OPTION, "STOCK", expiry_ns=NOW_NS + (days + 10) * DAY_NS, strike=100,
                right="put", exercise="american",
            )
        )  # fmt: skip
    assert np.array_equal(option_prices(book.market, *arguments), before)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_solved_volatility_gives_the_mark_back(threads: int) -> None:
    book = book_of(threads)
    market, slots = book.market, book.slots
    chosen = np.array(market.volatility[slots])
    market.mark[slots] = option_prices(market, slots, np.full((len(slots), 1), 100.0), chosen[:, None])[:, 0]
    solved = implied_volatilities(market, slots)
    market.threads.close()
    meaningful = 0
    for place, slot in enumerate(slots.tolist()):
        instrument, mark = market.instruments[slot], float(market.mark[slot])
        assert option_value(instrument, market, 100.0, float(solved[place])) == pytest.approx(
            mark, rel=1e-9, abs=1e-11
        )
        vega = exact(book, place, 100.0, 1.001 * chosen[place]) - exact(book, place, 100.0, chosen[place])
        if vega < 1e-3:
            continue
        meaningful += 1
        assert solved[place] == pytest.approx(chosen[place], rel=1e-9)
        one_by_one = implied_volatility(
            int(market.model[slot]), instrument.right == "call", mark, 100.0, instrument.strike,
            float(market.years_to_expiry(slots[place : place + 1])[0]), RATE, instrument.dividend_yield,
        )  # fmt: skip
        assert solved[place] == pytest.approx(one_by_one, rel=1e-3 * 1e-4 * instrument.strike / vega)
    assert meaningful > 80


def _nodes(market: Market, at_ns: int) -> int:
    return int(np.isfinite(market.curves.at(at_ns).premium[:, :, 0]).sum())


def test_nodes_made_ahead_spare_the_step_of_time_and_change_no_bit() -> None:
    book, later_ns = book_of(), NOW_NS + 900 * 1_000_000_000
    args = book.slots, book.underlying_points, book.volatility_points
    option_moves(book.market, *args)
    needed = _nodes(book.market, NOW_NS)
    for _ in range(needed):
        book.market.curves.prepare(NOW_NS, later_ns, RATE, 2)
    assert _nodes(book.market, NOW_NS) == _nodes(book.market, later_ns) == needed
    fresh = book_of()
    for each in (book, fresh):
        each.market.step_time(later_ns)
    assert np.array_equal(option_moves(book.market, *args), option_moves(fresh.market, *args))
    assert _nodes(book.market, later_ns) == needed


def test_a_little_is_made_ahead_at_a_time() -> None:
    book = book_of()
    option_moves(book.market, book.slots, book.underlying_points, book.volatility_points)
    book.market.curves.prepare(NOW_NS, NOW_NS + DAY_NS, RATE, 4)
    assert _nodes(book.market, NOW_NS + DAY_NS) <= 4


def test_refreshes_prepare_the_next_step_of_time() -> None:
    book, later_ns = book_of(), NOW_NS + DAY_NS
    book.market.step_time(NOW_NS, later_ns)
    refresh(book.market)  # as after a step: there is nothing yet that could be made ahead
    option_moves(book.market, book.slots, book.underlying_points, book.volatility_points)
    needed = _nodes(book.market, NOW_NS)
    for _ in range(needed):
        refresh(book.market)
    assert _nodes(book.market, later_ns) == needed


def test_two_instants_in_turn_keep_their_nodes() -> None:
    book = book_of()
    option_moves(book.market, book.slots, book.underlying_points, book.volatility_points)
    made = _nodes(book.market, NOW_NS)
    for at_ns in (NOW_NS + DAY_NS, NOW_NS, NOW_NS + DAY_NS):
        assert _nodes(book.market, at_ns) == (made if at_ns == NOW_NS else 0)
    assert _nodes(book.market, NOW_NS + 2 * DAY_NS) == 0
    assert _nodes(book.market, NOW_NS) == 0
