"""Whatever the rule tells of an account, the verifier goes through again and agrees with."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.business_days import date_text, day_of
from tests.intraday_story import NYSE
from tests.intraday_topic import IntradayTopic, verified

cents = st.integers(-300_000, 300_000).map(lambda amount: amount / 100)


class Look(NamedTuple):
    """Transactions of a day: margin less equity after the worst, money paid, equity then, forbidden by a freeze."""

    shortfall: float | None
    money: float
    equity: float
    forbidden: bool


class Answer(NamedTuple):
    """To one of the deficits that may be named; more time of so many days."""

    kind: str
    place: int
    ahead: int


class Days(NamedTuple):
    """A day, or several that one pass closes at one level since no worker was there; ``quiet``: nobody closes them."""

    looks: list[Look]
    answers: list[Answer]
    level: float
    away: int
    quiet: bool


looks = st.builds(Look, st.none() | cents, st.just(0.0) | cents, st.sampled_from([1e4, 3e3]), st.booleans())
answers = st.builds(
    Answer, st.sampled_from(["extraordinary", "extend"]), st.integers(0, 5), st.integers(1, 15)
)
days = st.builds(
    Days, st.lists(looks, max_size=3), st.lists(answers, max_size=1), cents,
    st.sampled_from([0, 0, 0, 0, 1, 2, 6]), st.booleans(),
)  # fmt: skip


def tell(topic: IntradayTopic, told: Days) -> None:
    if told.away:
        for number in range(told.away):
            for look in told.looks[number : number + 1]:
                topic.look(**look._asdict())
            topic.close(told.level)
        for look in told.looks[told.away : told.away + 1]:
            topic.look(**look._asdict())
        topic.published()
        return
    for look in told.looks:
        topic.look(**look._asdict())
        topic.published()
    for kind, place, ahead in told.answers:
        named = topic.deficit_days()
        day = named[place % len(named)]
        until = date_text(NYSE.after(day_of(day), ahead)) if kind == "extend" else ""
        topic.answer(kind, day, until)
    if told.quiet and not topic.standing.is_notable:
        topic.roll(3)
    else:
        topic.close(told.level)
        topic.published()


@settings(max_examples=60, deadline=None)
@given(course=st.lists(days, min_size=1, max_size=40), failures=st.integers(1, 2))
def test_what_the_rule_tells_is_no_contradiction(course: list[Days], failures: int) -> None:
    topic = IntradayTopic(practice_failures=failures, freeze_calendar_days=20, practice_calendar_days=60)
    for told in course:
        tell(topic, told)
    report = verified(topic)
    assert [str(found) for found in report.contradictions] == []
    assert report.checked["intraday events"] == len(topic.records)
