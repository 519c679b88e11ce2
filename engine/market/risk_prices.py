"""Risk prices: the marks and volatilities that risk arrays were last made with.

They follow the live ones only when those are off by more than a tolerance, so that a risk array is not made anew
for every tick. See ``docs/decisions/0006-risk-prices.md``.
"""

from __future__ import annotations

import numpy as np

from engine.base.columns import Fill, filled, grow
from engine.market.view import MarketView

_FILLS: dict[str, Fill] = {
    "mark": (np.float64, np.nan),
    "volatility": (np.float64, np.nan),
    "priced": (np.bool_, False),
}
_SHARED = (
    "count", "instruments", "slot_of", "rate", "threads", "curves", "product", "model", "is_call", "strike",
    "expiry_ns", "multiplier", "dividend_yield", "underlying", "fx", "foreign", "inverse", "negative_price_allowed",
    "curve", "coupon", "recovery_rate", "rate_curves",
)  # fmt: skip


class RiskPrices(MarketView):
    """The view of a market that risk arrays and their plain twins are made from.

    ``mark``, ``volatility``, ``priced`` and ``valuation_time_ns`` are its own and moved by
    :func:`engine.market.refresh.refresh` alone; everything else is the market's.

    Attributes:
        price_tolerance: share of the mark (of an option's own mark: share of its underlying's) within which a
            mark stays; volatility_tolerance: share of the volatility. 0 = follow every change.
    """

    def __init__(self, market: MarketView, price_tolerance: float, volatility_tolerance: float) -> None:
        self.price_tolerance = price_tolerance
        self.volatility_tolerance = volatility_tolerance
        self.valuation_time_ns = market.valuation_time_ns
        for name, column in filled(_FILLS, len(market.mark)).items():
            setattr(self, name, column)
        self.share(market)

    def share(self, market: MarketView) -> None:
        """Take over what is the market's own, after an instrument came in."""
        if len(market.mark) > len(self.mark):
            grow(self, _FILLS, len(market.mark))
        for name in _SHARED:
            setattr(self, name, getattr(market, name))

    def forget(self, slot: int) -> None:
        """The instrument is gone: its slot is as new."""
        for name, (_, value) in _FILLS.items():
            getattr(self, name)[slot] = value
