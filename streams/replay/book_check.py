"""What of a book cannot be margined: taken out and named, so that the rest still can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from engine.base.errors import Reason
from engine.market.instruments import SILO_INDEX, SILOS
from engine.state.engine import Engine
from streams.contracts.activity import (
    CollateralRecord,
    OpeningCollateral,
    OpeningPosition,
    PositionsRecord,
    TradeRecord,
)
from streams.contracts.base import Message
from streams.inbound.entries import worthless
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


@dataclass(frozen=True, slots=True)
class UsablePart:
    """A book without what the engine could not take.

    Attributes:
        problems: leave an account's figures incomplete. notes: hurt no figure.
        places: where a record of this book stood in the whole one, e.g. ``trades[0]`` -> ``trades[2]``.
    """

    book: Book
    problems: list[Problem]
    notes: list[Problem]
    places: dict[str, str]


def usable_part(engine: Engine, book: Book, refused: Mapping[str, Problem]) -> UsablePart:
    """Take out and name what cannot be used.

    Args:
        engine: holds the book's reference data already.
        refused: problems of instruments, by instrument_id; those that the engine knows are refused all the same.
    """
    check = _Check(engine, refused)
    notes: list[Problem] = []
    kept: dict[str, list[tuple[int, Message]]] = {
        "positions": [
            (i, r)
            for i, record in enumerate(book.positions)
            if (r := check.opening(f"positions[{i}]", record)) is not None
        ],
        "trades": check.entries("trades", book.trades),
        "collateral": check.entries("collateral", book.collateral),
        "prices": [],
    }
    for index, price in enumerate(book.prices):
        problem = check.unknown_instrument(f"prices[{index}]", "", price.instrument_id)
        if problem is None:
            kept["prices"].append((index, price))
        else:
            notes.append(problem)
    places = {
        f"{name}[{now}]": f"{name}[{before}]"
        for name, records in kept.items()
        for now, (before, _) in enumerate(records)
    }
    update = {name: tuple(record for _, record in records) for name, records in kept.items()}
    return UsablePart(book.model_copy(update=update), check.problems, notes, places)


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
        owner = self._engine.account_slots([account_id])
        default = int(self._engine.default_silos(owner, np.array([slot]))[0])
        index = default if silo is None else SILO_INDEX[silo]
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
            if not self._fails(self._position(f"{place}.positions[{index}]", account_id, position))
        )
        collateral = tuple(
            asset
            for index, asset in enumerate(record.collateral)
            if not self._fails(
                self.unknown_instrument(f"{place}.collateral[{index}]", account_id, asset.instrument_id)
                or self.unsegregated(f"{place}.collateral[{index}]", account_id, asset)
            )
        )
        return record.model_copy(update={"positions": positions, "collateral": collateral})

    def _position(self, place: str, account_id: str, position: OpeningPosition) -> Problem | None:
        name = position.instrument_id
        unknown = self.unknown_instrument(place, account_id, name)
        return (
            unknown
            or self.untradable(place, account_id, name, position.silo)
            or self._free(place, account_id, position)
        )

    def _free(self, place: str, account_id: str, position: OpeningPosition) -> Problem | None:
        """An inverse contract enters at its reference price: multiplier / price coins."""
        name = position.instrument_id
        slot = int(self._engine.instrument_slots([name])[0])
        if not self._engine.market.inverse[slot] or position.reference_price > 0.0:
            return None
        return Problem(place, account_id, *worthless("reference_price", position.reference_price, name), name)

    def unsegregated(self, place: str, account_id: str, asset: OpeningCollateral) -> Problem | None:
        """Kept where the silo's property is not apart."""
        if self._engine.policy.collateral.limits.segregated(asset.location, asset.silo):
            return None
        detail = f"{asset.instrument_id} at {asset.location!r} is not segregated for silo {asset.silo}"
        return Problem(place, account_id, Reason.NOT_SEGREGATED, detail, asset.instrument_id)

    def entries(self, name: str, records: Sequence[R]) -> list[tuple[int, Message]]:
        """Trades or collateral movements that name what is known, with their index; the desks judge the rest."""
        return [
            (index, record)
            for index, record in enumerate(records)
            if not self._fails(self._entry(f"{name}[{index}]", record))
        ]

    def _entry(self, place: str, record: TradeRecord | CollateralRecord) -> Problem | None:
        unknown = self.unknown_account(place, record.account_id)
        named = [record.instrument_id, getattr(record, "released_instrument_id", None)]
        for instrument_id in named:
            if unknown is None and instrument_id is not None:
                unknown = self.unknown_instrument(place, record.account_id, instrument_id)
        return unknown
