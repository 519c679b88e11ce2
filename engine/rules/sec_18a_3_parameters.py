"""Parameters of SEC Rule 18a-3 standardized margin: the grid of credit default swaps and what offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.credit_pricing import BASIS_POINT
from engine.rules.header import SWAP_SILOS, rulebook_table


@dataclass(frozen=True, slots=True)
class Grid:
    """Deduction of protection sold, by what is left to maturity and by quoted spread.

    Attributes:
        months_at_most: started months, the upper bound of each maturity category but the last.
        spread_at_most_bp: whole basis points, the upper bound of each spread category but the last.
        rates: fraction of notional, ``[maturity category][spread category]``.
    """

    months_at_most: tuple[int, ...]
    spread_at_most_bp: tuple[int, ...]
    rates: tuple[tuple[float, ...], ...]

    def cell(self, months: int, spread: float) -> tuple[int, int]:
        """Maturity and spread category. The table is in whole basis points, so the spread is rounded to them."""
        basis_points = round(spread / BASIS_POINT)
        return (
            sum(months > bound for bound in self.months_at_most),
            sum(basis_points > bound for bound in self.spread_at_most_bp),
        )

    def label(self, maturity: int, spread: int) -> str:
        """As it stands in the table, e.g. ``49-60 months, 101-300 bp``."""
        return f"{_band(self.months_at_most, maturity)} months, {_band(self.spread_at_most_bp, spread)} bp"


def _band(bounds: tuple[int, ...], category: int) -> str:
    low = bounds[category - 1] + 1 if category else 0
    return f"{low}-{bounds[category]}" if category < len(bounds) else f"{low} or more"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        long_share: protection bought is charged this share of what it would be if sold.
        adjacent_maturities, adjacent_spreads: how many categories apart protection bought and sold on one entity may
            lie and still be paired: a pair is charged for its greater side only. 0 = not at all.
    """

    rulebook_id: str
    version: str
    silo: str
    grid: Grid
    long_share: float
    adjacent_maturities: int
    adjacent_spreads: int

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = ("credit_grid", "long_share", "adjacent_categories")
        header = rulebook_table(mapping, "sec-18a-3", silos=SWAP_SILOS, keys=keys)
        adjacent = header.table("adjacent_categories")
        adjacent.only("maturity", "spread")
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            grid=_grid(header.table("credit_grid")),
            long_share=header.stated("long_share").number("value", 0.0, 1.0),
            adjacent_maturities=adjacent.whole("maturity", 0, 50),
            adjacent_spreads=adjacent.whole("spread", 0, 50),
        )


def _grid(table: ParameterTable) -> Grid:
    table.only("spread_at_most_bp", "maturities")
    spreads = table.rising("spread_at_most_bp", 0, 100_000)
    rows = table.rows("maturities")
    for row in rows:
        row.only("months_at_most", "rates")
    months = tuple(row.whole("months_at_most", 1, 1_200) for row in rows[:-1])
    if rows[-1].has("months_at_most"):
        raise rows[-1].bad("months_at_most", "the last maturity category has no upper bound")
    for row, (shorter, longer) in zip(rows[1:-1], pairwise(months), strict=True):
        if longer <= shorter:
            raise row.bad("months_at_most", f"{longer} is not above the {shorter} of the category before")
    rates = tuple(tuple(row.numbers("rates", len(spreads) + 1, 0.0, 1.0)) for row in rows)
    for row, cells in zip(rows, rates, strict=True):
        if any(wider < tighter for tighter, wider in pairwise(cells)):
            raise row.bad("rates", f"{list(cells)} falls with the spread")
    for row, (upper, lower) in zip(rows[1:], pairwise(rates), strict=True):
        if any(longer < shorter for shorter, longer in zip(upper, lower, strict=True)):
            raise row.bad("rates", f"{list(lower)} falls below the shorter maturity's {list(upper)}")
    return Grid(months, spreads, rates)
