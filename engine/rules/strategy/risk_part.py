"""From the published form of a strategy requirement to the risk part that is compared with equity.

Equity counts an option at its value and short stock at its buy-back cost. So what a published figure holds of
the market value of short positions is in equity already, and is taken out here and nowhere else. The value of a
long option stays: it is the requirement of a position without loan value.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Amount = TypeVar("Amount", float, NDArray[np.float64])


def risk_part_usd(published_usd: Amount, short_market_value_usd: Amount) -> Amount:
    """What equity, with every position at its value, must cover."""
    return published_usd - short_market_value_usd
