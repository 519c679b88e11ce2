"""Parameters of the SPAN-type futures rulebook, checked: scan, commodities, spreads, published arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table
from engine.rules.span_commodity import Commodity, commodity_from
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
_SUPER: Final = "super_inter_commodity"
_KEYS: Final = (
    "month_columns", "risk_factor", "initial_factor", "account_classes", "scan", "commodities", _SUPER,
    "inter_commodity", "risk_arrays",
)  # fmt: skip


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
class Leg:
    """One side of an inter-commodity spread; legs of sign +1 and -1 stand on opposite sides of the market.

    ``credit_rate`` of the price risk of the deltas used is given back.
    """

    commodity: str
    sign: float
    delta_per_spread: float
    credit_rate: float


@dataclass(frozen=True, slots=True)
class InterCommoditySpread:
    """Opposite deltas that earn back part of their price risk."""

    name: str
    legs: tuple[Leg, ...]


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
        super_inter_commodity: formed in this order before the inter-month spreads; inter_commodity: after them.
        risk_arrays: by instrument_id; they replace the model's.
    """

    rulebook_id: str
    version: str
    month_columns: int
    scan: Scan
    commodities: Mapping[str, Commodity]
    super_inter_commodity: tuple[InterCommoditySpread, ...]
    inter_commodity: tuple[InterCommoditySpread, ...]
    risk_arrays: Mapping[str, RiskArray]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        header = rulebook_table(mapping, "span-futures", silos=(Silo.FUTURES,), keys=_KEYS)
        tables = header.tables("commodities", fewest=0)
        commodities = {name: commodity_from(table, name, header) for name, table in tables.items()}
        arrays = header.tables("risk_arrays", fewest=0) if header.has("risk_arrays") else {}

        def spreads(key: str) -> tuple[InterCommoditySpread, ...]:
            return tuple(_inter_commodity(spread, commodities) for spread in header.rows(key, fewest=0))

        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            month_columns=header.whole("month_columns", 1, 240),
            scan=_scan(header.table("scan")),
            commodities=commodities,
            super_inter_commodity=spreads(_SUPER) if header.has(_SUPER) else (),
            inter_commodity=spreads("inter_commodity"),
            risk_arrays={instrument_id: _risk_array(array) for instrument_id, array in arrays.items()},
        )

    def on(self, day: date) -> Parameters:
        """The parameters in force on a day: commodities with dated rates take the rate of that day.

        Before the first of its rates a commodity has what the file states beside them.
        """
        rates = {
            name: commodity.rates.on(day)
            for name, commodity in self.commodities.items()
            if commodity.rates.begin_by(day)
        }
        dated = self.with_rates(rates)
        latest = max((rate.effective_from for rate in rates.values()), default=None)
        return dated if latest is None else replace(dated, version=f"{self.version}, rates of {latest}")

    def with_rates(self, rates: Mapping[str, Rate]) -> Parameters:
        """The same parameters with the maintenance and initial rates of a day for the commodities named.

        Raises:
            MarginError: BAD_PARAMETER for a commodity that the parameters do not have.
        """
        for name in rates:
            if name not in self.commodities:
                thing = f"rulebook {self.rulebook_id}: commodities.{name}"
                raise MarginError(Reason.BAD_PARAMETER, thing, "is missing, so it can take no rate")
        changed = {name: self.commodities[name].with_rate(rate) for name, rate in rates.items()}
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


def _inter_commodity(table: ParameterTable, commodities: Mapping[str, Commodity]) -> InterCommoditySpread:
    table.only("name", "legs", "credit_rate")
    rate = table.number("credit_rate", 0.0, 1.0) if table.has("credit_rate") else None
    legs = tuple(_leg(row, commodities, rate) for row in table.rows("legs"))
    if len({leg.commodity for leg in legs}) != len(legs) or len({leg.sign for leg in legs}) != 2:
        raise table.bad("legs", "needs different commodities and a leg on each of the sides A and B")
    return InterCommoditySpread(table.text("name"), legs)


def _leg(table: ParameterTable, commodities: Mapping[str, Commodity], credit_rate: float | None) -> Leg:
    """``credit_rate``: the spread's, for legs that do not state their own."""
    table.only("commodity", "side", "delta_per_spread", "credit_rate")
    return Leg(
        commodity=table.text("commodity", choices=sorted(commodities)),
        sign=1.0 if table.text("side", choices=("A", "B")) == "A" else -1.0,
        delta_per_spread=table.number("delta_per_spread", 1e-6, 1e6),
        credit_rate=table.number("credit_rate", 0.0, 1.0, default=credit_rate),
    )


def _risk_array(table: ParameterTable) -> RiskArray:
    table.only("values_usd", "delta")
    values = tuple(table.numbers("values_usd", SCENARIOS, -1e12, 1e12))
    return RiskArray(values, table.number("delta", -1e6, 1e6) if table.has("delta") else None)
