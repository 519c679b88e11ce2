"""Spot crypto, stablecoins and tokens held as positions: haircut by asset on the market value; vectorised.

An asset held through several instruments (pairs, venues) is charged on the greater of its long and its short
side; different assets never offset. A token takes the haircut of what it stands for and an add-on. The plain twin is
:mod:`engine.rules.digital_assets_spot_plain`; parameters and their sources are in ``data/digital-assets-spot.toml``;
the clerk's page is ``docs/rulebooks/digital-assets-spot.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.units import start_of_day
from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.portfolio.collateral import asset_of
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.digital_assets_spot_parameters import Parameters, TokenRates
from engine.rules.digital_assets_spot_plain import COVERED, explain_account
from engine.rules.interface import LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.requirement import Explained

_BY_ITSELF = "token/"  # begins the name of its netting set
_TOKENISED = PRODUCT_CODE[Product.TOKENISED]


class DigitalAssetsSpot:
    """Haircuts on spot digital assets as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns: market value held long and held short, USD, both >= 0; of a token, whose rate follows the time
    to maturity, the requirement itself. A netting set is one asset, e.g. ``BTC``, or one token, ``token/BUIDL``.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LONG, SHORT], np.int8)
        self.scenario_names: tuple[str, ...] = ()
        self._rates_of_set = np.zeros((0, 2, 2))  # [set, long or short, initial or maintenance]

    def netting_set(self, instrument: Instrument) -> str:
        """The asset: the instrument's underlying if it names one (BTC-USD -> BTC), else its own id.

        Raises:
            MarginError: NO_RULEBOOK for other products; BAD_PARAMETER if the file has no rates for the asset.
        """
        require_covered(self, instrument, COVERED)
        if instrument.product is Product.TOKENISED:
            self._token_rates(instrument)
            return _BY_ITSELF + instrument.instrument_id
        asset = asset_of(instrument)
        self._rates(asset)
        return asset

    def _token_rates(self, token: Instrument) -> TokenRates:
        rates = self.parameters.tokens.get(token.tokenised_product)
        if rates is None:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: tokens.{token.tokenised_product}",
                f"is missing, but instrument {token.instrument_id} stands for one; "
                f"known are {', '.join(self.parameters.tokens)}",
            )
        return rates

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Look up the rates of each asset that is new.

        Raises:
            MarginError: BAD_PARAMETER if the file has no rates for an asset.
        """
        fresh = [self._rates(asset) for asset in netting_sets[len(self._rates_of_set) :]]
        if fresh:
            self._rates_of_set = np.concatenate([self._rates_of_set, np.array(fresh)])

    def _rates(self, asset: str) -> list[list[float]]:
        if asset.startswith(_BY_ITSELF):
            return [[1.0, 1.0], [1.0, 1.0]]  # the rows hold the requirement
        rates = self.parameters.assets.get(asset)
        if rates is None:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: assets.{asset}",
                f"is missing; known are {', '.join(self.parameters.assets)}. "
                "An instrument that is a pair names the asset as its underlying",
            )
        return [[side.initial, side.maintenance] for side in (rates.long, rates.short)]

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 2]: market value of one unit (of a token: requirement), USD, for either side; 0 unpriced."""
        value = np.where(market.priced[slots], market.unit_value_usd(slots), 0.0)
        at_ns = start_of_day(market.valuation_time_ns)
        for place in np.flatnonzero(market.product[slots] == _TOKENISED).tolist():
            token = market.instruments[slots[place]]
            value[place] *= self._token_rates(token).rate(token, at_ns)
        return np.column_stack([value, value])

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 2]: initial and maintenance of each asset, USD."""
        rates = self._rates_of_set[sets]
        return np.maximum(rates[:, 0] * exposures[:, :1], rates[:, 1] * exposures[:, 1:])

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over assets; assets do not offset one another."""
        return sum_by_account(charges, offsets)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)
