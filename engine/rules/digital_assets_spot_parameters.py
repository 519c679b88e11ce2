"""Parameters of spot digital assets: haircut rates by asset, long and short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import SILOS
from engine.rules.header import rulebook_table


@dataclass(frozen=True, slots=True)
class SideRates:
    """Shares of the market value required for one side of a position."""

    initial: float
    maintenance: float


@dataclass(frozen=True, slots=True)
class AssetRates:
    """Rates of one asset; a short position may cost more than its value, a long one never does."""

    long: SideRates
    short: SideRates


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file."""

    rulebook_id: str
    version: str
    silo: str
    assets: Mapping[str, AssetRates]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the asset's path and the offending value.
        """
        header = rulebook_table(mapping, "digital-assets-spot", silos=SILOS, keys=("assets",))
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            assets={name: _asset(table) for name, table in header.tables("assets").items()},
        )


def _asset(table: ParameterTable) -> AssetRates:
    table.only("long", "short")
    sides = {name: _side(table, name, highest) for name, highest in (("long", 1.0), ("short", 3.0))}
    return AssetRates(**sides)


def _side(table: ParameterTable, name: str, highest: float) -> SideRates:
    side = table.table(name)
    side.only("initial", "maintenance")
    maintenance = side.number("maintenance", 0.0, highest)
    return SideRates(side.number("initial", maintenance, highest), maintenance)
