"""What happens in an account during a day, and which of it is an IML-reducing transaction.

Source: FINRA Rule 4210(a)(17)-(19), SEC Release 34-105226, Regulatory Notice 26-10. IML: intraday margin level.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from engine.base.errors import MarginError, Reason

# Sums of float64 money carry noise far below this; a level that moved less did not move.
NOISE_USD = 1e-4


class ActivityKind(StrEnum):
    """What an activity is, from the customer's side; the values are public names."""

    PURCHASE = "purchase"  # opens or adds to a long position, or turns a short one long
    COVER = "cover"  # buys back what is short and no more
    SALE = "sale"  # sells what is held and no more
    SHORT_SALE = "short_sale"
    OPTION_WRITTEN = "option_written"  # opens or adds to a short option position
    EXPIRY = "expiry"  # expiry, exercise or assignment
    WITHDRAWAL = "withdrawal"
    DEPOSIT = "deposit"  # sweep programme balances that come in count as one
    PRICE = "price"  # the market moves
    OTHER = "other"  # interest, dividends, fees: no transaction of the customer


TRANSACTIONS = frozenset(ActivityKind) - {ActivityKind.DEPOSIT, ActivityKind.PRICE, ActivityKind.OTHER}


@dataclass(frozen=True, slots=True)
class Level:
    """Equity and margin to be maintained (maintenance requirement) at one moment, USD.

    Raises:
        MarginError: NOT_FINITE: no level can be told from it, and a deficit would go by unseen.
    """

    equity_usd: float
    maintenance_usd: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.equity_usd + self.maintenance_usd):
            detail = f"equity {self.equity_usd} USD, margin to be maintained {self.maintenance_usd} USD"
            raise MarginError(Reason.NOT_FINITE, "intraday margin level", detail)

    @property
    def intraday_margin_level_usd(self) -> float:
        """What could be withdrawn while maintenance stays met; negative is what has to come in."""
        return self.equity_usd - self.maintenance_usd

    @property
    def shortfall_usd(self) -> float:
        """Margin to be maintained less equity, either sign."""
        return self.maintenance_usd - self.equity_usd


def trade_kind(held: float, quantity: float, *, is_option: bool) -> ActivityKind:
    """What a trade is, given what was held of its instrument before it; both signed, quantity not 0."""
    after = held + quantity
    if quantity > 0:
        return ActivityKind.COVER if after <= 0 else ActivityKind.PURCHASE
    if after >= 0:
        return ActivityKind.SALE
    return ActivityKind.OPTION_WRITTEN if is_option else ActivityKind.SHORT_SALE


def is_reducing(kind: ActivityKind, level_change_usd: float, reducing: Set[ActivityKind]) -> bool:
    """Whether an activity that changes the intraday margin level by so much is an IML-reducing transaction.

    Args:
        reducing: the kinds that can be one, a parameter.
    """
    return kind in reducing and level_change_usd < -NOISE_USD


def allowed_while_frozen(kind: ActivityKind, *, short_change_usd: float, debit_change_usd: float) -> bool:
    """Whether a frozen customer may do this: nothing that creates or increases a short position or a debit
    balance, other than closing a short position.

    Args:
        short_change_usd, debit_change_usd: increase of the short market value and of the debit balance, signed.
    """
    return kind is ActivityKind.COVER or (short_change_usd <= 0.0 and debit_change_usd <= 0.0)
