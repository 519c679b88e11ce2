"""The call rules of a policy file: amounts, and deadlines on real calendars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.shortfall.call_rule import CallRule
from engine.shortfall.deadline import Deadline
from streams.cutoffs import MarketCutoffs

_TIMES: Final = ("deadline", "liquidation")
_BY_MINUTES: Final = {"minutes"}
_BY_DAYS: Final = {"business_days", "market", "zone", "at", "half_day_at"}
_MOST_DAYS: Final = 400


def call_rules(policy: Mapping[str, Any]) -> dict[str, CallRule]:
    """Rules by scope, from a parsed policy file's ``call`` tables.

    Raises:
        MarginError: BAD_PARAMETER naming scope and key.
    """
    tables = ParameterTable("policy", policy).tables("call")
    return {scope: _rule(scope, table.mapping) for scope, table in tables.items()}


def _rule(scope: str, table: Mapping[str, Any]) -> CallRule:
    amounts = {key: value for key, value in table.items() if key not in _TIMES}
    times = {key: _deadline(f"{scope}: {key}", table[key]) for key in _TIMES if key in table}
    return CallRule.from_mapping(scope, amounts, times)


def _deadline(place: str, table: Any) -> Deadline:
    if not isinstance(table, dict) or set(table) not in (_BY_MINUTES, _BY_DAYS, _BY_DAYS - {"half_day_at"}):
        raise _bad(place, f"takes either minutes, or {', '.join(sorted(_BY_DAYS))}; it has {table!r}")
    if "minutes" in table:
        return Deadline(minutes=_number(place, "minutes", table["minutes"], _MOST_DAYS * 24 * 60))
    days = _number(place, "business_days", table["business_days"], _MOST_DAYS)
    at = _local_time(place, "at", table["at"])
    half_day_at = _local_time(place, "half_day_at", table.get("half_day_at", table["at"]))
    return Deadline(
        business_days=days, cutoffs=MarketCutoffs(_market(place, table), _zone(place, table), at, half_day_at)
    )


def _number(place: str, key: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _bad(place, f"{key} = {value!r} is not a whole number from 0 to {most}")
    return value


def _local_time(place: str, key: str, value: Any) -> time:
    try:
        return time.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _bad(place, f"{key} = {value!r} is not a time HH:MM") from error


def _market(place: str, table: Mapping[str, Any]) -> str:
    market = table["market"]
    if not isinstance(market, str) or market not in holidays.list_supported_financial(include_aliases=True):
        raise _bad(place, f"market = {market!r} has no calendar; such as XNYS, XCME, XFED have one")
    return market


def _zone(place: str, table: Mapping[str, Any]) -> ZoneInfo:
    try:
        return ZoneInfo(table["zone"])
    except (TypeError, ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise _bad(place, f"zone = {table['zone']!r} is not a time zone such as America/New_York") from error


def _bad(place: str, detail: str) -> MarginError:
    return MarginError(Reason.BAD_PARAMETER, f"call rule {place}", detail)
