"""Business days as a value: deadlines are counted without a clock and without a calendar library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from engine.base.errors import MarginError, Reason

_EPOCH = date(1970, 1, 1).toordinal()


def day_of(text: str) -> int:
    """Days since 1970 of ``YYYY-MM-DD``.

    Raises:
        ValueError: the text is no such date.
    """
    return date.fromisoformat(text).toordinal() - _EPOCH


def date_text(day: int) -> str:
    """``YYYY-MM-DD`` of days since 1970."""
    return date.fromordinal(day + _EPOCH).isoformat()


class BusinessDays:
    """The business days of one calendar between its first and its last.

    Attributes:
        name: whose they are, e.g. ``NYSE``; stands in every complaint.
        days: int64[n] days since 1970, ascending.
    """

    def __init__(self, name: str, days: Sequence[int]) -> None:
        """
        Raises:
            MarginError: BAD_PARAMETER if there are none, or they do not ascend.
        """
        self.name = name
        self.days = np.array(days, np.int64)
        if len(self.days) == 0 or (np.diff(self.days) <= 0).any():
            raise self._bad("are none, or do not ascend; give each once and in order")

    def has(self, day: int) -> bool:
        """Whether the day is a business day."""
        self._check(day)
        return bool(self.days[np.searchsorted(self.days, day)] == day)

    def after(self, day: int, count: int) -> int:
        """The business day that is ``count`` (>= 1) business days after a day of any kind.

        Raises:
            MarginError: BAD_PARAMETER if the calendar does not reach so far.
        """
        self._check(day)
        place = int(np.searchsorted(self.days, day, side="right")) + count - 1
        if place >= len(self.days):
            raise self._bad(
                f"end on {date_text(int(self.days[-1]))}, before day {count} after {date_text(day)}"
            )
        return int(self.days[place])

    def count(self, start: int, end: int) -> int:
        """Number of business days after ``start`` up to and with ``end``.

        Raises:
            MarginError: BAD_PARAMETER if the calendar does not hold both.
        """
        self._check(start)
        self._check(end)
        first, last = np.searchsorted(self.days, [start, end], side="right").tolist()
        return int(last - first)

    def _check(self, day: int) -> None:
        if not self.days[0] <= day <= self.days[-1]:
            ends = " to ".join(date_text(int(end)) for end in (self.days[0], self.days[-1]))
            raise self._bad(f"reach from {ends}; {date_text(day)} is outside")

    def _bad(self, detail: str) -> MarginError:
        return MarginError(Reason.BAD_PARAMETER, f"business days {self.name}", detail)
