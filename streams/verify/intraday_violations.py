"""Transactions that a freeze forbids: each told of once, and one that is on its topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from streams.contracts.activity import CollateralRecord, TradeRecord
from streams.contracts.intraday import FreezeViolation, IntradayEventRecord
from streams.verify.intraday_rule import VIOLATION
from streams.verify.report import Kind, Report


class _Told(NamedTuple):
    violation: FreezeViolation
    event: IntradayEventRecord
    place: str


class Violations:
    """What events tell, by the place of the transaction."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[tuple[str, int, int], _Told] = {}

    def take(self, events: list[IntradayEventRecord], before: Mapping[str, int], place: str) -> None:
        """The events of one pass; ``before``: offsets that had been looked at."""
        for event in events:
            if (event.reason == VIOLATION) != bool(event.violations):
                self._found(
                    place, f"{event.event_id}: {len(event.violations)} transactions in {event.reason}"
                )
            for each in event.violations:
                seen, now = before[f"{each.topic}_offset"], getattr(event, f"{each.topic}_offset")
                if not seen < each.offset <= now or max(each.short_increase, each.debit_increase) <= 0:
                    self._found(
                        place, f"{event.event_id}: {each.topic} {each.offset} of {seen} to {now}: {each}"
                    )
                key = (each.topic, event.partition, each.offset)
                self._told.setdefault(key, _Told(each, event, place))

    def check(self, activity: Mapping[str, list[Any]]) -> None:
        """Hold them against trades and movements; what is beyond its retention cannot be."""
        self._report.checked["freeze violations"] += len(self._told)
        for topic, model in (("trades", TradeRecord), ("collateral", CollateralRecord)):
            first: dict[int, int] = {}
            there: dict[tuple[str, int, int], Any] = {}
            for record in activity[topic]:
                first.setdefault(record.partition, record.offset)
                key = (topic, record.partition, record.offset)
                if key in self._told:
                    there[key] = _decoded(model, record)
            for key, told in self._told.items():
                if key[0] == topic and key[2] >= first.get(key[1], key[2] + 1):
                    self._check(told, there.get(key))

    def _check(self, told: _Told, body: TradeRecord | CollateralRecord | None) -> None:
        violation, event = told.violation, told.event
        time_ns = getattr(body, "trade_time_ns", None) or getattr(body, "time_ns", None)
        same = body is not None and (body.account_id, time_ns) == (event.account_id, violation.time_ns)
        if same and body is not None and body.version == 1 and violation.topic == "trades":
            same = (body.instrument_id, body.quantity) == (violation.instrument_id, violation.quantity)
        if not same:
            self._found(
                told.place, f"{event.event_id}: no such transaction at {violation.topic} {violation.offset}"
            )

    def _found(self, place: str, detail: str) -> None:
        self._report.found(Kind.WRONG_VIOLATION, place, detail)


def _decoded(model: type[TradeRecord] | type[CollateralRecord], record: Any) -> Any:
    try:
        return model.model_validate_json(record.value, strict=True)
    except (ValidationError, TypeError):
        return None
