"""Sensitivities of one contract of our own instruments, as the plain twin takes them.

An equity swap settles daily: it moves by its shares' value, 1 % of which is its delta; a basket is its components. A
swap on credit, of one name or of an index, is moved one basis point of quoted spread and of discount rate; an interest
rate swap one basis point of each quote of its curves in turn. A gain is shared out to the two tenors that the maturity
or the quote lies between, in proportion to time. Value in a foreign currency is FX risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.credit import credit_spread, gain_per_basis_point, valuation_day
from engine.market.credit_pricing import BASIS_POINT, upfront
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.rate_schedule import tenor_months
from engine.market.view import MarketView
from engine.rules.simm.live_parameters import CREDIT, OIS, Parameters, issuers
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import CREDIT_TENORS, DAYS_PER_MONTH, TENOR_DAYS, TENORS

ONE_PERCENT = 0.01
DAYS_OF = dict(zip(TENORS, TENOR_DAYS, strict=True))


def sensitivities_of(parameters: Parameters, instrument: Instrument, market: MarketView) -> list[Sensitivity]:
    """Of one contract, USD; the instrument is priced."""
    slot = market.slot_of[instrument.instrument_id]
    units = instrument.multiplier * fx_rate(instrument, market)
    if instrument.product is Product.INTEREST_RATE_SWAP:
        return _rates(parameters, instrument, market, units)
    names = issuers(instrument)
    if instrument.product in CREDIT:
        return _credit(parameters, instrument, market, slot, units)
    amount = units * float(market.mark[slot]) * ONE_PERCENT
    return [
        Sensitivity("Equity", "Risk_Equity", name, parameters.bucket(instrument, name), "", "", amount * part)
        for name, part in names
    ]


def _rates(parameters: Parameters, swap: Instrument, market: MarketView, units: float) -> list[Sensitivity]:
    """Every quote of the curve, and of the one that discounts it, a basis point up in turn."""
    curves, found = market.rate_curves, []
    now = _value(market, swap, {})
    for curve_id in curves.rests_on(swap.underlying):
        sub_curve = parameters.sub_curves[curve_id] if curve_id == swap.underlying else OIS
        quotes = curves.quotes(curve_id)
        for place, quote in enumerate(quotes):
            bump = [BASIS_POINT if other == place else 0.0 for other in range(len(quotes))]
            gain = units * (_value(market, swap, {curve_id: bump}) - now)
            days = tenor_months(market.instruments[quote].tenor) * DAYS_PER_MONTH
            found += [
                Sensitivity("RatesFX", "Risk_IRCurve", swap.currency, "", tenor, sub_curve, gain * share)
                for tenor, share in shares(days, TENORS)
            ]
    return found + _foreign(swap, market, units, "RatesFX")


def _value(market: MarketView, swap: Instrument, shifts: dict[str, list[float]]) -> float:
    """Of one unit of notional on curves whose quotes are shifted."""
    slots = np.array([market.slot_of[swap.instrument_id]])
    moved = {curve_id: np.array([move]) for curve_id, move in shifts.items()}
    return float(market.rate_curves.values(market, swap.underlying, slots, moved, 1)[0, 0])


def _foreign(
    instrument: Instrument, market: MarketView, units: float, product_class: str
) -> list[Sensitivity]:
    """1 % of value in another currency than USD."""
    if instrument.currency == "USD":
        return []
    amount = units * float(market.mark[market.slot_of[instrument.instrument_id]]) * ONE_PERCENT
    return [Sensitivity(product_class, "Risk_FX", instrument.currency, "", "", "", amount)]


def _credit(
    parameters: Parameters, instrument: Instrument, market: MarketView, slot: int, units: float
) -> list[Sensitivity]:
    """Of an index the gain is each name's by its weight: as if all their spreads moved with the index's."""
    spread, today = credit_spread(market, slot), valuation_day(market)
    maturity = instrument.expiry_ns // NANOSECONDS_PER_DAY
    terms = (today, maturity, instrument.recovery_rate)
    by_spread = units * gain_per_basis_point(market, slot, spread)
    by_rate = 0.0
    if maturity > today:
        moved = upfront(*terms, market.rate + BASIS_POINT, instrument.coupon, spread)
        by_rate = units * (moved - upfront(*terms, market.rate, instrument.coupon, spread))
    currency, days = instrument.currency, float(maturity - today)
    found = [
        Sensitivity(
            "Credit", "Risk_CreditQ", name, parameters.bucket(instrument, name), tenor, currency,
            by_spread * share * part,
        )
        for name, part in issuers(instrument)
        for tenor, share in shares(days, CREDIT_TENORS)
    ]  # fmt: skip
    found += [
        Sensitivity("Credit", "Risk_IRCurve", currency, "", tenor, "OIS", by_rate * share)
        for tenor, share in shares(days, TENORS)
    ]
    return found + _foreign(instrument, market, units, "Credit")


def shares(days: float, tenors: Sequence[str]) -> list[tuple[str, float]]:
    """The tenors that a time lies between and the share of each; the outer one beyond the ends."""
    if days <= DAYS_OF[tenors[0]]:
        return [(tenors[0], 1.0)]
    for before, after in pairwise(tenors):
        if days < DAYS_OF[after]:
            later = (days - DAYS_OF[before]) / (DAYS_OF[after] - DAYS_OF[before])
            return [(before, 1.0 - later), (after, later)] if later > 0.0 else [(before, 1.0)]
    return [(tenors[-1], 1.0)]
