"""All accounts' figures as columns of whole cents, with running totals that stay exact."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILO_INDEX, SILOS
from engine.shortfall.gap import (
    ADD_ON,
    CAP_TOP_UP,
    FLOOR_TOP_UP,
    NETTING,
    OUTSIDE,
    RULEBOOK_EFFECT,
    ZERO_FLOOR,
)
from streams.contracts.results import RequirementStatement
from streams.web.money import cents

SILO_TERMS: Final = (RULEBOOK_EFFECT, NETTING, OUTSIDE)
ACCOUNT_TERMS: Final = (ZERO_FLOOR, ADD_ON, CAP_TOP_UP, FLOOR_TOP_UP)
_SILOS: Final = tuple(silo.value for silo in SILOS)
COLUMNS: Final = (
    *(f"maintenance:{silo}" for silo in _SILOS),
    *(f"equity:{silo}" for silo in _SILOS),
    *("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess"),
    *("in_silo_deficit", "in_unified_deficit", "stale", "incomplete", "price_age_ms"),
    *("frozen", "intraday_deficit"),
    *(f"{term}:{silo}" for term in SILO_TERMS for silo in _SILOS),
    *ACCOUNT_TERMS,
)
COLUMN: Final = {name: place for place, name in enumerate(COLUMNS)}
_FIRST_CAPACITY: Final = 256

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


def row_of(statement: RequirementStatement) -> Int64s:
    """int64[columns] of one statement: USD amounts in cents, flags 0 or 1, price age in milliseconds."""
    row = np.zeros(len(COLUMNS), np.int64)
    for silo in statement.silos:
        row[COLUMN[f"maintenance:{silo.silo}"]] += cents(silo.maintenance)
        row[COLUMN[f"equity:{silo.silo}"]] += cents(silo.equity)
    gap, quality = statement.gap, statement.quality
    for name in ("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess"):
        row[COLUMN[name]] = cents(getattr(gap, name))
    row[COLUMN["in_silo_deficit"]] = gap.silo_deficit > 0
    row[COLUMN["in_unified_deficit"]] = gap.unified_deficit > 0
    row[COLUMN["stale"]] = quality.stale
    row[COLUMN["incomplete"]] = bool(quality.incomplete)
    if statement.intraday is not None:
        row[COLUMN["frozen"]] = statement.intraday.frozen
        owed = statement.intraday.deficit_today > 0 or statement.intraday.open_deficits > 0
        row[COLUMN["intraday_deficit"]] = owed
    row[COLUMN["price_age_ms"]] = quality.oldest_price_age_ms
    for term in gap.terms:
        if is_gap_term(term.name):
            row[COLUMN[term.name]] += cents(term.amount)
    return row


def is_gap_term(name: str) -> bool:
    """Whether a term of a statement's gap has a column of its own."""
    kind, _, silo = name.partition(":")
    return (kind in SILO_TERMS and silo in SILO_INDEX) or name in ACCOUNT_TERMS


def utilisation_of(statement: RequirementStatement) -> float:
    """Maintenance over equity of the worst silo; infinite where a requirement stands on no equity."""
    if statement.utilisation is not None:
        return statement.utilisation
    uncovered = any(silo.equity < 0 or silo.maintenance > 0 for silo in statement.silos)
    return float("inf") if uncovered else 0.0


class AccountColumns:
    """One row per account in stable slots; a removed account's slot is used again.

    Attributes:
        count: slots in use, removed ones included.
        values: int64[capacity, columns], see ``COLUMNS``.
        utilisation: float64[capacity].
        totals: int64[columns], sum over accounts, kept exact by adding differences.
    """

    def __init__(self) -> None:
        self.count = 0
        self.values: Int64s = np.zeros((_FIRST_CAPACITY, len(COLUMNS)), np.int64)
        self.utilisation: Float64s = np.zeros(_FIRST_CAPACITY)
        self.present: NDArray[np.bool_] = np.zeros(_FIRST_CAPACITY, np.bool_)
        self.totals: Int64s = np.zeros(len(COLUMNS), np.int64)
        self._free: list[int] = []

    def add(self) -> int:
        """A slot for a new account."""
        slot = self._free.pop() if self._free else self.count
        self.count = max(self.count, slot + 1)
        if slot >= len(self.values):
            self._double()
        self.present[slot] = True
        return slot

    def put(self, slot: int, row: Int64s, utilisation: float) -> None:
        """Replace the figures of an account."""
        self.totals += row - self.values[slot]
        self.values[slot] = row
        self.utilisation[slot] = utilisation

    def remove(self, slot: int) -> None:
        """Take an account out."""
        self.put(slot, np.zeros(len(COLUMNS), np.int64), 0.0)
        self.present[slot] = False
        self._free.append(slot)

    def total(self, name: str) -> int:
        """Sum of a column over all accounts."""
        return int(self.totals[COLUMN[name]])

    def largest(self, name: str) -> int:
        """Largest value of a column; 0 without accounts."""
        return int(self.values[: self.count, COLUMN[name]].max(initial=0))

    def ranked(self, sort: str, slots: Int64s) -> Int64s:
        """The slots, worst first; ties by utilisation, then by the size of the gap.

        Args:
            sort: ``deficit``, ``utilisation`` or ``gap``.
        """
        utilisation = -self.utilisation[slots]
        gap = -np.abs(self.values[slots, COLUMN["gap"]])
        deficit = -self.values[slots, COLUMN["silo_deficit"]]
        keys = {
            "deficit": (gap, utilisation, deficit),
            "utilisation": (gap, deficit, utilisation),
            "gap": (utilisation, deficit, gap),
        }[sort]
        ordered: Int64s = slots[np.lexsort(keys)]
        return ordered

    def _double(self) -> None:
        self.values = np.concatenate([self.values, np.zeros_like(self.values)])
        self.utilisation = np.concatenate([self.utilisation, np.zeros_like(self.utilisation)])
        self.present = np.concatenate([self.present, np.zeros_like(self.present)])
