"""Parameters of the SPAN-type futures rulebook, checked: scan, commodities, spreads, published arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.base.errors import MarginError, Reason
from engine.rules.span_rates import Rate
from engine.rules.span_reader import Reader

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
        reader = Reader(str(mapping.get("rulebook_id", "span-futures")), mapping)
        reader.text("silo", only="futures")
        reader.text("currency", only="USD")
        factor = reader.number("initial_factor", 1.0, 5.0)
        tables = reader.children("commodities")
        commodities = {name: _commodity(table, name, factor) for name, table in tables}
        spreads = reader.items("inter_commodity")
        arrays = reader.children("risk_arrays", required=False)
        return cls(
            rulebook_id=reader.text("rulebook_id"),
            version=reader.text("version"),
            month_columns=reader.whole("month_columns", 1, 240),
            scan=_scan(reader.child("scan")),
            commodities=commodities,
            inter_commodity=tuple(_inter_commodity(item, commodities) for item in spreads),
            risk_arrays={instrument_id: _risk_array(child) for instrument_id, child in arrays},
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


def _scan(reader: Reader) -> Scan:
    centre, one, two, three = reader.numbers("delta_weights", 4, 0.0, 1.0)
    if centre + one + two + three <= 0.0:
        raise reader.bad("delta_weights", "all are zero")
    return Scan(
        extreme_move_multiple=reader.number("extreme_move_multiple", 1.0, 10.0),
        extreme_cover_fraction=reader.number("extreme_cover_fraction", 0.0, 1.0),
        delta_weights=(centre, one, two, three),
    )


def _commodity(reader: Reader, name: str, initial_factor: float) -> Commodity:
    if reader.has("price_scan_usd") == reader.has("price_scan_rate"):
        raise reader.bad("price_scan_usd", "give exactly one of price_scan_usd and price_scan_rate")
    months = tuple(reader.texts("tier_last_months")) if reader.has("tier_last_months") else ()
    if any(not _MONTH.fullmatch(month) for month in months) or list(months) != sorted(set(months)):
        raise reader.bad("tier_last_months", f"{list(months)} are not ascending months YYYY-MM")
    has_usd, has_factor = reader.has("price_scan_usd"), reader.has("initial_factor")
    return Commodity(
        name=name,
        contract_multiplier=reader.number("contract_multiplier", 1e-9, 1e9),
        price_scan_usd=reader.number("price_scan_usd", 1e-6, 1e9) if has_usd else 0.0,
        price_scan_rate=0.0 if has_usd else reader.number("price_scan_rate", 1e-6, 1.0),
        volatility_scan=reader.number("volatility_scan", 0.0, 0.99),
        short_option_minimum_usd=reader.number("short_option_minimum_usd", 0.0, 1e6),
        initial_factor=reader.number("initial_factor", 1.0, 5.0) if has_factor else initial_factor,
        tier_last_months=months,
        inter_month=tuple(_inter_month(item, len(months) + 1) for item in reader.items("inter_month")),
    )


def _inter_month(reader: Reader, tiers: int) -> InterMonthSpread:
    first, second = reader.numbers("tiers", 2, 1, tiers)
    if first != int(first) or second != int(second):
        raise reader.bad("tiers", f"{first}, {second} are not whole numbers")
    return InterMonthSpread(int(first), int(second), reader.number("charge_usd", 0.0, 1e7))


def _inter_commodity(reader: Reader, commodities: Mapping[str, Commodity]) -> InterCommoditySpread:
    legs = tuple(
        Leg(
            commodity=leg.text("commodity", only=sorted(commodities)),
            sign=1.0 if leg.text("side", only=("A", "B")) == "A" else -1.0,
            delta_per_spread=leg.number("delta_per_spread", 1e-6, 1e6),
        )
        for leg in reader.items("legs")
    )
    if len({leg.commodity for leg in legs}) != len(legs) or len({leg.sign for leg in legs}) != 2:
        raise reader.bad("legs", "needs different commodities and a leg on each of the sides A and B")
    return InterCommoditySpread(reader.text("name"), legs, reader.number("credit_rate", 0.0, 1.0))


def _risk_array(reader: Reader) -> RiskArray:
    values = tuple(reader.numbers("values_usd", SCENARIOS, -1e12, 1e12))
    return RiskArray(values, reader.number("delta", -1e6, 1e6) if reader.has("delta") else None)
