"""Fair values of listed swaps and repos: the engine's own curves on the simulated quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import Instrument, Product
from engine.market.market import MOVED, Market
from engine.market.rate_conventions import RateConvention
from engine.market.rate_curves import RateCurves
from engine.market.rate_follow import value_swaps
from engine.market.repo import value_repos

Float64s = NDArray[np.float64]

DERIVED: Final = frozenset({Product.INTEREST_RATE_SWAP, Product.REPO})
_QUOTED: Final = frozenset({Product.PAR_RATE, Product.TREASURY})


class SwapDesk:
    """Values what has no quote of its own.

    Attributes:
        is_derived: bool[instruments], those that it values.
    """

    def __init__(
        self, instruments: Sequence[Instrument], rate: float, conventions: Mapping[str, RateConvention]
    ) -> None:
        self._market = Market(rate, rate_curves=RateCurves(conventions))
        self.is_derived = np.array([instrument.product in DERIVED for instrument in instruments], np.bool_)
        concerned = [each.product in DERIVED | _QUOTED for each in instruments]
        self._places = np.flatnonzero(concerned)
        for place in self._places.tolist():
            self._market.put_instrument(instruments[place])

    def value(self, prices: Float64s, now_ns: int) -> Float64s:
        """float64[instruments]: the prices, with those of swaps and repos set anew."""
        market, count = self._market, len(self._places)
        market.mark[:count] = prices[self._places]
        market.news[:count] = MOVED
        market.step_time(now_ns)
        value_swaps(market)
        value_repos(market)
        valued = prices.copy()
        valued[self._places] = market.mark[:count]
        return valued
