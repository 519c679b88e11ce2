"""The whole verification: topics in, report out."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.verify.companions import check_answers, check_cases, check_ends, check_evidence
from streams.verify.evidence import EvidenceCheck
from streams.verify.figures import Figures
from streams.verify.histories import CaseKey, Event, check_histories, parsed
from streams.verify.holdings import Accounts
from streams.verify.inputs import Inputs, read_inputs
from streams.verify.logs import Logs, read_logs
from streams.verify.report import Kind, Report
from streams.verify.statements import check_calls, check_equity, check_sums


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is verified.

    Attributes:
        settled: nothing is under way: what has not been answered, refused, called or ended by now is lost.
        sample: most evidence records and statements whose figures are recomputed; drawn with ``seed``.
        parameters: folder of the worker's own parameter files.
    """

    settled: bool = False
    sample: int = 1_000
    seed: int = 1
    parameters: Path | None = None


async def verify(connection: Connection, topics: TopicTable, extent: Extent) -> Report:
    """Read the topics and check them.

    Raises:
        TopicError, KafkaError: the topics cannot be read. MarginError: a parameter file cannot be used.
    """
    return check(await read_logs(connection, topics), topics.partitions, extent)


def check(logs: Logs, partitions: int, extent: Extent) -> Report:
    """Check what was read."""
    report = Report()
    figures = Figures(extent.parameters)
    inputs = read_inputs(logs, extent.settled, report)
    later = parsed(logs.later_calls, report)
    histories = check_histories(parsed(logs.of("calls"), report), partitions, report)
    check_cases(histories, logs.of("call-cases"), later, report)
    evidence = check_evidence(histories, logs.of("call-evidence"), later, report)
    check_answers(histories, logs.of("call-responses"), inputs.answers_refused(), extent.settled, report)
    check_ends(histories, {name: logs.of(name) for name in ("trades", "collateral", "positions")}, report)
    accounts = Accounts(inputs)
    _check_evidence(
        logs, histories, evidence, EvidenceCheck(inputs, accounts, figures, report), extent, report
    )
    _check_statements(logs, inputs, accounts, histories, figures, extent, report)
    return report


def _check_evidence(
    logs: Logs, histories: dict[CaseKey, list[Event]], evidence: dict[str, Any], checks: EvidenceCheck,
    extent: Extent, report: Report,
) -> None:  # fmt: skip
    written = {(record.partition, record.offset): record.timestamp for record in logs.of("calls")}
    events = [event for history in histories.values() for event in history if event["event_id"] in evidence]
    for event in _sampled(events, extent):
        timestamp_ms = written[event["partition"], int(event["place"].rpartition(":")[2])]
        for body in parsed([evidence[event["event_id"]]], report):
            checks.holdings(event, body, timestamp_ms)
            checks.amounts(event, body)


def _check_statements(
    logs: Logs, inputs: Inputs, accounts: Accounts, histories: dict[CaseKey, list[Event]], figures: Figures,
    extent: Extent, report: Report,
) -> None:  # fmt: skip
    statements = parsed([record for record in logs.of("requirements") if record.value is not None], report)
    for statement in statements:
        check_sums(statement, report)
    if not extent.settled:
        return
    told = {statement["account_id"] for statement in statements}
    for account_id in accounts.ids():
        account = inputs.accounts.get(account_id)
        if account is not None and account.status == "open" and account_id not in told:
            report.found(Kind.STATEMENT_LOST, "requirements", f"{account_id} has no statement")
    for statement in statements:
        check_calls(statement, histories, figures, report)
    for statement in _sampled(statements, extent):
        check_equity(statement, inputs, accounts, report)


def _sampled(events: list[Event], extent: Extent) -> list[Event]:
    if len(events) <= extent.sample:
        return events
    return random.Random(extent.seed).sample(events, extent.sample)  # noqa: S311 - a sample, no secret
