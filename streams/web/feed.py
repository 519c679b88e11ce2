"""Reads the result topics into the board, group-less: from the beginning, then live, whatever Kafka does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.contracts.cluster import existing_topics
from streams.contracts.codec import Fault, decode_model
from streams.contracts.results import CallEvent, RequirementStatement
from streams.contracts.topics import TopicTable
from streams.inbound.log_reader import group_less_consumer
from streams.web.board import Board, pack
from streams.web.settings import WebSettings
from streams.web.views import Feed

_POLL_MS: Final = 200
_RECORDS: Final = 500  # some 20 ms of work: browsers are served in between
_RETRY_S: Final = 2.0
_SHORT_NAMES: Final = ("requirements", "call-cases", "calls")

log = logging.getLogger(__name__)


class FeedReader:
    """``state`` says where it stands; messages that cannot be used are counted, never fatal."""

    def __init__(self, board: Board, settings: WebSettings) -> None:
        self.state = Feed("waiting", f"Connecting to Kafka at {settings.bootstrap}.")
        self.refused = 0
        self._board = board
        self._settings = settings
        table = TopicTable(settings.topic_prefix)
        self._topics = [table[short] for short in _SHORT_NAMES]
        self._names = {topic.name: short for topic, short in zip(self._topics, _SHORT_NAMES, strict=True)}
        self._take: dict[str, Callable[[Any], bool]] = {
            "requirements": self._take_statement,
            "call-cases": lambda record: self._take_call(record, is_case=True),
            "calls": lambda record: self._take_call(record, is_case=False),
        }

    async def run(self) -> None:
        """Read until cancelled; what fails is said in ``state`` and tried again."""
        while True:
            try:
                await self._read()
            except (KafkaError, LookupError, OSError) as error:
                phase = "broken" if self._board.count else "waiting"
                self._say(Feed(phase, _what_to_do(error, self._settings.bootstrap)))
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        partitions = await self._partitions()
        consumer = group_less_consumer(self._settings, "marginmon-web")
        try:
            await consumer.start()
            open_partitions = await self._assign(consumer, partitions)
            self._say(Feed("loading", "Reading the statements from the beginning."))
            while True:
                await self._take_batch(consumer)
                if open_partitions:
                    open_partitions = [
                        (tp, end) for tp, end in open_partitions if await consumer.position(tp) < end
                    ]
                if not open_partitions:
                    self._say(Feed("live"))
        finally:
            await consumer.stop()

    async def _partitions(self) -> list[TopicPartition]:
        """All partitions of the topics.

        Raises:
            LookupError: naming a topic that does not exist.
        """
        admin = AIOKafkaAdminClient(**self._settings.options())
        try:
            await admin.start()
            present = await existing_topics(admin, self._topics)
        finally:
            await admin.close()
        missing = [topic.name for topic in self._topics if topic.name not in present]
        if missing:
            raise LookupError(f"Topic {missing[0]} does not exist yet; run `marginmon topics create`.")
        return [TopicPartition(name, n) for name, found in present.items() for n in range(found.partitions)]

    async def _assign(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> list[tuple[TopicPartition, int]]:
        """Take the partitions, from the beginning but for old calls; returns each with its present end."""
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        for tp in partitions:
            if self._names[tp.topic] == "calls":
                newest = ends[tp] - self._settings.newest_calls
                consumer.seek(tp, max(newest, await consumer.position(tp)))
        return list(ends.items())

    async def _take_batch(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)
        for tp, records in fetched.items():
            take = self._take[self._names[tp.topic]]
            for record in records:
                if not take(record):
                    self._refuse(record)

    def _take_statement(self, record: Any) -> bool:
        if record.value is None:
            self._board.remove(record.key.decode() if record.key else "")
            return True
        decoded = decode_model(RequirementStatement, record.value)
        if isinstance(decoded, Fault):
            return False
        self._board.take_statement(decoded[0], pack(record.value), record.timestamp)
        return True

    def _take_call(self, record: Any, *, is_case: bool) -> bool:
        decoded = decode_model(CallEvent, record.value)
        if isinstance(decoded, Fault):
            return False
        self._board.take_call(decoded[0], is_case=is_case)
        return True

    def _refuse(self, record: Any) -> None:
        self.refused += 1
        if self.refused == 1:
            log.warning(
                "%s partition %d offset %d is not usable and left out, as later ones will be without a word; "
                "does its producer follow the contract?",
                record.topic, record.partition, record.offset,
            )  # fmt: skip

    def _say(self, state: Feed) -> None:
        if state != self.state:
            self.state = state
            self._board.version += 1
            if state.phase in {"waiting", "broken"}:
                log.warning("%s", state.message)


def _what_to_do(error: Exception, bootstrap: str) -> str:
    if isinstance(error, LookupError):
        return str(error.args[0])
    return f"Kafka at {bootstrap} does not answer ({type(error).__name__}); trying again."
