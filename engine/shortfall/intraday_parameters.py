"""Parameters of the intraday margin deficit, FINRA 4210(d)(2): dates, classification, deadlines, practice, freeze."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any

from engine.base.business_days import date_text, day_of
from engine.base.parameter_table import ParameterTable
from engine.base.trading_days import TradingDays
from engine.shortfall.intraday_activity import TRANSACTIONS, ActivityKind

RULE_ID = "finra-4210d-intraday"
_STATED = (
    "effective_from", "phase_in_until", "applied_from", "reducing_transactions", "minor_share_of_equity",
    "minor_amount", "outstanding_business_days", "freeze_business_days", "freeze_calendar_days",
    "prompt_business_days", "practice_failures", "practice_calendar_days", "method", "day_end",
)  # fmt: skip
TIME_ZONE = "America/New_York"  # of day_end


class Method(StrEnum):
    """How the firm determines a day's deficit."""

    REAL_TIME = "real_time"  # after each transaction
    END_OF_DAY = "end_of_day"  # once, for the worst order
    OFF = "off"  # not by this program


@dataclass(frozen=True, slots=True)
class IntradayParameters:
    """The dated content of the parameter file; days are days since 1970.

    Attributes:
        applied_from_day: first day for which the firm determines deficits.
        reducing: kinds of activity that can be an IML-reducing transaction.
        minor_share, minor_usd: a deficit above neither does not count towards a practice.
        outstanding_business_days: until the close of which business day a deficit stays outstanding.
        freeze_business_days, freeze_calendar_days: when a freeze begins and how long it lasts.
        prompt_business_days, practice_failures, practice_calendar_days: the firm's reading of a practice.
        method: how the day's deficit is determined. day_end: when a business day is over, in TIME_ZONE.
    """

    version: str
    applied_from_day: int
    reducing: frozenset[ActivityKind]
    minor_share: float
    minor_usd: float
    outstanding_business_days: int
    freeze_business_days: int
    freeze_calendar_days: int
    prompt_business_days: int
    practice_failures: int
    practice_calendar_days: int
    method: Method
    day_end: time

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> IntradayParameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rule, the parameter's path and the offending value.
        """
        table = ParameterTable(f"rule {RULE_ID}", mapping)
        table.only("rule_id", "version", *_STATED)
        table.text("rule_id", choices=(RULE_ID,))
        outstanding = _days(table, "outstanding_business_days", 60)
        return cls(
            version=table.text("version"),
            applied_from_day=_applied_from(table),
            reducing=_reducing(table),
            minor_share=table.stated("minor_share_of_equity").number("value", 0.0, 1.0),
            minor_usd=table.stated("minor_amount").number("value", 0.0, 1e6),
            outstanding_business_days=outstanding,
            freeze_business_days=_days(table, "freeze_business_days", outstanding),
            freeze_calendar_days=_days(table, "freeze_calendar_days", 366),
            prompt_business_days=_days(table, "prompt_business_days", outstanding),
            practice_failures=table.stated("practice_failures").whole("value", 1, 100),
            practice_calendar_days=_days(table, "practice_calendar_days", 3660),
            method=Method(table.stated("method").text("value", choices=sorted(Method))),
            day_end=_day_end(table),
        )

    def is_minor(self, amount_usd: float, equity_usd: float) -> bool:
        """Whether a deficit exceeds neither the share of equity nor the amount."""
        return amount_usd <= min(self.minor_share * equity_usd, self.minor_usd)


@dataclass(frozen=True, slots=True)
class IntradayRule:
    """The rule at work: its parameters, and the business days of the exchange with their ends."""

    parameters: IntradayParameters
    trading: TradingDays


def _days(table: ParameterTable, key: str, most: int) -> int:
    return table.stated(key).whole("value", 1, most)


def _reducing(table: ParameterTable) -> frozenset[ActivityKind]:
    names = table.stated("reducing_transactions").texts("value", choices=sorted(TRANSACTIONS))
    return frozenset(ActivityKind(name) for name in names)


def _applied_from(table: ParameterTable) -> int:
    """The firm's first day, which must lie in the phase-in."""
    first, last, applied = (_date(table, key) for key in ("effective_from", "phase_in_until", "applied_from"))
    if not first <= applied <= last:
        detail = f"{date_text(applied)} is not between {date_text(first)} and {date_text(last)}"
        raise table.bad("applied_from.value", detail)
    return applied


def _date(table: ParameterTable, key: str) -> int:
    stated = table.stated(key)
    text = stated.text("value")
    try:
        return day_of(text)
    except ValueError:
        raise stated.bad("value", f"{text!r} is not a date YYYY-MM-DD") from None


def _day_end(table: ParameterTable) -> time:
    stated = table.stated("day_end")
    text = stated.text("value")
    try:
        end = time.fromisoformat(text)
    except ValueError:
        end = None
    if end is None or end.tzinfo is not None:
        raise stated.bad("value", f"{text!r} is not a time HH:MM")
    return end
