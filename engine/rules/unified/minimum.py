"""Minimum charge of one derivative contract, long or short: what remains when all risk is hedged."""

from __future__ import annotations

import numpy as np

from engine.market.instruments import FUTURES_STYLE, Product
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.rules.interface import Float64s, Int64s
from engine.rules.unified.one_pot_parameters import OnePotParameters

PER_UNIT = frozenset({Product.EQUITY_OPTION, Product.INDEX_OPTION})
SHARE_OF_NOTIONAL = FUTURES_STYLE | {Product.FUTURE_OPTION, Product.CRYPTO_OPTION}

_IS_PER_UNIT = np.array([product in PER_UNIT for product in PRODUCT_CODE], np.bool_)
_IS_SHARE = np.array([product in SHARE_OF_NOTIONAL for product in PRODUCT_CODE], np.bool_)


def minimum_per_contract(parameters: OnePotParameters, market: MarketView, slots: Int64s) -> Float64s:
    """float64[n] USD per contract of priced instruments.

    Securities options: a fixed amount per unit of the multiplier. Futures, perpetuals and options on futures:
    a share of the notional of their underlying. Everything else: none.
    """
    code = market.product[slots]
    notional = np.abs(market.underlying_notional_usd(slots))
    per_unit = np.where(
        _IS_PER_UNIT[code], market.multiplier[slots] * parameters.option_minimum_usd_per_unit, 0.0
    )
    return per_unit + np.where(_IS_SHARE[code], notional * parameters.futures_minimum_share, 0.0)
