"""Parameters of one combined commodity: scan ranges, tiers, inter-month spreads, delivery months, scaling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from engine.base.parameter_table import ParameterTable
from engine.portfolio.account_class import ACCOUNT_CLASSES
from engine.rules.span_rates import DatedRates, Rate, dated_rates

_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_FACTOR_BOUNDS: Final = {"risk_factor": (0.1, 10.0), "initial_factor": (1.0, 5.0)}
_SIDES: Final = {"A": 1.0, "B": -1.0}


@dataclass(frozen=True, slots=True)
class MonthLeg:
    """One side of an inter-month spread: deltas of a tier (from 1), or of one contract month (tier 0)."""

    tier: int
    month: str
    sign: float
    delta_per_spread: float

    @property
    def name(self) -> str:
        return self.month or f"tier {self.tier}"


@dataclass(frozen=True, slots=True)
class InterMonthSpread:
    """Charge per spread; legs of sign +1 and -1 stand on opposite sides of the market."""

    legs: tuple[MonthLeg, ...]
    charge_usd: float


@dataclass(frozen=True, slots=True)
class DeliveryMonth:
    """Charges of a contract month in delivery: per delta that spreads use, per delta that is left outright."""

    month: str
    spread_usd: float
    outright_usd: float


@dataclass(frozen=True, slots=True)
class MonthScan:
    """Scan ranges of a contract month that differ from its commodity's."""

    price_scan_usd: float
    volatility_scan: float


@dataclass(frozen=True, slots=True)
class Factors:
    """Scaling of one account class: maintenance = risk x ``risk``, initial = maintenance x ``initial``.

    ``follows``: the initial factor is the speculator's because nobody states another, also when that one changes.
    """

    risk: float
    initial: float
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Commodity:
    """A combined commodity: all futures and options that share one scan.

    Exactly one of ``price_scan_usd`` and ``price_scan_rate`` is positive.

    Attributes:
        contract_multiplier: of the standard contract, which deltas and USD rates refer to; other contracts
            (micros) scale by their multiplier.
        price_scan_usd: price scan range, USD per standard contract = its maintenance rate.
        price_scan_rate: the same as a fraction of the notional (price of the future x multiplier).
        volatility_scan: fraction of the implied volatility.
        month_scans: by contract month, where it has ranges of its own.
        short_option_minimum_usd: per short option on one standard contract.
        short_options_counted: ``sum`` of short calls and puts, or the ``greater`` of the two.
        factors: by account class, in the order of ``ACCOUNT_CLASSES``.
        tier_last_months: last contract month of each tier but the last, ``YYYY-MM``, ascending.
        inter_month: in the order in which the spreads are formed.
        delivery: contract months in delivery.
        rates: dated rates; from the first of them on they stand for the scan range and the initial factor of
            speculators.
    """

    name: str
    contract_multiplier: float
    price_scan_usd: float
    price_scan_rate: float
    volatility_scan: float
    month_scans: Mapping[str, MonthScan]
    short_option_minimum_usd: float
    short_options_counted: str
    factors: tuple[Factors, ...]
    tier_last_months: tuple[str, ...]
    inter_month: tuple[InterMonthSpread, ...]
    delivery: tuple[DeliveryMonth, ...]
    rates: DatedRates

    def tier(self, contract_month: str) -> int:
        """Tier, from 1, that a contract month belongs to."""
        return 1 + sum(contract_month > last for last in self.tier_last_months)

    def takes(self, leg: MonthLeg, contract_month: str) -> bool:
        """Whether a leg may use deltas of a contract month."""
        return contract_month == leg.month if leg.month else self.tier(contract_month) == leg.tier

    def with_rate(self, rate: Rate) -> Commodity:
        """The same with the rate of a day: maintenance is the scan range, initial the speculator's."""
        initial = rate.initial / rate.maintenance
        return replace(
            self,
            price_scan_usd=0.0 if rate.of_notional else rate.maintenance,
            price_scan_rate=rate.maintenance if rate.of_notional else 0.0,
            month_scans={},
            factors=tuple(replace(each, initial=initial) if each.follows else each for each in self.factors),
        )


