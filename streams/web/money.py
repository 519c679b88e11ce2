"""Money in sums: whole cents as int, exact; decimal strings at the edge."""

from __future__ import annotations

from decimal import Decimal


def cents(amount: Decimal) -> int:
    """Whole cents of an amount with at most two places."""
    return int(amount.scaleb(2))


def usd(amount_cents: int) -> str:
    """Decimal string with two places, as all contracts write money."""
    return str(Decimal(amount_cents).scaleb(-2))
