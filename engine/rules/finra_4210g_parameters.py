"""Parameters of FINRA 4210(g) portfolio margin: ranges, valuation points, offsets, minimums, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Instrument, Product, Silo
from engine.rules.finra_4210g_basket_parameters import BasketRule, Composition, basket_rule, compositions
from engine.rules.finra_4210g_groups import OffsetGroup, offset_groups
from engine.rules.header import rulebook_table

HIGH_CAP_BROAD = "high_cap_broad"
BROAD = "broad"
OTHER = "other"  # equities, narrow indexes, everything else


@dataclass(frozen=True, slots=True)
class ValuationRange:
    """How far the price of a class is moved; both are fractions in (0, 1)."""

    up: float
    down: float

    def moves(self, points_per_side: int) -> tuple[float, ...]:
        """Equidistant signed moves from the lowest to the highest; the unchanged price is left out."""
        steps = range(1, points_per_side + 1)
        down = [-self.down * step / points_per_side for step in reversed(steps)]
        up = [self.up * step / points_per_side for step in steps]
        return (*down, *up)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        ranges: valuation range of ``high_cap_broad``, ``broad`` and ``other``.
        points_per_side: valuation points above (and below) the present price.
        minimum_per_option_usd: per contract and unit of its multiplier.
        cap_long_minimum: a long option's minimum is not above its market value.
        scale_by_leverage: a leveraged fund moves by leverage times the range of its index, sign included.
        groups: whose members offset one another, members before the group that they are in.
        concentration_limit, concentration_rate: house add-on of ``rate`` times what the largest class group
            that is in no group is charged above ``limit`` times the requirement; rate 0 = none.
        minimum_equity_usd: equity that an approved account must keep; 0 = none.
        basket: what a qualified stock basket is. compositions: of the indexes that one may represent.
    """

    rulebook_id: str
    version: str
    ranges: Mapping[str, ValuationRange]
    points_per_side: int
    minimum_per_option_usd: float
    cap_long_minimum: bool
    scale_by_leverage: bool
    groups: tuple[OffsetGroup, ...]
    concentration_limit: float
    concentration_rate: float
    minimum_equity_usd: float
    basket: BasketRule
    compositions: tuple[Composition, ...]

    @property
    def point_names(self) -> tuple[str, ...]:
        """Of the valuation points, from down to up, whatever the range."""
        count = self.points_per_side
        down = [f"down {step}/{count} of the range" for step in range(count, 0, -1)]
        return (*down, *(f"up {step}/{count} of the range" for step in range(1, count + 1)))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = (
            "valuation_range", "points_per_side", "minimum_per_option", "cap_long_minimum", "scale_by_leverage",
            "groups", "concentration", "minimum_equity", "qualified_basket", "composition",
        )  # fmt: skip
        header = rulebook_table(mapping, "finra-4210g", silos=(Silo.SECURITIES,), keys=keys)
        ranges = header.table("valuation_range")
        ranges.only(HIGH_CAP_BROAD, BROAD, OTHER)
        limit, rate = _concentration(header)
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            ranges={name: _range(ranges.table(name)) for name in (HIGH_CAP_BROAD, BROAD, OTHER)},
            points_per_side=header.stated("points_per_side").whole("value", 1, 50),
            minimum_per_option_usd=header.stated("minimum_per_option").number("value", 0.0, 100.0),
            cap_long_minimum=header.stated("cap_long_minimum").flag("value"),
            scale_by_leverage=header.stated("scale_by_leverage").flag("value"),
            groups=offset_groups(header, (HIGH_CAP_BROAD, BROAD)),
            concentration_limit=limit,
            concentration_rate=rate,
            minimum_equity_usd=_minimum_equity_usd(header),
            basket=basket_rule(header, (HIGH_CAP_BROAD, BROAD)),
            compositions=compositions(header),
        )

    def moves(self, instrument: Instrument, root: Instrument) -> tuple[float, ...]:
        """Signed moves of the class root's price at each valuation point, by the index from down to up.

        The root (an option's underlying, else the instrument itself) decides for the whole class group, so
        that all its positions are revalued at the same points. Only an index published without a class takes
        the one stated on its option. No price falls below zero, however high the leverage.
        """
        index_class = root.index_class
        if not index_class and root.product is Product.INDEX:
            index_class = instrument.index_class
        leverage = root.leverage if self.scale_by_leverage else 1.0
        base = self.ranges.get(index_class, self.ranges[OTHER])
        return tuple(max(leverage * move, -1.0) for move in base.moves(self.points_per_side))


def _range(table: ParameterTable) -> ValuationRange:
    table.only("up", "down")
    return ValuationRange(up=table.number("up", 1e-4, 0.9999), down=table.number("down", 1e-4, 0.9999))


def _concentration(header: ParameterTable) -> tuple[float, float]:
    """Limit and rate of the add-on; without the table there is none."""
    if not header.has("concentration"):
        return 1.0, 0.0
    table = header.table("concentration")
    table.only("limit", "rate")
    return table.number("limit", 0.0, 1.0), table.number("rate", 0.0, 10.0)


def _minimum_equity_usd(header: ParameterTable) -> float:
    """The threshold that applies to this firm; without the table there is none."""
    if not header.has("minimum_equity"):
        return 0.0
    table = header.table("minimum_equity")
    table.only("applies", "threshold")
    thresholds = table.tables("threshold")
    for threshold in thresholds.values():
        threshold.only("usd")
        threshold.number("usd", 0.0, 1e9)
    return thresholds[table.text("applies", choices=tuple(thresholds))].number("usd", 0.0, 1e9)
