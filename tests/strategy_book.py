"""Books of one underlying for tests of strategy-based margin: from a line of text, or at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.strategy.book import Book, FuturePosition, OptionPosition
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.rulebook import StrategyBased
from engine.rules.strategy.securities import Stage, Stock
from tests.rulebook_cases import market_of, shipped

PARAMETERS = Parameters.from_mapping(shipped("reg-t"))
UNITS = 100.0
LEG = re.compile(r"([+-]\d+)@?([\d.]+)([CP])(\d*)@([\d.]+)")
STOCK = re.compile(r"S([+-]\d+)")
FUTURE = re.compile(r"F([+-]\d+)@([\d.]+)")
STRIKES = (80.0, 90.0, 95.0, 100.0, 105.0, 120.0)


def shipped_rulebook() -> StrategyBased:
    return StrategyBased(PARAMETERS)


def with_parameters(**changes: Any) -> Parameters:
    """Shipped parameters with some values changed: path with ``__`` between keys."""
    mapping = shipped("reg-t")
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = mapping
        for name in tables:
            table = table[name]
        table[key] = value
    return Parameters.from_mapping(mapping)


def book_of(text: str, underlying: str = "X") -> Book:
    """``S+100; -1@100C2@1.68``: stock in shares; count, exercise price, right, expiry (1 if none) and price.

    ``F-1@101``: security futures, count and price.
    """
    options = [
        OptionPosition(
            Contract(
                name=leg[0],
                right=CALL if leg[3] == "C" else PUT,
                strike=float(leg[2]),
                expiry_ns=int(leg[4] or 1),
                units=UNITS,
                value=float(leg[5]),
            ),
            int(leg[1]),
        )
        for leg in LEG.finditer(text)
    ]
    shares = sum(float(match[1]) for match in STOCK.finditer(text))
    futures = [FuturePosition(each[0], int(each[1]), float(each[2]), UNITS) for each in FUTURE.finditer(text)]
    return Book(underlying, shares, tuple(options), tuple(futures))


def terms_at(
    price: float,
    stage: Stage = Stage.MAINTENANCE,
    parameters: Parameters = PARAMETERS,
    *,
    broad: bool = False,
) -> Terms:
    return Terms(parameters, Stock(price), broad, stage)


def short_value_usd(book: Book, price: float) -> float:
    """Market value of the short positions of a book."""
    options = sum(-p.count * p.contract.units * p.contract.value for p in book.options if p.count < 0)
    return options + max(-book.shares, 0.0) * price


def long_value_usd(book: Book) -> float:
    """Cost of the long options of a book."""
    return sum(p.count * p.contract.units * p.contract.value for p in book.options if p.count > 0)


def set_columns(
    market: Market, sets: Sequence[dict[str, float]]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(instruments, quantities, first) of netting sets, those of set k at ``first[k]:first[k + 1]``, by slot."""
    positions = [sorted((market.slot_of[name], count) for name, count in one.items()) for one in sets]
    slots, counts = zip(*(position for one in positions for position in one), strict=True)
    return np.array(slots), np.array(counts), np.cumsum([0, *map(len, positions)])


def market_with(instruments: Sequence[dict[str, Any]], marks: dict[str, float]) -> Market:
    """A market on 2026-11-27."""
    return market_of(
        {
            "market": {"rate": 0.03, "valuation_time": "2026-11-27T21:00:00+00:00"},
            "instruments": instruments,
            "prices": [{"instrument_id": name, "mark": mark} for name, mark in marks.items()],
        }
    )


def held(market: Market, positions: dict[str, float]) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[name]], quantity, "securities")
        for name, quantity in positions.items()
    ]


EXPIRIES = {1: "2026-12-18", 2: "2027-03-19", 3: "2028-01-21"}  # the last one beyond nine months


def account_of_book(book: Book, price: float) -> tuple[Market, list[Holding]]:
    """The same positions as instruments with marks."""
    instruments: list[dict[str, Any]] = [{"instrument_id": book.underlying, "product": "equity"}]
    instruments += [
        {
            "instrument_id": contract.name,
            "product": "equity_option",
            "underlying": book.underlying,
            "multiplier": contract.units,
            "expiry": f"{EXPIRIES[contract.expiry_ns]}T21:00:00+00:00",
            "strike": contract.strike,
            "right": contract.right,
            "exercise": "european" if contract.european else "american",
            "settlement": "cash" if contract.cash_european else "physical",
        }
        for contract in (position.contract for position in book.options)
    ]
    marks = {book.underlying: price} | {p.contract.name: p.contract.value for p in book.options}
    positions = {book.underlying: book.shares} | {p.contract.name: float(p.count) for p in book.options}
    market = market_with(instruments, marks)
    return market, held(market, positions)


@st.composite
def small_books(draw: st.DrawFn, most: int = 6) -> tuple[Book, float]:
    """A book of few contracts, with stock or without, and the underlying's price."""
    price = draw(st.sampled_from([60.0, 93.5, 100.0, 111.0, 150.0]))
    european = draw(st.booleans())
    series = draw(
        st.lists(
            st.tuples(st.sampled_from([CALL, PUT]), st.sampled_from(STRIKES), st.integers(1, 3)),
            max_size=most,
            unique=True,
        )
    )
    options = [_position(draw, key, price, european) for key in series]
    while sum(abs(position.count) for position in options) > most:
        options.pop()
    shares = draw(st.sampled_from([0.0, 0.0, 50.0, 100.0, 250.0, 300.0, -100.0, -200.0]))
    return Book("X", shares, tuple(options)), price


def _position(
    draw: st.DrawFn, series: tuple[str, float, int], price: float, european: bool
) -> OptionPosition:
    right, strike, expiry = series
    intrinsic = max(price - strike if right == CALL else strike - price, 0.0)
    value = round(intrinsic + draw(st.floats(0.05, 9.0)), 2)
    contract = Contract(
        name=f"{strike:g}{right}{expiry}",
        right=right,
        strike=strike,
        expiry_ns=expiry,
        units=UNITS,
        value=value,
        european=european,
        loan_value=expiry == 3,
        cash_european=european,
    )
    return OptionPosition(contract, draw(st.sampled_from([-2, -1, -1, 1, 1, 2])))
