"""The parameter file of the intraday margin deficit: what is read, what is refused and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from engine.base.business_days import date_text
from engine.base.errors import MarginError, Reason
from engine.shortfall.intraday_activity import ActivityKind
from engine.shortfall.intraday_parameters import IntradayParameters
from tests.intraday_oracle import parameters
from tests.rulebook_cases import shipped

NAME = "finra-4210d-intraday"


def test_shipped_file_is_the_rule() -> None:
    rule = parameters()
    assert date_text(rule.applied_from_day) == "2026-06-04"
    assert (rule.minor_share, rule.minor_usd) == (0.05, 1000.0)
    assert (rule.freeze_business_days, rule.freeze_calendar_days, rule.outstanding_business_days) == (
        5,
        90,
        15,
    )
    never = {ActivityKind.COVER, ActivityKind.DEPOSIT, ActivityKind.PRICE, ActivityKind.OTHER}
    assert rule.reducing == set(ActivityKind) - never


def test_every_entry_names_its_source_and_what_the_rule_leaves_open_is_marked() -> None:
    entries = {name: entry for name, entry in shipped(NAME).items() if isinstance(entry, dict)}
    assert all(entry["source"] for entry in entries.values())
    assert {name for name, entry in entries.items() if entry.get("unverified")} == {
        "applied_from", "reducing_transactions", "prompt_business_days", "practice_failures",
        "practice_calendar_days", "day_end",
    }  # fmt: skip


@pytest.mark.parametrize("day", ["2026-06-04", "2027-01-04", "2027-10-20"])
def test_the_firm_may_begin_on_any_day_of_the_phase_in(day: str) -> None:
    assert date_text(parameters(applied_from=day).applied_from_day) == day


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("applied_from", "2026-06-03"),
        ("applied_from", "2027-10-21"),
        ("applied_from", "June"),
        ("method", "sometimes"),
        ("day_end", "24:00"),
        ("day_end", "20:00+02:00"),
        ("day_end", "evening"),
        ("effective_from", 20260604),
        ("reducing_transactions", ["deposit"]),
        ("reducing_transactions", ["price"]),
        ("reducing_transactions", []),
        ("minor_share_of_equity", 1.1),
        ("minor_amount", -1.0),
        ("outstanding_business_days", 0),
        ("freeze_business_days", 16),  # after the deficit is gone
        ("prompt_business_days", 5.0),
        ("practice_failures", 0),
        ("practice_calendar_days", True),
        ("freeze_calendar_days", None),
    ],
)
def test_bad_values_are_refused_by_path(key: str, value: Any) -> None:
    with pytest.raises(MarginError) as refused:
        parameters(**{key: value})
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert refused.value.thing == f"rule {NAME}: {key}.value"


@pytest.mark.parametrize(
    "change", [{"grace": {"value": 1}}, {"rule_id": "finra-4210g"}, {"minor_amount": {}}]
)
def test_unknown_keys_other_rules_and_missing_values_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MarginError, match=f"BAD_PARAMETER: rule {NAME}: {next(iter(change))}"):
        IntradayParameters.from_mapping(shipped(NAME) | change)


@pytest.mark.parametrize(
    ("amount", "equity", "minor"),
    [
        (480.0, 10_000.0, True),
        (500.0, 10_000.0, True),  # does not exceed
        (500.01, 10_000.0, False),
        (1000.0, 50_000.0, True),
        (1000.01, 50_000.0, False),
        (0.01, 0.0, False),
        (0.01, -500.0, False),
    ],
)
def test_what_is_minor(amount: float, equity: float, minor: bool) -> None:
    assert parameters().is_minor(amount, equity) is minor
