"""The calendar of standard credit default swaps against the library's own."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from engine.market.premium_dates import day_of, month_of, premium_date, quarter_on_or_before, started_months
from tests.credit_oracle import EPOCH, days, premium_dates


def test_dates_and_months_agree_with_the_calendar_over_a_century() -> None:
    for day in range(days(date(1999, 12, 1)), days(date(2101, 4, 1)), 7):
        there = EPOCH + timedelta(days=day)
        assert day_of(there.year, there.month, there.day) == day
        assert month_of(day) == 12 * there.year + there.month - 1


def test_premium_dates_are_the_twentieth_of_four_months_or_the_monday_after() -> None:
    expected = premium_dates(date(2024, 1, 1), date(2040, 1, 1))
    quarters = range(4 * 2023, 4 * 2023 + len(expected))
    assert [EPOCH + timedelta(days=premium_date(quarter)) for quarter in quarters] == expected


def test_the_running_period_began_on_the_last_premium_date() -> None:
    dates = np.array([days(one) for one in premium_dates(date(2025, 1, 1), date(2032, 1, 1))])
    for day in range(days(date(2025, 1, 1)), days(date(2031, 12, 31))):
        assert premium_date(quarter_on_or_before(day)) == dates[dates <= day].max()


@pytest.mark.parametrize(
    ("today", "maturity", "months"),
    [
        (date(2026, 11, 20), date(2031, 6, 20), 55),
        (date(2026, 11, 19), date(2031, 6, 20), 56),
        (date(2026, 12, 20), date(2031, 12, 20), 60),
        (date(2026, 12, 19), date(2031, 12, 20), 61),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2026, 1, 15), date(2026, 1, 16), 1),
        (date(2026, 1, 15), date(2026, 1, 15), 0),
        (date(2026, 1, 15), date(2025, 1, 15), 0),
    ],
)
def test_a_started_month_counts_in_full(today: date, maturity: date, months: int) -> None:
    assert started_months(days(today), days(maturity)) == months
