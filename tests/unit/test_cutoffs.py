"""Deadlines on real calendars: holidays, half days, weekends, time zones, daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from engine.base.errors import MarginError
from streams.call_rules import call_rules
from streams.cutoffs import MarketCutoffs
from streams.parameters import load_policy

NEW_YORK = MarketCutoffs("XNYS", ZoneInfo("America/New_York"), time(16), time(13))
FEDWIRE = MarketCutoffs("XFED", ZoneInfo("America/New_York"), time(18, 45), time(18, 45))
BASE = {"recall_step_usd": 1.0}
DAYS = {"business_days": 1, "market": "XNYS", "zone": "America/New_York", "at": "16:00"}


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("cutoffs", "called", "days", "due"),
    [
        pytest.param(NEW_YORK, "2026-11-30T15:00", 1, "2026-12-01T21:00", id="Monday to Tuesday"),
        pytest.param(NEW_YORK, "2026-12-04T20:00", 1, "2026-12-07T21:00", id="Friday to Monday"),
        pytest.param(NEW_YORK, "2026-12-05T20:00", 1, "2026-12-07T21:00", id="Saturday to Monday"),
        pytest.param(
            NEW_YORK, "2026-11-25T15:00", 1, "2026-11-27T18:00", id="over Thanksgiving to a half day"
        ),
        pytest.param(
            NEW_YORK, "2026-12-23T15:00", 2, "2026-12-28T21:00", id="a half day counts, Christmas does not"
        ),
        pytest.param(
            NEW_YORK, "2026-07-02T15:00", 1, "2026-07-06T20:00", id="4 July on a Saturday: Friday is closed"
        ),
        pytest.param(FEDWIRE, "2026-07-02T15:00", 1, "2026-07-03T22:45", id="the Fed is open that Friday"),
        pytest.param(NEW_YORK, "2026-03-06T15:00", 1, "2026-03-09T20:00", id="summer time begins in between"),
        pytest.param(NEW_YORK, "2026-10-30T15:00", 1, "2026-11-02T21:00", id="summer time ends in between"),
        pytest.param(NEW_YORK, "2026-12-01T03:00", 1, "2026-12-01T21:00", id="the local day is still Monday"),
        pytest.param(NEW_YORK, "2026-11-30T15:00", 15, "2026-12-21T21:00", id="fifteen business days"),
        pytest.param(NEW_YORK, "2026-12-01T20:59", 0, "2026-12-01T21:00", id="today, before the cut-off"),
        pytest.param(NEW_YORK, "2026-12-01T21:00", 0, "2026-12-01T21:00", id="at the cut-off"),
        pytest.param(NEW_YORK, "2026-12-01T21:01", 0, "2026-12-02T21:00", id="after it: the next day's"),
        pytest.param(FEDWIRE, "2026-10-09T15:00", 1, "2026-10-13T22:45", id="Columbus Day closes Fedwire"),
        pytest.param(NEW_YORK, "2026-10-09T15:00", 1, "2026-10-12T20:00", id="and not the exchange"),
    ],
)
def test_deadline(cutoffs: MarketCutoffs, called: str, days: int, due: str) -> None:
    assert cutoffs.after(utc_ns(called), days) == utc_ns(due)


def test_deadlines_of_the_packaged_policy_are_found_from_the_file() -> None:
    policy = load_policy()
    called = utc_ns("2026-11-25T15:00")

    def due(scope: str, approved: bool) -> int:
        deadline = policy.call_rule(scope, approved).deadline
        assert deadline is not None
        return deadline.after(called)

    assert due("silo:securities", approved=True) == utc_ns("2026-12-01T21:00")
    assert due("silo:securities", approved=False) == utc_ns("2026-12-17T21:00")
    assert (
        due("silo:futures", approved=True)
        == due("silo:futures", approved=False)
        == utc_ns("2026-11-27T23:45")
    )
    assert due("silo:digital_assets", approved=True) == called + 3600 * 10**9


@pytest.mark.parametrize(
    ("deadline", "named"),
    [
        ({}, "takes either"),
        ({"minutes": 5, "at": "16:00"}, "takes either"),
        (5, "takes either"),
        ({"minutes": -1}, "minutes = -1"),
        ({"minutes": 1.5}, "minutes = 1.5"),
        ({"minutes": True}, "minutes = True"),
        (DAYS | {"business_days": 10_000}, "business_days = 10000"),
        (DAYS | {"market": "MOON"}, "market = 'MOON'"),
        (DAYS | {"zone": "America/Moon"}, "zone = 'America/Moon'"),
        (DAYS | {"zone": 5}, "zone = 5"),
        (DAYS | {"at": "25:00"}, "at = '25:00'"),
        (DAYS | {"half_day_at": 13}, "half_day_at = 13"),
    ],
)
def test_a_bad_deadline_is_named_with_its_place(deadline: object, named: str) -> None:
    with pytest.raises(MarginError) as caught:
        call_rules({"call": {"silo:futures": BASE | {"deadline": deadline}}})
    assert "call rule silo:futures: deadline" in str(caught.value)
    assert named in str(caught.value)


def test_what_follows_a_deadline_needs_one() -> None:
    with pytest.raises(MarginError, match="need a deadline"):
        call_rules({"call": {"silo:futures": BASE | {"liquidation": {"minutes": 5}}}})
