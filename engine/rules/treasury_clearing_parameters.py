"""Parameters of the margin of cleared Treasuries: measure, key rates, minimum margin, cost of closing, futures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import REMARKS, ParameterTable
from engine.market.instruments import Silo
from engine.rules.header import rulebook_table
from engine.rules.historical_loss import MEASURE_KEYS, Measure
from engine.rules.liquidity_tiers import Bucket, buckets_of
from engine.rules.portfolio_differential import DIFFERENTIAL_KEYS, Differential


@dataclass(frozen=True, slots=True)
class FutureTerms:
    """The bond that a future moves as: coupon a year, a fraction, and years left."""

    coupon: float
    years: float


@dataclass(frozen=True, slots=True)
class MinimumMargin:
    """Least charge by key rates.

    Attributes:
        lookback: newest historical scenarios that count. confidence: of the move of each key rate.
        offset: share of the smaller side that reduces the greater.
    """

    lookback: int
    confidence: float
    offset: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        initial_share: initial over maintenance requirement.
        rate_unit: a move of 1 of a key rate, as a fraction a year. key_rates: beginning of the factors' names.
        differential: of past charges. liquidity: buckets of key rates. futures: by combined commodity.
    """

    rulebook_id: str
    version: str
    silo: str
    measure: Measure
    initial_share: float
    rate_unit: float
    key_rates: str
    minimum: MinimumMargin
    differential: Differential
    liquidity: tuple[Bucket, ...]
    futures: dict[str, FutureTerms]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = (
            *MEASURE_KEYS, "scenario_file", "initial_share", "rate_unit", "key_rates", "minimum_margin_lookback",
            "minimum_margin_confidence", "minimum_margin_offset", *DIFFERENTIAL_KEYS, "liquidity", "futures",
        )  # fmt: skip
        header = rulebook_table(mapping, "treasury-clearing", silos=(Silo.TREASURY_CLEARING,), keys=keys)
        liquidity = header.table("liquidity")
        liquidity.only("buckets")
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            measure=Measure.from_table(header),
            initial_share=header.stated("initial_share").number("value", 1.0, 2.0),
            rate_unit=header.stated("rate_unit").number("value", 1e-6, 1.0),
            key_rates=header.stated("key_rates").text("value"),
            minimum=MinimumMargin(
                header.stated("minimum_margin_lookback").whole("value", 20, 10_000),
                header.stated("minimum_margin_confidence").number("value", 0.5, 0.9999),
                header.stated("minimum_margin_offset").number("value", 0.0, 1.0),
            ),
            differential=Differential.from_table(header),
            liquidity=buckets_of(liquidity, "buckets"),
            futures=_futures(header.table("futures"), mapping["futures"]),
        )


def _futures(table: ParameterTable, names: Collection[str]) -> dict[str, FutureTerms]:
    found = {}
    for name in names:
        if name not in REMARKS:
            terms = table.table(name)
            terms.only("coupon", "years")
            found[name] = FutureTerms(terms.number("coupon", 0.0, 0.2), terms.number("years", 0.25, 40.0))
    return found
