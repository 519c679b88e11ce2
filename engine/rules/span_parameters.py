"""Parameters of the SPAN-type futures rulebook, checked: scan, commodities, spreads, published arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table
from engine.rules.span_rates import Rate

SCENARIOS: Final = 16
# Price move of each scenario in thirds of the price scan range and the direction of the volatility move, in
# the published order; the last two are the extreme moves, whose multiple and cover fraction are parameters.
REGULAR_THIRDS: Final = (0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3)
VOLATILITY_DIRECTIONS: Final = (1, -1) * 7 + (0, 0)
SCENARIO_NAMES: Final = (
    *(
        f"{number}: price {f'{thirds:+d}/3' if thirds else '0'}, volatility {'up' if number % 2 else 'down'}"
        for number, thirds in enumerate(REGULAR_THIRDS, 1)
    ),
    "15: price +extreme",
    "16: price -extreme",
)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Scan:
    """How the sixteen scenarios are made and weighted.

    Attributes:
        extreme_move_multiple: of the price scan range, in scenarios 15 and 16.
        extreme_cover_fraction: share of the extreme result that counts.
        delta_weights: of the slopes at 0, 1/3, 2/3 and 3/3 of the range (each sign alike) in the composite
            delta; only their proportions matter.
    """

    extreme_move_multiple: float
    extreme_cover_fraction: float
    delta_weights: tuple[float, float, float, float]

    @property
    def price_moves(self) -> tuple[float, ...]:
        """16 price moves as multiples of the price scan range."""
        multiple = self.extreme_move_multiple
        return (*(thirds / 3.0 for thirds in REGULAR_THIRDS), multiple, -multiple)

    @property
    def cover(self) -> tuple[float, ...]:
        """16 shares of the result that count."""
        return (1.0,) * len(REGULAR_THIRDS) + (self.extreme_cover_fraction,) * 2


@dataclass(frozen=True, slots=True)
class InterMonthSpread:
    """Charge per spread (one delta long in one tier against one short in the other); tiers count from 1."""

    first_tier: int
    second_tier: int
    charge_usd: float


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
        short_option_minimum_usd: per short option on one standard contract.
        initial_factor: initial / maintenance.
        tier_last_months: last contract month of each tier but the last, ``YYYY-MM``, ascending.
        inter_month: in the order in which the spreads are formed.
    """

    name: str
    contract_multiplier: float
    price_scan_usd: float
    price_scan_rate: float
    volatility_scan: float
    short_option_minimum_usd: float
    initial_factor: float
    tier_last_months: tuple[str, ...]
    inter_month: tuple[InterMonthSpread, ...]

    def tier(self, contract_month: str) -> int:
        """Tier, from 1, that a contract month belongs to."""
        return 1 + sum(contract_month > last for last in self.tier_last_months)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an inter-commodity spread; legs of sign +1 and -1 stand on opposite sides of the market."""

    commodity: str
    sign: float
    delta_per_spread: float


@dataclass(frozen=True, slots=True)
class InterCommoditySpread:
    """Opposite deltas that earn back ``credit_rate`` of the price risk of the deltas used."""

    name: str
    legs: tuple[Leg, ...]
    credit_rate: float


@dataclass(frozen=True, slots=True)
class RiskArray:
    """A published array of one long contract, gains positive; ``delta`` in standard contracts or None."""

    values_usd: tuple[float, ...]
    delta: float | None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        month_columns: how many contract months of one commodity may be live at once.
        inter_commodity: in the order in which the spreads are formed.
        risk_arrays: by instrument_id; they replace the model's.
    """

    rulebook_id: str
    version: str
    month_columns: int
    scan: Scan
    commodities: Mapping[str, Commodity]
    inter_commodity: tuple[InterCommoditySpread, ...]
    risk_arrays: Mapping[str, RiskArray]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = ("month_columns", "initial_factor", "scan", "commodities", "inter_commodity", "risk_arrays")
        header = rulebook_table(mapping, "span-futures", silos=(Silo.FUTURES,), keys=keys)
        factor = header.number("initial_factor", 1.0, 5.0)
        tables = header.tables("commodities", fewest=0)
        commodities = {name: _commodity(table, name, factor) for name, table in tables.items()}
        spreads = header.rows("inter_commodity", fewest=0)
        arrays = header.tables("risk_arrays", fewest=0) if header.has("risk_arrays") else {}
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            month_columns=header.whole("month_columns", 1, 240),
            scan=_scan(header.table("scan")),
            commodities=commodities,
            inter_commodity=tuple(_inter_commodity(spread, commodities) for spread in spreads),
            risk_arrays={instrument_id: _risk_array(array) for instrument_id, array in arrays.items()},
        )

    def with_rates(self, rates: Mapping[str, Rate]) -> Parameters:
        """The same parameters with the maintenance and initial rates of a day for the commodities named.

        Raises:
            MarginError: BAD_PARAMETER for a commodity that the parameters do not have.
        """
        for name in rates:
            if name not in self.commodities:
                thing = f"rulebook {self.rulebook_id}: commodities.{name}"
                raise MarginError(Reason.BAD_PARAMETER, thing, "is missing, so it can take no rate")
        changed = {
            name: replace(
                self.commodities[name],
                price_scan_usd=rate.maintenance_usd,
                price_scan_rate=0.0,
                initial_factor=rate.initial_usd / rate.maintenance_usd,
            )
            for name, rate in rates.items()
        }
        return replace(self, commodities={**self.commodities, **changed})


