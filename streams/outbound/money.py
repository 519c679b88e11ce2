"""Figures to money at the edge: each rounded once, in the direction that its meaning asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from engine.base.units import cents_nearest
from engine.portfolio.accounts import NEVER
from engine.state.partitions import Inputs
from engine.state.statement import Quality
from streams.contracts.results import DataQuality, InputOffsets, NamedAmount

_EPOCH: Final = date(1970, 1, 1)


def named_amounts(parts: Iterable[tuple[str, float]], total: Decimal) -> tuple[NamedAmount, ...]:
    """Terms in cents that add up to ``total`` exactly: the rounding rest goes to the largest of them."""
    amounts = [(name, cents_nearest(amount)) for name, amount in parts]
    rest = total - sum((amount for _, amount in amounts), Decimal(0))
    if rest and amounts:
        largest = max(range(len(amounts)), key=lambda place: abs(amounts[place][1]))
        name, amount = amounts[largest]
        amounts[largest] = (name, amount + rest)
    return tuple(NamedAmount(name=name, amount=amount) for name, amount in amounts)


def exact_cents(amount_usd: float) -> Decimal:
    """An amount that is whole cents already."""
    return cents_nearest(amount_usd)


def business_date(day: int) -> str:
    """``YYYY-MM-DD``; an account without a start-of-day record gets 1970-01-01."""
    return (_EPOCH + timedelta(days=0 if day == NEVER else day)).isoformat()


def data_quality(quality: Quality) -> DataQuality:
    """The engine's quality note as contract."""
    return DataQuality(
        oldest_price_age_ms=quality.oldest_price_age_ms,
        stale=quality.stale,
        incomplete=quality.incomplete,
    )


def input_offsets(inputs: Inputs) -> InputOffsets:
    """The engine's input offsets as contract."""
    return InputOffsets(
        partition=inputs.partition,
        trades_offset=inputs.trades_offset,
        collateral_offset=inputs.collateral_offset,
        positions_offset=inputs.positions_offset,
        price_time_ns=max(inputs.price_time_ns, 0),
    )
