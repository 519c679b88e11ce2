"""Rates of FINRA Rule 4210(e)(2) for debt, and the parameter file of debt in portfolio margin accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table

DEBT_KEYS = ("treasury", "zero_coupon", "investment_grade", "other_debt", "municipal")


@dataclass(frozen=True, slots=True)
class DebtRates:
    """Shares of the market value, or of the principal where the name says so.

    Attributes:
        treasury: months to maturity (below) and the rate, ascending; the last rate is that of everything longer.
        zero_coupon_months: from so many months on a Treasury without coupon is asked no less than
            ``zero_coupon_principal``.
    """

    treasury: tuple[tuple[int, float], ...]
    zero_coupon_months: int
    zero_coupon_principal: float
    investment_grade: float
    other_market: float
    other_principal: float
    municipal: float


@dataclass(frozen=True, slots=True)
class DebtParameters:
    """The dated content of the file ``finra-4210-debt``."""

    rulebook_id: str
    version: str
    rates: DebtRates

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> DebtParameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        header = rulebook_table(mapping, "finra-4210-debt", silos=(Silo.SECURITIES,), keys=DEBT_KEYS)
        return cls(header.text("rulebook_id"), header.text("version"), debt_rates(header))


def debt_rates(header: ParameterTable) -> DebtRates:
    """The rates of a parameter file that has the keys ``DEBT_KEYS``.

    Raises:
        MarginError: BAD_PARAMETER naming the parameter's path and the offending value.
    """
    other, zero = header.table("other_debt"), header.table("zero_coupon")
    other.only("market_rate", "principal_rate")
    zero.only("from_years", "principal_rate")
    bands: list[tuple[int, float]] = []
    for row in header.rows("treasury"):
        row.only("years_below", "rate")
        months = _months(row, "years_below")
        if bands and months <= bands[-1][0]:
            raise row.bad("years_below", "is not above that of the band before")
        bands.append((months, row.number("rate", bands[-1][1] if bands else 0.0, 1.0)))
    return DebtRates(
        treasury=tuple(bands),
        zero_coupon_months=_months(zero, "from_years"),
        zero_coupon_principal=zero.number("principal_rate", 0.0, 1.0),
        investment_grade=header.stated("investment_grade").number("value", 0.0, 1.0),
        other_market=other.number("market_rate", 0.0, 1.0),
        other_principal=other.number("principal_rate", 0.0, 1.0),
        municipal=header.stated("municipal").number("value", 0.0, 1.0),
    )


def _months(table: ParameterTable, key: str) -> int:
    """Years as whole months, since maturities are told apart on the calendar."""
    months = 12.0 * table.number(key, 0.0, 100.0)
    if abs(months - round(months)) > 1e-9:
        raise table.bad(key, f"{months / 12.0:g} years are no whole number of months")
    return round(months)
