"""Statements on their topic: sent in the order in which they were made, taken back when their account has left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from engine.state.closing_state import Left
from streams.contracts.results import RequirementStatement
from streams.worker.metrics import WorkerMetrics

log = logging.getLogger(__name__)


class StatementTopic:
    """First come, first sent: no statement overtakes a later one of its account."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, metrics: WorkerMetrics) -> None:
        self._producer = producer
        self._topic = topic
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def publish(self, statements: Sequence[RequirementStatement]) -> None:
        """Best effort: a statement that is lost is made again with the next change or interval."""
        async with self._turn:
            for statement in statements:
                value = statement.model_dump_json().encode()
                await self._send(statement.account_id, value, statement.inputs.partition)
        self._metrics.statements.inc(len(statements))

    async def withdraw(self, left: Sequence[Left]) -> None:
        """Take the statements of accounts that left back. Best effort: one that stays shows an empty account."""
        async with self._turn:
            for gone in left:
                await self._send(gone.account_id, None, gone.partition)
        log.info("%d closed accounts left", len(left))

    async def _send(self, account_id: str, value: bytes | None, partition: int) -> None:
        try:
            await self._producer.send(self._topic, key=account_id.encode(), value=value, partition=partition)
        except KafkaError as error:
            log.warning("the statement of account %s was not published: %s", account_id, error)
