"""One broker, one set of topics, forked workers and traffic: what a fault is done to."""

from __future__ import annotations

import asyncio
import json
import math
import re
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.contracts.cluster import create_missing
from streams.contracts.connection import connect_to
from streams.contracts.topics import TopicTable
from streams.desk.topic_reader import all_records
from streams.parameters import POLICY_FILE, packaged
from streams.verify.report import Report
from streams.verify.verify import Extent, verify
from tests.faults.nursery import Life, Nursery
from tests.faults.traffic import Traffic

PARTITIONS = 3
ACCOUNTS = 12
_LIVE_WITHIN_S = 90.0
_SETTLED_WITHIN_S = 60.0


class Firm:
    """Attributes:
    traffic: what is sent meanwhile.
    """

    def __init__(self, bootstrap: str, prefix: str, folder: Path, nursery: Nursery, seed: int = 1) -> None:
        self.bootstrap, self.topics, self.nursery = bootstrap, TopicTable(prefix, PARTITIONS), nursery
        self.traffic = Traffic(bootstrap, self.topics, ACCOUNTS, seed, pause_s=0.03)
        self.folder = folder
        self.parameters = folder / f"parameters-{prefix}"
        self.parameters.mkdir()
        # Prices stay fresh however slow the machine is.
        policy = (packaged() / POLICY_FILE).read_text()
        patient = re.sub(r"(?m)^(default|\w+_option) = \d+_000$", r"\1 = 86_400_000", policy)
        (self.parameters / POLICY_FILE).write_text(patient)
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Firm:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await create_missing(admin, self.topics, 1)
        await admin.close()
        await self.traffic.start()
        self._sending = asyncio.create_task(self.traffic.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        for life in self.nursery.lives:
            life.send(signal.SIGCONT)
            life.send(signal.SIGKILL)
        await self.traffic.stop()

    def worker(self, instance: str = "", *, with_checkpoints: bool = False, **faults: Any) -> Life:
        """Fork a worker; with an instance a quick restart moves no partition.

        Checkpoints are in a folder of the instance.
        """
        flags = {
            "bootstrap": self.bootstrap, "topic_prefix": self.topics.prefix, "partitions": str(PARTITIONS),
            "group": self.topics.prefix + "group", "session_timeout_s": "6", "instance": instance,
            "parameters": str(self.parameters), "statement_interval_s": "0.5", "engine_threads": "1",
        }  # fmt: skip
        if with_checkpoints:
            folder = self.folder / f"checkpoints-{self.topics.prefix}{instance}"
            flags |= {"checkpoints": str(folder), "checkpoint_interval_s": "1"}
        return self.nursery.start(flags, **faults)

    async def live(self, life: Life) -> None:
        """Wait until the worker is live."""
        await self.until(
            lambda: life.is_ready or life.ended, _LIVE_WITHIN_S, lambda: life.err.read_text()[-3000:]
        )
        assert not life.ended, life.err.read_text()[-3000:]

    async def until(self, true: Callable[[], bool], within_s: float, what: Callable[[], str]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + within_s
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(what())
            await asyncio.sleep(0.02)

    async def longest_gap_s(self) -> float:
        """The longest time between two statements of one partition, by this machine's clock: traffic makes some every
        second."""
        records = await all_records(connect_to(self.bootstrap), [self.topics["requirements"]])
        longest_ms = 0
        for number in range(PARTITIONS):
            times_ms = sorted(record.timestamp for record in records if record.partition == number)
            longest_ms = max([longest_ms, *(later - sooner for sooner, later in pairwise(times_ms))])
        return longest_ms / 1000

    async def newest_statement_ns(self, of: Life | None = None) -> int:
        """When the newest statement, of this worker if one is named, reached the broker."""
        records = await all_records(connect_to(self.bootstrap), [self.topics["requirements"]])
        times_ms = (
            record.timestamp
            for record in records
            if of is None or (record.value and json.loads(record.value)["served_by"] == of.address)
        )
        return max(times_ms, default=0) * 1_000_000

    async def evaluated(self, by: Life | None = None) -> None:
        """Wait until a worker, this one if one is named, has evaluated once more, whatever has happened."""
        since_ns, deadline = time.time_ns(), time.monotonic() + _LIVE_WITHIN_S
        while True:
            try:
                if await self.newest_statement_ns(by) > since_ns:
                    return
            except KafkaError:
                pass  # the broker is not back yet
            assert time.monotonic() < deadline, "no statement since the fault"
            await asyncio.sleep(0.2)

    async def settled(self) -> Report:
        """Stop sending, let the workers finish, verify; what is wrong for good stays wrong."""
        assert self._sending is not None
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        await self.traffic.send_last_price()
        least, deadline = math.inf, math.inf
        while True:
            report = await verify(
                connect_to(self.bootstrap), self.topics, Extent(True, parameters=self.parameters)
            )
            if len(report.contradictions) < least:  # something is still being worked off
                least, deadline = len(report.contradictions), time.monotonic() + _SETTLED_WITHIN_S
            if not report.contradictions or time.monotonic() > deadline:
                return report
            await asyncio.sleep(1.0)
