"""Every kind of contradiction among intraday deficits, forged on a story of the rule, is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from streams.verify.intraday_rule import after, is_business_day
from streams.verify.report import Kind
from tests.forged import Forged
from tests.intraday_topic import FIRST, IntradayTopic, verified

NEXT = "2026-06-30"


def told() -> IntradayTopic:
    """Two deficits, one with more time, one satisfied; frozen, traded all the same, excused; another that deposits and
    another that the level makes up; one that expires.
    """
    topic = IntradayTopic(practice_failures=1)
    topic.look(1_250.0)
    topic.published()
    topic.look(1_500.0)
    topic.published()
    topic.close(-500.0)
    topic.published()
    topic.look(2_000.0, 100.0)
    topic.published()
    topic.close(-700.0)
    topic.published()
    assert topic.answer("extend", NEXT, until="2026-07-13")
    assert not topic.answer("extend", NEXT, until="2026-07-11")  # a Saturday
    for _ in range(4):
        topic.close(-700.0)
        topic.published()
    topic.look(None, -50.0, forbidden=True)
    topic.published()
    assert topic.answer("extraordinary", FIRST)
    topic.look(400.0, 1_500.0)  # makes up the first; the next pass closes two days
    topic.published()
    for _ in range(2):
        topic.close(1_400.0)  # makes up the second
    topic.published()
    for _ in range(20):
        topic.close(1_400.0)
        topic.published()
    return topic


STORY = told()


def event(topic: IntradayTopic, reason: str) -> Forged:
    """The first of a reason."""
    return next(record for record in topic.records if body(record)["reason"] == reason)


def body(record: Forged) -> dict[str, Any]:
    return json.loads(record.value or b"")  # type: ignore[no-any-return]


def today(record: Forged, **changes: Any) -> None:
    record.body(today=body(record)["today"] | changes)


def deficit(record: Forged, place: int = 0, **changes: Any) -> None:
    deficits = body(record)["deficits"]
    deficits[place] |= changes
    record.body(deficits=deficits)


def of_pass(topic: IntradayTopic, reason: str, place: int = 0, **changes: Any) -> None:
    """A deficit in all events of the pass that an event is of."""
    last = body(event(topic, reason))["account_sequence"]
    for record in topic.records:
        if body(record)["account_sequence"] == last:
            deficit(record, place, **changes)


def violation(topic: IntradayTopic, **changes: Any) -> None:
    record = event(topic, "FREEZE_VIOLATION")
    record.body(violations=[body(record)["violations"][0] | changes])


def without(topic: IntradayTopic, reason: str) -> None:
    """The event was never there: those after it are numbered without it."""
    gone = event(topic, reason)
    topic.records.remove(gone)
    number = body(gone)["sequence"]
    for record in topic.records:
        one = body(record)
        sequence = one["sequence"] - (one["sequence"] > number)
        record.body(
            sequence=sequence, account_sequence=one["account_sequence"] - (one["account_sequence"] >= number),
            event_id=f"{one['deficit_id']}-{sequence}",
        )  # fmt: skip


def doubled(topic: IntradayTopic, reason: str) -> None:
    record = event(topic, reason)
    topic.records.insert(topic.records.index(record) + 1, copy.deepcopy(record))


def taken_again(topic: IntradayTopic) -> None:
    """Another account says that the answer moved it."""
    record = copy.deepcopy(event(topic, "EXTENDED"))
    record.body(account_id="B", sequence=1, account_sequence=1)
    topic.records.append(record)


def reason_of(topic: IntradayTopic, reason: str, other: str) -> None:
    event(topic, reason).body(reason=other)


Forgery = Callable[[IntradayTopic], Any]
FORGERIES: list[tuple[Kind, str, Forgery]] = [
    # the log
    (Kind.UNREADABLE, "no event", lambda t: setattr(event(t, "OPENED"), "value", b"{")),
    (Kind.SEQUENCE_GAP, "-3 after 1", lambda t: t.records.remove(event(t, "LARGER"))),
    (Kind.SEQUENCE_GAP, "is the last, of", lambda t: t.records[-1].body(account_sequence=99)),
    (Kind.SEQUENCE_DOUBLED, "-2 after 2", lambda t: doubled(t, "LARGER")),
    (Kind.WRONG_PARTITION, "belongs to 0", lambda t: event(t, "OPENED").body(partition=1)),
    (Kind.WRONG_PARTITION, "belongs to 0", lambda t: setattr(event(t, "OPENED"), "key", b"B")),
    (Kind.WRONG_ID, "im-1", lambda t: event(t, "OPENED").body(event_id="im-1")),
    (Kind.WRONG_ID, "expected im-", lambda t: event(t, "OPENED").body(deficit_id="im-1")),
    (Kind.OFFSET_WENT_BACK, "trades_offset -1", lambda t: event(t, "LARGER").body(trades_offset=-1)),
    (Kind.OFFSET_WENT_BACK, "collateral_offset", lambda t: event(t, "LARGER").body(collateral_offset=-1)),
    (Kind.OFFSET_BEYOND_END, "trades 99", lambda t: event(t, "OPENED").body(trades_offset=99)),
    (Kind.OFFSET_BEYOND_END, "collateral 99", lambda t: event(t, "OPENED").body(collateral_offset=99)),
    # what is told, and when
    (Kind.ILLEGAL_TRANSITION, "where OPENED", lambda t: reason_of(t, "OPENED", "LARGER")),
    (Kind.ILLEGAL_TRANSITION, "where LARGER", lambda t: reason_of(t, "LARGER", "OBSERVED")),
    (Kind.ILLEGAL_TRANSITION, "where OCCURRED of", lambda t: reason_of(t, "OCCURRED", "OCCURRED_MINOR")),
    (Kind.ILLEGAL_TRANSITION, "where OCCURRED of", lambda t: without(t, "OCCURRED")),
    (Kind.ILLEGAL_TRANSITION, "where NOT_PROMPT", lambda t: without(t, "NOT_PROMPT")),
    (Kind.ILLEGAL_TRANSITION, "where FROZEN", lambda t: without(t, "FROZEN")),
    (Kind.ILLEGAL_TRANSITION, "where DAY_CLOSED", lambda t: without(t, "DAY_CLOSED")),
    (Kind.ILLEGAL_TRANSITION, "where FREEZE_LIFTED", lambda t: without(t, "FREEZE_LIFTED")),
    (Kind.ILLEGAL_TRANSITION, "where EXPIRED", lambda t: reason_of(t, "EXPIRED", "DAY_CLOSED")),
    (Kind.ILLEGAL_TRANSITION, "where SATISFIED_BY_DEPOSITS",
     lambda t: reason_of(t, "SATISFIED_BY_DEPOSITS", "SATISFIED_BY_LEVEL")),
    (Kind.ILLEGAL_TRANSITION, "not frozen", lambda t: of_pass(t, "FROZEN", frozen_until=None)),
    # amounts
    (Kind.WRONG_AMOUNT, "1200.00 after 1250.00", lambda t: event(t, "LARGER").body(amount="1200.00")),
    (Kind.WRONG_AMOUNT, "not 1500.00", lambda t: event(t, "OCCURRED").body(amount="1501.00")),
    (Kind.WRONG_AMOUNT, "deficit today 1600.00", lambda t: today(event(t, "LARGER"), shortfall="1600.00")),
    (Kind.WRONG_AMOUNT, "decided by 'cover'", lambda t: today(event(t, "OPENED"), decided_by="cover")),
    (Kind.WRONG_AMOUNT, "without a transaction", lambda t: today(event(t, "DAY_CLOSED"), net_deposits="1.00")),
    (Kind.WRONG_AMOUNT, "level", lambda t: of_pass(t, "OCCURRED_MINOR", -1, level_at_close="900.00")),
    # times
    (Kind.WRONG_TIMES, "2026-07-07", lambda t: event(t, "OCCURRED").body(freeze_due_date="2026-07-06")),
    (Kind.WRONG_TIMES, "2026-07-21", lambda t: event(t, "OCCURRED").body(expires_date="2026-07-20")),
    (Kind.WRONG_TIMES, "2026-10-05", lambda t: event(t, "FROZEN").body(frozen_until="2026-10-04")),
    (Kind.WRONG_TIMES, "no business day", lambda t: today(event(t, "OPENED"), business_date="2026-07-04")),
    (Kind.WRONG_TIMES, "2026-06-26 after", lambda t: today(event(t, "LARGER"), business_date="2026-06-26")),
    # the standing
    (Kind.WRONG_STANDING, "late", lambda t: deficit(event(t, "DAY_CLOSED"), late=True)),
    (Kind.WRONG_STANDING, "1501", lambda t: deficit(event(t, "DAY_CLOSED"), amount="1501.00")),
    (Kind.WRONG_STANDING, "-501", lambda t: deficit(event(t, "DAY_CLOSED"), level_at_close="-501.00")),
    (Kind.WRONG_STANDING, "101", lambda t: deficit(event(t, "DAY_CLOSED"), net_deposits="101.00")),
    (Kind.WRONG_STANDING, "satisfied", lambda t: deficit(event(t, "DAY_CLOSED"), state="satisfied",
                                                         frozen_until="2026-10-05")),
    (Kind.WRONG_STANDING, "no day", lambda t: event(t, "DAY_CLOSED").body(deficits=[])),
    (Kind.WRONG_STANDING, "counts=False", lambda t: deficit(event(t, "DAY_CLOSED"), counts=False)),
    (Kind.WRONG_STANDING, "extended_until", lambda t: deficit(event(t, "DAY_CLOSED"), 1, extended_until=None)),
    (Kind.WRONG_STANDING, "closed", lambda t: event(t, "DAY_CLOSED").body(closed_date=None)),
    (Kind.WRONG_STANDING, "extraordinary True", lambda t: today(event(t, "DAY_CLOSED"), extraordinary=True)),
    (Kind.WRONG_STANDING, "violations 3", lambda t: event(t, "DAY_CLOSED").body(freeze_violations=3)),
    (Kind.WRONG_STANDING, "account_frozen_until", lambda t: event(t, "FROZEN").body(account_frozen_until=None)),
    (Kind.WRONG_STANDING, "as_of_ns", lambda t: event(t, "FROZEN").body(as_of_ns=1)),
    # exceptions
    (Kind.ANSWER_UNKNOWN, "no such answer", lambda t: t.answers[0].update(response_id="r9")),
    (Kind.ANSWER_UNKNOWN, "no such answer", lambda t: t.answers[0].update(operator="somebody")),
    (Kind.ANSWER_UNKNOWN, "no such answer", lambda t: t.answers[0].update(account_id="B")),
    (Kind.ANSWER_UNKNOWN, "answer at 0 after -1", lambda t: event(t, "EXTENDED").body(response=None)),
    (Kind.ANSWER_UNKNOWN, "answer at -1 after -1", lambda t: event(t, "EXTENDED").body(response_offset=-1)),
    (Kind.ANSWER_DOUBLED, "brought im-", taken_again),
    (Kind.ANSWER_LOST, "neither taken nor refused", lambda t: t.refused.clear()),
    (Kind.ILLEGAL_TRANSITION, "does not count", lambda t: of_pass(t, "FREEZE_VIOLATION", counts=False)),
    (Kind.ILLEGAL_TRANSITION, "no business day after", lambda t: event(t, "EXTENDED").body(
        response=body(event(t, "EXTENDED"))["response"] | {"until": "2026-07-11"})),
    # what a freeze forbids
    (Kind.WRONG_VIOLATION, "no such transaction", lambda t: violation(t, quantity=11.0)),
    (Kind.WRONG_VIOLATION, "no such transaction", lambda t: violation(t, time_ns=99)),
    (Kind.WRONG_VIOLATION, "trades 0 of", lambda t: violation(t, offset=0)),
    (Kind.WRONG_VIOLATION, "debit_increase", lambda t: violation(t, debit_increase="0.00")),
    (Kind.WRONG_VIOLATION, "0 transactions", lambda t: event(t, "FREEZE_VIOLATION").body(violations=[])),
]  # fmt: skip


def test_the_story_is_no_contradiction_and_tells_of_everything() -> None:
    report = verified(STORY)
    assert [str(found) for found in report.contradictions] == []
    assert {body(record)["reason"] for record in STORY.records} >= {
        "OPENED", "LARGER", "OBSERVED", "OCCURRED", "OCCURRED_MINOR", "NOT_PROMPT", "FROZEN", "FREEZE_LIFTED",
        "EXTENDED", "EXTRAORDINARY", "FREEZE_VIOLATION", "SATISFIED_BY_DEPOSITS", "SATISFIED_BY_LEVEL", "EXPIRED",
        "DAY_CLOSED",
    }  # fmt: skip
    assert (report.checked["exceptions"], report.checked["freeze violations"]) == (3, 1)


@pytest.mark.parametrize(("kind", "named", "forge"), FORGERIES)
def test_a_forgery_is_named(kind: Kind, named: str, forge: Forgery) -> None:
    topic = copy.deepcopy(STORY)
    forge(topic)
    found = verified(topic).contradictions
    assert any(each.kind is kind and named in each.detail for each in found), [str(each) for each in found]


def frozen() -> tuple[IntradayTopic, dict[str, Any]]:
    """The story up to the freeze, and what a statement says then."""
    topic = copy.deepcopy(STORY)
    del topic.records[topic.records.index(event(topic, "FROZEN")) + 1 :]
    del topic.answers[2:]
    said = {
        "deficit_today": "0.00", "open_deficits": 2, "outstanding": "3500.00", "freeze_due_date": "2026-07-07",
        "expires_date": "2026-07-21", "frozen": True, "frozen_until": "2026-10-05", "freeze_violations": 0,
    }  # fmt: skip
    as_of_ns = body(topic.records[-1])["as_of_ns"] + 1
    return topic, {"account_id": "A", "as_of_ns": as_of_ns, "place": "requirements:0:0", "intraday": said}


def test_a_statement_says_what_the_last_event_does() -> None:
    topic, statement = frozen()
    elsewhere = statement | {"account_id": "B", "intraday": None}
    report = verified(topic, statements=[statement, elsewhere])
    assert [str(found) for found in report.contradictions] == []
    assert report.checked["statements held against intraday events"] == 2


@pytest.mark.parametrize("name", ["outstanding", "frozen_until", "frozen", "open_deficits", "expires_date"])
def test_a_statement_that_says_something_else_is_named(name: str) -> None:
    topic, statement = frozen()
    statement["intraday"][name] = None
    (found,) = verified(topic, statements=[statement]).contradictions
    assert (found.kind, found.place) == (Kind.WRONG_STANDING, "requirements:0:0")


def test_a_statement_knows_of_no_deficit_without_an_event_and_of_each_with_one() -> None:
    topic, statement = frozen()
    for wrong in (statement | {"intraday": None}, statement | {"account_id": "B"}):
        (found,) = verified(topic, statements=[wrong]).contradictions
        assert found.kind is Kind.WRONG_STANDING
    older = statement | {"as_of_ns": 1, "intraday": None}
    assert verified(topic, statements=[older]).contradictions == []


def test_what_may_have_been_compacted_is_no_gap() -> None:
    topic = copy.deepcopy(STORY)
    del topic.records[:4]
    report = verified(topic, now_ms=1)
    assert report.contradictions == []
    assert report.checked["intraday events compacted away"] == 4
    assert [each.kind for each in verified(topic).contradictions] == [Kind.SEQUENCE_GAP]


def test_another_version_of_the_rule_is_not_gone_through() -> None:
    topic = copy.deepcopy(STORY)
    for record in topic.records:
        record.body(rulebook_version="2020-01")
    report = verified(topic)
    assert report.contradictions == []
    assert report.checked["intraday passes gone through again"] == 0
    assert report.checked["intraday passes under another version of the rule"] > 0


def test_business_days_are_counted_over_holidays() -> None:
    assert not is_business_day(date(2026, 7, 3))
    assert after(date(2026, 6, 29), 5) == date(2026, 7, 7)
    assert after(date(2026, 6, 29), 15) == date(2026, 7, 21)
