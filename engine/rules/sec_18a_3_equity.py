"""SEC Rule 18a-3 standardized margin of equity swaps, vectorised: a share of the net value of the shares referred to.

Swaps on one share net, shares do not offset one another. The plain twin is
:mod:`engine.rules.sec_18a_3_equity_plain`; the parameter and its source are in ``data/sec-18a-3-equity.toml``; the
clerk's page is ``docs/rulebooks/sec-18a-3-equity.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.sec_18a_3_equity_parameters import Parameters
from engine.rules.sec_18a_3_equity_plain import COVERED, explain_account


class Sec18a3Equity:
    """Haircut on equity swaps as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure column: value of the shares in USD, long positive.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LINEAR], np.int8)
        self.scenario_names: tuple[str, ...] = ()

    def netting_set(self, instrument: Instrument) -> str:
        """The share.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered.
        """
        require_covered(self, instrument, COVERED)
        return instrument.underlying

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: all shares are charged alike."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 1]: value of the shares of one contract, USD; 0 without a price."""
        return np.where(market.priced[slots], market.unit_value_usd(slots), 0.0)[:, None]

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: requirement of each share, USD."""
        charges: Float64s = self.parameters.rate * np.abs(exposures)
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over shares; initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets), 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)
