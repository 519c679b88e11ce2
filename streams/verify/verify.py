"""The whole verification: topics in, report out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.verify.companions import INPUTS, check_answers, check_cases, check_ends, check_evidence
from streams.verify.evidence import EvidenceCheck
from streams.verify.figures import Figures
from streams.verify.histories import CaseKey, Event, check_histories, parsed
from streams.verify.holdings import Accounts
from streams.verify.inputs import Inputs, read_inputs
from streams.verify.intraday import IntradayCheck
from streams.verify.intraday_rule import Rule
from streams.verify.locations import check_locations
from streams.verify.logs import DEFAULT_SAMPLE, Logs, drawn, read_logs
from streams.verify.marks import check_marks
from streams.verify.report import Kind, Report
from streams.verify.statements import StatementCheck, check_calls, check_sums
from streams.verify.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is verified.

    Attributes:
        settled: nothing is under way: what has not been answered, refused, called or ended by now is lost.
        sample: most evidence records and statements whose figures are recomputed; drawn with ``seed``.
        parameters, scenarios: folder of the worker's own parameter files, and its scenario file.
    """

    settled: bool = False
    sample: int = DEFAULT_SAMPLE
    seed: int = 1
    parameters: Path | None = None
    scenarios: Path | None = None


async def verify(connection: Connection, topics: TopicTable, extent: Extent) -> Report:
    """Read the topics and check them.

    Raises:
        TopicError, KafkaError: the topics cannot be read. MarginError: a parameter file cannot be used.
    """
    logs = await read_logs(connection, topics, extent.sample, extent.seed)
    return check(logs, topics.partitions, extent)


def check(logs: Logs, partitions: int, extent: Extent) -> Report:
    """Check what was read."""
    report = Report()
    figures = Figures(extent.parameters, extent.scenarios)
    inputs = read_inputs(logs, extent.settled, report)
    check_locations(logs, inputs, figures.locations, extent.settled, report)
    later = parsed(logs.later_calls, report)
    histories = check_histories(parsed(logs.of("calls"), report), partitions, report)
    check_cases(histories, logs.of("call-cases"), later, report)
    check_evidence(histories, logs.of("call-evidence"), later, report)
    check_answers(histories, logs.of("call-responses"), inputs.answers_refused(), extent.settled, report)
    ends = logs.ends(*INPUTS)
    check_ends(histories, ends, report)
    intraday = _check_intraday(logs, ends, partitions, inputs, extent, report)
    accounts = Accounts(inputs, figures.policy["classification"])
    _check_evidence(logs, histories, EvidenceCheck(inputs, accounts, figures, report), extent, report)
    statements = _check_statements(logs, inputs, accounts, histories, figures, extent, report)
    for statement in statements if extent.settled and intraday.rule.is_on else ():
        intraday.check_statement(statement)
    return report


def _check_intraday(
    logs: Logs, ends: Mapping[tuple[str, int], int], partitions: int, inputs: Inputs, extent: Extent, report: Report
) -> IntradayCheck:  # fmt: skip
    lag_ms = TopicTable()["intraday-deficits"].min_compaction_lag_ms
    check = IntradayCheck(
        Rule.read(extent.parameters),
        partitions,
        logs.began_ms - lag_ms,
        ends,
        report,
    )
    for record in logs.of("intraday-deficits"):
        check.take(record)
    check.end()
    check.exceptions.check(logs.of("call-responses"), inputs.answers_refused(), extent.settled)
    check.violations.check({name: logs.of(name) for name in ("trades", "collateral")})
    return check


def _check_evidence(
    logs: Logs, histories: dict[CaseKey, list[Event]], checks: EvidenceCheck, extent: Extent, report: Report
) -> None:
    """Of a sample. What cannot be read, or tells of no event, has been told."""
    events = {event["event_id"]: event for history in histories.values() for event in history}
    for record in drawn(logs.of("call-evidence"), extent.sample, extent.seed):
        for body in parsed([record], Report()):
            check_marks(body, logs.quotes, report)
            event = events.get(body["event_id"])
            if event is not None:
                checks.holdings(event, body, event["written_ms"])
                checks.amounts(event, body)


def _check_statements(
    logs: Logs, inputs: Inputs, accounts: Accounts, histories: dict[CaseKey, list[Event]], figures: Figures,
    extent: Extent, report: Report,
) -> list[Event]:  # fmt: skip
    """The statements, which have been checked."""
    statements = parsed([record for record in logs.of("requirements") if record.value is not None], report)
    for statement in statements:
        check_sums(statement, report)
    if not extent.settled:
        return statements
    told = {statement["account_id"] for statement in statements}
    for account_id in accounts.ids():
        account = inputs.accounts.get(account_id)
        if account is not None and account.status == "open" and account_id not in told:
            report.found(Kind.STATEMENT_LOST, "requirements", f"{account_id} has no statement")
    thresholds = Thresholds(inputs.accounts, figures.policy["call"])
    for statement in statements:
        check_calls(statement, histories, thresholds, report)
    recomputed = StatementCheck(inputs, accounts, figures, report)
    for statement in drawn(statements, extent.sample, extent.seed):
        recomputed.figures(statement)
    return statements
