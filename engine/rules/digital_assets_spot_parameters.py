"""Parameters of spot digital assets: haircut rates by asset, long and short; of tokens by what they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import SILOS, TOKENISABLE, Instrument
from engine.portfolio.collateral import MaturityBucket, maturity_buckets
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
class TokenRates:
    """Haircut of what a token stands for, by maturity, and what the token adds."""

    buckets: tuple[MaturityBucket, ...]
    add_on: float

    def rate(self, instrument: Instrument, at_ns: int) -> float:
        """Share of the market value; matured debt takes the shortest bucket, what has no maturity the longest."""
        years = math.inf
        if instrument.expiry_ns > 0:
            years = max(instrument.expiry_ns - at_ns, 0) / NANOSECONDS_PER_YEAR
        bucket = next((each for each in self.buckets if years < each.below_years), self.buckets[-1])
        return min(bucket.haircut + self.add_on, 1.0)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        assets: of coins. tokens: of tokens, by the product that they stand for.
    """

    rulebook_id: str
    version: str
    silo: str
    assets: Mapping[str, AssetRates]
    tokens: Mapping[str, TokenRates]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the asset's path and the offending value.
        """
        header = rulebook_table(mapping, "digital-assets-spot", silos=SILOS, keys=("assets", "tokens"))
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            assets={name: _asset(table) for name, table in header.tables("assets").items()},
            tokens=_tokens(header) if header.has("tokens") else {},
        )


def _tokens(header: ParameterTable) -> dict[str, TokenRates]:
    found = {}
    for name, table in header.tables("tokens").items():
        if name not in TOKENISABLE:
            raise header.bad(f"tokens.{name}", f"a token stands for one of {', '.join(sorted(TOKENISABLE))}")
        table.only("haircut", "maturities", "add_on")
        if table.has("haircut") == table.has("maturities"):
            raise table.bad("haircut", "give either haircut or maturities")
        buckets = (
            maturity_buckets(table)
            if table.has("maturities")
            else (MaturityBucket(math.inf, table.number("haircut", 0.0, 1.0)),)
        )
        found[name] = TokenRates(buckets, table.number("add_on", 0.0, 1.0))
    return found


def _asset(table: ParameterTable) -> AssetRates:
    table.only("long", "short")
    sides = {name: _side(table, name, highest) for name, highest in (("long", 1.0), ("short", 3.0))}
    return AssetRates(**sides)


def _side(table: ParameterTable, name: str, highest: float) -> SideRates:
    side = table.table(name)
    side.only("initial", "maintenance")
    maintenance = side.number("maintenance", 0.0, highest)
    return SideRates(side.number("initial", maintenance, highest), maintenance)
