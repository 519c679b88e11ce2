"""Calls as they stand, and answers to them: sent, and waited for until a worker has taken or refused them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from engine.base.business_days import day_of
from engine.shortfall.case import OPEN
from engine.shortfall.intraday_account import deficit_id, is_deficit_id
from streams.contracts.cluster import TopicError
from streams.contracts.connection import Connection
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.responses import CallResponse
from streams.contracts.results import CallEvent
from streams.contracts.topics import DEAD_LETTERS, TopicTable, partition_of
from streams.desk.topic_reader import all_records, following, partitions_of, reader, seek_to_ends
from streams.inbound.responses import TOPIC as RESPONSES

_OPEN: Final = frozenset(state.value for state in OPEN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases to list; an empty text or None = all of them."""

    account_id: str = ""
    scope: str = ""
    state: str = ""
    binding: bool | None = True
    ended: bool = False

    def has(self, event: CallEvent) -> bool:
        """Whether a case whose last event this is belongs to the list."""
        return (
            self.account_id in {"", event.account_id}
            and self.scope in {"", event.scope}
            and self.state in {"", event.state}
            and self.binding in {None, event.binding}
            and (self.ended or bool(self.state) or event.state in _OPEN)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an answer: the event that it made, or why it was refused; neither if nobody said in time."""

    event: CallEvent | IntradayEventRecord | None = None
    refusal: str = ""


async def cases(connection: Connection, topics: TopicTable, wanted: Wanted) -> list[CallEvent]:
    """Last events of the cases wanted, those that are due first."""
    last = {record.key: record.value for record in await all_records(connection, [topics["call-cases"]])}
    events = (CallEvent.model_validate_json(value) for value in last.values() if value is not None)
    return sorted(filter(wanted.has, events), key=_by_deadline)


def _by_deadline(event: CallEvent) -> tuple[bool, int, str, str]:
    return event.deadline_ns is None, event.deadline_ns or 0, event.account_id, event.scope


async def case_of(connection: Connection, topics: TopicTable, call_id: str) -> CallEvent:
    """The last event of a call.

    Raises:
        TopicError: no case has this call now.
    """
    found = await cases(connection, topics, Wanted(binding=None, ended=True))
    for event in found:
        if event.call_id == call_id:
            return event
    raise TopicError(f"no case has call {call_id} now; see `marginmon calls list --all`")


async def account_of(connection: Connection, topics: TopicTable, named_id: str) -> str:
    """The account of a call, or of an intraday deficit that is remembered.

    Raises:
        TopicError: there is none.
    """
    if not is_deficit_id(named_id):
        return (await case_of(connection, topics, named_id)).account_id
    last = {
        record.key: record.value for record in await all_records(connection, [topics["intraday-deficits"]])
    }
    for value in last.values():
        if value is not None:
            event = IntradayEventRecord.model_validate_json(value)
            days = (event.today.business_date, *(each.business_date for each in event.deficits))
            if named_id in {deficit_id(event.account_id, day_of(day)) for day in days}:
                return event.account_id
    raise TopicError(
        f"no account has intraday deficit {named_id} now; see topic {topics['intraday-deficits'].name}"
    )


def response_to(
    account_id: str, call_id: str, kind: str, operator: str, text: str, until: str | None = None
) -> CallResponse:
    """An answer to a call, or an exception for an intraday deficit, said now.

    Raises:
        ValueError: the contract does not take it.
    """
    return CallResponse.model_validate(
        {
            "response_id": uuid.uuid4().hex, "account_id": account_id, "call_id": call_id,
            "kind": kind, "operator": operator, "time_ns": time.time_ns(), "text": text, "until": until,
        }
    )  # fmt: skip


async def send(connection: Connection, topics: TopicTable, response: CallResponse, wait_s: float) -> Answer:
    """Answer a call or grant an exception, and wait until a worker has said what became of it."""
    said = [topics[_told_on(response)], topics[RESPONSES + DEAD_LETTERS]]
    partitions = await partitions_of(connection, said)
    partition = partition_of(response.account_id, sum(tp.topic == said[0].name for tp in partitions))
    async with reader(connection) as consumer:
        await seek_to_ends(consumer, [tp for tp in partitions if tp.partition == partition])
        await _produce(connection, topics[RESPONSES].name, partition, response)
        async for record in following(consumer, wait_s):
            answer = _answer_in(record, response)
            if answer is not None:
                return answer
    return Answer()


def _told_on(response: CallResponse) -> str:
    return "intraday-deficits" if is_deficit_id(response.call_id) else "calls"


async def _produce(connection: Connection, topic: str, partition: int, response: CallResponse) -> None:
    producer = AIOKafkaProducer(**connection.options(), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        await producer.send_and_wait(
            topic, response.model_dump_json().encode(), key=response.account_id.encode(), partition=partition
        )
    finally:
        await producer.stop()


def _answer_in(record: Any, response: CallResponse) -> Answer | None:
    if record.topic.endswith(DEAD_LETTERS):
        if record.value != response.model_dump_json().encode():
            return None
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        return Answer(refusal=f"{headers.get('dlq.reason', '')}: {headers.get('dlq.error', '')}")
    model = IntradayEventRecord if is_deficit_id(response.call_id) else CallEvent
    event = model.model_validate_json(record.value)
    taken = event.response is not None and event.response.response_id == response.response_id
    return Answer(event) if taken else None


async def follow(
    connection: Connection,
    topics: TopicTable,
    wanted: Wanted,
    seconds: float | None,
    begun: Callable[[], None],
) -> AsyncIterator[CallEvent]:
    """Events as they are committed, from when ``begun`` is called."""
    partitions = await partitions_of(connection, [topics["calls"]])
    async with reader(connection) as consumer:
        await seek_to_ends(consumer, partitions)
        begun()
        async for record in following(consumer, seconds):
            event = CallEvent.model_validate_json(record.value)
            if wanted.has(event):
                yield event


def lines(events: Iterable[CallEvent | IntradayEventRecord]) -> Sequence[str]:
    """One JSON object each."""
    return [json.dumps(event.model_dump(mode="json")) for event in events]
