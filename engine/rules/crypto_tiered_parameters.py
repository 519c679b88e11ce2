"""Parameters of tiered crypto margin: one schedule per venue and contract family."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import SILOS
from engine.rules.header import rulebook_table

PPM: Final = 1_000_000
# A deduction is published in cents at best, so the tiers meet to the cent and not closer; one in coins is exact.
DEDUCTION_TOLERANCE_USD: Final = 0.01
_DEDUCTION_TOLERANCE_COIN: Final = 1e-9
_LARGEST_USD: Final = 1e15
_CURRENCY_LENGTH: Final = 3
USD: Final = "USD"
# Sums of float64 notionals carry relative noise up to 1e-9. A notional on a bound must not change its tier
# with the order of trades, so one that close below the bound has reached it.
_NOISE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Tier:
    """What applies from ``lower_bound`` (included) to the next tier's bound (excluded); amounts in the schedule's unit.

    Attributes:
        initial_rate: 1 / maximum leverage, on the whole notional.
        maintenance_rate, deduction: maintenance = notional * rate - deduction.
    """

    lower_bound: float
    initial_rate: float
    maintenance_rate: float
    deduction: float

    @property
    def reached_at(self) -> float:
        """The notional from which the tier applies: its bound less float noise."""
        return self.lower_bound * (1.0 - _NOISE)


@dataclass(frozen=True, slots=True)
class OpenInterestScaling:
    """An initial fraction that grows from its base to 1 between two caps of the market's open interest."""

    base_initial_ppm: int
    maintenance_fraction_ppm: int
    open_interest_usd: float
    lower_cap_usd: float
    upper_cap_usd: float

    def at(self, open_interest_usd: float) -> OpenInterestScaling:
        """The same with the market's own open interest; 0 = not known: this one's stands."""
        return replace(self, open_interest_usd=open_interest_usd) if open_interest_usd > 0.0 else self

    def effective_initial(self) -> Fraction:
        """base + (1 - base) * clamp((open interest - lower) / (upper - lower)); upper cap 0 turns it off."""
        base = Fraction(self.base_initial_ppm, PPM)
        if self.upper_cap_usd == 0.0 or self.open_interest_usd <= self.lower_cap_usd:
            return base
        if self.open_interest_usd >= self.upper_cap_usd:
            return Fraction(1)
        lower = Fraction(self.lower_cap_usd)
        share = (Fraction(self.open_interest_usd) - lower) / (Fraction(self.upper_cap_usd) - lower)
        return base + (1 - base) * share

    def adjusted_initial_ppm(self) -> int:
        """The effective initial fraction as the venue displays it: whole parts per million, rounded down."""
        return math.floor(self.effective_initial() * PPM)

    def maintenance(self) -> Fraction:
        """Base initial fraction * maintenance fraction: open interest does not raise maintenance."""
        return Fraction(self.base_initial_ppm, PPM) * Fraction(self.maintenance_fraction_ppm, PPM)

    def maintenance_ppm(self) -> int:
        """The maintenance fraction of notional as the venue displays it, rounded down."""
        return math.floor(self.maintenance() * PPM)


