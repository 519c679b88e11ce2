"""Debt as columns: requirement of one unit by instrument slot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import DEBT, Product
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.rules.interface import Float64s, Int64s
from engine.rules.strategy.debt import PRICE_OF_PRINCIPAL
from engine.rules.strategy.debt_parameters import DebtRates
from engine.rules.strategy.reading import months_later

Bools = NDArray[np.bool_]
_IS_DEBT = np.array([product in DEBT for product in PRODUCT_CODE], np.bool_)


def is_debt(market: MarketView, slots: Int64s) -> Bools:
    """bool[n]"""
    found: Bools = _IS_DEBT[market.product[slots]]
    return found


def can_be_margined(market: MarketView, slots: Int64s) -> Bools:
    """bool[n], of debt: it has not matured and has a price above zero."""
    usable: Bools = (market.expiry_ns[slots] > market.valuation_time_ns) & (market.mark[slots] > 0.0)
    return usable


def unit_requirement_usd(rates: DebtRates, market: MarketView, slots: Int64s) -> Float64s:
    """float64[n] USD of one unit held long or short, of priced debt; zero where :func:`can_be_margined` is not."""
    value = market.unit_value_usd(slots)
    principal = PRICE_OF_PRINCIPAL * market.multiplier[slots] * market.fx_rate(slots)
    product = market.product[slots]
    investment_grade = np.array(
        [market.instruments[slot].grade == "investment" for slot in slots.tolist()], np.bool_
    )
    treasury = product == PRODUCT_CODE[Product.TREASURY]
    municipal = product == PRODUCT_CODE[Product.MUNICIPAL_BOND]
    rate = np.select(
        [treasury, municipal, investment_grade],
        [_treasury_rates(rates, market, slots), rates.municipal, rates.investment_grade],
        rates.other_market,
    )
    long_dated = market.expiry_ns[slots] >= months_later(market.valuation_time_ns, rates.zero_coupon_months)
    zero_coupon = treasury & long_dated & (market.coupon[slots] == 0.0)
    floor = np.select(
        [zero_coupon, treasury | municipal | investment_grade],
        [rates.zero_coupon_principal, 0.0],
        rates.other_principal,
    )
    asked: Float64s = np.where(
        can_be_margined(market, slots), np.maximum(rate * value, floor * principal), 0.0
    )
    return asked


def _treasury_rates(rates: DebtRates, market: MarketView, slots: Int64s) -> Float64s:
    """float64[n]: the rate of each one's maturity band."""
    now_ns = market.valuation_time_ns
    ends_ns = np.array([months_later(now_ns, months) for months, _ in rates.treasury], np.int64)
    band = np.searchsorted(ends_ns, market.expiry_ns[slots], side="right")
    by_band = np.array([rate for _, rate in rates.treasury])
    found: Float64s = by_band[np.minimum(band, len(by_band) - 1)]
    return found
