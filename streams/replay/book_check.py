"""What of a book cannot be margined: taken out and named, so that the rest still can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.base.errors import Reason
from engine.market.instruments import SILO_INDEX, SILOS
from engine.state.engine import Engine
from streams.contracts.activity import CollateralRecord, PositionsRecord, TradeRecord
from streams.contracts.base import Message
from streams.replay.book_file import Book

R = TypeVar("R", TradeRecord, CollateralRecord)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that could not be used.

    Attributes:
        place: e.g. ``positions[0].positions[2]``. account_id: whose figures are incomplete for it, else empty.
        instrument_id: what the entry is about, if it is an instrument.
    """

    place: str
    account_id: str
    reason: Reason
    detail: str
    instrument_id: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}: {self.detail}; {self.reason.action}"


def usable_part(
    engine: Engine, book: Book, refused: Mapping[str, Problem]
) -> tuple[Book, list[Problem], list[Problem]]:
    """The book without what the engine could not take.

    Args:
        engine: holds the book's reference data already.
        refused: problems of instruments, by instrument_id; those that the engine knows are refused all the same.

    Returns:
        the book; problems that leave an account's figures incomplete; and those that hurt no figure.
    """
    check = _Check(engine, refused)
    kept: dict[str, Sequence[Message]] = {
        "positions": [
            r
            for i, record in enumerate(book.positions)
            if (r := check.opening(f"positions[{i}]", record)) is not None
        ],
        "trades": check.entries("trades", book.trades),
        "collateral": check.entries("collateral", book.collateral),
    }
    notes = []
    prices = []
    for index, price in enumerate(book.prices):
        problem = check.unknown_instrument(f"prices[{index}]", "", price.instrument_id)
        if problem is None:
            prices.append(price)
        else:
            notes.append(problem)
    usable = book.model_copy(
        update={name: tuple(records) for name, records in kept.items()} | {"prices": tuple(prices)}
    )
    return usable, check.problems, notes


class _Check:
    def __init__(self, engine: Engine, refused: Mapping[str, Problem]) -> None:
        self._engine = engine
        self._refused = refused
        self.problems: list[Problem] = []

    def _fails(self, problem: Problem | None) -> bool:
        if problem is not None:
            self.problems.append(problem)
        return problem is not None

    def unknown_account(self, place: str, account_id: str) -> Problem | None:
        if self._engine.account_slots([account_id])[0] >= 0:
            return None
        return Problem(
            place, account_id, Reason.UNKNOWN_ACCOUNT, f"account {account_id} is not among the accounts"
        )

    def unknown_instrument(self, place: str, account_id: str, instrument_id: str) -> Problem | None:
        refused = self._refused.get(instrument_id)
        if refused is not None:
            detail = f"instrument {instrument_id} was refused ({refused.place}: {refused.detail})"
            return Problem(place, account_id, refused.reason, detail, instrument_id)
        if self._engine.instrument_slots([instrument_id])[0] >= 0:
            return None
        detail = f"instrument {instrument_id} is not among the instruments"
        return Problem(place, account_id, Reason.UNKNOWN_INSTRUMENT, detail, instrument_id)

    def untradable(self, place: str, account_id: str, instrument_id: str, silo: str | None) -> Problem | None:
        """A reference level, a product without a silo, or one that no rulebook margins in the silo named."""
        slot = int(self._engine.instrument_slots([instrument_id])[0])
        product = self._engine.market.instruments[slot].product
        index = int(self._engine.silo_of_instrument[slot]) if silo is None else SILO_INDEX[silo]
        if index >= 0 and self._engine.policy.assignment(SILOS[index], product) is not None:
            return None
        where = f"in silo {SILOS[index]}" if index >= 0 else "as a position"
        detail = f"instrument {instrument_id} ({product}) cannot be held {where}"
        return Problem(place, account_id, Reason.NO_RULEBOOK, detail, instrument_id)

    def opening(self, place: str, record: PositionsRecord) -> PositionsRecord | None:
        account_id = record.account_id
        if self._fails(self.unknown_account(place, account_id)):
            return None
        positions = tuple(
            position
            for index, position in enumerate(record.positions)
            if not self._fails(
                self._position(
                    f"{place}.positions[{index}]", account_id, position.instrument_id, position.silo
                )
            )
        )
        collateral = tuple(
            asset
            for index, asset in enumerate(record.collateral)
            if not self._fails(
                self.unknown_instrument(f"{place}.collateral[{index}]", account_id, asset.instrument_id)
            )
        )
        return record.model_copy(update={"positions": positions, "collateral": collateral})

    def _position(self, place: str, account_id: str, instrument_id: str, silo: str | None) -> Problem | None:
        unknown = self.unknown_instrument(place, account_id, instrument_id)
        return unknown or self.untradable(place, account_id, instrument_id, silo)

    def entries(self, name: str, records: Sequence[R]) -> list[R]:
        """Trades or collateral movements that name what is known; the desks judge the rest."""
        return [
            record
            for index, record in enumerate(records)
            if not self._fails(self._entry(f"{name}[{index}]", record))
        ]

    def _entry(self, place: str, record: TradeRecord | CollateralRecord) -> Problem | None:
        unknown = self.unknown_account(place, record.account_id)
        if unknown is None and record.instrument_id is not None:
            unknown = self.unknown_instrument(place, record.account_id, record.instrument_id)
        return unknown
