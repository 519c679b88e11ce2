"""Market files through the engine: calls, a timeline and the last statements. Same input, same bytes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent, RequirementStatement
from streams.outbound.calls import call_event
from streams.outbound.intraday import SILENT, intraday_event
from streams.replay.file_engine import FileEngine
from streams.replay.steps import Step


@dataclass(slots=True)
class ReplayResult:
    """What a replay brought.

    Attributes:
        intraday: events of intraday margin deficits but for those that only carry the state on.
        timeline: rows of :func:`timeline_row`, by time, then account. first_ns, last_ns: of the steps.
    """

    steps: int = 0
    first_ns: int = 0
    last_ns: int = 0
    calls: list[CallEvent] = field(default_factory=list)
    intraday: list[IntradayEventRecord] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    statements: list[RequirementStatement] = field(default_factory=list)


def replay(files: FileEngine, course: Iterable[Step], every_ns: int) -> ReplayResult:
    """Run the course: one evaluation per step; timeline rows at the first step, at every multiple of
    ``every_ns`` since 1970 UTC, and at the last step.

    A row shows the figures as they stand at its time, after the last step before or at it. Intervals without
    a step have no row. Memory holds calls and rows, not the market.
    """
    result = ReplayResult()
    for step in course:
        if result.steps == 0:
            result.first_ns = step.time_ns
            files.engine.advance_time(step.time_ns)
        elif (step.time_ns - 1) // every_ns > (result.last_ns - 1) // every_ns:
            _add_rows(files, result, -(-result.last_ns // every_ns) * every_ns)
        files.take(step.activity, step.time_ns)
        files.take(step.prices, step.time_ns)
        changes = files.evaluate(step.time_ns)
        answered, granted = files.answer(step.activity, step.time_ns)
        result.calls += [call_event(transition) for transition in (*changes.transitions, *answered)]
        told = (move for move in (*changes.intraday, *granted) if move.event.reason not in SILENT)
        result.intraday += [intraday_event(move) for move in told]
        result.steps += 1
        result.last_ns = step.time_ns
        if result.steps == 1:
            _add_rows(files, result, step.time_ns)
    _add_rows(files, result, result.last_ns)
    result.statements = [files.statement(account_id, result.last_ns) for account_id in files.account_ids]
    return result


def _add_rows(files: FileEngine, result: ReplayResult, time_ns: int) -> None:
    if result.timeline and result.timeline[-1]["time_ns"] == time_ns:
        return
    result.timeline += [
        timeline_row(files.statement(account_id, result.last_ns), time_ns) for account_id in files.account_ids
    ]


def timeline_row(statement: RequirementStatement, time_ns: int) -> dict[str, Any]:
    """The figures of one account at one time; money as decimal text."""
    shown = statement.model_dump(mode="json")
    silos = {
        silo["silo"]: {name: silo[name] for name in ("initial", "maintenance", "equity", "excess")}
        for silo in shown["silos"]
    }
    return {
        "time_ns": time_ns,
        "account_id": statement.account_id,
        "silos": silos,
        "unified_equity": shown["unified"]["equity"],
        **shown["gap"],
        "stale": statement.quality.stale,
    }
