"""Cleared repo: what the end leg is worth, from the Treasury behind it and the cash to be paid back.

A repo's ``strike`` is the cash that comes back at its ``expiry_ns``, in percent of the principal of the Treasury that
it names as ``underlying``; ``coupon`` is its rate, at which that cash is discounted (simple, actual days over 360). Who
borrowed the cash (positive quantity) gets the Treasury back for it, and the coupons of the time between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.bond_pricing import accrued_interest
from engine.market.instruments import Product
from engine.market.market import MOVED, PRODUCT_CODE, Market
from engine.market.view import Float64s, Int64s, MarketView

_REPO, _TREASURY = PRODUCT_CODE[Product.REPO], PRODUCT_CODE[Product.TREASURY]
_DAYS_PER_YEAR = 360.0


class Cash(NamedTuple):
    """Cash legs of repos, length n: percent of principal, rate a year, days until it is paid (0 = paid)."""

    amount: Float64s
    rate: Float64s
    days: Int64s

    def value(self, rates: Float64s) -> Float64s:
        """float64[n, k]: present values at rates float64[n, k]."""
        return self.amount[:, None] / (1.0 + rates * self.days[:, None] / _DAYS_PER_YEAR)


def cash_legs(market: MarketView, slots: Int64s) -> Cash:
    """What the repos in these slots pay back."""
    left = market.expiry_ns[slots] // NANOSECONDS_PER_DAY - market.valuation_time_ns // NANOSECONDS_PER_DAY
    return Cash(market.strike[slots], market.coupon[slots], np.maximum(left, 0))


def value_repos(market: Market) -> None:
    """Mark the repos from the Treasuries behind them; a changed mark is news, and as old as that Treasury's."""
    slots = np.flatnonzero(market.product[: market.count] == _REPO)
    if len(slots) == 0:
        return
    behind = market.underlying[slots]
    # Anything but a Treasury has no yield to move with: such a repo has no value, and says so.
    is_known = (behind >= 0) & (market.product[behind] == _TREASURY) & (market.fx[behind] == market.fx[slots])
    known, behind = slots[is_known], behind[is_known]
    marks = np.full(len(slots), np.nan)
    today = market.valuation_time_ns // NANOSECONDS_PER_DAY
    accrued = [
        accrued_interest(
            today, int(market.expiry_ns[slot]) // NANOSECONDS_PER_DAY, float(market.coupon[slot])
        )
        for slot in behind.tolist()
    ]
    cash = cash_legs(market, known)
    marks[is_known] = market.mark[behind] + accrued - cash.value(cash.rate[:, None])[:, 0]
    held = market.mark[slots]
    market.news[slots[(marks != held) & ~(np.isnan(marks) & np.isnan(held))]] |= MOVED
    market.mark[slots] = marks
    market.source_time_ns[known] = market.source_time_ns[behind]
