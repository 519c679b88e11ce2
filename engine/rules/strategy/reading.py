"""What every position of strategy-based margin is read with: net positions, prices, calendar months, refusals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Silo
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.interface import Holding


def net_positions(holdings: Sequence[Holding]) -> list[tuple[Instrument, float]]:
    """One position an instrument of the securities silo, by instrument_id; what nets to nothing is left out."""
    instruments: dict[str, Instrument] = {}
    quantities: dict[str, list[float]] = {}
    for holding in holdings:
        if holding.silo == Silo.SECURITIES:
            instruments[holding.instrument.instrument_id] = holding.instrument
            quantities.setdefault(holding.instrument.instrument_id, []).append(holding.quantity)
    netted = [(instruments[key], math.fsum(quantities[key])) for key in sorted(quantities)]
    return [(instrument, quantity) for instrument, quantity in netted if quantity != 0.0]


def price_usd(market: MarketView, instrument: Instrument, position: Instrument) -> float:
    """Mark of the instrument in USD.

    Raises:
        MarginError: NO_PRICE where it or its currency has none, or a price of zero; it names the position that
            needs the price.
    """
    slot = market.slot_of.get(instrument.instrument_id)
    mark = math.nan if slot is None else float(market.mark[slot])
    currency = f"{instrument.currency}USD"
    if instrument.currency != "USD" and currency not in market.slot_of:
        raise refuse(Reason.NO_PRICE, position, f"no rate {currency}")
    price = mark * fx_rate(instrument, market)
    if not price > 0.0 or not math.isfinite(price):
        raise refuse(Reason.NO_PRICE, position, f"price {mark:g} of {instrument.instrument_id}")
    return price


def months_later(time_ns: int, months: int) -> int:
    """The same instant so many calendar months on; the last day of a shorter month."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    for day in range(moment.day, 27, -1):
        try:
            return int(moment.replace(year=year, month=month + 1, day=day).timestamp()) * 1_000_000_000 + rest
        except ValueError:
            continue
    return int(moment.replace(year=year, month=month + 1).timestamp()) * 1_000_000_000 + rest


def refuse(reason: Reason, instrument: Instrument, detail: str) -> MarginError:
    """The error that leaves a position out."""
    return MarginError(reason, f"position {instrument.instrument_id}", detail)
