"""Parameters of the margin of cleared swaps: the measure, the factors of curves and indexes, the cost of closing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table
from engine.rules.historical_loss import MEASURE_KEYS, Measure
from engine.rules.liquidity_tiers import Bucket, buckets_of

BucketsOf = dict[str, tuple[Bucket, ...]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        initial_share: initial over maintenance requirement.
        rate_unit: a move of 1 of a rate factor, as a fraction a year.
        rate_factors: beginning of the names of a curve's factors, by curve.
        credit_factors: factor of an index's spread, by reference entity.
        rate_liquidity: buckets by currency. credit_liquidity: buckets by reference entity.
    """

    rulebook_id: str
    version: str
    silo: str
    measure: Measure
    initial_share: float
    rate_unit: float
    rate_factors: dict[str, str]
    credit_factors: dict[str, str]
    rate_liquidity: BucketsOf
    credit_liquidity: BucketsOf

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = (
            *MEASURE_KEYS, "scenario_file", "initial_share", "rate_unit", "rate_factors", "credit_factors",
            "rate_liquidity", "credit_liquidity",
        )  # fmt: skip
        header = rulebook_table(mapping, "cleared-swaps", silos=(Silo.CLEARED_SWAPS,), keys=keys)
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            measure=Measure.from_table(header),
            initial_share=header.stated("initial_share").number("value", 1.0, 2.0),
            rate_unit=header.stated("rate_unit").number("value", 1e-6, 1.0),
            rate_factors=_names(mapping, header, "rate_factors"),
            credit_factors=_names(mapping, header, "credit_factors"),
            rate_liquidity=_buckets(mapping, header, "rate_liquidity"),
            credit_liquidity=_buckets(mapping, header, "credit_liquidity"),
        )


def _names(mapping: Mapping[str, Any], header: ParameterTable, key: str) -> dict[str, str]:
    table = header.table(key)
    return {name: table.text(name) for name in mapping[key]}


def _buckets(mapping: Mapping[str, Any], header: ParameterTable, key: str) -> BucketsOf:
    table = header.table(key)
    return {name: buckets_of(table, name) for name in mapping[key]}
