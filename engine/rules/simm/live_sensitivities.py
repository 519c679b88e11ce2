"""Sensitivities of one contract of our own instruments, as the plain twin takes them.

An equity swap settles daily: it moves by its shares' value, 1 % of which is its delta. A credit default swap is moved
one basis point of quoted spread and of discount rate; both gains are shared out to the two tenors that its maturity
lies between, in proportion to time. Its value in a foreign currency is FX risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.credit import credit_spread, gain_per_basis_point, valuation_day
from engine.market.credit_pricing import BASIS_POINT, upfront
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.simm.live_parameters import Parameters, issuer
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import CREDIT_TENORS, TENOR_DAYS, TENORS

ONE_PERCENT = 0.01
DAYS_OF = dict(zip(TENORS, TENOR_DAYS, strict=True))


def sensitivities_of(parameters: Parameters, instrument: Instrument, market: MarketView) -> list[Sensitivity]:
    """Of one contract, USD; the instrument is priced."""
    slot = market.slot_of[instrument.instrument_id]
    units = instrument.multiplier * fx_rate(instrument, market)
    bucket = parameters.buckets(instrument)[issuer(instrument)]
    if instrument.product is Product.EQUITY_SWAP:
        amount = units * float(market.mark[slot]) * ONE_PERCENT
        return [Sensitivity("Equity", "Risk_Equity", issuer(instrument), bucket, "", "", amount)]
    return _credit(instrument, market, slot, units, bucket)


def _credit(
    instrument: Instrument, market: MarketView, slot: int, units: float, bucket: str
) -> list[Sensitivity]:
    spread, today = credit_spread(market, slot), valuation_day(market)
    maturity = instrument.expiry_ns // NANOSECONDS_PER_DAY
    terms = (today, maturity, instrument.recovery_rate)
    by_spread = units * gain_per_basis_point(market, slot, spread)
    by_rate = 0.0
    if maturity > today:
        moved = upfront(*terms, market.rate + BASIS_POINT, instrument.coupon, spread)
        by_rate = units * (moved - upfront(*terms, market.rate, instrument.coupon, spread))
    name, currency, days = instrument.reference_entity, instrument.currency, float(maturity - today)
    found = [
        Sensitivity("Credit", "Risk_CreditQ", name, bucket, tenor, currency, by_spread * share)
        for tenor, share in shares(days, CREDIT_TENORS)
    ]
    found += [
        Sensitivity("Credit", "Risk_IRCurve", currency, "", tenor, "OIS", by_rate * share)
        for tenor, share in shares(days, TENORS)
    ]
    if currency != "USD":
        amount = units * float(market.mark[slot]) * ONE_PERCENT
        found.append(Sensitivity("Credit", "Risk_FX", currency, "", "", "", amount))
    return found


def shares(days: float, tenors: Sequence[str]) -> list[tuple[str, float]]:
    """The tenors that a time lies between and the share of each; the outer one beyond the ends."""
    if days <= DAYS_OF[tenors[0]]:
        return [(tenors[0], 1.0)]
    for before, after in pairwise(tenors):
        if days < DAYS_OF[after]:
            later = (days - DAYS_OF[before]) / (DAYS_OF[after] - DAYS_OF[before])
            return [(before, 1.0 - later), (after, later)] if later > 0.0 else [(before, 1.0)]
    return [(tenors[-1], 1.0)]
