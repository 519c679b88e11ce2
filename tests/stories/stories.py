"""The stories. Thanksgiving is 26 November 2026; the exchange closes at 13:00 on the 27th."""

from __future__ import annotations

from tests.stories.timeline import Expected, Story

CALM, FALL = ("11-24 14:30", 100.0), ("11-24 15:00", 97.0)
CALLED = Expected("11-24 15:00", "issued", "FIRST", "17600.00")

STORIES = (
    Story(
        "paid",
        (CALM, FALL),
        (
            CALLED,
            Expected("11-24 15:10", "acknowledged", "OPERATOR", "17600.00"),
            Expected("11-24 15:20", "partly_met", "SMALLER", "7600.00"),
            Expected("11-24 15:30", "met", "CURED_BY_DEPOSIT", "0.00"),
        ),
        deposits=(("11-24 15:20", 10_000.0), ("11-24 15:30", 8_000.0)),
        answers=(("11-24 15:10", "acknowledge", 1),),
    ),
    Story(
        "nobody-answers",
        (CALM, FALL),
        (
            CALLED,
            Expected("11-30 17:00", "issued", "REMINDER", "17600.00"),
            Expected("11-30 21:00", "overdue", "DEADLINE_PASSED", "17600.00"),
            Expected("11-30 21:01", "liquidation_eligible", "DEADLINE_PASSED", "17600.00"),
        ),
        times=("11-25 21:00", "11-27 18:00", "11-30 16:59", "11-30 20:59"),
    ),
    Story(
        "paid-late",
        (CALM, FALL),
        (
            CALLED,
            Expected("11-24 15:10", "acknowledged", "OPERATOR", "17600.00"),
            Expected("11-30 17:00", "acknowledged", "REMINDER", "17600.00"),
            Expected("11-30 21:00", "overdue", "DEADLINE_PASSED", "17600.00"),
            Expected("11-30 21:01", "met", "CURED_BY_DEPOSIT", "0.00"),
        ),
        deposits=(("11-30 21:01", 20_000.0),),
        answers=(("11-24 15:10", "promise", 1),),
    ),
    Story(
        "disputed-and-withdrawn",
        (CALM, FALL, ("11-24 15:20", 96.0), ("11-24 15:40", 105.0), ("11-24 15:50", 97.0)),
        (
            CALLED,
            Expected("11-24 15:10", "disputed", "OPERATOR", "17600.00"),
            Expected("11-24 15:20", "issued", "LARGER", "26800.00"),
            Expected("11-24 15:30", "cancelled", "OPERATOR", "26800.00"),
            Expected("11-24 15:40", "clear", "RECOVERED", "0.00"),
            Expected("11-24 15:50", "issued", "FIRST", "17600.00"),
            Expected("11-30 17:00", "issued", "REMINDER", "17600.00"),
            Expected("11-30 21:00", "overdue", "DEADLINE_PASSED", "17600.00"),
            Expected("11-30 21:01", "liquidation_eligible", "DEADLINE_PASSED", "17600.00"),
        ),
        answers=(("11-24 15:10", "dispute", 1), ("11-24 15:30", "cancel", 1)),
    ),
    Story(
        "wrong-answers",
        (CALM, FALL, ("11-24 15:20", 105.0), ("11-24 15:30", 106.0)),
        (
            CALLED,
            Expected("11-24 15:10", "acknowledged", "OPERATOR", "17600.00"),
            Expected("11-24 15:20", "met", "CURED_BY_MARKET", "0.00"),
            Expected("11-24 15:30", "clear", "RECOVERED", "0.00"),
        ),
        answers=(
            ("11-24 14:30", "acknowledge", 1),  # there is no such call yet
            ("11-24 15:10", "acknowledge", 1),
            ("11-24 15:15", "acknowledge", 1),  # it is acknowledged already
            ("11-24 15:25", "cancel", 1),  # it is met already
        ),
        refused=("UNKNOWN_CALL", "WRONG_CALL_STATE", "WRONG_CALL_STATE"),
    ),
    Story(
        "cured-overnight",
        (CALM, FALL),
        (CALLED, Expected("11-25 13:00", "met", "CURED_BY_START_OF_DAY", "0.00")),
        opened=(("11-25 13:00", -890_000.0),),
    ),
    Story(
        "no-price-at-the-deadline",
        (CALM, FALL),
        (
            CALLED,
            Expected("11-30 17:00", "issued", "REMINDER", "17600.00"),
            Expected("11-30 22:00", "overdue", "DEADLINE_PASSED", "17600.00"),
            Expected("11-30 22:01", "liquidation_eligible", "DEADLINE_PASSED", "17600.00"),
        ),
        silent=("11-30 20:59", "11-30 21:00", "11-30 21:01"),
        times=("11-30 22:01",),
    ),
    Story(
        "strategy-based",
        (CALM, ("11-24 15:00", 92.0)),
        (
            Expected("11-24 15:00", "issued", "FIRST", "30000.00"),  # a quarter of 920,000 is 230,000
            Expected("12-16 17:00", "issued", "REMINDER", "30000.00"),
            Expected("12-16 21:00", "overdue", "DEADLINE_PASSED", "30000.00"),
        ),
        approvals=(),
        cash=-720_000.0,
        times=("12-16 16:59", "12-16 20:59"),
    ),
)
