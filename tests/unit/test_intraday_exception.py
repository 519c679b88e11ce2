"""Exceptions for intraday deficits: what an answer makes of where an account stands, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.base.business_days import date_text, day_of
from engine.base.errors import Reason
from engine.shortfall.call_response import Response, ResponseKind
from engine.state.answers import Answered, answer
from streams.outbound.intraday import intraday_event, standing_of
from tests.intraday_firm import Firm, Trade, reasons

BUY = Trade("t1", "AAPL", 225.0, 200.0)  # 11,250 to be maintained, 1,250 beyond the equity
SELL = Trade("t2", "AAPL", -225.0, 200.0)
DAY = "2026-09-21"


class Desk:
    """Answers of an operator, each at the next offset."""

    def __init__(self, firm: Firm) -> None:
        self.firm, self.offset = firm, -1

    def say(self, kind: str, deficit_id: str, text: str = "trade booked twice", until: str = "") -> Answered:
        self.offset += 1
        return self.say_at(self.offset, kind, deficit_id, text, until)

    def say_at(
        self, offset: int, kind: str, deficit_id: str, text: str = "trade booked twice", until: str = ""
    ) -> Answered:
        response = Response(
            f"r{offset}", "A", deficit_id, ResponseKind(kind), "desk1", self.firm.now_ns, text, 0, offset,
            day_of(until) if until else -1,
        )  # fmt: skip
        answered = answer(self.firm.engine, [response], self.firm.now_ns)
        self.firm.events += answered.intraday
        return answered


def refusal(answered: Answered) -> tuple[Reason, str]:
    assert not answered.intraday
    ((_, refused),) = answered.refused
    return refused.reason, refused.detail


def occurred(**values: object) -> tuple[Firm, Desk, str]:
    """A deficit of 1,250 on Monday 21 September, all sold; now it is Tuesday."""
    firm = Firm(10_000.0, **values)
    firm.send(BUY, SELL)
    firm.run()
    assert reasons(firm.next_day()) == ["OCCURRED"]
    return firm, Desk(firm), firm.events[-1].event.deficit_id


def told_until(firm: Firm, date: str) -> list[str]:
    """``date reason`` of what the closes tell up to that day's."""
    told = []
    while date_text(firm.standing.day) <= date:
        told += [f"{date_text(m.event.day)} {m.event.reason}" for m in firm.next_day()]
    return [line for line in told if "DAY_CLOSED" not in line]


def test_extraordinary_circumstances_keep_a_deficit_from_counting() -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    (move,) = desk.say("extraordinary", deficit_id).intraday
    assert (move.event.reason.value, move.event.deficit_id) == ("EXTRAORDINARY", deficit_id)
    assert told_until(firm, "2026-09-28") == ["2026-09-28 NOT_PROMPT"]  # day 5: late, but no freeze
    assert not firm.standing.is_frozen()


def test_on_its_own_day_it_is_taken_into_the_close() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY)
    (opened,) = firm.run()
    assert reasons(Desk(firm).say("extraordinary", opened.event.deficit_id).intraday) == ["EXTRAORDINARY"]
    firm.restart()
    assert reasons(firm.next_day()) == ["OCCURRED_EXTRAORDINARY"]


def test_a_freeze_that_rests_on_no_practice_any_more_is_lifted() -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    assert told_until(firm, "2026-09-28") == ["2026-09-28 NOT_PROMPT", "2026-09-28 FROZEN"]
    granted = desk.say("extraordinary", deficit_id)
    assert reasons(granted.intraday) == ["EXTRAORDINARY", "FREEZE_LIFTED"]
    assert not firm.standing.is_frozen()
    assert [move.event.sequence for move in firm.events] == list(range(1, len(firm.events) + 1))


