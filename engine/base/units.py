"""Money at the edge: float64 inside, cents with a named direction outside."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

CENT: Final = Decimal("0.01")
# Sums of float64 money carry noise far below this; without it 100.00 + 1e-11 would round up to 100.01.
_NOISE: Final = Decimal("0.0001")

NANOSECONDS_PER_SECOND: Final = 1_000_000_000
NANOSECONDS_PER_MINUTE: Final = 60 * NANOSECONDS_PER_SECOND
NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
NANOSECONDS_PER_DAY: Final = 24 * 3600 * NANOSECONDS_PER_SECOND
NANOSECONDS_PER_YEAR: Final = 365 * NANOSECONDS_PER_DAY  # Act/365F


def start_of_day(time_ns: int) -> int:
    """Midnight UTC at or before an instant."""
    return time_ns - time_ns % NANOSECONDS_PER_DAY


def cents_up(amount_usd: float) -> Decimal:
    """Round toward plus infinity to the cent: requirements, deficits and call amounts."""
    return _to_cents(amount_usd, ROUND_CEILING)


def cents_down(amount_usd: float) -> Decimal:
    """Round toward minus infinity to the cent: equity, collateral and excess."""
    return _to_cents(amount_usd, ROUND_FLOOR)


def cents_nearest(amount_usd: float) -> Decimal:
    """Round half to even to the cent: explanatory parts, which bind nobody."""
    return _to_cents(amount_usd, ROUND_HALF_EVEN)


def _to_cents(amount_usd: float, rounding: str) -> Decimal:
    clean = Decimal(amount_usd).quantize(_NOISE, ROUND_HALF_EVEN)
    return clean.quantize(CENT, rounding) + Decimal(0)  # + 0 turns -0.00 into 0.00
