"""Parameters of ISDA SIMM on our own instruments: the calibration and the buckets of issuers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Instrument, Product
from engine.rules.header import SWAP_SILOS, rulebook_table
from engine.rules.simm.calibration import HORIZONS, Calibration
from engine.rules.simm.weights import Weights

COVERED = frozenset({Product.CREDIT_DEFAULT_SWAP, Product.EQUITY_SWAP})


@dataclass(frozen=True, slots=True)
class Buckets:
    """Bucket by name; ``others`` takes every other name, none if empty."""

    path: str
    names: Mapping[str, str]
    others: str

    def __getitem__(self, name: str) -> str:
        """The bucket; empty if the name has none."""
        return self.names.get(name, self.others)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        weights: calibration, horizon and calculation currency. credit, equity: buckets of issuers.
    """

    rulebook_id: str
    version: str
    silo: str
    weights: Weights
    credit: Buckets
    equity: Buckets

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file, whose ``calibration`` is the parsed calibration file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = ("horizon_days", "calculation_currency", "calibration", "credit_buckets", "equity_buckets")
        table = rulebook_table(mapping, "isda-simm", silos=SWAP_SILOS, keys=keys)
        table.table("calibration")
        calibration = Calibration.from_mapping(mapping["calibration"])
        if table.text("version") != calibration.version:
            raise table.bad(
                "version", f"{table.text('version')} is not the calibration's, {calibration.version}"
            )
        days = table.whole("horizon_days", min(HORIZONS), max(HORIZONS))
        if days not in HORIZONS:
            raise table.bad("horizon_days", f"{days} is not 10 or 1")
        return cls(
            rulebook_id=table.text("rulebook_id"),
            version=table.text("version"),
            silo=table.text("silo"),
            weights=Weights(calibration, days, table.text("calculation_currency")),
            credit=_buckets(table, "credit_buckets", calibration.named["credit_qualifying"].buckets),
            equity=_buckets(table, "equity_buckets", calibration.named["equity"].buckets),
        )

    def buckets(self, instrument: Instrument) -> Buckets:
        """The list that the instrument's issuer is looked up in."""
        return self.credit if instrument.product is Product.CREDIT_DEFAULT_SWAP else self.equity


def issuer(instrument: Instrument) -> str:
    """Whose credit or share the swap refers to."""
    credit = instrument.product is Product.CREDIT_DEFAULT_SWAP
    return instrument.reference_entity if credit else instrument.underlying


def _buckets(table: ParameterTable, key: str, choices: tuple[str, ...]) -> Buckets:
    inside = table.table(key)
    inside.only("others", "names")
    names = inside.table("names")
    return Buckets(
        path=key,
        names={name: names.text(name, choices) for name in names.names()},
        others=inside.text("others", choices) if inside.has("others") else "",
    )
