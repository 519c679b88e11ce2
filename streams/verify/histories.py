"""Each case's history: every event once, in order, legal, with the identity, amounts and times that it must have."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from streams.contracts.topics import partition_of
from streams.verify.legality import DEADLINE_PASSED, ENDED, OPEN, PAST_DUE, REMINDER, illegal
from streams.verify.logs import place_of
from streams.verify.report import Kind, Report

Event = dict[str, Any]
CaseKey = tuple[str, str]
# Of its record: where it is, and when it was written, ms since 1970.
WHERE: Mapping[str, Callable[[Any], Any]] = {
    "place": place_of,
    "partition": lambda record: record.partition,
    "written_ms": lambda record: record.timestamp,
}
_TIMES = ("deadline_ns", "liquidation_ns")
_OFFSETS = ("trades_offset", "collateral_offset", "positions_offset")
_NOTHING_YET: Mapping[str, Any] = {"state": "clear", "case_number": 0, "sequence": 0, "response_offset": -1}


def parsed(records: list[Any], report: Report) -> list[Event]:
    """Bodies of events with what :data:`WHERE` names; one that is no JSON object is a contradiction."""
    events = []
    for record in records:
        try:
            body = json.loads(record.value)
            where = {name: read(record) for name, read in WHERE.items()}
            events.append({**body, **where})
        except (TypeError, ValueError):
            report.found(Kind.UNREADABLE, place_of(record), f"the value is no JSON object: {record.value!r}")
    return events


def check_histories(events: list[Event], partitions: int, report: Report) -> dict[CaseKey, list[Event]]:
    """Check all events; returns them by account and scope."""
    histories: dict[CaseKey, list[Event]] = defaultdict(list)
    seen: dict[str, str] = {}
    for event in events:
        report.checked["events"] += 1
        if event["event_id"] in seen:
            report.found(
                Kind.EVENT_DOUBLED, event["place"], f"{event['event_id']} is at {seen[event['event_id']]}"
            )
            continue
        seen[event["event_id"]] = event["place"]
        owner = partition_of(event["account_id"], partitions)
        if event["partition"] != owner:
            report.found(
                Kind.WRONG_PARTITION, event["place"], f"account {event['account_id']} belongs to {owner}"
            )
        histories[event["account_id"], event["scope"]].append(event)
    for history in histories.values():
        _check_case(history, report)
    _check_offsets(events, report)
    report.checked["cases"] += len(histories)
    return dict(histories)


def _check_case(history: list[Event], report: Report) -> None:
    before: Mapping[str, Any] = _NOTHING_YET
    for event in history:
        _check_sequence(before, event, report)
        _check_identity(before, event, report)
        fault = illegal(before["state"], event["state"], event["reason"])
        if fault:
            report.found(Kind.ILLEGAL_TRANSITION, event["place"], f"{event['event_id']}: {fault}")
        _check_amounts(event, report)
        _check_times(before, event, report)
        before = event


def _check_sequence(before: Mapping[str, Any], event: Event, report: Report) -> None:
    expected, sequence = before["sequence"] + 1, event["sequence"]
    what = f"{event['account_id']} {event['scope']}: sequence {sequence} after {expected - 1}"
    if sequence < expected:
        report.found(Kind.SEQUENCE_DOUBLED, event["place"], what)
    elif sequence > expected:
        report.found(Kind.SEQUENCE_GAP, event["place"], what)
    if event["previous_state"] != before["state"]:
        report.found(
            Kind.WRONG_PREVIOUS_STATE,
            event["place"],
            f"{event['event_id']} says {event['previous_state']}, but the case was {before['state']}",
        )


def _check_identity(before: Mapping[str, Any], event: Event, report: Report) -> None:
    opens = before["state"] in ENDED and event["state"] != "clear"
    number = before["case_number"] + (1 if opens else 0)
    if event["case_number"] != number:
        report.found(
            Kind.WRONG_CASE_NUMBER,
            event["place"],
            f"{event['event_id']}: {event['case_number']}, expected {number}",
        )
    text = f"{event['account_id']}|{event['scope']}|{event['case_number']}"
    call_id = "mc-" + hashlib.sha256(text.encode()).hexdigest()[:20]
    if (event["call_id"], event["event_id"]) != (call_id, f"{call_id}-{event['sequence']}"):
        report.found(
            Kind.WRONG_ID, event["place"], f"{event['event_id']}, expected {call_id}-{event['sequence']}"
        )
    if event["binding"] != event["scope"].startswith("silo:"):
        report.found(Kind.WRONG_ID, event["place"], f"{event['event_id']}: binding is {event['binding']}")


def _check_amounts(event: Event, report: Report) -> None:
    amount, requirement = Decimal(event["margin_call_amount"]), Decimal(event["requirement"])
    equity, excess = Decimal(event["equity"]), Decimal(event["margin_excess"])
    fault = ""
    if amount < 0 or requirement < 0:
        fault = f"amount {amount}, requirement {requirement}: below zero"
    elif excess != equity - requirement:
        fault = f"excess {excess} is not equity {equity} less requirement {requirement}"
    elif (event["state"] in OPEN) != (amount > 0) and event["state"] != "cancelled":
        fault = f"amount {amount} of a case that is {event['state']}"
    if fault:
        report.found(Kind.WRONG_AMOUNT, event["place"], f"{event['event_id']}: {fault}")


def _check_times(before: Mapping[str, Any], event: Event, report: Report) -> None:
    """Fixed when a call is issued, kept until it ends, and the reminder said once."""
    fault = ""
    if event["state"] not in OPEN:
        if any(event.get(name) is not None for name in (*_TIMES, "reminder_ns")):
            fault = "a case that is not open has times"
    elif before["state"] in OPEN:
        for name in _TIMES:
            if event.get(name) != before.get(name):
                fault = f"{name} moved from {before.get(name)} to {event.get(name)}"
        kept = None if event["reason"] == REMINDER else before.get("reminder_ns")
        if event.get("reminder_ns") != kept:
            fault = f"reminder_ns is {event.get('reminder_ns')}, expected {kept}"
    if event["reason"] == DEADLINE_PASSED:
        due = event.get("deadline_ns" if event["state"] == "overdue" else "liquidation_ns")
        if due is None or event["as_of_ns"] < due:
            fault = f"{event['state']} at {event['as_of_ns']}, due at {due}"
    past_due = event["binding"] and event["state"] in PAST_DUE
    liquidation = event["binding"] and event["state"] == "liquidation_eligible"
    if (event["frozen"], event["liquidation_eligible"]) != (past_due, liquidation):
        fault = f"frozen {event['frozen']}, liquidation_eligible {event['liquidation_eligible']} when {event['state']}"
    if fault:
        report.found(Kind.WRONG_TIMES, event["place"], f"{event['event_id']}: {fault}")


def _check_offsets(events: list[Event], report: Report) -> None:
    """Along a partition, figures never rest on less input than those before them."""
    highest: dict[tuple[int, str], int] = {}
    for event in events:
        for name in _OFFSETS:
            offset, known = event["inputs"][name], highest.get((event["partition"], name), -1)
            if offset < known:
                report.found(
                    Kind.OFFSET_WENT_BACK,
                    event["place"],
                    f"{event['event_id']}: {name} {offset} after {known}",
                )
            highest[event["partition"], name] = max(offset, known)
