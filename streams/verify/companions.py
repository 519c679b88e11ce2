"""What goes with events: the case topic, evidence, and answers, each once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from streams.verify.histories import WHERE, CaseKey, Event, parsed
from streams.verify.legality import OPEN, OPERATOR, WITH_EVIDENCE
from streams.verify.logs import place_of
from streams.verify.report import Kind, Report

INPUTS: Final = ("trades", "collateral", "positions")
_DEFICIT = "im-"  # begins the id of an intraday deficit
_SAID_TWICE: Final = ("account_id", "scope", "requirement", "equity")  # by an event and its evidence


def check_cases(
    histories: dict[CaseKey, list[Event]], records: list[Any], later: list[Event], report: Report
) -> None:
    """The case topic holds the last event of each case, word for word."""
    cases = {record.key: record for record in records}
    for (account_id, scope), history in histories.items():
        last, record = history[-1], cases.get(f"{account_id}|{scope}".encode())
        if record is None or record.value is None:
            report.found(Kind.CASE_MISSING, last["place"], f"{account_id} {scope} is not in the case topic")
            continue
        possible = [last, *(e for e in later if (e["account_id"], e["scope"]) == (account_id, scope))]
        body = json.loads(record.value)
        if body not in [_body(event) for event in possible]:
            report.found(
                Kind.CASE_IS_NOT_LAST_EVENT,
                place_of(record),
                f"{body.get('event_id')} is not {possible[-1]['event_id']}, or says something else",
            )
    known = {f"{event['account_id']}|{event['scope']}".encode() for event in later}
    known |= {f"{account_id}|{scope}".encode() for account_id, scope in histories}
    for key, record in cases.items():
        if record.value is not None and key not in known:
            report.found(Kind.SEQUENCE_GAP, place_of(record), f"case {key!r} has no event")


def _body(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in WHERE}


def check_evidence(
    histories: dict[CaseKey, list[Event]], records: list[Any], later: list[Event], report: Report
) -> None:
    """Issued and changed calls have evidence, once, of the same figures."""
    by_id: dict[str, Event] = {}
    for record in records:
        for one in parsed([record], report):  # one at a time: parsed, a day of evidence takes many gigabytes
            event_id = one["event_id"]
            if event_id in by_id:
                report.found(Kind.EVIDENCE_DOUBLED, one["place"], event_id)
            by_id[event_id] = {name: one[name] for name in ("place", *_SAID_TWICE)}
    events = {event["event_id"]: event for history in histories.values() for event in history}
    for event in events.values():
        if event["state"] not in OPEN or event["reason"] not in WITH_EVIDENCE:
            continue
        report.checked["evidence"] += 1
        found = by_id.get(event["event_id"])
        if found is None:
            report.found(Kind.EVIDENCE_MISSING, event["place"], event["event_id"])
        elif any(found[name] != event[name] for name in _SAID_TWICE):
            report.found(Kind.WRONG_SUM, found["place"], f"{event['event_id']}: evidence of other figures")
    for event_id in by_id.keys() - events.keys() - {event["event_id"] for event in later}:
        report.found(Kind.EVIDENCE_WITHOUT_EVENT, by_id[event_id]["place"], event_id)


def check_answers(
    histories: dict[CaseKey, list[Event]], responses: list[Any], refused: set[tuple[int, int]], settled: bool,
    report: Report,
) -> None:  # fmt: skip
    """Each answer moves a case once or is refused; ``refused`` are places of dead letters. What is said to an intraday
    deficit moves no case (``intraday_answers``)."""
    said = {
        (record.partition, record.offset): record
        for record in responses
        if not _names(record).startswith(_DEFICIT)
    }
    taken: dict[tuple[int, int], str] = {}
    for history in histories.values():
        before = -1
        for event in history:
            offset, answer = event["response_offset"], event.get("response")
            place = (event["partition"], offset)
            if (answer is not None) != (event["reason"] == OPERATOR) or (offset > before) != (
                answer is not None
            ):
                report.found(
                    Kind.ANSWER_UNKNOWN,
                    event["place"],
                    f"{event['event_id']}: offset {offset} after {before}",
                )
            if answer is not None:
                _check_taken(event, said.get(place), taken.get(place, ""), report)
                taken[place] = event["event_id"]
            before = max(before, offset)
    report.checked["answers"] += len(said)
    for place, record in said.items():
        if settled and place not in taken and place not in refused:
            report.found(Kind.ANSWER_LOST, place_of(record), "neither taken nor refused")


def _names(record: Any) -> str:
    """What an answer is said to; empty where it cannot be read."""
    try:
        return str(json.loads(record.value)["call_id"])
    except (ValueError, TypeError, KeyError):
        return ""


def _check_taken(event: Event, record: Any, before: str, report: Report) -> None:
    if before:
        report.found(Kind.ANSWER_DOUBLED, event["place"], f"{event['event_id']}: it moved {before} already")
    body = {} if record is None else json.loads(record.value)
    if (body.get("response_id"), body.get("call_id")) != (event["response"]["response_id"], event["call_id"]):
        report.found(
            Kind.ANSWER_UNKNOWN,
            event["place"],
            f"{event['event_id']}: no such answer at {event['response_offset']}",
        )


def check_ends(
    histories: dict[CaseKey, list[Event]], ends: Mapping[tuple[str, int], int], report: Report
) -> None:
    """No figure rests on input that the topics do not have; ``ends``: last offsets of topics, read after the events."""
    for history in histories.values():
        for event in history:
            for topic in INPUTS:
                offset = event["inputs"][f"{topic}_offset"]
                end = ends.get((topic, event["inputs"]["partition"]))
                if end is not None and offset > end:
                    report.found(
                        Kind.OFFSET_BEYOND_END,
                        event["place"],
                        f"{event['event_id']}: {topic} {offset} of {end}",
                    )
