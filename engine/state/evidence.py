"""What an account's figures were computed from, for whoever recomputes them."""

from __future__ import annotations

from dataclasses import fields
from math import isnan
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS, Instrument
from engine.portfolio.holdings import Held
from engine.state.core import EngineCore

_FIELDS = tuple(field.name for field in fields(Instrument))
_fields_of = attrgetter(*_FIELDS)


def evidence_of(engine: EngineCore, account: int, holdings: Held) -> dict[str, Any]:
    """Positions, marks (equity), risk marks (requirement), cash and collateral of an account with these holdings.

    Beside the instruments held there are those they rest on: underlyings, the quotes of swaps' curves, and the rates of
    all currencies.
    """
    instruments = set(holdings.instrument.tolist())
    underlyings = set(engine.market.underlying[holdings.instrument].tolist()) - {-1}
    quotes = engine.market.rate_curves.quotes_under(engine.market.instruments[i] for i in instruments)
    silos, currencies = np.nonzero(engine.holdings.cash[account])
    codes = list(engine.holdings.currencies)
    foreign = {engine.market.instruments[i].currency for i in instruments | underlyings | quotes}
    foreign |= {codes[currency] for currency in currencies.tolist()}
    rates = {engine.market.slot_of.get(f"{currency}USD", -1) for currency in foreign} - {-1}
    priced = sorted(instruments | underlyings | quotes | rates)
    held = [
        {
            "instrument_id": engine.market.instruments[instrument].instrument_id,
            "quantity": quantity,
            "silo": SILOS[silo].value,
        }
        for instrument, quantity, silo in zip(
            holdings.instrument.tolist(), holdings.quantity.tolist(), holdings.silo.tolist(), strict=True
        )
    ]
    collateral, record = holdings.collateral.tolist(), engine.accounts.records[account]
    return {
        "valuation_time_ns": engine.market.valuation_time_ns,
        "rate": engine.market.rate,
        "collateral_schedule": f"{engine.policy.collateral.schedule_id} {engine.policy.collateral.version}",
        "issuer": record.issuer,
        "settlement_currency": record.settlement_currency,
        "type": record.type,
        "approvals": sorted(record.approvals),
        "past_charges_usd": list(record.past_charges_usd),
        "instruments": [_record(engine.market.instruments[i]) for i in priced],
        "prices": _prices(engine, priced),
        "positions": [row for row, pledged in zip(held, collateral, strict=True) if not pledged],
        "collateral": [row for row, pledged in zip(held, collateral, strict=True) if pledged],
        "cash": [
            {
                "silo": SILOS[silo].value,
                "currency": codes[currency],
                "amount": float(engine.holdings.cash[account, silo, currency]),
            }
            for silo, currency in zip(silos.tolist(), currencies.tolist(), strict=True)
        ],
    }


def _prices(engine: EngineCore, instruments: list[int]) -> list[dict[str, Any]]:
    """Live and risk prices of instruments; NaN, not known, becomes None."""
    market, slots = engine.market, np.array(instruments, np.int64)
    columns: dict[str, list[Any]] = {
        "instrument_id": [market.instruments[i].instrument_id for i in instruments],
        "mark": _numbers(market.mark[slots]),
        "volatility": _numbers(market.volatility[slots]),
        "risk_mark": _numbers(market.risk.mark[slots]),
        "risk_volatility": _numbers(market.risk.volatility[slots]),
        "source_time_ns": market.source_time_ns[slots].tolist(),
        "sequence": market.sequence[slots].tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _record(instrument: Instrument) -> dict[str, Any]:
    """A fixing that is not known becomes None."""
    record = dict(zip(_FIELDS, _fields_of(instrument), strict=True))
    return record | {"fixing": None if isnan(instrument.fixing) else instrument.fixing}


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if isnan(value) else value for value in values.tolist()]
