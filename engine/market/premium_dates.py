"""Premium dates of standard credit default swaps: the 20th of March, June, September and December.

Days are days since 1970 (a Thursday). A premium date on a weekend moves to the Monday after; holidays are not known.
"""

from __future__ import annotations

from engine.base.kernel import in_place

_PREMIUM_DAY = 20
_DAYS_PER_400_YEARS = 146_097
_DAYS_TO_1970 = 719_468  # from 1 March of year 0, where the calendar's arithmetic begins


@in_place
def day_of(year: int, month: int, day: int) -> int:
    """Days since 1970 of a Gregorian date."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    year_of_era = shifted - 400 * era
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = 365 * year_of_era + year_of_era // 4 - year_of_era // 100 + day_of_year
    return int(_DAYS_PER_400_YEARS * era + day_of_era - _DAYS_TO_1970)


@in_place
def month_of(day: int) -> int:
    """Months since year 0 (12 * year + month - 1) that a day lies in."""
    counted = day + _DAYS_TO_1970
    era = counted // _DAYS_PER_400_YEARS
    day_of_era = counted - _DAYS_PER_400_YEARS * era
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // (_DAYS_PER_400_YEARS - 1)
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    since_march = (5 * day_of_year + 2) // 153
    return int(12 * (year_of_era + 400 * era) + since_march + 2)


@in_place
def following(day: int) -> int:
    """The day itself, or the Monday after a Saturday or Sunday."""
    weekday = (day + 3) % 7  # Monday is 0
    return day + max(7 - weekday, 0) if weekday >= 5 else day


@in_place
def premium_date(quarter: int) -> int:
    """Adjusted premium date of a quarter (4 * year + 0 for March, 1 for June ...)."""
    return following(day_of(quarter // 4, 3 * (quarter % 4) + 3, _PREMIUM_DAY))


@in_place
def quarter_on_or_before(day: int) -> int:
    """The quarter of the last premium date that is not after a day."""
    month = month_of(day)
    quarter = 4 * (month // 12) + (month % 12 + 1) // 3 - 1
    return quarter if premium_date(quarter) <= day else quarter - 1


@in_place
def started_months(day: int, maturity: int) -> int:
    """Calendar months from a day to a later one, a started month counting in full; 0 if it is not later.

    From 15 January to 15 February is one month, to 16 February two; from the 31st the last day of a month counts.
    """
    if maturity <= day:
        return 0
    first, last = month_of(day), month_of(maturity)
    day_of_month = day - day_of(first // 12, first % 12 + 1, 1)
    maturity_of_month = maturity - day_of(last // 12, last % 12 + 1, 1)
    return last - first + (1 if maturity_of_month > day_of_month else 0)
