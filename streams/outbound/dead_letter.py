"""Dead letters: what could not be used, untouched, with the reason in headers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from streams.contracts.topics import DEAD_LETTERS
from streams.inbound.record import Refusal

_RETRY_S: Final = 1.0

log = logging.getLogger(__name__)


class DeadLetters:
    """Writes refused records to ``<topic>.dlq``, on the partition that they came from."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def write(self, refusals: Sequence[Refusal]) -> None:
        """Write and wait for the brokers' acknowledgement, so that the source offset may be committed.

        Keeps trying through an outage: what is not written must not be acknowledged. A crash before the commit
        writes them again; the headers topic, partition and offset tell.
        """
        await asyncio.gather(*(self._until_written(refusal) for refusal in refusals))

    async def _until_written(self, refusal: Refusal) -> None:
        written = await self._written(refusal)
        while not written:
            await asyncio.sleep(_RETRY_S)
            written = await self._written(refusal)

    async def _written(self, refusal: Refusal) -> bool:
        try:
            await self._send(refusal, refusal.record.value, refusal.detail)
        except MessageSizeTooLargeError:
            size = len(refusal.record.value or b"")
            detail = f"{refusal.detail}; its {size} bytes and these headers exceed the limit: read it at its origin"
            await self._send(refusal, None, detail)
        except KafkaError as error:
            log.warning("a dead letter was not written, trying again: %s", error)
            return False
        return True

    async def _send(self, refusal: Refusal, value: bytes | None, detail: str) -> None:
        await self._producer.send_and_wait(
            refusal.record.topic + DEAD_LETTERS,
            value=value,
            key=refusal.record.key,
            partition=refusal.record.partition,
            headers=[*refusal.record.headers, *_headers(refusal, detail)],
        )


def _headers(refusal: Refusal, detail: str) -> list[tuple[str, bytes]]:
    record = refusal.record
    fields = {
        "dlq.reason": refusal.reason.value,
        "dlq.error": detail,
        "dlq.topic": record.topic,
        "dlq.partition": str(record.partition),
        "dlq.offset": str(record.offset),
        "dlq.time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return [(name, value.encode(errors="backslashreplace")) for name, value in fields.items()]
