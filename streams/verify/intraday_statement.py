"""What a statement says of intraday deficits, held against where the account stands by its last event."""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.verify.histories import Event
from streams.verify.intraday_rule import Rule
from streams.verify.intraday_standing import OUTSTANDING, Standing
from streams.verify.report import Kind, Report


class Stand(NamedTuple):
    """Of an account's last event: its standing, and when it was told."""

    standing: Standing
    as_of_ns: int


def check_statement(rule: Rule, statement: Event, last: Stand | None, report: Report) -> None:
    """``last`` is None if the account has no event. A statement no younger than the event knows nothing of it."""
    said = statement.get("intraday")
    if last is not None and statement["as_of_ns"] <= last.as_of_ns:
        report.checked["statements older than the account's intraday events"] += 1
        return
    report.checked["statements held against intraday events"] += 1
    expected = None if last is None else _expected(rule, last.standing)
    told = None if said is None else {name: said[name] for name in expected or {}}
    if (said is None) != (expected is None) or told != expected:
        report.found(
            Kind.WRONG_STANDING, statement["place"],
            f"{statement['account_id']}: the statement says {told or said}, its last event {expected}",
        )  # fmt: skip


def _expected(rule: Rule, standing: Standing) -> dict[str, Any]:
    outstanding = [each for each in standing.deficits if each.state == OUTSTANDING]
    oldest = min(outstanding, key=lambda each: each.day, default=None)
    cause = standing.cause
    return {
        "deficit_today": f"{standing.amount:.2f}",
        "open_deficits": len(outstanding),
        "outstanding": f"{sum(each.amount for each in outstanding):.2f}",
        "freeze_due_date": oldest and str(rule.freeze_on(oldest.day, oldest.extended_until)),
        "expires_date": oldest and str(rule.expires_on(oldest.day)),
        "frozen": standing.is_frozen,
        "frozen_until": cause and str(cause.frozen_until),
        "freeze_violations": standing.violations,
    }
