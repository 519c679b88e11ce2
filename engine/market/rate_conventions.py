"""How the swaps of an interest rate curve are made: data, one table a curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable

OVERNIGHT, TERM = "overnight", "term"


@dataclass(frozen=True, slots=True)
class RateConvention:
    """A curve's name and the terms of the swaps that are quoted on it.

    Attributes:
        curve_id: what quotes and swaps name as their underlying, e.g. ``USD-SOFR``.
        index: ``overnight`` (compounded over each period) or ``term`` (fixed at its start).
        fixed_months, floating_months: length of a period of either leg.
        fixed_day_count: 360 or 365 (actual days over it), or 30 (30/360). floating_day_count: 360 or 365.
        spot_days: weekdays from trade to start. payment_lag_days: weekdays from the end of a period to its payment.
        discount_curve: whose discount factors value the swap; the curve itself where it is overnight.
    """

    curve_id: str
    currency: str
    index: str
    fixed_months: int
    floating_months: int
    fixed_day_count: int
    floating_day_count: int
    spot_days: int
    payment_lag_days: int
    discount_curve: str

    @property
    def is_term(self) -> bool:
        return self.index == TERM


def conventions_of(mapping: Mapping[str, Any]) -> dict[str, RateConvention]:
    """The conventions of a parsed ``curves.toml``, by curve; a curve stands after the one that discounts it.

    Raises:
        MarginError: BAD_PARAMETER naming curve, key and value.
    """
    known: dict[str, RateConvention] = {}
    top = ParameterTable("curves", mapping)
    top.only("curve")
    for curve_id, table in top.tables("curve", fewest=0).items():
        known[curve_id] = _convention(curve_id, table, known)
    return known


def _convention(curve_id: str, table: ParameterTable, known: Mapping[str, RateConvention]) -> RateConvention:
    table.only(
        "currency", "index", "fixed_months", "floating_months", "fixed_day_count", "floating_day_count", "spot_days",
        "payment_lag_days", "discount_curve",
    )  # fmt: skip
    index = table.text("index", choices=(OVERNIGHT, TERM))
    discount_curve = table.text("discount_curve") if index == TERM else curve_id
    if index == TERM and discount_curve not in known:
        raise table.bad("discount_curve", f"{discount_curve!r} is not a curve that stands before this one")
    if index == TERM and known[discount_curve].currency != table.text("currency"):
        raise table.bad("discount_curve", f"{discount_curve!r} is in another currency")
    if index == OVERNIGHT and table.has("discount_curve"):
        raise table.bad("discount_curve", "an overnight curve discounts itself")
    return RateConvention(
        curve_id=curve_id,
        currency=table.text("currency"),
        index=index,
        fixed_months=table.whole("fixed_months", 1, 12),
        floating_months=table.whole("floating_months", 1, 12),
        fixed_day_count=_day_count(table, "fixed_day_count", (30, 360, 365)),
        floating_day_count=_day_count(table, "floating_day_count", (360, 365)),
        spot_days=table.whole("spot_days", 0, 10),
        payment_lag_days=table.whole("payment_lag_days", 0, 10),
        discount_curve=discount_curve,
    )


def _day_count(table: ParameterTable, key: str, choices: tuple[int, ...]) -> int:
    value = table.whole(key, 1, 366)
    if value not in choices:
        raise table.bad(key, f"{value} is not {' or '.join(map(str, choices))}")
    return value


def convention_for(conventions: Mapping[str, RateConvention], curve_id: str, thing: str) -> RateConvention:
    """The convention of a curve.

    Raises:
        MarginError: BAD_INSTRUMENT naming ``thing`` and the curves there are.
    """
    if curve_id not in conventions:
        detail = f"curve {curve_id!r} (underlying) is none of {', '.join(sorted(conventions)) or 'no curves'}"
        raise MarginError(Reason.BAD_INSTRUMENT, thing, detail)
    return conventions[curve_id]
