"""Sensitivities of one contract as columns: which column is which risk factor, and what stands in it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.credit import credit_spreads, maturity_days, valuation_day
from engine.market.credit_pricing import BASIS_POINT, cr01, upfront
from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.rate_gains import gains_by_quote, quotes_under
from engine.market.view import MarketView
from engine.rules.interface import Float64s, Int64s
from engine.rules.simm.live_parameters import CREDIT, OIS, Parameters, issuers
from engine.rules.simm.live_sensitivities import DAYS_OF, ONE_PERCENT
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import CREDIT_TENORS, DAYS_PER_MONTH, TENORS

# Value of shares by 1 %; spread by tenor; rate by tenor, of the OIS curve, then of a term index; FX.
_EQUITY: Final = 0
_SPREAD: Final = 1
_RATE: Final = _SPREAD + len(CREDIT_TENORS)
_INDEX: Final = _RATE + len(TENORS)
_FX: Final = _INDEX + len(TENORS)
WIDTH: Final = _FX + 1
_CREDIT_DAYS: Final = np.array([DAYS_OF[tenor] for tenor in CREDIT_TENORS])
_RATE_DAYS: Final = np.array([DAYS_OF[tenor] for tenor in TENORS])
_CREDIT_SWAPS: Final = [PRODUCT_CODE[product] for product in sorted(CREDIT)]
_EQUITY_SWAP: Final = PRODUCT_CODE[Product.EQUITY_SWAP]
_RATE_SWAP: Final = PRODUCT_CODE[Product.INTEREST_RATE_SWAP]


class Factor(NamedTuple):
    """A risk factor, the column that its sensitivity stands in, and its share of that column."""

    column: int
    share: float
    sensitivity: Sensitivity


def factors_of(parameters: Parameters, instrument: Instrument) -> list[Factor]:
    """The risk factors of an instrument, amounts 0."""
    if instrument.product is Product.EQUITY_SWAP:
        return [
            Factor(_EQUITY, part, _factor("Equity", "Risk_Equity", name, parameters.bucket(instrument, name)))
            for name, part in issuers(instrument)
        ]
    currency = instrument.currency
    if instrument.product in CREDIT:
        product_class = "Credit"
        found = [
            Factor(
                _SPREAD + place,
                part,
                _factor("Credit", "Risk_CreditQ", name, parameters.bucket(instrument, name), tenor, currency),
            )
            for name, part in issuers(instrument)
            for place, tenor in enumerate(CREDIT_TENORS)
        ]
        sub_curves = [(_RATE, OIS)]
    else:
        product_class, found = "RatesFX", []
        own = parameters.sub_curves[instrument.underlying]
        sub_curves = [(_RATE, OIS)] if own == OIS else [(_RATE, OIS), (_INDEX, own)]
    found += [
        Factor(first + place, 1.0, _factor(product_class, "Risk_IRCurve", currency, "", tenor, sub_curve))
        for first, sub_curve in sub_curves
        for place, tenor in enumerate(TENORS)
    ]
    return [*found, Factor(_FX, 1.0, _factor(product_class, "Risk_FX", currency))]


def _factor(
    product_class: str, risk_type: str, qualifier: str, bucket: str = "", label1: str = "", label2: str = ""
) -> Sensitivity:
    return Sensitivity(product_class, risk_type, qualifier, bucket, label1, label2, 0.0)


def rows_of(parameters: Parameters, market: MarketView, slots: Int64s) -> Float64s:
    """float64[n, 31]: sensitivities of one contract, USD; zero without a price."""
    rows = np.zeros((len(slots), WIDTH))
    priced = market.priced[slots]
    product = market.product[slots]
    shares = np.flatnonzero(priced & (product == _EQUITY_SWAP))
    rows[shares, _EQUITY] = ONE_PERCENT * market.unit_value_usd(slots[shares])
    credit = np.flatnonzero(priced & np.isin(product, _CREDIT_SWAPS))
    if len(credit):
        rows[credit] = _credit_swaps(market, slots[credit])
    swaps = np.flatnonzero(priced & (product == _RATE_SWAP))
    curve_of = [market.instruments[slot].underlying for slot in slots[swaps].tolist()]
    for curve_id in sorted(set(curve_of)):
        places = swaps[[each == curve_id for each in curve_of]]
        rows[places] = _rate_swaps(parameters, market, curve_id, slots[places])
    foreign = np.concatenate([credit, swaps])
    foreign = foreign[market.foreign[slots[foreign]]]
    rows[foreign, _FX] = ONE_PERCENT * market.unit_value_usd(slots[foreign])
    return rows


def _rate_swaps(parameters: Parameters, market: MarketView, curve_id: str, slots: Int64s) -> Float64s:
    """Swaps on one curve: the gain by each quote, shared out to the tenors of its sub-curve."""
    quotes = quotes_under(market, curve_id)
    gains = gains_by_quote(market, curve_id, slots)
    gains *= (market.multiplier[slots] * market.fx_rate(slots))[:, None]
    rows = np.zeros((len(slots), WIDTH))
    own_first = _RATE if parameters.sub_curves[curve_id] == OIS else _INDEX
    for place, quote in enumerate(quotes):
        first = own_first if quote.curve_id == curve_id else _RATE
        share = np.zeros(len(TENORS))
        _share_out(1.0, quote.months * DAYS_PER_MONTH, _RATE_DAYS, share)
        rows[:, first : first + len(TENORS)] += np.outer(gains[:, place], share)
    return rows


def _credit_swaps(market: MarketView, slots: Int64s) -> Float64s:
    rows = np.zeros((len(slots), WIDTH))
    units = market.multiplier[slots] * market.fx_rate(slots)
    _credit_rows(
        valuation_day(market), maturity_days(market, slots), market.recovery_rate[slots], market.rate,
        market.coupon[slots], credit_spreads(market, slots), units, _CREDIT_DAYS, _RATE_DAYS, rows,
    )  # fmt: skip
    return rows


@in_place
def _credit_rows(
    today: int,
    maturity: Int64s,
    recovery: Float64s,
    rate: float,
    coupon: Float64s,
    spread: Float64s,
    units: Float64s,
    credit_days: Float64s,
    rate_days: Float64s,
    rows: Float64s,
) -> None:
    """One basis point of spread and of rate, by tenor."""
    for one in range(len(maturity)):
        terms = (maturity[one], recovery[one])
        by_spread = cr01(today, terms[0], terms[1], rate, coupon[one], spread[one])
        by_rate = 0.0
        if maturity[one] > today:
            moved = upfront(today, terms[0], terms[1], rate + BASIS_POINT, coupon[one], spread[one])
            by_rate = moved - upfront(today, terms[0], terms[1], rate, coupon[one], spread[one])
        days = float(maturity[one] - today)
        _share_out(units[one] * by_spread, days, credit_days, rows[one, _SPREAD:_RATE])
        _share_out(units[one] * by_rate, days, rate_days, rows[one, _RATE:_INDEX])


@kernel
def _share_out(amount: float, days: float, tenors: Float64s, row: Float64s) -> None:
    """In proportion to time between the two tenors around; all to the outer one beyond the ends."""
    place = np.searchsorted(tenors, days)
    if place == 0:
        row[0] = amount
    elif place == len(tenors):
        row[-1] = amount
    else:
        later = (days - tenors[place - 1]) / (tenors[place] - tenors[place - 1])
        row[place - 1] = amount * (1.0 - later)
        row[place] = amount * later
