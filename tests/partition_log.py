"""The log of one partition and an engine that follows it, restarted from a checkpoint or by reading, without Kafka."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from engine.portfolio.accounts import Account
from engine.shortfall.case import CallCase
from engine.shortfall.intraday_standing import Standing
from engine.state.engine import Changes, Engine
from streams.contracts.topics import partition_of, positions_key
from streams.inbound.checkpoint import Checkpoint, decoded, encoded
from streams.inbound.intake import Intake
from streams.inbound.record import Taken
from streams.parameters import load_policy
from tests.engine_book import APPROVED, INSTRUMENTS, MARKS, NOW_NS, prices
from tests.unit.test_parking import Raw

PARTITIONS = 3
PARTITION = 0
# One with portfolio margin; one without, so that the intraday rule applies; one that is closed and opened again.
ACCOUNTS = tuple(
    name for name in (f"A{i}" for i in range(99)) if partition_of(name, PARTITIONS) == PARTITION
)[:3]
LATE = {"instrument_id": "LATE", "product": "equity", "risk_factor": "EQ:AAPL"}  # its record comes late
TOPICS = {name: f"t.{name}" for name in ("positions", "collateral", "trades")}
_POLICY = load_policy()


@dataclass
class Follower:
    """A worker's engine on the partition, and what it and those before it published."""

    log: dict[str, list[Raw]] = field(default_factory=lambda: {name: [] for name in TOPICS})
    batches: dict[str, list[list[Raw]]] = field(default_factory=lambda: {name: [] for name in TOPICS})
    closed: set[str] = field(default_factory=set)
    late_known: bool = False
    marks: dict[str, float] = field(default_factory=lambda: dict(MARKS))
    now_ns: int = NOW_NS
    sequence: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    intake: Intake = field(init=False)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.begin([])
        self.engine.go_live(PARTITION)

    @property
    def engine(self) -> Engine:
        return self.intake.engine

    def begin(self, cases: Sequence[CallCase]) -> None:
        """A worker has read the reference data and prices, and taken the partition with its cases and standings."""
        self.intake = Intake(Engine(_POLICY), {}, PARTITIONS, 1000, 5000)
        for instrument in INSTRUMENTS:
            self.engine.put_instrument(instrument)
        for account_id in ACCOUNTS:
            self._put_account(account_id)
        if self.late_known:
            self._put_late()
        self.engine.advance_time(self.now_ns)
        self._price()
        self.intake.take_partition(PARTITION)
        for case in cases:
            self.intake.restore_case(case, NOW_NS, PARTITION)
        for standing in self.standings.values():
            self.engine.intraday.put(PARTITION, standing)

    def restarted(self, checkpoint: bytes | None) -> Follower:
        """Another worker that goes on from what was published: from a checkpoint, or by reading everything.

        Raises:
            ImageMismatchError: the checkpoint rests on something else.
        """
        other = replace(
            self, log={name: list(records) for name, records in self.log.items()},
            batches={name: list(sent) for name, sent in self.batches.items()}, closed=set(self.closed),
            marks=dict(self.marks), standings=dict(self.standings), counts=Counter(),
        )  # fmt: skip
        other.begin(self.cases())
        through: dict[str, int] = {}
        if checkpoint is not None:
            state = decoded(checkpoint).state
            other.intake.put_state(PARTITION, state, TOPICS)
            through = {name: mark.offset for name, mark in state.through.items()}
        for topic in TOPICS:
            # In the batches in which they came: versions of an entry within one batch are one transaction.
            for batch in self.batches[topic]:
                if batch and batch[-1].offset > through.get(topic, -1):
                    other.take(topic, batch)
        other.engine.go_live(PARTITION)
        return other

    def cases(self) -> list[CallCase]:
        """The last event of every case."""
        slots = [*range(self.engine.accounts.count)]
        former = [case for each in self.engine.former.values() for case in each.cases]
        return [*(case for slot in slots for case in self.engine.cases.of(slot)), *former]

    def checkpoint(self) -> bytes:
        """The file of now."""
        copy = self.intake.copy_of(PARTITION)
        assert copy is not None
        return encoded(Checkpoint(TOPICS, PARTITIONS, PARTITION, self.now_ns, copy.state()))

    # ------------------------------------------------------------ what happens

    def send(self, topic: str, *messages: dict[str, Any] | bytes) -> None:
        """Messages are appended to a topic and taken in one batch."""
        records = []
        for message in messages:
            value = message if isinstance(message, bytes) else json.dumps(message).encode()
            offset = len(self.log[topic])
            key = b"x" if isinstance(message, bytes) else _key(topic, message)
            records.append(Raw(TOPICS[topic], PARTITION, offset, value, key, self.now_ns // 1_000_000))
            self.log[topic].append(records[-1])
        self.batches[topic].append(records)
        if records:
            self.take(topic, records)

    def take(self, topic: str, records: Sequence[Raw]) -> None:
        taken = self.intake.take_activity(topic, PARTITION, records)
        assert taken is not None
        self._note(taken)

    def learn_late(self) -> None:
        """The reference data of ``LATE`` come."""
        self.late_known = True
        self._put_late()

    def close(self, account_id: str, closed: bool) -> None:
        (self.closed.add if closed else self.closed.discard)(account_id)
        self._put_account(account_id)

    def price(self, name: str, mark: float) -> None:
        self.marks[name] = mark
        self._price()

    def evaluate(self, seconds: int = 1) -> Changes:
        """A pass; what it brings is published."""
        self.now_ns += seconds * 1_000_000_000
        changes = self.engine.evaluate(self.now_ns)
        for move in changes.intraday:
            self.standings[move.event.account_id] = move.standing
        return changes

    def _price(self) -> None:
        self.sequence += 1
        self.engine.apply_prices(prices(self.engine, self.marks, self.sequence, self.now_ns))

    def _put_late(self) -> None:
        self._note(
            self.intake.take_reference("instruments", [_reference("instruments", "LATE", LATE)], self.now_ns)
        )

    def _put_account(self, account_id: str) -> None:
        account = Account(account_id, approvals=APPROVED if account_id != ACCOUNTS[1] else frozenset())
        put = self.engine.close_account if account_id in self.closed else self.engine.put_account
        put(account, PARTITION)

    def _note(self, taken: Taken) -> None:
        self.counts.update(taken.counts)

    # ------------------------------------------------------------ what shows

    def shown(self) -> dict[str, Any]:
        """Everything about the partition that anything later rests on, by names."""
        copy = self.intake.copy_of(PARTITION)
        assert copy is not None
        state = copy.state()
        image, engine = state.image, self.engine
        ids, instruments = image.account_ids, image.instruments
        holdings = zip(
            image.held_account, image.held_instrument, image.held_silo, image.held_collateral,
            image.held_quantity, strict=True,
        )  # fmt: skip
        return {
            "days": _by(ids, zip(image.business_day.tolist(), image.opening_as_of_ns.tolist(), strict=True)),
            "cash": _cash(ids, image.currencies, image.cash),
            "opened": _cash(ids, image.currencies, image.opened_cash),
            "pins": sorted((ids[p.account], instruments[p.instrument], p.silo, p.quantity) for p in image.pins),
            "held": sorted((ids[a], instruments[i].instrument_id, s, c, q) for a, i, s, c, q in holdings),
            "trades": _ledger(image.trades, ids, instruments, image.currencies),
            "collateral": _ledger(image.collateral, ids, instruments, image.currencies),
            "substitutions": image.substitutions,
            "through": state.through,
            "parts": sorted((part.account_id, part.as_of_ns, part.part, str(part)) for part in state.parts),
            "parked": sorted((each.topic, each.offset, each.value) for each in state.parked),
            "known": sorted(engine.accounts.slot_of),
        }  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """The statement of every account that has a slot, and where each of its cases stands."""
        return {
            account_id: (
                msgspec.json.encode(
                    self.engine.statement(account_id, self.now_ns), enc_hook=np.ndarray.tolist
                ),
                self.engine.cases.of(slot),
            )
            for account_id, slot in self.engine.accounts.slot_of.items()
        }


def _key(topic: str, message: dict[str, Any]) -> bytes:
    if topic != "positions":
        return str(message["account_id"]).encode()
    key = positions_key(message["account_id"], message["part"], message["parts"])
    return key if isinstance(key, bytes) else str(key).encode()


def _reference(topic: str, key: str, fields: dict[str, Any]) -> Raw:
    return Raw(topic, 0, 0, json.dumps(fields).encode(), key.encode(), NOW_NS // 1_000_000)


def _by(ids: Sequence[str], values: Any) -> dict[str, Any]:
    return dict(zip(ids, values, strict=True))


def _cash(ids: Sequence[str], currencies: Sequence[str], cash: Any) -> dict[tuple[str, int, str], float]:
    return {
        (ids[a], place, currencies[c]): float(cash[a, place, c])
        for a, place, c in zip(*cash.nonzero(), strict=True)
    }


def _ledger(image: Any, ids: Sequence[str], instruments: Any, currencies: Sequence[str]) -> dict[str, Any]:
    """Entries by id."""
    text, names, start = image.text.tobytes(), [], 0
    for length in image.length.tolist():
        names.append(text[start : start + length].decode())
        start += length
    columns = {name: column.tolist() for name, column in image.columns.items()}
    columns["account"] = [ids[a] for a in columns["account"]]
    columns["instrument"] = [instruments[i].instrument_id if i >= 0 else "" for i in columns["instrument"]]
    columns["currency"] = [currencies[c] for c in columns["currency"]]
    rows = zip(*columns.values(), strict=True)
    return dict(zip(names, (dict(zip(columns, row, strict=True)) for row in rows), strict=True))
