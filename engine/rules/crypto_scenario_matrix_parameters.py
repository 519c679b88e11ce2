"""Parameters of scenario-matrix portfolio margin: price and volatility moves, weights, minimum, provisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import SILOS, Instrument, Product
from engine.rules.header import rulebook_table

COVERED = frozenset({Product.PERPETUAL, Product.CRYPTO_FUTURE, Product.CRYPTO_OPTION, Product.CRYPTO_SPOT})


def coin_of(instrument: Instrument) -> str:
    """The coin that an instrument is margined with; an option on a dated future names it as combined_commodity, an
    inverse contract settles in it.
    """
    if instrument.combined_commodity or instrument.is_inverse:
        return instrument.combined_commodity or instrument.currency
    return instrument.underlying or instrument.instrument_id


@dataclass(frozen=True, slots=True)
class MatrixScenario:
    """Relative moves of price and volatility, and the share of its P&L that counts."""

    price: float
    volatility: float
    weight: float

    @property
    def name(self) -> str:
        """E.g. ``price -12 %, volatility +40 %``."""
        moves = f"price {100 * self.price:+g} %, volatility {100 * self.volatility:+g} %"
        return moves if self.weight == 1.0 else f"{moves}, weight {self.weight:g}"


@dataclass(frozen=True, slots=True)
class VolatilityScaling:
    """How a volatility shock grows towards expiry."""

    reference_days: float
    shortest_days: float
    short_power: float
    long_power: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        net_delta_rate, hedged_delta_rate: of the minimum, on delta in USD.
        maintenance_share: of the initial requirement before provisions.
        funding_hours: whose expected funding is provided for.
        gain_in_coins: gains of inverse contracts are coins at the coin's present price; else at that of the scenario.
    """

    rulebook_id: str
    version: str
    silo: str
    scenarios: tuple[MatrixScenario, ...]
    scaling: VolatilityScaling
    net_delta_rate: float
    hedged_delta_rate: float
    maintenance_share: float
    funding_hours: float
    gain_in_coins: bool

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the table and the offending value.
        """
        header = rulebook_table(
            mapping,
            "crypto-scenario-matrix",
            silos=SILOS,
            keys=("volatility_scaling", "minimum", "maintenance", "funding", "inverse", "scenarios"),
        )
        minimum, maintenance, funding = map(header.table, ("minimum", "maintenance", "funding"))
        minimum.only("net_delta_rate", "hedged_delta_rate")
        maintenance.only("share")
        funding.only("hours")
        inverse = header.table("inverse")
        inverse.only("coins_at")
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            scenarios=tuple(_scenario(row) for row in header.rows("scenarios")),
            scaling=_scaling(header.table("volatility_scaling")),
            net_delta_rate=minimum.number("net_delta_rate", 0.0, 1.0),
            hedged_delta_rate=minimum.number("hedged_delta_rate", 0.0, 1.0),
            maintenance_share=maintenance.number("share", 0.01, 1.0),
            funding_hours=funding.number("hours", 0.0, 24.0),
            gain_in_coins=inverse.text("coins_at", choices=("scenario", "mark")) == "mark",
        )


def _scenario(row: ParameterTable) -> MatrixScenario:
    row.only("price", "volatility", "weight")
    return MatrixScenario(
        price=row.number("price", -0.99, 20.0),
        volatility=row.number("volatility", -0.99, 5.0),
        weight=row.number("weight", 0.0, 1.0),
    )


def _scaling(table: ParameterTable) -> VolatilityScaling:
    table.only("reference_days", "shortest_days", "short_power", "long_power")
    reference = table.number("reference_days", 1.0, 365.0)
    return VolatilityScaling(
        reference_days=reference,
        shortest_days=table.number("shortest_days", 0.01, reference),
        short_power=table.number("short_power", 0.0, 2.0),
        long_power=table.number("long_power", 0.0, 2.0),
    )
