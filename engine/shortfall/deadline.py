"""When a call is due: minutes after it was issued, or by the cut-off of a business day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.base.units import NANOSECONDS_PER_MINUTE


class Cutoffs(Protocol):
    """The cut-offs of the business days of a market or payment system, holidays, half days and time zone included."""

    def after(self, time_ns: int, business_days: int) -> int:
        """Cut-off (ns since 1970 UTC) of the business day so many after the local date of ``time_ns``; with 0 the first
        cut-off that is not before ``time_ns``."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """Attributes:
    minutes: after the call, on any day; used where ``cutoffs`` is None.
    business_days: after the day of the call, by the cut-off of that day.
    """

    minutes: int = 0
    business_days: int = 0
    cutoffs: Cutoffs | None = None

    def after(self, time_ns: int) -> int:
        """The deadline of what happened at a time, ns since 1970 UTC."""
        if self.cutoffs is None:
            return time_ns + self.minutes * NANOSECONDS_PER_MINUTE
        return self.cutoffs.after(time_ns, self.business_days)
