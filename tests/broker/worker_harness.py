"""Runs real worker processes against a real Kafka: topics, messages in, events out, no waiting by the clock."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import create_missing
from streams.contracts.topics import TopicTable, partition_of, positions_key
from streams.parameters import POLICY_FILE, packaged

PARTITIONS = 3
DEADLINE_S = 60.0
DAY = "2026-11-20"
NEXT_DAY = "2026-11-21"
PRICED = 'marginmon_input_messages_total{outcome="applied",topic="prices"}'


class Harness:
    """One isolated set of topics and the workers on it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        self.topics = TopicTable(prefix, PARTITIONS)
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        self.workers: list[Worker] = []
        self.parameters = folder / "parameters"
        self.parameters.mkdir()
        # Prices stay fresh however slow the machine is; staleness has its own tests.
        policy = (packaged() / POLICY_FILE).read_text()
        patient = re.sub(r"(?m)^(default|\w+_option) = \d+_000$", r"\1 = 3_600_000", policy)
        assert patient != policy
        (self.parameters / POLICY_FILE).write_text(patient)

    async def prices_in_order(self) -> None:
        """Before the other topics: all prices in one partition, whose order is that in which they are sent."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await create_missing(admin, [replace(self.topics["prices"], partitions=1)], 1)
        await admin.close()

    async def __aenter__(self) -> Harness:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await create_missing(admin, self.topics, 1)
        await admin.close()
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()
        for worker in self.workers:
            worker.kill()

    def start_worker(self, name: str = "w", fault_at: str = "", **settings: object) -> Worker:
        """A `marginmon worker` process; it ends with the test, or kills itself at a point of ``tests/faults``."""
        worker = Worker(self, name, settings, fault_at)
        self.workers.append(worker)
        return worker

    # ------------------------------------------------------------ in

    async def send(
        self, topic: str, key: str | bytes | None, value: Any, partition: int | None = None
    ) -> int:
        """Send one message (bytes as they are, everything else as JSON); returns its offset."""
        raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        key_bytes = key.encode() if isinstance(key, str) else key
        name = self.topics[topic].name
        sent = await self.producer.send_and_wait(name, key=key_bytes, value=raw, partition=partition)
        return int(sent.offset)

    async def instrument(self, instrument_id: str, **more: Any) -> None:
        fields = {"product": "etf", "index_class": "high_cap_broad", "risk_factor": "EQ:SPX", **more}
        await self.send("instruments", instrument_id, {"instrument_id": instrument_id, **fields})

    async def account(self, account_id: str) -> None:
        approvals = ["portfolio_margin", "cross_margin"]
        await self.send("accounts", account_id, {"account_id": account_id, "approvals": approvals})

    async def opening(self, account_id: str, cash: float, **more: Any) -> None:
        record = {
            "account_id": account_id, "business_date": DAY, "as_of_ns": 1,
            "cash": [{"silo": "securities", "amount": cash}], **more,
        }  # fmt: skip
        key = positions_key(account_id, record.get("part", 1), record.get("parts", 1))
        await self.send("positions", key, record, partition_of(account_id, PARTITIONS))

    async def price(self, instrument_id: str, mark: float, **more: Any) -> None:
        now_ns = time.time_ns()
        fields = {"mark": mark, "source_time_ns": now_ns, "sequence": now_ns, **more}
        await self.send("prices", instrument_id, {"instrument_id": instrument_id, **fields})

    async def trade(self, account_id: str, trade_id: str, quantity: float, price: float, **more: Any) -> int:
        fields = {
            "trade_id": trade_id, "version": 1, "account_id": account_id, "instrument_id": "SPY",
            "quantity": quantity, "price": price, "business_date": NEXT_DAY, "trade_time_ns": time.time_ns(),
        }  # fmt: skip
        return await self.send("trades", account_id, fields | more)

    async def called(self, *accounts: str) -> dict[str, str]:
        """Give accounts an issued call each, by the last worker, which is live; call ids by account."""
        await self.instrument("SPY")
        await self.price("SPY", 400.0)
        # Before the trade: a position without price would be a warning first.
        await self.workers[-1].metric_reaches(PRICED, 1)
        found = {}
        for account_id in accounts:
            await self.account(account_id)
            await self.opening(account_id, 10_000.0)
            await self.trade(account_id, f"t-{account_id}", 500.0, 400.0)
            (issued,) = await self.calls(account_id, "issued")
            found[account_id] = str(issued["call_id"])
        return found

    # ------------------------------------------------------------ out

    async def read(self, topic: str) -> list[Any]:
        """All records of a topic that are committed now."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        name, count = self.topics[topic].name, self.topics[topic].partitions
        partitions = [TopicPartition(name, number) for number in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Any] = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for fetched in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(fetched)
        await consumer.stop()
        return records

    async def until(self, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Read a topic until the records suffice; fails with what there is."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            records = await self.read(topic)
            if enough(records):
                return records
            for worker in self.workers:
                worker.check()
            shown = [record.value for record in records[-5:]]
            assert time.monotonic() < deadline, f"{topic}: {len(records)} records, the last {shown}"
            await asyncio.sleep(0.05)

    async def calls(self, account_id: str, state: str) -> list[dict[str, Any]]:
        """Wait for an event of an account in a state under a binding scope; all its binding events."""

        def binding(records: list[Any]) -> list[dict[str, Any]]:
            events = [json.loads(record.value) for record in records]
            return [e for e in events if e["account_id"] == account_id and e["binding"]]

        records = await self.until("calls", lambda rs: any(e["state"] == state for e in binding(rs)))
        return binding(records)


class Worker:
    """One worker process."""

    def __init__(self, harness: Harness, name: str, settings: dict[str, object], fault_at: str = "") -> None:
        program = "tests.faults.worker" if fault_at else "streams.cli"
        variables = {"PYTHONPATH": str(Path.cwd()), "MARGINMON_FAULT_AT": fault_at}
        flags = {
            "bootstrap": harness.bootstrap, "topic-prefix": harness.prefix, "partitions": PARTITIONS,
            "group": harness.prefix + "group", "session-timeout-s": 6,
            "parameters": harness.parameters, **settings,
        }  # fmt: skip
        self.out = harness.folder / f"{name}.out"
        self.err = harness.folder / f"{name}.err"
        self.cwd = harness.folder / f"{name}-cwd"
        self.cwd.mkdir()
        arguments = [text for flag, value in flags.items() for text in (f"--{flag}", str(value))]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "worker", *arguments],
                stdout=out, stderr=err, cwd=self.cwd, env=os.environ | variables,
            )  # fmt: skip
        self.expected_to_end = bool(fault_at)

    def check(self) -> None:
        """Fail if the process has ended by itself."""
        code = self.process.poll()
        assert code is None or self.expected_to_end, (
            f"worker ended with {code}:\n{self.err.read_text()[-4000:]}"
        )

    async def ready(self) -> str:
        """Wait until it is live; returns its base address."""
        deadline = time.monotonic() + DEADLINE_S
        while "worker ready" not in self.out.read_text():
            self.check()
            assert time.monotonic() < deadline, f"not ready:\n{self.err.read_text()[-4000:]}"
            await asyncio.sleep(0.05)
        return self.out.read_text().split("http=")[1].split()[0]

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of one of its pages."""
        address = await self.ready()

        def fetch() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(address + path, timeout=10) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        return await asyncio.to_thread(fetch)

    async def metric(self, line: str) -> float:
        """Sum of the samples whose name and labels match the regular expression ``line``; 0 if there is none."""
        _, body = await self.get("/metrics")
        values = [
            float(text.rpartition(" ")[2]) for text in body.splitlines() if re.fullmatch(line + " .*", text)
        ]
        return sum(values)

    async def metric_reaches(self, line: str, value: float) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while (seen := await self.metric(line)) < value:
            self.check()
            assert time.monotonic() < deadline, f"{line} is {seen}, expected {value}"
            await asyncio.sleep(0.05)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; exit code and seconds until the end."""
        self.expected_to_end = True
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - started

    def kill(self) -> None:
        """kill -9."""
        self.expected_to_end = True
        self.process.kill()
        self.process.wait()
