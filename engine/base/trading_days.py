"""Business days with the instants at which they end: which day an instant belongs to, without a clock or time zones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.business_days import BusinessDays
from engine.base.errors import MarginError, Reason


class TradingDays:
    """What happens after the end of a business day, or on a holiday, belongs to the next one.

    Attributes:
        business: the days. ends_ns: int64[n], when each of them ends, ns since 1970.
    """

    def __init__(self, business: BusinessDays, ends_ns: Sequence[int]) -> None:
        """
        Raises:
            MarginError: BAD_PARAMETER if there is not one end a day, or they do not ascend.
        """
        self.business = business
        self.ends_ns = np.array(ends_ns, np.int64)
        if len(self.ends_ns) != len(business.days) or (np.diff(self.ends_ns) <= 0).any():
            raise MarginError(
                Reason.BAD_PARAMETER, f"ends of {business.name}", "are not one a day, or do not ascend"
            )

    def day_at(self, time_ns: int) -> int:
        """The business day (days since 1970) that an instant belongs to; the first one for all instants before it.

        Raises:
            MarginError: BAD_PARAMETER if the calendar ends before the instant.
        """
        place = int(np.searchsorted(self.ends_ns, time_ns, side="right"))
        if place == len(self.ends_ns):
            detail = f"the last one is over at {time_ns} ns since 1970; extend the calendar"
            raise MarginError(Reason.BAD_PARAMETER, f"business days {self.business.name}", detail)
        return int(self.business.days[place])

    def between(self, first: int, end: int) -> list[int]:
        """The business days from ``first`` on and before ``end``, both days since 1970."""
        days = self.business.days
        chosen: list[int] = days[(days >= first) & (days < end)].tolist()
        return chosen
