"""A simulation whose records go through the real inbound code into a real engine, without Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.state.engine import Changes, Engine
from streams.contracts.codec import decode_model
from streams.contracts.results import CallEvent
from streams.contracts.topics import TopicTable, partition_of
from streams.inbound.intake import ACCOUNT_TOPICS, Intake
from streams.inbound.record import Refusal, Taken
from streams.outbound.calls import records_of
from streams.parameters import load_policy
from streams.simulator.record import SimulatedRecord
from streams.simulator.settings import SimulationSettings
from streams.simulator.simulation import Simulation

START_NS = 1_795_000_000 * 1_000_000_000  # 2026-11-18T11:06:40Z
SECOND_NS = 1_000_000_000
TICK_NS = SECOND_NS // 4
PARTITIONS = 3
SKEW_LIMIT_MS = 5_000


@dataclass(frozen=True)
class LogRecord:
    """A simulated record with a place in a log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = START_NS // 1_000_000
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Firm:
    """Simulation and engine side by side; ``taken`` counts outcomes, ``refusals`` keeps what was refused."""

    settings: SimulationSettings
    now_ns: int = START_NS
    threads: int = 1
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulation = Simulation(self.settings, load_policy(), START_NS)
        self.engine = Engine(load_policy(), self.threads)
        self.intake = Intake(self.engine, {}, PARTITIONS, 10_000, SKEW_LIMIT_MS)
        for number in range(PARTITIONS):
            self.intake.take_partition(number)
        self._offset = 0

    def open(self) -> Changes:
        """Take the opening and evaluate it."""
        self.take(self.simulation.opening())
        for number in range(PARTITIONS):
            self.engine.go_live(number)
        return self.engine.evaluate(self.now_ns)

    def tick(self) -> Changes:
        """A quarter of a second: records in, evaluation, calls heard by customers."""
        self.now_ns += TICK_NS
        self.take(self.simulation.advance(self.now_ns))
        changes = self.engine.evaluate(self.now_ns)
        table = TopicTable()
        for transition in changes.transitions:
            for outgoing in records_of(transition, table, "test", {}):
                if outgoing.topic == table["calls"].name:
                    decoded = decode_model(CallEvent, outgoing.value)
                    assert isinstance(decoded, tuple), decoded
                    self.simulation.hear(decoded[0])
        return changes

    def take(self, records: Iterable[SimulatedRecord]) -> None:
        """Hand records over in order, one batch for each run of records of one topic and partition."""
        for record in records:
            self._offset += 1
            partition = partition_of(record.key.decode(), PARTITIONS)
            logged = LogRecord(record.topic, partition, self._offset, record.key, record.value)
            self._note(self._take_one(logged))

    def _take_one(self, record: LogRecord) -> Taken:
        if record.topic == "prices":
            return self.intake.take_prices([record], self.now_ns)
        if record.topic in ACCOUNT_TOPICS:
            taken = self.intake.take_activity(record.topic, record.partition, [record])
            assert taken is not None
            return taken
        return self.intake.take_reference(record.topic, [record], self.now_ns)

    def _note(self, taken: Taken) -> None:
        self.taken.update(taken.counts)
        self.refusals += taken.refusals
