"""What becomes of a deficit, as timelines on the real exchange calendar across Independence Day.

A deficit of Monday 2026-06-29: the exchange is closed on Friday 2026-07-03, so the fifth business day after it is
Tuesday 2026-07-07 and the fifteenth Tuesday 2026-07-21; 90 calendar days after the fifth end on Monday 2026-10-05.
"""

from __future__ import annotations

import pytest

from engine.base.business_days import date_text, day_of
from engine.base.errors import MarginError, Reason
from engine.shortfall.intraday_account import DayClose, DeficitState, IntradayAccount
from engine.shortfall.intraday_case import close_day
from engine.shortfall.intraday_deficit import NO_DEFICIT
from tests.intraday_oracle import parameters
from tests.intraday_story import NYSE, Day, lines, tell

ONCE = parameters(practice_failures=1)  # the first failure is a practice
RULE = parameters()
DEFICIT = Day(deficit_usd=1_250.0)
MONDAY = "2026-06-29"


@pytest.mark.parametrize(
    ("days", "until", "expected"),
    [
        pytest.param({MONDAY: Day()}, "2026-06-30", [], id="nothing happened"),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=1_250.0)}, "2026-07-31",
            ["2026-06-29 OCCURRED", "2026-06-30 SATISFIED_BY_DEPOSITS"], id="met the next day",
        ),
        pytest.param(
            {MONDAY: Day(deficit_usd=1_250.0, deposit_usd=1_250.0)}, "2026-07-06",
            ["2026-06-29 OCCURRED"], id="a deposit of the same day does not count",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=1_249.99)}, "2026-07-06",
            ["2026-06-29 OCCURRED"], id="a cent is missing",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=800.0), "2026-07-02": Day(deposit_usd=450.0)},
            "2026-07-06", ["2026-06-29 OCCURRED", "2026-07-02 SATISFIED_BY_DEPOSITS"], id="in two parts",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=1_000.0), "2026-07-01": Day(deposit_usd=-1_000.0),
             "2026-07-02": Day(deposit_usd=1_000.0)},
            "2026-07-06", ["2026-06-29 OCCURRED"], id="what goes out again does not count",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(level_usd=1_250.0)}, "2026-07-06",
            ["2026-06-29 OCCURRED", "2026-06-30 SATISFIED_BY_LEVEL"], id="positions were sold",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=600.0, level_usd=650.0)}, "2026-07-06",
            ["2026-06-29 OCCURRED", "2026-06-30 SATISFIED_BY_LEVEL"], id="money and sales together",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-06-30": Day(deposit_usd=1_250.0, level_usd=-5_000.0)}, "2026-07-06",
            ["2026-06-29 OCCURRED", "2026-06-30 SATISFIED_BY_DEPOSITS"], id="a fall does not undo a deposit",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-07-07": Day(deposit_usd=1_250.0)}, "2026-07-31",
            ["2026-06-29 OCCURRED", "2026-07-07 SATISFIED_BY_DEPOSITS"], id="f: met on the fifth day",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-07-08": Day(deposit_usd=1_250.0)}, "2026-07-31",
            ["2026-06-29 OCCURRED", "2026-07-07 NOT_PROMPT", "2026-07-07 FROZEN",
             "2026-07-08 SATISFIED_BY_DEPOSITS", "2026-07-08 FREEZE_LIFTED"],
            id="f: met on the sixth day lifts the freeze",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-07-21": Day(deposit_usd=1_250.0)}, "2026-07-31",
            ["2026-06-29 OCCURRED", "2026-07-07 NOT_PROMPT", "2026-07-07 FROZEN",
             "2026-07-21 SATISFIED_BY_DEPOSITS", "2026-07-21 FREEZE_LIFTED"],
            id="f: met on the fifteenth day",
        ),
        pytest.param(
            {MONDAY: DEFICIT, "2026-07-22": Day(deposit_usd=1_250.0)}, "2026-07-31",
            ["2026-06-29 OCCURRED", "2026-07-07 NOT_PROMPT", "2026-07-07 FROZEN", "2026-07-21 EXPIRED",
             "2026-07-22 SATISFIED_BY_DEPOSITS", "2026-07-22 FREEZE_LIFTED"],
            id="f: expired on the fifteenth; later money lifts the freeze still",
        ),
        pytest.param(
            {MONDAY: DEFICIT}, "2026-10-30",
            ["2026-06-29 OCCURRED", "2026-07-07 NOT_PROMPT", "2026-07-07 FROZEN", "2026-07-21 EXPIRED",
             "2026-10-06 FREEZE_ENDED"],
            id="f: never met",
        ),
    ],
)  # fmt: skip
def test_where_one_failure_is_a_practice(days: dict[str, Day], until: str, expected: list[str]) -> None:
    assert lines(tell(days, until, ONCE)[1]) == expected


@pytest.mark.parametrize(
    ("first", "second", "frozen"),
    [
        pytest.param(None, DEFICIT, False, id="one failure"),
        pytest.param(DEFICIT, DEFICIT, True, id="two failures"),
        pytest.param(Day(deficit_usd=500.0), DEFICIT, False, id="c: the first was minor"),
        pytest.param(Day(deficit_usd=500.01), DEFICIT, True, id="a cent above minor"),
        pytest.param(Day(deficit_usd=1_250.0, extraordinary=True), DEFICIT, False, id="extraordinary"),
        pytest.param(DEFICIT, Day(deficit_usd=100.0), False, id="the second is minor and does not count"),
    ],
)
def test_a_practice_is_two_failures_that_count(first: Day | None, second: Day, frozen: bool) -> None:
    days = ({"2026-06-08": first} if first else {}) | {MONDAY: second}
    account, events = tell(days, "2026-07-07", RULE)
    assert ("2026-07-07 FROZEN" in lines(events)) is frozen
    assert account.is_frozen(day_of("2026-07-08")) is frozen


