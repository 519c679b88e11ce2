"""Marks in evidence: what is quoted is worth its quote, a repo what its own terms make of a bond."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import INVERSE
from streams.contracts.activity import PriceRecord
from streams.verify.histories import Event
from streams.verify.report import Kind, Report

_RELATIVE: Final = 1e-12
_PERIOD_MONTHS: Final = 6
_DAYS_PER_YEAR: Final = 360.0
_FROM_CURVES: Final = "interest_rate_swap"
Quotes = Mapping[tuple[str, int], PriceRecord]


def mark_of(price: PriceRecord) -> float:
    """The mark, else the mid, else the one side there is."""
    if price.mark is not None:
        return price.mark
    sides = [side for side in (price.bid, price.ask) if side is not None]
    return sum(sides) / len(sides)


def contract_value(settlement: str, multiplier: float, price: float) -> float:
    """What a contract costs at a price, in its currency: of an inverse one a negative amount of coins, nothing at 0."""
    if settlement != INVERSE:
        return multiplier * price
    return -multiplier / price if price else 0.0


def check_marks(evidence: Event, quotes: Quotes, report: Report) -> None:
    """Every mark of an evidence record; ``quotes``: by instrument and sequence."""
    records = {record["instrument_id"]: record for record in evidence["instruments"]}
    marks = {price["instrument_id"]: price["mark"] for price in evidence["prices"]}
    for price in evidence["prices"]:
        record, quote = (
            records[price["instrument_id"]],
            quotes.get((price["instrument_id"], price["sequence"])),
        )
        if record["product"] == "repo":
            ours = repo_mark(record, records, marks, evidence["valuation_time_ns"])
        elif record["product"] == _FROM_CURVES or quote is None:
            report.checked["marks without a quote" if quote is None else "marks of swaps"] += 1
            continue
        else:
            ours = mark_of(quote)
        report.checked["marks held against quotes"] += 1
        theirs = math.nan if price["mark"] is None else price["mark"]
        unknown = math.isnan(ours) and math.isnan(theirs)
        if not unknown and not math.isclose(ours, theirs, rel_tol=_RELATIVE):
            report.found(
                Kind.WRONG_MARK, evidence["place"],
                f"{evidence['event_id']}: {price['instrument_id']} is {theirs:.12g}, its quote gives {ours:.12g}",
            )  # fmt: skip


def repo_mark(
    repo: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    marks: Mapping[str, float | None],
    now_ns: int,
) -> float:
    """What the end leg of a repo is worth: the Treasury that comes back with its accrued interest, less the cash to be
    paid (simple interest, actual days over 360), in percent of principal; NaN without that Treasury's price.
    """
    bond = records.get(repo["underlying"])
    mark = marks.get(repo["underlying"])
    if bond is None or mark is None or bond["product"] != "treasury" or bond["currency"] != repo["currency"]:
        return math.nan
    today = _day(now_ns)
    days = max((_day(repo["expiry_ns"]) - today).days, 0)
    cash = float(repo["strike"]) / (1.0 + float(repo["coupon"]) * days / _DAYS_PER_YEAR)
    return mark + _accrued(bond, today) - cash


def _accrued(bond: Mapping[str, Any], today: date) -> float:
    """Half the coupon for the share of the half-year that has run; dates are counted back from maturity."""
    maturity, periods = _day(bond["expiry_ns"]), 0
    if maturity <= today:
        return 0.0
    start = following = maturity
    while start > today:
        periods += 1
        start, following = _months_before(maturity, _PERIOD_MONTHS * periods), start
    return float(50.0 * bond["coupon"] * (today - start).days / (following - start).days)


def _months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _day(time_ns: int) -> date:
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).date()