def _scan(table: ParameterTable) -> Scan:
    table.only("extreme_move_multiple", "extreme_cover_fraction", "delta_weights")
    centre, one, two, three = table.numbers("delta_weights", 4, 0.0, 1.0)
    if centre + one + two + three <= 0.0:
        raise table.bad("delta_weights", "all are zero")
    return Scan(
        extreme_move_multiple=table.number("extreme_move_multiple", 1.0, 10.0),
        extreme_cover_fraction=table.number("extreme_cover_fraction", 0.0, 1.0),
        delta_weights=(centre, one, two, three),
    )


def _commodity(table: ParameterTable, name: str, initial_factor: float) -> Commodity:
    table.only(
        "contract_multiplier", "price_scan_usd", "price_scan_rate", "volatility_scan",
        "short_option_minimum_usd", "initial_factor", "tier_last_months", "inter_month",
    )  # fmt: skip
    has_usd = table.has("price_scan_usd")
    if has_usd == table.has("price_scan_rate"):
        raise table.bad("price_scan_usd", "give exactly one of price_scan_usd and price_scan_rate")
    months = _tier_last_months(table)
    return Commodity(
        name=name,
        contract_multiplier=table.number("contract_multiplier", 1e-9, 1e9),
        price_scan_usd=table.number("price_scan_usd", 1e-6, 1e9) if has_usd else 0.0,
        price_scan_rate=0.0 if has_usd else table.number("price_scan_rate", 1e-6, 1.0),
        volatility_scan=table.number("volatility_scan", 0.0, 0.99),
        short_option_minimum_usd=table.number("short_option_minimum_usd", 0.0, 1e6),
        initial_factor=table.number("initial_factor", 1.0, 5.0, default=initial_factor),
        tier_last_months=months,
        inter_month=tuple(_inter_month(row, len(months) + 1) for row in table.rows("inter_month", fewest=0)),
    )


def _tier_last_months(table: ParameterTable) -> tuple[str, ...]:
    if not table.has("tier_last_months"):
        return ()
    months = table.texts("tier_last_months", fewest=0)
    if any(not _MONTH.fullmatch(month) for month in months) or list(months) != sorted(months):
        raise table.bad("tier_last_months", f"{list(months)} are not ascending months YYYY-MM")
    return months


def _inter_month(table: ParameterTable, tiers: int) -> InterMonthSpread:
    table.only("tiers", "charge_usd")
    first, second = table.wholes("tiers", 2, 1, tiers)
    return InterMonthSpread(first, second, table.number("charge_usd", 0.0, 1e7))


def _inter_commodity(table: ParameterTable, commodities: Mapping[str, Commodity]) -> InterCommoditySpread:
    table.only("name", "legs", "credit_rate")
    legs = tuple(_leg(row, commodities) for row in table.rows("legs"))
    if len({leg.commodity for leg in legs}) != len(legs) or len({leg.sign for leg in legs}) != 2:
        raise table.bad("legs", "needs different commodities and a leg on each of the sides A and B")
    return InterCommoditySpread(table.text("name"), legs, table.number("credit_rate", 0.0, 1.0))


def _leg(table: ParameterTable, commodities: Mapping[str, Commodity]) -> Leg:
    table.only("commodity", "side", "delta_per_spread")
    return Leg(
        commodity=table.text("commodity", choices=sorted(commodities)),
        sign=1.0 if table.text("side", choices=("A", "B")) == "A" else -1.0,
        delta_per_spread=table.number("delta_per_spread", 1e-6, 1e6),
    )


def _risk_array(table: ParameterTable) -> RiskArray:
    table.only("values_usd", "delta")
    values = tuple(table.numbers("values_usd", SCENARIOS, -1e12, 1e12))
    return RiskArray(values, table.number("delta", -1e6, 1e6) if table.has("delta") else None)
