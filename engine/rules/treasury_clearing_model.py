"""Where Treasuries, repo and futures stand among the key rates; shared by rulebook and plain twin."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.scenarios import ScenarioSet
from engine.rules.historical_loss import NOISE
from engine.rules.interface import Float64s
from engine.rules.key_tenors import KeyTenors
from engine.rules.liquidity_tiers import bucket_place
from engine.rules.treasury_clearing_parameters import Parameters

COVERED: Final = frozenset({Product.TREASURY, Product.REPO, Product.FUTURE})
NETTING_SET: Final = "treasuries"
DAYS_PER_MONTH: Final = 365.25 / 12
_DAYS_PER_YEAR: Final = 365.25


class Model:
    """Parameters on a scenario set.

    Attributes:
        key_rates: their moves. bucket_of: liquidity bucket of each key rate.
        minimum_moves: float64[t], move of each key rate for the minimum margin amount, a fraction a year.
    """

    def __init__(self, parameters: Parameters, scenarios: ScenarioSet) -> None:
        """
        Raises:
            MarginError: BAD_PARAMETER if the set does not describe the key rates.
        """
        self.parameters = parameters
        self.scenarios = scenarios
        try:
            self.key_rates = KeyTenors(scenarios, parameters.key_rates, parameters.rate_unit)
        except ValueError as error:
            thing = f"rulebook {parameters.rulebook_id}: key_rates.value"
            raise MarginError(Reason.BAD_PARAMETER, thing, str(error)) from error
        self.bucket_of = [bucket_place(parameters.liquidity, months / 12) for months in self.key_rates.months]
        self.minimum_moves = self._minimum_moves()

    def _minimum_moves(self) -> Float64s:
        """For each key rate the move that at most a share of 1 - confidence of the newest scenarios exceed."""
        minimum = self.parameters.minimum
        last = self.scenarios.historical_count
        sizes = np.sort(np.abs(self.key_rates.moves[max(last - minimum.lookback, 0) : last]), axis=0)[::-1]
        rank = math.floor(len(sizes) * (1.0 - minimum.confidence) + NOISE)
        moves: Float64s = sizes[min(rank, len(sizes) - 1)]
        return moves

    def moves_with_none(self, instrument: Instrument) -> bool:
        """A future that the parameters do not know, a Treasury in another currency: charged at its whole value."""
        if instrument.product is Product.FUTURE:
            return instrument.combined_commodity not in self.parameters.futures
        return instrument.currency != "USD"

    def bond_of(self, future: Instrument, today: int) -> tuple[float, int]:
        """Coupon and maturity of the bond that a future of :attr:`Parameters.futures` moves as."""
        terms = self.parameters.futures[future.combined_commodity]
        return terms.coupon, today + round(terms.years * _DAYS_PER_YEAR)

    def netting_set(self, instrument: Instrument) -> str:
        """One for all: key rates net.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered; BAD_PARAMETER for repo in another currency.
        """
        parameters = self.parameters
        thing = f"instrument {instrument.instrument_id} in silo {parameters.silo}"
        if instrument.product not in COVERED:
            detail = f"{parameters.rulebook_id} covers {', '.join(sorted(COVERED))}, not {instrument.product.value}"
            raise MarginError(Reason.NO_RULEBOOK, thing, detail)
        if instrument.currency != "USD" and instrument.product is Product.REPO:
            raise MarginError(
                Reason.BAD_PARAMETER, thing, f"its key rates are in USD, not {instrument.currency}"
            )
        return NETTING_SET
