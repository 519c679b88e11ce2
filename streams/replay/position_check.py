"""What of a book cannot be margined at the time of the evaluation: expired contracts, prices of zero, no price."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.base.errors import Reason
from engine.market.instruments import DERIVATIVES, Instrument
from engine.market.prices import mark_of
from streams.contracts.activity import PriceRecord
from streams.replay.book_check import Problem
from streams.replay.book_file import Book
from streams.replay.command_errors import time_text
from streams.replay.file_engine import FileEngine


def unusable_instruments(book: Book, as_of_ns: int) -> dict[str, Problem]:
    """Instruments whose positions have no figure that anybody should rely on, by instrument_id.

    A price of zero is one only where it can be meant: where prices may be negative, or where an option's volatility
    is quoted beside it. Without either nothing tells what the option may lose.
    """
    zero = {
        price.instrument_id: f"prices[{index}]" for index, price in enumerate(book.prices) if _is_zero(price)
    }
    found = {}
    for index, record in enumerate(book.instruments):
        instrument, place = record.to_engine(), f"instruments[{index}]"
        problem = _expired(instrument, place, as_of_ns) or _zero_price(instrument, zero)
        if problem is not None:
            found[instrument.instrument_id] = problem
    return found


def _is_zero(price: PriceRecord) -> bool:
    """Whether the price that positions are valued at is zero, and no volatility stands beside it."""
    sides = (np.array([np.nan if side is None else side]) for side in (price.bid, price.ask, price.mark))
    return price.implied_vol is None and bool(mark_of(*sides)[0] == 0.0)


def _expired(instrument: Instrument, place: str, as_of_ns: int) -> Problem | None:
    if instrument.product not in DERIVATIVES or not 0 < instrument.expiry_ns < as_of_ns:
        return None
    detail = f"expired at {time_text(instrument.expiry_ns)}, before {time_text(as_of_ns)}"
    return Problem(place, "", Reason.EXPIRED, detail, instrument.instrument_id)


def _zero_price(instrument: Instrument, zero: dict[str, str]) -> Problem | None:
    """Its own price, or that of an option's underlying."""
    if instrument.instrument_id in zero and not instrument.negative_price_allowed:
        place, detail = zero[instrument.instrument_id], "its price is zero"
    elif instrument.is_option and instrument.price_model != "normal" and instrument.underlying in zero:
        place, detail = (
            zero[instrument.underlying],
            f"the price of its underlying {instrument.underlying} is zero",
        )
    else:
        return None
    return Problem(place, "", Reason.ZERO_PRICE, detail, instrument.instrument_id)


def unpriced_positions(book: Book, files: FileEngine) -> list[Problem]:
    """Positions and trades in instruments that the engine took and that have no price after the evaluation."""
    refused = {problem.place for problem in files.problems}
    found = []
    for place, account_id, instrument_id in _entries(book):
        slot = int(files.engine.instrument_slots([instrument_id])[0])
        if place not in refused and slot >= 0 and not files.engine.market.priced[slot]:
            detail = f"instrument {instrument_id} has no price, or what it rests on has none"
            found.append(Problem(place, account_id, Reason.NO_PRICE, detail, instrument_id))
    return found


def _entries(book: Book) -> Iterator[tuple[str, str, str]]:
    """Place, account_id and instrument_id of every position and trade."""
    for index, record in enumerate(book.positions):
        for number, position in enumerate(record.positions):
            yield f"positions[{index}].positions[{number}]", record.account_id, position.instrument_id
    for index, trade in enumerate(book.trades):
        yield f"trades[{index}]", trade.account_id, trade.instrument_id
