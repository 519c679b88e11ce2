"""Interest rate curves, cleared swaps, credit indexes and repo of the simulated market.

Rates fall when the ten-year note future rises: a quote follows its factor, by more at the short end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from engine.market.credit_pricing import BASIS_POINT, upfront
from streams.contracts.reference import InstrumentRecord
from streams.simulator.listing import Listing

_OFTEN, _SELDOM, _NEVER = 8, 1, 0
_NOTE_FUTURE: Final = "PX:ZN"
_EPOCH: Final = date(1970, 1, 1)
_RATE: Final = 0.04
_RECOVERY: Final = 0.4
_MILLION: Final = 1e6


class _Quote(NamedTuple):
    """Par rate, and its relative move for one of the note future's price."""

    tenor: str
    rate: float
    beta: float


_CURVES: Final = {
    "USD-SOFR": (
        _Quote("3M", 0.0418, -0.4),
        _Quote("6M", 0.0408, -0.8),
        _Quote("1Y", 0.0388, -1.8),
        _Quote("2Y", 0.0362, -3.2),
        _Quote("3Y", 0.0357, -3.6),
        _Quote("5Y", 0.0360, -3.7),
        _Quote("7Y", 0.0367, -3.6),
        _Quote("10Y", 0.0378, -3.4),
        _Quote("20Y", 0.0392, -2.9),
        _Quote("30Y", 0.0388, -2.7),
    ),
    "EUR-ESTR": (
        _Quote("6M", 0.0192, -0.6),
        _Quote("1Y", 0.0190, -1.5),
        _Quote("2Y", 0.0195, -3.0),
        _Quote("5Y", 0.0215, -3.8),
        _Quote("10Y", 0.0245, -3.4),
        _Quote("30Y", 0.0250, -2.8),
    ),
    "EUR-EURIBOR-6M": (
        _Quote("1Y", 0.0205, -1.5),
        _Quote("2Y", 0.0210, -3.0),
        _Quote("5Y", 0.0230, -3.8),
        _Quote("10Y", 0.0260, -3.4),
        _Quote("30Y", 0.0262, -2.8),
    ),
}
# Curve, years, fixed rate; they began some days ago, so their first period runs.
_SWAPS: Final = (
    ("USD-SOFR", 2, 0.0362),
    ("USD-SOFR", 5, 0.0360),
    ("USD-SOFR", 10, 0.0378),
    ("USD-SOFR", 30, 0.0388),
    ("EUR-ESTR", 5, 0.0215),
    ("EUR-EURIBOR-6M", 10, 0.0260),
)
_FIXINGS: Final = {"USD-SOFR": 0.0421, "EUR-ESTR": 0.0193, "EUR-EURIBOR-6M": 0.0207}
# Index, series, spread in basis points, coupon, relative move of the value for one of the stock index.
_INDEXES: Final = (("CDX.NA.IG", "CDX-IG", 55.0, 0.01, 5.0), ("CDX.NA.HY", "CDX-HY", 330.0, 0.05, 4.0))
# Treasury behind a repo, days, cash for 100 of principal, rate.
_REPOS: Final = (("UST-NOTE-5Y", 7, 98.9, 0.0405), ("UST-NOTE-10Y", 30, 98.2, 0.0402))


def rates(start: date) -> list[Listing]:
    """Quotes before what is valued on them."""
    return [*_quotes(), *_swaps(start), *_indexes(start), *_repos(start)]


def _record(**fields: Any) -> InstrumentRecord:
    return InstrumentRecord.model_validate(fields)


def _quotes() -> Iterator[Listing]:
    for curve_id, quotes in _CURVES.items():
        for quote in quotes:
            record = _record(
                instrument_id=f"{curve_id}-{quote.tenor}",
                product="par_rate",
                underlying=curve_id,
                currency=curve_id[:3],
                tenor=quote.tenor,
                risk_factor=_NOTE_FUTURE,
                beta=quote.beta,
                negative_price_allowed=True,
            )
            yield Listing(record, quote.rate, 0.000001, 0.00003, _OFTEN)


def _swaps(start: date) -> Iterator[Listing]:
    """Fixed paid on 1,000,000; without quotes of their own."""
    began = start - timedelta(days=10)
    for curve_id, years, coupon in _SWAPS:
        record = _record(
            instrument_id=f"IRS-{curve_id}-{years}Y",
            product="interest_rate_swap",
            underlying=curve_id,
            multiplier=_MILLION,
            currency=curve_id[:3],
            start=began.isoformat(),
            expiry=began.replace(year=began.year + years, day=min(began.day, 28)).isoformat(),
            coupon=coupon,
            fixing=_FIXINGS[curve_id],
            negative_price_allowed=True,
        )
        yield Listing(record, 0.0, 0.000001, 0.0, _NEVER)


def _indexes(start: date) -> Iterator[Listing]:
    """Protection on 1,000,000 for some five years; below the coupon its value is negative."""
    maturity = date(start.year + 5, 12, 20)
    for index, name, spread_bp, coupon, beta in _INDEXES:
        record = _record(
            instrument_id=f"{name}-{maturity:%Y-%m}",
            product="credit_index_swap",
            multiplier=_MILLION,
            expiry=maturity.isoformat(),
            reference_entity=index,
            coupon=coupon,
            recovery_rate=_RECOVERY,
            risk_factor="EQ:SPX",
            beta=beta,
            negative_price_allowed=True,
        )
        terms = ((start - _EPOCH).days, (maturity - _EPOCH).days, _RECOVERY, _RATE, coupon)
        yield Listing(record, upfront(*terms, spread_bp * BASIS_POINT), 0.00001, 0.001, _SELDOM)


def _repos(start: date) -> Iterator[Listing]:
    """Cash borrowed on a principal of 1,000,000; without quotes of their own."""
    for behind, days, cash, rate in _REPOS:
        record = _record(
            instrument_id=f"REPO-{behind}-{days}D",
            product="repo",
            underlying=behind,
            multiplier=_MILLION / 100.0,
            expiry=(start + timedelta(days=days)).isoformat(),
            strike=cash,
            coupon=rate,
            negative_price_allowed=True,
        )
        yield Listing(record, 0.0, 0.000001, 0.0, _NEVER)
