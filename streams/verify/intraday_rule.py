"""The rule on intraday margin deficits, FINRA 4210(d)(2), as docs/rulebooks/finra-4210-intraday.md puts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from streams.business_days import is_open
from streams.parameters import read_toml

RULE_ID: Final = "finra-4210d-intraday"
_EXCHANGE: Final = "XNYS"
_A_DAY: Final = timedelta(days=1)

# What an event may say, by what brings it.
LOOKS: Final = frozenset({"OBSERVED", "OPENED", "LARGER"})  # transactions were looked at
VIOLATION: Final = "FREEZE_VIOLATION"  # with such a look
GRANTED: Final = {"extraordinary": "EXTRAORDINARY", "extend": "EXTENDED"}  # an answer, by its kind


class Rule:
    """Its parameters and deadlines.

    Attributes:
        version: of the parameter file. is_on: the firm applies the rule.
        practice_failures: so many deficits make a practice.
        freeze_days, practice_days: calendar days. reducing: kinds of transactions that can decide a deficit.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        """``table``: what the parameter file holds."""

        def value(name: str) -> Any:
            return table[name]["value"]

        self.version, self.is_on = str(table["version"]), value("method") != "off"
        self.practice_failures = int(value("practice_failures"))
        self.freeze_days = timedelta(days=value("freeze_calendar_days"))
        self.practice_days = timedelta(days=value("practice_calendar_days"))
        self.reducing = frozenset(value("reducing_transactions"))
        self._outstanding, self._freeze = value("outstanding_business_days"), value("freeze_business_days")
        self._prompt = value("prompt_business_days")
        self._minor_share, self._minor_usd = value("minor_share_of_equity"), value("minor_amount")

    @classmethod
    def read(cls, folder: Path | None) -> Rule:
        """``folder``: files that replace packaged ones; the same as the worker's."""
        return cls(read_toml(f"{RULE_ID}.toml", folder))

    def late_on(self, day: date) -> date:
        """The business day at whose close a deficit of ``day`` was not satisfied promptly."""
        return after(day, self._prompt)

    def freeze_on(self, day: date, extended_until: date | None) -> date:
        """The business day at whose close a freeze is decided."""
        due = after(day, self._freeze)
        return due if extended_until is None else max(due, extended_until)

    def expires_on(self, day: date) -> date:
        """The business day at whose close it is outstanding no longer."""
        return after(day, self._outstanding)

    def is_minor(self, amount: Decimal, equity: Decimal) -> bool:
        """Whether a deficit exceeds neither the share of equity nor the amount."""
        return float(amount) <= min(float(self._minor_share) * float(equity), float(self._minor_usd))


def is_business_day(day: date) -> bool:
    """Whether the exchange opens on it."""
    return is_open(_EXCHANGE, day)


@cache
def after(day: date, count: int) -> date:
    """The business day that is ``count`` (>= 1) business days after a day of any kind, counted one by one."""
    while count:
        day += _A_DAY
        count -= is_business_day(day)
    return day
