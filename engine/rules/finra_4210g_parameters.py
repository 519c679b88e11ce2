"""Parameters of FINRA 4210(g) portfolio margin: valuation ranges by class, valuation points, minimum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product, Silo

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
    """

    rulebook_id: str
    version: str
    ranges: Mapping[str, ValuationRange]
    points_per_side: int
    minimum_per_option_usd: float
    cap_long_minimum: bool
    scale_by_leverage: bool

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        reader = _Reader(str(mapping.get("rulebook_id") or "finra-4210g"), mapping)
        reader.text("silo", only=Silo.SECURITIES.value)
        reader.text("currency", only="USD")
        return cls(
            rulebook_id=reader.text("rulebook_id"),
            version=reader.text("version"),
            ranges={name: reader.valuation_range(name) for name in (HIGH_CAP_BROAD, BROAD, OTHER)},
            points_per_side=reader.whole("points_per_side.value", 1, 50),
            minimum_per_option_usd=reader.number("minimum_per_option.value", 0.0, 100.0),
            cap_long_minimum=reader.flag("cap_long_minimum.value"),
            scale_by_leverage=reader.flag("scale_by_leverage.value"),
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


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed, bounded access to the mapping by dotted path."""

    rulebook_id: str
    mapping: Mapping[str, Any]

    def value(self, path: str) -> Any:
        node: Any = self.mapping
        for key in path.split("."):
            if not isinstance(node, Mapping) or key not in node:
                raise self.bad(path, "is missing")
            node = node[key]
        return node

    def bad(self, path: str, detail: str) -> MarginError:
        return MarginError(Reason.BAD_PARAMETER, f"rulebook {self.rulebook_id}: {path}", detail)

    def text(self, path: str, only: str = "") -> str:
        value = self.value(path)
        if not isinstance(value, str) or not value:
            raise self.bad(path, f"{value!r} is not a text")
        if only and value != only:
            raise self.bad(path, f"{value!r} is not {only!r}")
        return value

    def flag(self, path: str) -> bool:
        value = self.value(path)
        if not isinstance(value, bool):
            raise self.bad(path, f"{value!r} is not true or false")
        return value

    def whole(self, path: str, low: int, high: int) -> int:
        value = self.value(path)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(path, f"{value!r} is not a whole number in [{low}, {high}]")
        return value

    def number(self, path: str, low: float, high: float) -> float:
        value = self.value(path)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.bad(path, f"{value!r} is not a finite number")
        if not low <= value <= high:
            raise self.bad(path, f"{value!r} is not in [{low}, {high}]")
        return float(value)

    def valuation_range(self, name: str) -> ValuationRange:
        path = f"valuation_range.{name}"
        up = self.number(f"{path}.up", 1e-4, 0.9999)
        return ValuationRange(up=up, down=self.number(f"{path}.down", 1e-4, 0.9999))
