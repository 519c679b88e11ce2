"""Parameters of strategy-based margin: rates of stocks, debt and options, and the readings of open texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table
from engine.rules.strategy.debt_parameters import DEBT_KEYS, DebtRates, debt_rates

EVERY, PAIRWISE = "every", "pairwise"
TEXT, EXERCISE = "text", "exercise"
RIGHTS = ("call", "put")


@dataclass(frozen=True, slots=True)
class StockRates:
    """Shares of the market value; those of a short position stand beside its buy-back cost.

    Attributes:
        short_least, low_short_least: USD a share, from ``low_price`` up and below it.
    """

    long_initial: float
    long_maintenance: float
    short_initial: float
    short_maintenance: float
    short_least: float
    low_price: float
    low_short_rate: float
    low_short_least: float
    non_margin: float
    scale_by_leverage: bool


@dataclass(frozen=True, slots=True)
class OptionRates:
    """Rates of short options, of long ones with loan value, and of stock hedged by options."""

    rate: float
    broad_rate: float
    floor: float
    loan_beyond_months: int
    long_term_rate: float
    hedged_exercise: float
    collar_exercise: float
    long_box: float


@dataclass(frozen=True, slots=True)
class FutureRates:
    """Of security futures.

    Attributes:
        rate: share of the contract's value, alone.
        stock_rate: share of the stock's value, against stock.
        calendar_rate: share of the more valuable contract's value, against another one.
        protected_by: by right of a long option beside a contract, share of its exercise price.
        covers: rights of short options that a contract may stand with.
    """

    rate: float
    stock_rate: float
    calendar_rate: float
    protected_by: Mapping[str, float]
    covers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Readings:
    """How texts that leave something open are read; see the parameter file."""

    spread_expiries: str
    reverse_conversion: str
    protective_call: str
    short_stock_with_long_call_initial: float
    covering_call_in_the_money_initial: bool


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file."""

    rulebook_id: str
    version: str
    minimum_equity_usd: float
    stock: StockRates
    debt: DebtRates
    option: OptionRates
    future: FutureRates
    readings: Readings

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = (
            "minimum_equity", "long_stock", "short_stock", "non_margin_long", "scale_by_leverage", *DEBT_KEYS,
            "short_option", "long_option", "hedged_stock", "long_box_european", "security_future", "reading",
        )  # fmt: skip
        header = rulebook_table(mapping, "reg-t", silos=(Silo.SECURITIES,), keys=keys)
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            minimum_equity_usd=header.stated("minimum_equity").number("value", 0.0, 1e6),
            stock=_stock(header),
            debt=debt_rates(header),
            option=_option(header),
            future=_future(header.table("security_future")),
            readings=_readings(header.table("reading")),
        )


def _stock(header: ParameterTable) -> StockRates:
    long, short = header.table("long_stock"), header.table("short_stock")
    long.only("initial", "maintenance")
    short.only(
        "initial",
        "maintenance",
        "least_per_share",
        "low_price",
        "low_price_rate",
        "low_price_least_per_share",
    )
    return StockRates(
        long_initial=long.number("initial", long.number("maintenance", 0.0, 1.0), 1.0),
        long_maintenance=long.number("maintenance", 0.0, 1.0),
        short_initial=short.number("initial", 0.0, 2.0),
        short_maintenance=short.number("maintenance", 0.0, 2.0),
        short_least=short.number("least_per_share", 0.0, 100.0),
        low_price=short.number("low_price", 0.0, 100.0),
        low_short_rate=short.number("low_price_rate", 0.0, 2.0),
        low_short_least=short.number("low_price_least_per_share", 0.0, 100.0),
        non_margin=header.stated("non_margin_long").number("value", 0.0, 1.0),
        scale_by_leverage=header.stated("scale_by_leverage").flag("value"),
    )


def _option(header: ParameterTable) -> OptionRates:
    short, long, hedged = (header.table(key) for key in ("short_option", "long_option", "hedged_stock"))
    short.only("rate", "broad_rate", "floor")
    long.only("loan_beyond_months", "long_term_rate")
    hedged.only("exercise_rate", "collar_rate")
    return OptionRates(
        rate=short.number("rate", 0.0, 1.0),
        broad_rate=short.number("broad_rate", 0.0, 1.0),
        floor=short.number("floor", 0.0, 1.0),
        loan_beyond_months=long.whole("loan_beyond_months", 1, 120),
        long_term_rate=long.number("long_term_rate", 0.0, 1.0),
        hedged_exercise=hedged.number("exercise_rate", 0.0, 1.0),
        collar_exercise=hedged.number("collar_rate", 0.0, 1.0),
        long_box=header.stated("long_box_european").number("value", 0.0, 1.0),
    )


def _future(table: ParameterTable) -> FutureRates:
    table.only("rate", "stock_rate", "calendar_rate", "with")
    rate = table.number("rate", 0.0, 1.0)
    rows = table.table("with")
    rows.only(*(f"{side}_{right}" for side in ("long", "short") for right in RIGHTS))
    long, short = ({right: rows.table(f"{side}_{right}") for right in RIGHTS} for side in ("long", "short"))
    for row in long.values():
        row.only("permitted", "exercise_rate")
    for row in short.values():
        row.only("permitted")
    return FutureRates(
        rate,
        table.number("stock_rate", 0.0, 1.0),
        table.number("calendar_rate", 0.0, rate),
        {
            right: row.number("exercise_rate", 0.0, 1.0)
            for right, row in long.items()
            if row.flag("permitted")
        },
        frozenset(right for right, row in short.items() if row.flag("permitted")),
    )


def _readings(table: ParameterTable) -> Readings:
    table.only(*Readings.__slots__)
    return Readings(
        spread_expiries=table.stated("spread_expiries").text("value", choices=(EVERY, PAIRWISE)),
        reverse_conversion=table.stated("reverse_conversion").text("value", choices=(TEXT, EXERCISE)),
        protective_call=table.stated("protective_call").text("value", choices=(TEXT, EXERCISE)),
        short_stock_with_long_call_initial=table.stated("short_stock_with_long_call_initial").number(
            "value", 0.0, 2.0
        ),
        covering_call_in_the_money_initial=table.stated("covering_call_in_the_money_initial").flag("value"),
    )
