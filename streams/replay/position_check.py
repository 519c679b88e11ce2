"""What of a book cannot be margined when it is evaluated: expired, without a price or at zero, without a rulebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.units import start_of_day
from engine.market.instruments import DEBT, SILOS, Instrument, Product
from engine.market.prices import mark_of
from engine.portfolio.collateral import limited_product, matured
from engine.state.engine import Engine
from engine.state.statement import left_out
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
    """Debt counts to the end of the day on which it matures; then it is cash that has not come yet."""
    debt = limited_product(instrument) in DEBT
    if not (matured(instrument, start_of_day(as_of_ns)) if debt else 0 < instrument.expiry_ns < as_of_ns):
        return None
    detail = f"expired at {time_text(instrument.expiry_ns)}, before {time_text(as_of_ns)}"
    return Problem(place, "", Reason.EXPIRED, detail, instrument.instrument_id)


def _zero_price(instrument: Instrument, zero: dict[str, str]) -> Problem | None:
    """Its own price, or that of an option's underlying; an event contract may be worth nothing."""
    may_be_zero = instrument.negative_price_allowed or instrument.product is Product.EVENT_CONTRACT
    if instrument.instrument_id in zero and not may_be_zero:
        place, detail = zero[instrument.instrument_id], "its price is zero"
    elif instrument.is_option and instrument.price_model != "normal" and instrument.underlying in zero:
        place, detail = (
            zero[instrument.underlying],
            f"the price of its underlying {instrument.underlying} is zero",
        )
    else:
        return None
    return Problem(place, "", Reason.ZERO_PRICE, detail, instrument.instrument_id)


def refused_positions(book: Book, files: FileEngine) -> list[Problem]:
    """Every position, trade and pledged asset of an evaluated book that no figure holds: what was refused on the way
    in, then what is left without a price, without a rulebook for its account, or refused by its rulebook.
    """
    entries = {entry.place: entry for entry in _entries(book)}
    refused = [
        replace(problem, instrument_id=entries[problem.place].instrument_id)
        if problem.place in entries
        else problem
        for problem in files.problems
    ]
    places = {problem.place for problem in files.problems}
    taken = [entry for place, entry in entries.items() if place not in places]
    engine = files.engine
    by_rulebook = _RefusedByRulebook(engine)
    left = (
        _without_price(entry, engine) or _without_rulebook(entry, engine) or by_rulebook.problem(entry)
        for entry in taken
    )
    return [problem for problem in (*refused, *left) if problem is not None and problem.instrument_id]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A position or a trade; ``silo`` is None where the account's record or the classification decides."""

    place: str
    account_id: str
    instrument_id: str
    silo: str | None


def _entries(book: Book) -> Iterator[_Entry]:
    for index, record in enumerate(book.positions):
        for number, held in enumerate(record.positions):
            place = f"positions[{index}].positions[{number}]"
            yield _Entry(place, record.account_id, held.instrument_id, held.silo)
    for index, trade in enumerate(book.trades):
        yield _Entry(f"trades[{index}]", trade.account_id, trade.instrument_id, trade.silo)


def _without_price(entry: _Entry, engine: Engine) -> Problem | None:
    slot = int(engine.instrument_slots([entry.instrument_id])[0])
    if engine.market.priced[slot]:
        return None
    detail = f"instrument {entry.instrument_id} has no price, or what it rests on has none"
    return Problem(entry.place, entry.account_id, Reason.NO_PRICE, detail, entry.instrument_id)


def _without_rulebook(entry: _Entry, engine: Engine) -> Problem | None:
    """No rulebook margins the product in the silo without an approval that the account has not."""
    slot = int(engine.instrument_slots([entry.instrument_id])[0])
    product = engine.market.instruments[slot].product
    owner = engine.account_slots([entry.account_id])
    silo = entry.silo or SILOS[int(engine.default_silos(owner, np.array([slot]))[0])]
    account = engine.accounts.records[int(owner[0])]
    offered = [a for a in engine.policy.assignments if a.silo == silo and product in a.products]
    if any(not a.approval or a.approval in account.approvals for a in offered):
        return None
    lacking = " or ".join(sorted({a.approval for a in offered}))
    detail = f"instrument {entry.instrument_id} ({product}) in silo {silo} needs approval {lacking}"
    return Problem(entry.place, entry.account_id, Reason.NO_RULEBOOK, detail, entry.instrument_id)


class _RefusedByRulebook:
    """What rulebooks leave out of the accounts of an engine, asked once an account."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._errors: dict[str, dict[str, MarginError]] = {}

    def problem(self, entry: _Entry) -> Problem | None:
        if entry.account_id not in self._errors:
            account = int(self._engine.account_slots([entry.account_id])[0])
            self._errors[entry.account_id] = {error.thing: error for error in left_out(self._engine, account)}
        error = self._errors[entry.account_id].get(f"position {entry.instrument_id}")
        if error is None:
            return None
        detail = f"instrument {entry.instrument_id} {error.detail}"
        return Problem(entry.place, entry.account_id, error.reason, detail, entry.instrument_id)
