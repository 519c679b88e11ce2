"""What an exception that the firm granted makes of an account's standing, and whether it may be granted at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from streams.contracts.intraday import IntradayEventRecord
from streams.verify.intraday_close import Expected, is_practice
from streams.verify.intraday_rule import GRANTED, Rule, is_business_day
from streams.verify.intraday_standing import OUTSTANDING, Deficit, Standing, day_or_none


def grant(rule: Rule, standing: Standing, event: IntradayEventRecord) -> tuple[list[Expected], str]:
    """The events that an exception must bring, and why it may not be granted, empty if it may.

    The standing is afterwards the one that it leaves.
    """
    response = event.response
    deficit = _named(standing, date.fromisoformat(event.deficit_date))
    if response is None or deficit is None:
        return [], "no such deficit is remembered"
    if response.kind == "extend":
        until = day_or_none(response.until)
        fault = _not_extended(rule, standing, deficit, until)
        deficit.extended_until = until
        return [Expected(GRANTED["extend"], replace(deficit))], fault
    fault = "" if deficit.counts else "the deficit does not count as it is"
    return list(_excused(rule, standing, deficit)), fault


def _named(standing: Standing, day: date) -> Deficit | None:
    """That of an earlier day, or of the day under way."""
    if day == standing.day and standing.amount > 0:
        return Deficit(day, standing.amount, counts=not standing.extraordinary)
    return next((deficit for deficit in standing.deficits if deficit.day == day), None)


def _not_extended(rule: Rule, standing: Standing, deficit: Deficit, until: date | None) -> str:
    if deficit.day == standing.day or deficit.state != OUTSTANDING or deficit.late:
        return f"the deficit is of the day under way, {deficit.state}, or late"
    due, last = rule.freeze_on(deficit.day, deficit.extended_until), rule.expires_on(deficit.day)
    if until is None or not due < until <= last or not is_business_day(until):
        return f"{until} is no business day after {due}, at the latest {last}"
    return ""


def _excused(rule: Rule, standing: Standing, deficit: Deficit) -> Iterator[Expected]:
    """It counts no longer; freezes that rested on its counting end."""
    if deficit.day == standing.day:
        standing.extraordinary = True
        yield Expected(GRANTED["extraordinary"], deficit)
        return
    deficit.counts = False
    yield Expected(GRANTED["extraordinary"], replace(deficit))
    if is_practice(rule, standing):
        return
    for each in standing.deficits:
        if each.frozen_until is not None:
            each.frozen_until = None
            yield Expected("FREEZE_LIFTED", replace(each))
    standing.violations = standing.violations if standing.is_frozen else 0
