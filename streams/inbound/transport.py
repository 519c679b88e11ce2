"""Faust transport that hands over one event per partition and fetch: the value is the list of records.

Plain Faust costs about 70 us per event whatever is tuned, which is 14,000 trades a second. Here the events
are batches and the cost is per fetch. It overrides methods that Faust does not declare public
(``_wait_next_records``, ``_add_gap``, ``_new_offset``, ``_create_worker_consumer``); Faust is pinned exactly
and ``tests/broker/test_transport.py`` fails if an upgrade changes their behaviour.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.serializers.schemas import Schema
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

SCHEME: Final = "kafkabatch"
# A fetch without data waits this long at the broker; also how long a stop may have to wait for it.
_FETCH_MAX_WAIT_MS: Final = 250


class BatchSchema(Schema[Any, Any]):
    """Leaves key and value alone: the value is the list of ConsumerRecords."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """The key of a batch: none."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The records of a batch."""
        return message.value


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The Kafka client's thread, with the client settings that Faust has no option for."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Range gives the same partition numbers of every topic to the same member; Faust's round robin over
        # all partitions would part an account's trades from its collateral when workers do not divide them.
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        consumer._isolation_level = "read_committed"  # a producer's aborted trades never happened
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS
        return consumer


class BatchConsumer(driver.Consumer):
    """Yields one message per partition and fetch."""

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(  # the timeout is part of the overridden signature
        self,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Batches of the next fetch, none once a rebalance has begun."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            yield tp, self._batch_message(tp, batch, generation)

    def _batch_message(self, tp: TP, batch: list[Any], generation: int) -> ConsumerMessage:
        """A message that stands for all records of a fetch and carries the offset of the last."""
        last = batch[-1]
        return ConsumerMessage(
            last.topic, last.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type, None, None,
            cast(Any, batch), None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between the ends of two batches are no gap: the batch covers them."""

    def _new_offset(self, tp: TP) -> int | None:
        """Next offset to commit: batches of a partition are acknowledged in order, by one agent."""
        acked = self._acked[tp]
        if not acked:
            return None
        highest: int = max(acked)
        self._acked_index[tp].difference_update(acked)
        acked.clear()
        return highest + 1


class Transport(driver.Transport):
    """``kafkabatch://host:port``."""

    Consumer = BatchConsumer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"


def broker_urls(bootstrap: str) -> list[str]:
    """``host:port,host:port`` as the URLs that Faust wants."""
    return [f"{SCHEME}://{server.strip()}" for server in bootstrap.split(",") if server.strip()]
