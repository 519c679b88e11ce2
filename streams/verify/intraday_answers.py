"""Exceptions for intraday deficits: each is taken once, as it was said, or refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from pydantic import ValidationError

from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.responses import CallResponse
from streams.verify.intraday_rule import GRANTED
from streams.verify.logs import place_of
from streams.verify.report import Kind, Report

_SAID: Final = ("response_id", "kind", "operator", "time_ns", "text", "until")
Place = tuple[int, int]  # partition, offset


class Exceptions:
    """What events say was taken."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._taken: dict[Place, list[tuple[IntradayEventRecord, str]]] = defaultdict(list)
        self._forgotten: dict[str, int] = {}  # account -> up to which answer its events are compacted away

    def take(self, last: IntradayEventRecord, first: IntradayEventRecord, before: int, place: str) -> None:
        """The first and last event of a pass; ``before``: offset of the last answer taken before it."""
        response = last.response
        if (response is not None) != (last.response_offset > before) or (
            (response is not None) != (first.reason in GRANTED.values())
            or (response is not None and GRANTED[response.kind] != first.reason)
        ):
            self._report.found(
                Kind.ANSWER_UNKNOWN,
                place,
                f"{first.event_id}: answer at {last.response_offset} after {before}",
            )
        elif response is not None:
            self._taken[last.partition, last.response_offset].append((first, place))

    def forget(self, event: IntradayEventRecord) -> None:
        """What came before this event is not there."""
        self._forgotten[event.account_id] = event.response_offset

    def check(self, responses: list[Any], refused: Collection[Place], settled: bool) -> None:
        """Hold them against the topic of answers; ``refused``: places of dead letters."""
        first: dict[int, int] = {}  # by partition: earlier ones are beyond their retention
        said: dict[Place, tuple[Any, CallResponse]] = {}
        for record in responses:
            first.setdefault(record.partition, record.offset)
            answer = _answer(record)
            if answer is not None:
                said[record.partition, record.offset] = record, answer
        for (partition, offset), events in self._taken.items():
            if offset >= first.get(partition, offset + 1):
                self._check_taken(events, said.get((partition, offset)))
        self._report.checked["exceptions"] += len(said)
        for place, (record, answer) in said.items():
            lost = place not in self._taken and place not in refused
            if settled and lost and place[1] > self._forgotten.get(answer.account_id, -1):
                self._report.found(Kind.ANSWER_LOST, place_of(record), "neither taken nor refused")

    def _check_taken(
        self, events: list[tuple[IntradayEventRecord, str]], said: tuple[Any, CallResponse] | None
    ) -> None:
        event, place = events[0]
        for again, doubled in events[1:]:
            self._report.found(
                Kind.ANSWER_DOUBLED, doubled, f"{again.event_id}: it brought {event.event_id} already"
            )
        answer = None if said is None else said[1]
        named = answer is not None and (answer.account_id, answer.call_id) == (
            event.account_id,
            event.deficit_id,
        )
        if not named or any(getattr(answer, name) != getattr(event.response, name) for name in _SAID):
            self._report.found(
                Kind.ANSWER_UNKNOWN, place, f"{event.event_id}: no such answer at {event.response_offset}"
            )


def _answer(record: Any) -> CallResponse | None:
    """An answer to a deficit; None for others and for what cannot be read."""
    try:
        answer = CallResponse.model_validate_json(record.value)
    except (ValidationError, TypeError):
        return None
    return answer if answer.call_id.startswith("im-") else None
