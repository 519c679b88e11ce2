"""Netting sets that hold stock and nothing to pair it with: charged at once, without an object for each position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.base.errors import MarginError
from engine.market.instruments import Product, check_instrument
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.rates import rate_table, stock_alone
from engine.rules.strategy.tableau import Float64s, Int64s

Bools = NDArray[np.bool_]
STOCK = (PRODUCT_CODE[Product.EQUITY], PRODUCT_CODE[Product.ETF])


class StockSets:
    """What one unit of each stock or fund asks for by itself, by slot; NaN where it cannot be said."""

    def __init__(self, parameters: Parameters) -> None:
        self._table = rate_table(parameters)
        self._asked: Float64s = np.full((64, 4), np.nan)
        self._value: Float64s = np.full(64, np.nan)

    def renew(self, market: MarketView, slots: Int64s) -> None:
        """Prices or terms of these instruments changed."""
        if market.count > len(self._value):
            size = max(market.count, 2 * len(self._value))
            self._asked, self._value = longer(self._asked, size, np.nan), longer(self._value, size, np.nan)
        self._asked[slots] = self._value[slots] = np.nan
        stock = slots[np.isin(market.product[slots], STOCK) & market.priced[slots]]
        prices = market.mark[stock] * market.fx_rate(stock)
        good = np.isfinite(prices) & (prices > 0.0)
        good &= np.fromiter((_can_be_margined(market, slot) for slot in stock.tolist()), np.bool_, len(stock))
        stock, prices = stock[good], prices[good]
        leverages = np.array([market.instruments[slot].leverage for slot in stock.tolist()], np.float64)
        units = market.multiplier[stock]
        self._asked[stock] = stock_alone(self._table, prices, leverages) * units[:, None]
        self._value[stock] = prices * units

    def found(self, instruments: Int64s, first: Int64s) -> Int64s:
        """Those of the units whose only position is stock that can be margined."""
        single = np.flatnonzero(np.diff(first) == 1)
        found: Int64s = single[np.isfinite(self._value[instruments[first[single]]])]
        return found

    def charge(self, instruments: Int64s, quantities: Float64s) -> Float64s:
        """float64[u, 5], as :meth:`engine.rules.strategy.live.RegT.charge_positions`; one position a unit."""
        short = quantities < 0.0
        asked = self._asked[instruments] * np.abs(quantities)[:, None]
        maintenance = np.where(short, asked[:, 3], asked[:, 2])
        initial = np.maximum(np.where(short, asked[:, 1], asked[:, 0]), maintenance)
        value = self._value[instruments] * quantities
        return np.column_stack([initial, maintenance, short, value, np.zeros(len(value))])


def _can_be_margined(market: MarketView, slot: int) -> bool:
    try:
        check_instrument(market.instruments[slot])
    except MarginError:
        return False
    return True