@dataclass(frozen=True, slots=True)
class OptionRates:
    """What one option sold costs, as shares of the price of its underlying.

    Attributes:
        initial_rate: less the amount out of the money, at least ``initial_floor_rate``.
        maintenance_rate: of the underlying's price; for a put of the option's own value, if that is more.
    """

    initial_rate: float
    initial_floor_rate: float
    maintenance_rate: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tiers of one contract family of one venue, lowest first; or the rates of its options.

    Attributes:
        unit: ``USD``, or the coin that the venue states tiers of its coin-margined (inverse) contracts in.
        maximum_notional: largest position the venue lets one open; infinite where it names none. A
            position that grew beyond it stays in the last tier.
        rounding_usd: requirements round up to a multiple of it; 0 = not rounded.
        scaling: where a schedule of kind ``open_interest`` has its rates from.
        option: of a schedule of kind ``option``, which has no tiers.
    """

    name: str
    tiers: tuple[Tier, ...]
    maximum_notional: float = math.inf
    rounding_usd: float = 0.0
    scaling: OpenInterestScaling | None = None
    option: OptionRates | None = None
    unit: str = USD


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file."""

    rulebook_id: str
    version: str
    silo: str
    schedules: Mapping[str, Schedule]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the schedule, the tier and the offending value.
        """
        header = rulebook_table(mapping, "crypto-tiered", silos=SILOS, keys=("schedules",))
        schedules = header.tables("schedules")
        for name in schedules:
            if "/" in name:
                raise header.bad(f"schedules.{name}", "a schedule's name must not contain '/'")
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            schedules={name: _schedule(name, table) for name, table in schedules.items()},
        )


def _schedule(name: str, table: ParameterTable) -> Schedule:
    read = {"tiered": _tiered, "coin": _in_coin, "open_interest": _open_interest, "option": _option}
    return read[table.text("kind", choices=tuple(read))](name, table)


def _option(name: str, table: ParameterTable) -> Schedule:
    table.only("kind", "initial_rate", "initial_floor_rate", "maintenance_rate")
    floor = table.number("initial_floor_rate", 1e-6, 1.0)
    rates = OptionRates(
        initial_rate=table.number("initial_rate", floor, 1.0),
        initial_floor_rate=floor,
        maintenance_rate=table.number("maintenance_rate", 1e-6, floor),
    )
    return Schedule(name, (), option=rates)


def _open_interest(name: str, table: ParameterTable) -> Schedule:
    table.only(
        "kind", "base_initial_ppm", "maintenance_fraction_ppm", "open_interest_usd",
        "lower_cap_usd", "upper_cap_usd", "rounding_usd",
    )  # fmt: skip
    scaling = OpenInterestScaling(
        base_initial_ppm=table.whole("base_initial_ppm", 1, PPM),
        maintenance_fraction_ppm=table.whole("maintenance_fraction_ppm", 1, PPM),
        open_interest_usd=table.number("open_interest_usd", 0.0, _LARGEST_USD),
        lower_cap_usd=table.number("lower_cap_usd", 0.0, _LARGEST_USD),
        upper_cap_usd=table.number("upper_cap_usd", 0.0, _LARGEST_USD),
    )
    if scaling.lower_cap_usd > scaling.upper_cap_usd:
        raise table.bad("lower_cap_usd", f"{scaling.lower_cap_usd:g} is above the upper cap")
    if scaling.maintenance() == 1:
        raise table.bad("maintenance_fraction_ppm", "maintenance would be the whole notional")
    tier = Tier(0.0, float(scaling.effective_initial()), float(scaling.maintenance()), 0.0)
    return Schedule(name, (tier,), rounding_usd=table.number("rounding_usd", 0.0, 1.0), scaling=scaling)


def _tiered(name: str, table: ParameterTable) -> Schedule:
    table.only("kind", "tiers", "maintenance_share_of_initial", "maximum_notional_usd")
    return _in_tiers(name, table, USD, "usd", DEDUCTION_TOLERANCE_USD)


def _in_coin(name: str, table: ParameterTable) -> Schedule:
    table.only("kind", "coin", "tiers", "maintenance_share_of_initial", "maximum_notional_coin")
    coin = table.text("coin")
    if coin == USD or len(coin) != _CURRENCY_LENGTH:
        raise table.bad("coin", f"{coin!r} is not the three letter code of a coin")
    return _in_tiers(name, table, coin, "coin", _DEDUCTION_TOLERANCE_COIN)


def _in_tiers(name: str, table: ParameterTable, unit: str, suffix: str, tolerance: float) -> Schedule:
    tiers: list[Tier] = []
    for row in table.rows("tiers"):
        tiers.append(_tier(table, row, tiers[-1] if tiers else None, suffix, tolerance))
    key = f"maximum_notional_{suffix}"
    if not table.has(key):
        return Schedule(name, tuple(tiers), unit=unit)
    maximum = table.number(key, 0.0, _LARGEST_USD)
    if maximum <= tiers[-1].lower_bound:
        raise table.bad(key, f"{maximum:g} lies below the last tier")
    return Schedule(name, tuple(tiers), maximum_notional=maximum, unit=unit)


def _tier(
    table: ParameterTable, row: ParameterTable, below: Tier | None, suffix: str, tolerance: float
) -> Tier:
    """One tier, checked against the one below it: rates rise, and maintenance is continuous at the bound."""
    bound_key, deduction_key = f"from_{suffix}", f"deduction_{suffix}"
    row.only(bound_key, "max_leverage", "maintenance_rate", deduction_key)
    initial_rate = 1.0 / row.number("max_leverage", 1.0, 1000.0)
    maintenance_rate = _maintenance_rate(table, row, initial_rate)
    lower_bound = row.number(bound_key, 0.0, _LARGEST_USD)
    if below is None:
        if lower_bound != 0.0:
            raise row.bad(bound_key, f"{lower_bound:g}: the first tier begins at 0")
        expected = 0.0
    else:
        if lower_bound <= below.lower_bound:
            raise row.bad(bound_key, f"{lower_bound:g} is not above the tier before")
        if initial_rate <= below.initial_rate:
            raise row.bad("max_leverage", "is not below that of the tier before")
        if maintenance_rate <= below.maintenance_rate:
            raise row.bad("maintenance_rate", f"{maintenance_rate:g} is not above that of the tier before")
        expected = below.deduction + lower_bound * (maintenance_rate - below.maintenance_rate)
    deduction = row.number(deduction_key, 0.0, _LARGEST_USD, default=expected)
    if abs(deduction - expected) > tolerance:
        raise row.bad(
            deduction_key,
            f"{deduction:.10g} is not deduction of the tier before + bound x rise of rate = {expected:.10g}",
        )
    return Tier(lower_bound, initial_rate, maintenance_rate, deduction)


def _maintenance_rate(table: ParameterTable, row: ParameterTable, initial_rate: float) -> float:
    """The tier's own rate, or the schedule's share of the initial rate; one of them, not both."""
    if table.has("maintenance_share_of_initial"):
        if row.has("maintenance_rate"):
            raise row.bad("maintenance_rate", "stands beside maintenance_share_of_initial; give one of them")
        return initial_rate * table.number("maintenance_share_of_initial", 0.01, 0.99)
    rate = row.number("maintenance_rate", 1e-6, 0.9999)
    if rate > initial_rate:
        raise row.bad("maintenance_rate", f"{rate:g} is above the initial rate {initial_rate:g}")
    return rate
