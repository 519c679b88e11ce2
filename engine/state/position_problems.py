"""Positions whose figure nobody should rely on though they have a price: past their expiry, or priced at zero."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import DEBT, Instrument, Product
from engine.portfolio.collateral import limited_product
from engine.portfolio.holdings import Held
from engine.state.core import EngineCore


def position_problems(engine: EngineCore, held: Held) -> Iterator[MarginError]:
    """One a position. A price of zero is one only where it can be meant: where prices may be negative, or where an
    option's volatility is quoted beside it. Debt that has matured is cash that has not come yet.
    """
    market = engine.market
    for slot in np.unique(held.only(~held.collateral).instrument).tolist():
        instrument = market.instruments[slot]
        if not market.priced[slot]:
            continue
        if 0 < instrument.expiry_ns < market.valuation_time_ns and limited_product(instrument) not in DEBT:
            expired = np.datetime64(instrument.expiry_ns, "ns").astype("datetime64[s]")
            yield _problem(
                Reason.EXPIRED, instrument, f"expired at {expired}Z; book its exercise or settlement"
            )
        elif _at_zero(engine, slot):
            yield _problem(Reason.ZERO_PRICE, instrument, "its price is zero")
        elif (
            instrument.is_option
            and instrument.price_model != "normal"
            and _at_zero(engine, int(market.underlying[slot]))
        ):
            yield _problem(
                Reason.ZERO_PRICE, instrument, f"the price of its underlying {instrument.underlying} is zero"
            )


def _at_zero(engine: EngineCore, slot: int) -> bool:
    market = engine.market
    if slot < 0 or market.mark[slot] != 0.0 or not np.isnan(market.quoted_volatility[slot]):
        return False
    return (
        not market.negative_price_allowed[slot]
        and market.instruments[slot].product is not Product.EVENT_CONTRACT
    )


def _problem(reason: Reason, instrument: Instrument, detail: str) -> MarginError:
    return MarginError(reason, f"position {instrument.instrument_id}", detail)
