"""Golden cases of the intraday margin deficit: the day by both methods, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.shortfall.intraday_activity import ActivityKind, Level
from engine.shortfall.intraday_deficit import Observed, deficit_as_observed
from engine.shortfall.intraday_order import OpeningBook, deficit_of_worst_order
from engine.shortfall.intraday_reach import Activity
from tests.intraday_oracle import parameters
from tests.intraday_story import Day, lines, tell
from tests.rulebook_cases import golden, load

GOLDEN = golden("finra-4210d-intraday")
DAYS = [path for path in GOLDEN if "opening" in load(path)]
STORIES = [path for path in GOLDEN if "until" in load(path)]


def test_no_case_is_lost() -> None:
    assert (len(GOLDEN), len(DAYS), len(STORIES)) == (12, 9, 3)


def activity_of(record: dict[str, Any]) -> Activity:
    kind = ActivityKind(record["kind"]) if "kind" in record else None
    return Activity(**(record | {"kind": kind}))


@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.stem)
def test_the_day_by_both_methods(path: Path) -> None:
    case = load(path)
    rates, prices = case["rates"], case["prices"]

    def margin_of(_: str, held: Mapping[str, float]) -> float:
        values = [quantity * prices[name] for name, quantity in held.items()]
        return sum(rates["long"] * value if value > 0 else -rates["short"] * value for value in values)

    observed = [
        Observed(ActivityKind(each["kind"]), Level(**each["before"]), Level(**each["after"]))
        for each in case["observed"]
    ]
    seen = deficit_as_observed(observed, parameters())
    activities = [activity_of(record) for record in case["activities"]]
    unknown = deficit_of_worst_order(OpeningBook(**case["opening"]), [activities], margin_of, parameters())
    result = case["result"]
    assert (seen.amount_usd, unknown.amount_usd) == (result["as_observed_usd"], result["order_unknown_usd"])
    if "minor" in result:
        assert parameters().is_minor(seen.amount_usd, seen.equity_usd) is result["minor"]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_what_becomes_of_it(path: Path) -> None:
    case = load(path)
    days = {day: Day(**told) for day, told in case["days"].items()}
    _, events = tell(days, case["until"], parameters(**case["parameters"]))
    assert lines(events) == case["result"]["events"]