def test_more_time_moves_late_and_freeze_to_the_close_of_its_day() -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    (move,) = desk.say("extend", deficit_id, "wire delayed", "2026-10-01").intraday
    assert (move.event.reason.value, date_text(move.event.freeze_due_day)) == ("EXTENDED", "2026-10-01")
    assert told_until(firm, "2026-10-01") == ["2026-10-01 NOT_PROMPT", "2026-10-01 FROZEN"]
    assert date_text(firm.standing.account.frozen_until_day) == "2026-12-30"  # 90 days after it


def test_paid_within_the_time_given_it_was_prompt() -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    desk.say("extend", deficit_id, "wire delayed", "2026-10-12")  # business day 15, the last one possible
    assert told_until(firm, "2026-10-11") == []
    (deficit,) = firm.standing.account.deficits
    assert not deficit.late


@pytest.mark.parametrize("killed", [False, True])
def test_an_answer_that_is_read_again_changes_nothing(killed: bool) -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    desk.say("extraordinary", deficit_id)
    if killed:
        firm.restart()
    before = firm.standing
    again = desk.say_at(0, "extraordinary", deficit_id)
    assert (again.repeated, again.intraday, again.refused) == (1, [], [])
    assert firm.standing == before


def test_what_an_answer_leaves_is_restored_to_the_bit() -> None:
    firm, desk, deficit_id = occurred()
    desk.say("extend", deficit_id, "wire delayed", "2026-10-02")
    record = intraday_event(firm.events[-1])
    assert record.response is not None
    assert (record.response.operator, record.response.text, record.response.until) == (
        "desk1", "wire delayed", "2026-10-02",
    )  # fmt: skip
    assert standing_of(record) == firm.standing
    firm.restart()
    assert firm.standing.account.deficits[0].extended_until_day == day_of("2026-10-02")


def test_the_statement_names_deficits_and_what_was_granted() -> None:
    firm, desk, deficit_id = occurred()
    desk.say("extend", deficit_id, "wire delayed", "2026-10-02")
    figures = firm.engine.statement("A", firm.now_ns).intraday
    assert figures is not None
    (deficit,) = figures.deficits
    assert (deficit.deficit_id, deficit.state) == (deficit_id, "outstanding")
    assert deficit.extended_until_day == figures.freeze_due_day == day_of("2026-10-02")


@pytest.mark.parametrize(
    ("until", "why"),
    [
        ("2026-09-28", "a business day after 2026-09-28"),  # the day on which it is due anyway
        ("2026-10-03", "not 2026-10-03"),  # a Saturday
        ("2026-10-13", "at the latest 2026-10-12"),  # business day 16
        ("", "none is given"),
    ],
)
def test_time_is_given_within_the_rule(until: str, why: str) -> None:
    _, desk, deficit_id = occurred()
    reason, detail = refusal(desk.say("extend", deficit_id, "wire delayed", until))
    assert reason is Reason.OUT_OF_RANGE
    assert why in detail


def test_what_does_not_fit_is_refused_with_its_reason() -> None:
    firm, desk, deficit_id = occurred(practice_failures=1)
    assert refusal(desk.say("acknowledge", deficit_id))[1].startswith("acknowledge answers a margin call")
    assert "reason" in refusal(desk.say("extraordinary", deficit_id, " "))[1]
    assert refusal(desk.say("extraordinary", "im-0"))[0] is Reason.UNKNOWN_CALL
    assert refusal(desk.say("extraordinary", "mc-0"))[0] is Reason.UNKNOWN_CALL
    told_until(firm, "2026-09-28")
    assert "is late" in refusal(desk.say("extend", deficit_id, until="2026-10-05"))[1]
    desk.say("extraordinary", deficit_id)
    assert "does not count" in refusal(desk.say("extraordinary", deficit_id))[1]


def test_time_for_a_deficit_of_the_day_under_way_and_an_account_without_one_are_refused() -> None:
    firm = Firm(10_000.0)
    assert "no transaction" in refusal(Desk(firm).say("extraordinary", "im-0"))[1]
    firm.send(replace(BUY))
    (opened,) = firm.run()
    detail = refusal(Desk(firm).say("extend", opened.event.deficit_id, until="2026-10-02"))[1]
    assert "after its close" in detail
