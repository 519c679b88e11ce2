"""What each role may do on Kafka, and nothing else: topics, groups and transactional ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.contracts.topics import DEAD_LETTERS, TopicTable

READ, WRITE, CREATE = "Read", "Write", "Create"
DESCRIBE, DESCRIBE_CONFIGS = "Describe", "DescribeConfigs"

_REFERENCE: Final = ("instruments", "accounts")
_ACTIVITY: Final = ("positions", "trades", "collateral")
_STATES: Final = ("call-cases", "intraday-deficits")
_RESULTS: Final = ("calls", *_STATES, "call-evidence", "requirements")
_RESPONSES: Final = "call-responses"


class Resource(StrEnum):
    """Kinds of things that Kafka guards."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactionalId"


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations allowed on one thing, or with ``prefixed`` on all whose names begin so.

    Read and Write include Describe, as Kafka has it.
    """

    resource: Resource
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def _topics(table: TopicTable, names: Iterable[str], *operations: str) -> Iterator[Grant]:
    return (Grant(Resource.TOPIC, table[name].name, operations) for name in names)


def _letters(table: TopicTable) -> list[str]:
    return [topic.name.removeprefix(table.prefix) for topic in table if topic.name.endswith(DEAD_LETTERS)]


def _worker(table: TopicTable, group: str) -> Iterator[Grant]:
    read = (*_REFERENCE, "rulebooks", *_ACTIVITY, "prices", _RESPONSES)
    yield from _topics(table, read, READ, DESCRIBE_CONFIGS)
    yield from _topics(table, _STATES, READ, WRITE, DESCRIBE_CONFIGS)
    yield from _topics(table, set(_RESULTS) - set(_STATES), WRITE, DESCRIBE_CONFIGS)
    yield from _topics(table, _letters(table), WRITE, DESCRIBE_CONFIGS)
    yield Grant(Resource.GROUP, group, (READ,))
    yield Grant(Resource.GROUP, f"{group}-broadcast", (READ,))
    yield Grant(Resource.TRANSACTIONAL_ID, table.transactional_prefix, (WRITE,), prefixed=True)


def _web(table: TopicTable, _: str) -> Iterator[Grant]:
    return _topics(table, ("requirements", "call-cases", "calls"), READ, DESCRIBE_CONFIGS)


def _answers(table: TopicTable, _: str) -> Iterator[Grant]:
    yield from _topics(table, ["intraday-deficits", _RESPONSES + DEAD_LETTERS], READ, DESCRIBE_CONFIGS)
    yield from _topics(table, [_RESPONSES], WRITE)


def _web_answers(table: TopicTable, group: str) -> Iterator[Grant]:
    yield from _web(table, group)
    yield from _answers(table, group)


def _desk(table: TopicTable, group: str) -> Iterator[Grant]:
    yield from _topics(table, ("call-cases", "calls"), READ, DESCRIBE_CONFIGS)
    yield from _answers(table, group)


def _repair(table: TopicTable, _: str) -> Iterator[Grant]:
    letters = _letters(table)
    yield from _topics(table, letters, READ, DESCRIBE_CONFIGS)
    yield from _topics(table, (name.removesuffix(DEAD_LETTERS) for name in letters), WRITE)


def _simulator(table: TopicTable, _: str) -> Iterator[Grant]:
    yield from _topics(table, (*_REFERENCE, *_ACTIVITY, "prices"), WRITE)
    yield from _topics(table, ["calls"], READ)


def _replay(table: TopicTable, _: str) -> Iterator[Grant]:
    sent = {*_REFERENCE, *_ACTIVITY, "prices"}
    yield from _topics(table, sent, WRITE, DESCRIBE_CONFIGS)
    others = [topic.name.removeprefix(table.prefix) for topic in table]
    yield from _topics(table, (name for name in others if name not in sent), DESCRIBE, DESCRIBE_CONFIGS)


def _administrator(table: TopicTable, _: str) -> Iterator[Grant]:
    yield Grant(Resource.TOPIC, table.prefix, (CREATE, DESCRIBE, DESCRIBE_CONFIGS), prefixed=True)


ROLES: Final[dict[str, Callable[[TopicTable, str], Iterator[Grant]]]] = {
    "worker": _worker,
    "web": _web,
    "web-answers": _web_answers,
    "desk": _desk,
    "repair": _repair,
    "administrator": _administrator,
    "reference-producer": lambda table, _: _topics(table, _REFERENCE, WRITE),
    "rulebook-producer": lambda table, _: _topics(table, ["rulebooks"], WRITE),
    "activity-producer": lambda table, _: _topics(table, _ACTIVITY, WRITE),
    "price-producer": lambda table, _: _topics(table, ["prices"], WRITE),
    "calls-consumer": lambda table, _: _topics(table, ["calls"], READ),
    "simulator": _simulator,
    "replay": _replay,
}


def grants(role: str, table: TopicTable, group: str) -> list[Grant]:
    """What a role is allowed, in a stable order.

    Args:
        group: consumer group of the workers.
    """
    return sorted(ROLES[role](table, group), key=lambda grant: (grant.resource, grant.name))
