"""Where cleared swaps stand in a scenario set and among the liquidity buckets; shared by rulebook and plain twin."""

from __future__ import annotations

from typing import Final

from engine.base.errors import MarginError, Reason
from engine.market.instruments import CLEARED_SWAPS, Instrument, Product
from engine.market.scenarios import ScenarioSet, ShockKind
from engine.rules.cleared_swaps_parameters import Parameters
from engine.rules.key_tenors import KeyTenors
from engine.rules.liquidity_tiers import Bucket

COVERED: Final = CLEARED_SWAPS
RATES, CREDIT = "interest rates", "credit indexes"


class Model:
    """Parameters on a scenario set.

    Attributes:
        key_tenors: moves of each curve that the set describes, by curve.
        credit_column: of each index's spread in the scenario set, by reference entity.
        buckets: of all exposure columns of sensitivities in order: (kind, currency or reference entity, bucket).
    """

    def __init__(self, parameters: Parameters, scenarios: ScenarioSet) -> None:
        self.parameters = parameters
        self.scenarios = scenarios
        self.key_tenors: dict[str, KeyTenors] = {}
        self._missing: dict[str, str] = {}
        for curve_id, prefix in parameters.rate_factors.items():
            try:
                self.key_tenors[curve_id] = KeyTenors(scenarios, prefix, parameters.rate_unit)
            except ValueError as error:
                self._missing[curve_id] = str(error)
        columns = scenarios.factor_index
        self.credit_column: dict[str, int] = {}
        for entity, factor in parameters.credit_factors.items():
            if factor in columns and scenarios.kinds[columns[factor]] is ShockKind.RELATIVE:
                self.credit_column[entity] = columns[factor]
            else:
                self._missing[entity] = f"scenario set {scenarios.label} has no relative factor {factor}"
        self.buckets: list[tuple[str, str, Bucket]] = [
            (kind, name, bucket)
            for kind, table in ((RATES, parameters.rate_liquidity), (CREDIT, parameters.credit_liquidity))
            for name, buckets in table.items()
            for bucket in buckets
        ]

    def first_bucket(self, kind: str, name: str) -> int:
        """Place of the first bucket of a currency or reference entity among :attr:`buckets`."""
        return next(place for place, entry in enumerate(self.buckets) if entry[:2] == (kind, name))

    def netting_set(self, instrument: Instrument) -> str:
        """Interest rate swaps of all curves together, credit indexes together.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered; BAD_PARAMETER where the parameters or the
                scenario set do not describe the curve or index.
        """
        parameters = self.parameters
        if instrument.product not in COVERED:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id} in silo {parameters.silo}",
                f"{parameters.rulebook_id} covers {', '.join(sorted(COVERED))}, not {instrument.product.value}",
            )
        if instrument.product is Product.INTEREST_RATE_SWAP:
            self._require(instrument, instrument.underlying, "rate_factors", self.key_tenors)
            self._require(instrument, instrument.currency, "rate_liquidity", parameters.rate_liquidity)
            return RATES
        self._require(instrument, instrument.reference_entity, "credit_factors", self.credit_column)
        self._require(
            instrument, instrument.reference_entity, "credit_liquidity", parameters.credit_liquidity
        )
        return CREDIT

    def _require(self, instrument: Instrument, name: str, table: str, known: object) -> None:
        if name in known:  # type: ignore[operator]
            return
        detail = self._missing.get(name, f"{table} has no entry for it")
        thing = f"rulebook {self.parameters.rulebook_id}: {table}.{name} for instrument {instrument.instrument_id}"
        raise MarginError(Reason.BAD_PARAMETER, thing, detail)
