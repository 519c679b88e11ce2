"""Business days: counting with a value, and the exchange's real calendar across its holidays."""

from __future__ import annotations

from datetime import date

import pytest

from engine.base.business_days import BusinessDays, date_text, day_of
from engine.base.errors import MarginError, Reason
from streams.business_days import exchange_days

NYSE = exchange_days(date(2024, 12, 1), date(2028, 1, 31))


def after(start: str, count: int) -> str:
    return date_text(NYSE.after(day_of(start), count))


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2026-06-04", 1, "2026-06-05"),
        ("2026-06-05", 1, "2026-06-08"),  # over a weekend
        ("2026-06-06", 1, "2026-06-08"),  # from a Saturday
        ("2026-06-18", 1, "2026-06-22"),  # Juneteenth is a Friday
        ("2026-07-02", 1, "2026-07-06"),  # Independence Day is a Saturday: closed on the Friday before
        ("2026-06-29", 5, "2026-07-07"),
        ("2026-06-29", 15, "2026-07-21"),
        ("2026-11-25", 1, "2026-11-27"),  # the half day after Thanksgiving is a business day
        ("2027-03-25", 1, "2027-03-29"),  # Good Friday
        ("2027-06-17", 1, "2027-06-21"),  # Juneteenth is a Saturday
        ("2027-12-23", 1, "2027-12-27"),  # Christmas is a Saturday
        ("2027-12-30", 1, "2027-12-31"),  # New Year's Day is a Saturday: no day is taken off for it
        ("2025-01-08", 1, "2025-01-10"),  # national day of mourning
    ],
)
def test_deadlines_on_the_exchange_calendar(start: str, count: int, end: str) -> None:
    assert after(start, count) == end
    assert NYSE.count(day_of(start), day_of(end)) == count


def test_days_are_told_apart() -> None:
    assert NYSE.has(day_of("2026-07-02"))
    assert not NYSE.has(day_of("2026-07-03"))
    assert not NYSE.has(day_of("2026-07-04"))
    assert NYSE.count(day_of("2026-07-02"), day_of("2026-07-05")) == 0


def test_a_closure_announced_at_short_notice_can_be_given() -> None:
    own = exchange_days(date(2026, 6, 1), date(2026, 6, 30), closed={date(2026, 6, 9)})
    assert date_text(own.after(day_of("2026-06-08"), 1)) == "2026-06-10"


def test_what_the_calendar_does_not_reach_is_refused_by_name() -> None:
    short = BusinessDays("TEST", [day_of("2026-06-04"), day_of("2026-06-05")])
    for ask in (
        lambda: short.after(day_of("2026-06-04"), 2),
        lambda: short.count(day_of("2026-06-04"), day_of("2026-06-06")),
        lambda: short.has(day_of("2026-06-03")),
    ):
        with pytest.raises(MarginError, match=r"business days TEST: .*2026-06-05") as refused:
            ask()
        assert refused.value.reason is Reason.BAD_PARAMETER


@pytest.mark.parametrize("days", [[], [3, 3], [4, 3]])
def test_days_must_ascend(days: list[int]) -> None:
    with pytest.raises(MarginError, match="business days TEST: are none, or do not ascend"):
        BusinessDays("TEST", days)
