"""Faust transport that hands over one event per partition and fetch: the value is the batch, decoded.

Plain Faust costs about 70 us per event whatever is tuned, which is 14,000 trades a second. Here the events
are batches and the cost is per fetch. It overrides methods that Faust does not declare public
(``_fetch_records``, ``_wait_next_records``, ``_add_gap``, ``_new_offset``, ``_create_worker_consumer``,
``seek_to_committed``, ``resume_flow``); Faust is pinned exactly and ``tests/broker/test_transport.py`` fails if an
upgrade changes their behaviour.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.serializers.schemas import Schema
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.contracts.connection import Connection
from streams.inbound.light_records import Records, with_light_records

SCHEME: Final = "kafkabatch"
# A fetch without data waits this long at the broker; also how long a stop may have to wait for it.
_FETCH_MAX_WAIT_MS: Final = 250
# After the brokers did not say what is committed.
_SEEK_RETRY_S: Final = 0.5

log = logging.getLogger(__name__)

Stage = Callable[[str, Records], Any]


class _Staged(NamedTuple):
    """A fetched batch: offset and timestamp of its last record, and what the app made of all of them."""

    last_offset: int
    last_ms: int
    value: Any


def stage_batches(app: Any, stage: Stage) -> None:
    """Have this app's consumer turn each batch, ``(full topic name, records)``, into the value of its event.

    ``stage`` runs on the thread of the Kafka client and must not raise.
    """
    app.stage_batch = stage


class BatchSchema(Schema[Any, Any]):
    """Leaves key and value alone: the value is the staged batch."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """The key of a batch: none."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The staged batch."""
        return message.value


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The Kafka client's thread, with the client settings that Faust has no option for."""

    async def on_start(self) -> None:
        """Connect; the client then hands out light records."""
        await super().on_start()
        with_light_records(self._ensure_consumer())

    async def _fetch_records(self, *arguments: Any, **options: Any) -> dict[TP, Any]:
        """What was fetched, staged where it was unpacked: while its bytes are still in the cache."""
        fetched = await super()._fetch_records(*arguments, **options)
        stage: Stage = cast(Any, self.app).stage_batch
        return {
            tp: _Staged(records[-1].offset, records[-1].timestamp, stage(tp.topic, Records(tp, records)))
            for tp, records in fetched.items()
        }

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is committed; where nothing is, to the beginning, where the client would stay."""
        offsets: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return offsets

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        client = self._ensure_consumer()
        committed: Mapping[TP, int] = await client.seek_to_committed()
        if fresh := [tp for tp, offset in committed.items() if not offset]:
            await client.seek_to_beginning(*fresh)
        return committed

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

    _seek_due = False

    def resume_flow(self) -> None:
        """An assignment is done. What was fetched while it was under way may have been thrown away, here or by streams
        that were not yet to go on, and Faust's own seek may have come before: the next fetch begins anew."""
        super().resume_flow()
        self._seek_due = True

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(  # the timeout is part of the overridden signature
        self,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Batches of the next fetch, none once a rebalance has begun."""
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        if self._seek_due and not await self._fetch_anew():
            return
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop or self._seek_due:
            return
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            yield tp, self._batch_message(tp, cast(Any, batch), generation)

    async def _fetch_anew(self) -> bool:
        """Go back to what is committed; by the task that fetches, so nothing can be fetched meanwhile."""
        self._seek_due = False
        if not self.assignment():
            return True
        try:
            await self.perform_seek()
        except (KafkaError, AssertionError) as error:  # the client asserts that there are partitions
            log.info("what is committed cannot be told yet: %r", error)
            self._seek_due = True
            await self.sleep(_SEEK_RETRY_S)
        return not self._seek_due

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing. Faust looks every few seconds for streams that stand still, to log it, and asserts that the client
        has a position, which it has not right after an assignment: that would end the worker. Lag is a metric here."""

    def _batch_message(self, tp: TP, batch: _Staged, generation: int) -> ConsumerMessage:
        """A message that stands for all records of a fetch and carries the offset of the last."""
        return ConsumerMessage(
            tp.topic, tp.partition, batch.last_offset, batch.last_ms / 1000.0, 0, None, None,
            batch.value, None, 0, 0, tp, generation_id=generation,
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


def credentials(connection: Connection) -> Credentials | None:
    """TLS and credentials as Faust wants them; None for PLAINTEXT."""
    options = connection.options()
    if connection.security_protocol == "SASL_SSL":
        return SASLCredentials(
            mechanism=options["sasl_mechanism"],
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            ssl_context=options["ssl_context"],
        )
    if connection.security_protocol == "SSL":
        return SSLCredentials(options["ssl_context"])
    return None


def broker_urls(bootstrap: str) -> list[str]:
    """``host:port,host:port`` as the URLs that Faust wants."""
    return [f"{SCHEME}://{server.strip()}" for server in bootstrap.split(",") if server.strip()]