def class_factors(*tables: ParameterTable) -> tuple[Factors, ...]:
    """Factors by account class: what the first of the tables says, else the next one.

    ``initial_factor`` and ``risk_factor`` (1 where nobody states it) are the speculator's, and of every class of
    which ``account_classes`` says nothing.
    """
    stated = [table.table("account_classes") for table in tables if table.has("account_classes")]
    for classes in stated:
        classes.only(*ACCOUNT_CLASSES[1:])
    speculator = Factors(
        risk=_first(tables, "risk_factor", 1.0),
        initial=_first(tables, "initial_factor", None),
        follows=True,
    )
    factors = [speculator]
    for name in ACCOUNT_CLASSES[1:]:
        own = [classes.table(name) for classes in stated if classes.has(name)]
        for table in own:
            table.only(*_FACTOR_BOUNDS)
        risk = _first(own, "risk_factor", speculator.risk)
        initial = _first(own, "initial_factor", speculator.initial)
        follows = not any(table.has("initial_factor") for table in own)
        factors.append(Factors(risk, initial, follows))
    return tuple(factors)


def _first(tables: Sequence[ParameterTable], key: str, default: float | None) -> float:
    """The figure of the first table that states it."""
    stating = [table for table in tables if table.has(key)]
    if stating or default is None:
        return (stating or tables)[0].number(key, *_FACTOR_BOUNDS[key])
    return default


def commodity_from(table: ParameterTable, name: str, header: ParameterTable) -> Commodity:
    """Read and check one commodity; what its table does not say of account classes the header does.

    Raises:
        MarginError: BAD_PARAMETER naming the path and the value.
    """
    table.only(
        "contract_multiplier", "price_scan_usd", "price_scan_rate", "volatility_scan", "month_scans",
        "short_option_minimum_usd", "short_options_counted", "risk_factor", "initial_factor", "account_classes",
        "tier_last_months", "inter_month", "delivery", "rates",
    )  # fmt: skip
    has_usd = table.has("price_scan_usd")
    if has_usd == table.has("price_scan_rate"):
        raise table.bad("price_scan_usd", "give exactly one of price_scan_usd and price_scan_rate")
    if table.has("month_scans") and (not has_usd or table.has("rates")):
        raise table.bad("month_scans", "stands beside price_scan_usd only, and not beside rates")
    volatility_scan = table.number("volatility_scan", 0.0, 0.99)
    months = _tier_last_months(table)
    scans = table.rows("month_scans", fewest=0) if table.has("month_scans") else []
    delivery = table.rows("delivery", fewest=0) if table.has("delivery") else []
    return Commodity(
        name=name,
        contract_multiplier=table.number("contract_multiplier", 1e-9, 1e9),
        price_scan_usd=table.number("price_scan_usd", 1e-6, 1e9) if has_usd else 0.0,
        price_scan_rate=0.0 if has_usd else table.number("price_scan_rate", 1e-6, 1.0),
        volatility_scan=volatility_scan,
        month_scans=_once(table, "month_scans", [_month_scan(row, volatility_scan) for row in scans]),
        short_option_minimum_usd=table.number("short_option_minimum_usd", 0.0, 1e6),
        short_options_counted=(
            table.text("short_options_counted", choices=("sum", "greater"))
            if table.has("short_options_counted")
            else "sum"
        ),
        factors=class_factors(table, header),
        tier_last_months=months,
        inter_month=tuple(_inter_month(row, months) for row in table.rows("inter_month", fewest=0)),
        delivery=tuple(
            _once(table, "delivery", [(each.month, each) for each in map(_delivery, delivery)]).values()
        ),
        rates=dated_rates(
            [_rate(row, has_usd) for row in table.rows("rates", fewest=0)] if table.has("rates") else [],
            name,
            of_notional=not has_usd,
        ),
    )