def test_a_customer_with_a_practice_is_frozen_for_a_minor_deficit_too() -> None:
    days = {"2026-06-08": DEFICIT, "2026-06-15": DEFICIT, MONDAY: Day(deficit_usd=100.0)}
    told = lines(tell(days, "2026-07-07", RULE)[1])
    assert told[-2:] == ["2026-07-07 NOT_PROMPT", "2026-07-07 FROZEN"]
    assert "2026-06-23 FROZEN" in told  # the second failure


def test_failures_long_ago_are_no_practice() -> None:
    near, far = {"2026-06-30": DEFICIT}, {"2026-06-29": DEFICIT}
    again = {"2027-06-22": DEFICIT}  # its fifth business day is 2027-06-29; a year before is 2026-06-29
    assert "2027-06-29 FROZEN" in lines(tell(near | again, "2027-06-29", RULE)[1])
    assert "2027-06-29 FROZEN" in lines(tell(far | again, "2027-06-29", RULE)[1])
    earlier = {"2026-06-26": DEFICIT}
    assert "2027-06-29 FROZEN" not in lines(tell(earlier | again, "2027-06-29", RULE)[1])


def test_the_freeze_is_a_fact_of_the_account_to_its_last_day() -> None:
    account, events = tell({MONDAY: DEFICIT}, "2026-10-05", ONCE)
    frozen = next(event for event in events if event.reason == "FROZEN")
    assert date_text(frozen.frozen_until_day) == "2026-10-05"
    assert account.is_frozen(day_of("2026-10-05"))
    assert not account.is_frozen(day_of("2026-10-06"))
    (deficit,) = account.deficits
    assert (deficit.state, deficit.late) == (DeficitState.EXPIRED, True)


def test_two_deficits_have_their_own_days() -> None:
    days = {MONDAY: DEFICIT, "2026-06-30": Day(deficit_usd=2_000.0), "2026-07-02": Day(deposit_usd=1_500.0)}
    account, events = tell(days, "2026-07-08", ONCE)
    assert lines(events) == [
        "2026-06-29 OCCURRED", "2026-06-30 OCCURRED", "2026-07-02 SATISFIED_BY_DEPOSITS",
        "2026-07-08 NOT_PROMPT", "2026-07-08 FROZEN",
    ]  # fmt: skip
    assert [deficit.state for deficit in account.deficits] == ["satisfied", "outstanding"]


@pytest.mark.parametrize(("day", "told"), [("2026-06-03", []), ("2026-06-04", ["2026-06-04 OCCURRED"])])
def test_the_rule_begins_on_its_day(day: str, told: list[str]) -> None:
    assert lines(tell({day: DEFICIT}, day, RULE)[1]) == told


def test_a_firm_may_begin_later() -> None:
    late = parameters(applied_from="2027-10-20")
    assert lines(tell({MONDAY: DEFICIT}, MONDAY, late)[1]) == []
    assert lines(tell({"2027-10-20": DEFICIT}, "2027-10-20", late)[1]) == ["2027-10-20 OCCURRED"]


def test_events_name_their_deadlines_and_are_told_apart() -> None:
    account, events = tell({MONDAY: DEFICIT}, "2026-07-21", ONCE)
    first = events[0]
    assert (date_text(first.freeze_due_day), date_text(first.expires_day)) == ("2026-07-07", "2026-07-21")
    assert (first.account_id, first.amount_usd, first.parameters_version) == ("A", 1_250.0, "2026-11")
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert account.sequence == 4
    assert {event.deficit_id for event in events} == {first.deficit_id}
    assert [event.event_id for event in events] == [f"{first.deficit_id}-{n}" for n in (1, 2, 3, 4)]
    assert tell({MONDAY: DEFICIT}, "2026-07-21", ONCE)[1] == events


def test_what_is_long_done_is_forgotten() -> None:
    account, _ = tell({MONDAY: DEFICIT}, "2027-07-01", ONCE)
    assert account.deficits == ()


def test_a_close_without_a_number_is_refused() -> None:
    close = DayClose(day_of("2026-06-30"), float("nan"), 0.0, NO_DEFICIT)
    with pytest.raises(MarginError, match="NOT_FINITE: intraday margin of account A: level nan USD"):
        close_day(IntradayAccount("A"), close, NYSE, RULE)


@pytest.mark.parametrize(
    ("day", "detail"),
    [
        ("2026-07-03", "2026-07-03 is no business day of XNYS"),
        ("2026-06-30", "2026-06-30 is not after 2026-06-30"),
    ],
)
def test_a_day_closes_once_and_only_if_it_opened(day: str, detail: str) -> None:
    account = IntradayAccount("A", day_of("2026-06-30"))
    with pytest.raises(MarginError, match="intraday margin of account A: " + detail) as refused:
        close_day(account, DayClose(day_of(day), 0.0, 0.0, NO_DEFICIT), NYSE, RULE)
    assert refused.value.reason is Reason.OUT_OF_RANGE
