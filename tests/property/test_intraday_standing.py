"""A standing, kept in cents and pruned to what matters, tells the same story as the pure closes of every day."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.business_days import day_of
from engine.rules.requirement import Part
from engine.shortfall.intraday_account import DayClose, IntradayAccount
from engine.shortfall.intraday_case import close_day
from engine.shortfall.intraday_deficit import NO_DEFICIT, DayDeficit, deficit_at
from engine.shortfall.intraday_standing import Standing, close, look
from streams.outbound.intraday import SILENT
from tests.intraday_oracle import parameters
from tests.intraday_story import NYSE

FIRST = day_of("2026-06-29")
cents = st.integers(-300_000, 300_000).map(lambda amount: amount / 100)
# Of each day: margin less equity after its worst transaction if there was any, money, level at the close.
days = st.lists(st.tuples(st.none() | cents, cents | st.just(0.0), cents), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(days=days, failures=st.integers(1, 3))
def test_standings_and_pure_closes_tell_the_same_events(
    days: list[tuple[float | None, float, float]], failures: int
) -> None:
    rule = parameters(practice_failures=failures)
    course = NYSE.days[NYSE.days >= FIRST][: len(days) + 1].tolist()
    account, by_hand = IntradayAccount("A"), []
    standing, told = Standing(IntradayAccount("A"), course[0]), []
    for (shortfall, money, level), day, after in zip(days, course[:-1], course[1:], strict=True):
        deficit = NO_DEFICIT
        if shortfall is not None:
            deficit = deficit_at(Part("worst", shortfall), 10_000.0)
        account, events = close_day(account, DayClose(day, level, money, deficit), NYSE, rule)
        by_hand += [(e.reason, e.day, e.deficit_day, e.amount_usd, e.frozen_until_day) for e in events]
        if shortfall is not None or money:
            standing, _ = look(standing, deficit, [money], NYSE, rule)
            assert standing.worst is None or standing.worst.deficit() == DayDeficit(
                deficit.amount_usd, 10_000.0, deficit.reason
            )
        standing, events = close(standing, level, after, NYSE, rule)
        told += [
            (e.reason, e.day, e.deficit_day, e.amount_usd, e.frozen_until_day)
            for e in events
            if e.reason not in SILENT
        ]
        assert standing.account.frozen_until_day == account.frozen_until_day
        assert standing.day == after
    assert told == by_hand