def _month(table: ParameterTable) -> str:
    month = table.text("month")
    if not _MONTH.fullmatch(month):
        raise table.bad("month", f"{month!r} is not a month YYYY-MM")
    return month


def _once(table: ParameterTable, key: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a mapping; a month may stand there once."""
    if len({month for month, _ in pairs}) != len(pairs):
        raise table.bad(key, "names one month twice")
    return dict(pairs)


def _month_scan(table: ParameterTable, volatility_scan: float) -> tuple[str, MonthScan]:
    table.only("month", "price_scan_usd", "volatility_scan")
    scan = MonthScan(
        table.number("price_scan_usd", 1e-6, 1e9),
        table.number("volatility_scan", 0.0, 0.99, default=volatility_scan),
    )
    return _month(table), scan


def _delivery(table: ParameterTable) -> DeliveryMonth:
    table.only("month", "spread_usd", "outright_usd")
    return DeliveryMonth(
        _month(table), table.number("spread_usd", 0.0, 1e7), table.number("outright_usd", 0.0, 1e7)
    )


def _rate(table: ParameterTable, in_usd: bool) -> tuple[date, float, float]:
    """In the unit of the commodity's scan range: USD per standard contract, or shares of its notional."""
    unit, most = ("usd", 1e9) if in_usd else ("rate", 5.0)
    initial, maintenance = f"initial_{unit}", f"maintenance_{unit}"
    table.only("from", initial, maintenance)
    day = table.day("from")
    return day, table.number(initial, 1e-6, most), table.number(maintenance, 1e-6, most)


def _tier_last_months(table: ParameterTable) -> tuple[str, ...]:
    if not table.has("tier_last_months"):
        return ()
    months = table.texts("tier_last_months", fewest=0)
    if any(not _MONTH.fullmatch(month) for month in months) or list(months) != sorted(months):
        raise table.bad("tier_last_months", f"{list(months)} are not ascending months YYYY-MM")
    return months


def _inter_month(table: ParameterTable, last_months: tuple[str, ...]) -> InterMonthSpread:
    """``tiers = [1, 2]`` is short for one delta of tier 1 against one of tier 2."""
    table.only("tiers", "legs", "charge_usd")
    tiers = len(last_months) + 1
    if table.has("tiers") == table.has("legs"):
        raise table.bad("legs", "give exactly one of tiers and legs")
    if table.has("tiers"):
        first, second = table.wholes("tiers", 2, 1, tiers)
        legs: tuple[MonthLeg, ...] = (MonthLeg(first, "", 1.0, 1.0), MonthLeg(second, "", -1.0, 1.0))
    else:
        legs = tuple(_month_leg(row, tiers) for row in table.rows("legs", fewest=2))
    for sign in _SIDES.values():
        side = [leg for leg in legs if leg.sign == sign]
        used = [leg.tier or 1 + sum(leg.month > last for last in last_months) for leg in side]
        doubled = {tier for tier in used if used.count(tier) > 1}
        months = {leg.month for leg in side if leg.month}
        overlap = any(leg.tier in doubled for leg in side if leg.tier)
        if not side or overlap or len(months) != sum(bool(leg.month) for leg in side):
            raise table.bad(
                "legs", "needs a leg on each of the sides A and B, and no delta on one side twice"
            )
    return InterMonthSpread(legs, table.number("charge_usd", 0.0, 1e7))


def _month_leg(table: ParameterTable, tiers: int) -> MonthLeg:
    table.only("tier", "month", "side", "delta_per_spread")
    if table.has("tier") == table.has("month"):
        raise table.bad("tier", "give exactly one of tier and month")
    return MonthLeg(
        tier=table.whole("tier", 1, tiers) if table.has("tier") else 0,
        month=_month(table) if table.has("month") else "",
        sign=_SIDES[table.text("side", choices=tuple(_SIDES))],
        delta_per_spread=table.number("delta_per_spread", 1e-6, 1e6),
    )
