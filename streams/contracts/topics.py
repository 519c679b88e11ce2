"""The topic table: name, key, retention, partitions and value of every topic, in code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from aiokafka.partitioner import murmur2

from streams.contracts.activity import CollateralRecord, PositionsRecord, PriceRecord, TradeRecord
from streams.contracts.base import Message
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.reference import AccountRecord, InstrumentRecord, RulebookRecord
from streams.contracts.responses import CallResponse
from streams.contracts.results import CallEvent, CallEvidence, RequirementStatement

DEFAULT_PREFIX: Final = "margin."
DEFAULT_PARTITIONS: Final = 12
DEAD_LETTERS: Final = ".dlq"  # ends the name of a topic's dead letters
KEY_SEPARATOR: Final = "|"  # joins account_id with a scope or a part number

_DAY_MS: Final = 24 * 3600 * 1000
_FOREVER_MS: Final = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must exist on the cluster.

    Attributes:
        partitions: fixed for life where ``by_account``, because the partition decides who owns an account.
        by_account: partitioned by account_id, whatever the key is.
        retention_ms: -1 = for ever; for compacted topics the retention does not apply.
        model: contract of the value; None for dead letters, whose value is whatever came.
    """

    name: str
    key: str
    cleanup_policy: str
    partitions: int
    description: str
    model: type[Message] | None
    retention_ms: int = _FOREVER_MS
    by_account: bool = False
    min_compaction_lag_ms: int = 0

    @property
    def configuration(self) -> dict[str, str]:
        """Topic configuration entries that are set and checked."""
        entries = {"cleanup.policy": self.cleanup_policy}
        if self.cleanup_policy == "delete":
            entries["retention.ms"] = str(self.retention_ms)
        if self.min_compaction_lag_ms:
            entries["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
        return entries


@dataclass(frozen=True)
class TopicTable:
    """All topics under one prefix with one number of account partitions."""

    prefix: str = DEFAULT_PREFIX
    partitions: int = DEFAULT_PARTITIONS

    def __iter__(self) -> Iterator[Topic]:
        yield from self._topics.values()

    def __getitem__(self, short_name: str) -> Topic:
        """The topic called ``<prefix><short_name>``, e.g. ``trades`` or ``trades.dlq``."""
        return self._topics[short_name]

    @property
    def transactional_prefix(self) -> str:
        """Start of the transactional ids of all workers on these topics."""
        return f"marginmon-{self.prefix}calls-"

    @cached_property
    def _topics(self) -> dict[str, Topic]:
        listed = [*self._reference(), *self._activity(), *self._results()]
        letters = [self._dead_letters(topic) for topic in listed if topic.model in _CONSUMED]
        return {topic.name.removeprefix(self.prefix): topic for topic in [*listed, *letters]}

    def _reference(self) -> list[Topic]:
        return [
            Topic(
                self.prefix + "instruments", "instrument_id", "compact", 1,
                "reference data of each instrument", InstrumentRecord,
            ),
            Topic(
                self.prefix + "accounts", "account_id", "compact", 1,
                "owner, type and approvals of each account", AccountRecord,
            ),
            Topic(
                self.prefix + "rulebooks", "rulebook_id", "compact", 1,
                "versioned parameters, and the policy; a new version takes effect live", RulebookRecord,
            ),
        ]  # fmt: skip

    def _activity(self) -> list[Topic]:
        return [
            Topic(
                self.prefix + "positions", "account_id, or account_id|part for a record in parts", "compact",
                self.partitions, "start-of-day positions, cash and collateral", PositionsRecord,
                by_account=True,
            ),
            Topic(
                self.prefix + "trades", "account_id", "delete", self.partitions,
                "upserts by trade_id; the higher version wins", TradeRecord, 7 * _DAY_MS, by_account=True,
            ),
            Topic(
                self.prefix + "collateral", "account_id", "delete", self.partitions,
                "deposits, withdrawals, substitutions; same upsert rule as trades", CollateralRecord,
                7 * _DAY_MS, by_account=True,
            ),
            Topic(
                self.prefix + "prices", "instrument_id", "compact", 4,
                "quotes and marks; the higher sequence wins", PriceRecord,
                min_compaction_lag_ms=_DAY_MS,
            ),
            Topic(
                self.prefix + "call-responses", "account_id", "delete", self.partitions,
                "what operators say to calls", CallResponse, 30 * _DAY_MS, by_account=True,
            ),
        ]  # fmt: skip

    def _results(self) -> list[Topic]:
        return [
            Topic(
                self.prefix + "calls", "account_id", "delete", self.partitions,
                "the life of each margin call, one event per transition; read it read_committed", CallEvent,
                by_account=True,
            ),
            Topic(
                self.prefix + "call-cases", "account_id|scope", "compact", self.partitions,
                "the last event of each case, from which a restarted worker goes on", CallEvent,
                by_account=True,
            ),
            Topic(
                self.prefix + "call-evidence", "event_id", "delete", self.partitions,
                "all that recomputes the figure of an issued or changed call", CallEvidence, by_account=True,
            ),
            Topic(
                self.prefix + "intraday-deficits", "account_id", "compact", self.partitions,
                "intraday margin deficits and freezes; the last event of an account is its state, from which a "
                "restarted worker goes on; read it read_committed", IntradayEventRecord, by_account=True,
                min_compaction_lag_ms=_DAY_MS,
            ),
            Topic(
                self.prefix + "requirements", "account_id", "compact", self.partitions,
                "the latest statement of each account, conflated", RequirementStatement, by_account=True,
            ),
        ]  # fmt: skip

    def _dead_letters(self, source: Topic) -> Topic:
        return Topic(
            source.name + DEAD_LETTERS, source.key, "delete", source.partitions,
            f"what could not be used from {source.name}: key, value and headers untouched, reason in headers",
            None, 30 * _DAY_MS, by_account=source.by_account,
        )  # fmt: skip


# Topics that a worker reads from outside, and therefore may have to refuse messages of.
_CONSUMED: Final = frozenset(
    {
        InstrumentRecord, AccountRecord, RulebookRecord, PositionsRecord, TradeRecord, CollateralRecord,
        PriceRecord, CallResponse,
    }
)  # fmt: skip


def partition_of(account_id: str, partitions: int = DEFAULT_PARTITIONS) -> int:
    """Partition of an account: the Java client's default, murmur2 of the UTF-8 key.

    Producers on librdkafka must set ``partitioner=murmur2_random``: its own default (CRC32) puts accounts
    elsewhere, which the worker refuses as KEY_MISMATCH.
    """
    return int((murmur2(account_id.encode()) & 0x7FFFFFFF) % partitions)


def case_key(account_id: str, scope: str) -> bytes:
    """Key of ``margin.call-cases``; the record goes to ``partition_of(account_id)``."""
    return f"{account_id}{KEY_SEPARATOR}{scope}".encode()


def positions_key(account_id: str, part: int, parts: int) -> bytes:
    """Key of ``margin.positions``; a record in parts goes to ``partition_of(account_id)`` too."""
    return account_id.encode() if parts == 1 else f"{account_id}{KEY_SEPARATOR}{part}".encode()
