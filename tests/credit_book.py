"""Markets of credit default swaps, quoted by spread, and holdings in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.credit_pricing import BASIS_POINT, upfront
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Holding
from tests.rulebook_cases import nanoseconds, set_prices

SILO = "security_based_swaps"
NOW = "2026-11-20T15:00:00+00:00"
RATE = 0.04


def swap_of(
    instrument_id: str, entity: str, maturity: str, coupon: float = 0.01, currency: str = "USD"
) -> Instrument:
    """One contract protects 1,000,000 of notional."""
    return Instrument(
        instrument_id, Product.CREDIT_DEFAULT_SWAP, multiplier=1e6, currency=currency,
        expiry_ns=nanoseconds(f"{maturity}T21:00:00+00:00"), reference_entity=entity, coupon=coupon,
        recovery_rate=0.4, negative_price_allowed=True,
    )  # fmt: skip


def index_of(
    instrument_id: str,
    index: str,
    maturity: str,
    names: tuple[tuple[str, float], ...] = (),
    coupon: float = 0.01,
    currency: str = "USD",
) -> Instrument:
    """One contract protects 1,000,000 of notional of an index."""
    terms = {"product": Product.CREDIT_INDEX_SWAP, "components": names}
    return replace(swap_of(instrument_id, index, maturity, coupon, currency), **terms)


def mark_at(instrument: Instrument, spread_bp: float, now: str = NOW, rate: float = RATE) -> float:
    """The mark of a swap that is quoted at a spread."""
    return upfront(
        nanoseconds(now) // NANOSECONDS_PER_DAY, instrument.expiry_ns // NANOSECONDS_PER_DAY,
        instrument.recovery_rate, rate, instrument.coupon, spread_bp * BASIS_POINT,
    )  # fmt: skip


def market_of(
    instruments: Sequence[Instrument],
    spreads_bp: Mapping[str, float],
    marks: Mapping[str, float] | None = None,
) -> Market:
    """A market of swaps at these spreads and other instruments at these marks; others have no price."""
    market = Market(rate=RATE, valuation_time_ns=nanoseconds(NOW))
    prices = dict(marks or {})
    for instrument in instruments:
        market.put_instrument(instrument)
        if instrument.instrument_id in spreads_bp:
            prices[instrument.instrument_id] = mark_at(instrument, spreads_bp[instrument.instrument_id])
    set_prices(market, [{"instrument_id": name, "mark": mark} for name, mark in prices.items()])
    return market


def holdings_of(market: Market, quantities: Mapping[str, float]) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[name]], quantity, SILO)
        for name, quantity in quantities.items()
    ]
