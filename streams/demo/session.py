"""Starts the services of a demo in order and ends them together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from streams.broker.kafka import EmbeddedBroker
from streams.broker.ports import free_ports
from streams.broker.readiness import answers
from streams.contracts.cluster import create_missing
from streams.contracts.connection import SECURITY_PROTOCOL_VARIABLE, Connection, connect_to
from streams.contracts.topics import DEFAULT_PARTITIONS, TopicTable
from streams.demo.service import Service, ServiceError

# The first run compiles the numeric kernels; later ones find them in the cache.
_WARM_UP_DEADLINE_S: Final = 600.0
_READY_DEADLINE_S: Final = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo consists of.

    Attributes:
        bootstrap: host:port of a running Kafka; empty starts the embedded one.
        page_port: of the live page.
        simulator_options: passed on to ``marginmon simulate``.
    """

    bootstrap: str
    prefix: str
    workers: int
    page_port: int
    simulator_options: tuple[str, ...]
    folder: Path


class DemoSession:
    """The services of a running demo.

    Attributes:
        worker_addresses: base addresses of the workers' pages. page: address of the live page.
    """

    def __init__(self, plan: DemoPlan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._broker: EmbeddedBroker | None = None
        self._services: list[Service] = []
        self._environment: dict[str, str] = {}
        self.worker_addresses: list[str] = []
        self.page = f"http://127.0.0.1:{plan.page_port}"

    def start(self) -> None:
        """Start everything; a line for each service as it gets ready.

        Raises:
            ServiceError, BrokerError: naming the service, with the end of its log.
        """
        warm_up = self._add("kernels", ["warmup"])
        connection = connect_to(self._plan.bootstrap) if self._plan.bootstrap else self._start_broker()
        bootstrap = connection.bootstrap
        if self._plan.bootstrap and not answers(**connection.options()):
            raise ServiceError(f"broker at {bootstrap} does not answer; start it, or leave --bootstrap out")
        self._say(f"broker ready {bootstrap}")
        self._create_topics(connection)
        self._await(warm_up, _WARM_UP_DEADLINE_S)
        self._services.remove(warm_up)
        common = ["--bootstrap", bootstrap]
        prefix = self._plan.prefix
        simulator = self._add(
            "simulator",
            ["simulate", *common, "--prefix", prefix, *self._plan.simulator_options],
            ready="simulator ready",
        )
        workers = [self._add_worker(number, port, common) for number, port in self._worker_ports()]
        page = self._add(
            "web",
            ["web", *common, "--prefix", prefix, "--port", str(self._plan.page_port)],
            ready="web ready",
        )
        for service in (page, simulator, *workers):
            self._await(service, _READY_DEADLINE_S)

    def check(self) -> None:
        """Raise ServiceError if any service has ended by itself."""
        if self._broker is not None and self._broker.ended():
            raise ServiceError(f"broker ended. Its last words:\n{self._broker.log_tail()}")
        for service in self._services:
            service.check()

    def stop(self) -> None:
        """End all services at the same time, the broker after them."""
        for service in self._services:
            service.let_go()
        for service in self._services:
            service.stop()
        self._services.clear()
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def _start_broker(self) -> Connection:
        """The embedded broker is on loopback, unencrypted, whatever the environment says of another one."""
        self._broker = EmbeddedBroker()
        self._environment = {SECURITY_PROTOCOL_VARIABLE: "PLAINTEXT"}
        return Connection(bootstrap=self._broker.start().bootstrap, security_protocol="PLAINTEXT")

    def _create_topics(self, connection: Connection) -> None:
        table = TopicTable(self._plan.prefix)
        created = asyncio.run(_created(connection, table))
        self._say(f"topics ready: {len(created)} created, {len(list(table)) - len(created)} were there")

    def _worker_ports(self) -> Iterator[tuple[int, int]]:
        return enumerate(free_ports(self._plan.workers), start=1)

    def _add_worker(self, number: int, port: int, common: list[str]) -> Service:
        self.worker_addresses.append(f"http://127.0.0.1:{port}")
        options = ["--topic-prefix", self._plan.prefix, "--http-port", str(port)]
        options += ["--partitions", str(DEFAULT_PARTITIONS), "--top-accounts", "10"]
        return self._add(f"worker-{number}", ["worker", *common, *options], ready="worker ready")

    def _add(self, name: str, arguments: list[str], ready: str = "") -> Service:
        service = Service(name, arguments, self._plan.folder, ready, self._environment)
        self._services.append(service)
        return service

    def _await(self, service: Service, deadline_s: float) -> None:
        self._say(service.await_ready(deadline_s))


async def _created(connection: Connection, table: TopicTable) -> list[str]:
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        return await create_missing(admin, table, replication=1)
    finally:
        await admin.close()


@contextmanager
def running(plan: DemoPlan, say: Say) -> Iterator[DemoSession]:
    """A started session; everything ends with the block."""
    session = DemoSession(plan, say)
    try:
        session.start()
        yield session
    finally:
        session.stop()
