"""Create the topics of the table on a cluster, and compare what is there with the table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.contracts.topics import Topic

_USABLE_POLL_S: Final = 0.05
_USABLE_POLLS: Final = 200  # ten seconds


class Existing(NamedTuple):
    """A topic as it is on the cluster."""

    partitions: int
    configuration: Mapping[str, str]


class TopicError(RuntimeError):
    """The cluster refused to create a topic; says which, why and what to do."""


async def existing_topics(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> dict[str, Existing]:
    """Those of the topics that exist, by name."""
    present = set(await admin.list_topics()) & {topic.name for topic in topics}
    if not present:
        return {}
    partitions = {
        described["topic"]: len(described["partitions"])
        for described in await admin.describe_topics(sorted(present))
    }
    configurations = await _configurations(admin, present)
    return {name: Existing(partitions[name], configurations[name]) for name in sorted(present)}


async def _configurations(admin: AIOKafkaAdminClient, names: set[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(names)]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for error_code, message, _, name, entries, *_ in response.resources:
            if error_code:
                raise TopicError(f"topic {name}: its configuration cannot be read: {message}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def create_missing(admin: AIOKafkaAdminClient, topics: Iterable[Topic], replication: int) -> list[str]:
    """Create those that do not exist; returns their names.

    Raises:
        TopicError: naming the topic and the cluster's reason.
    """
    wanted = list(topics)
    present = await existing_topics(admin, wanted)
    missing = [topic for topic in wanted if topic.name not in present]
    if missing:
        response = await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.configuration)
                for topic in missing
            ]
        )
        _raise_refusals(response.topic_errors)
        await _until_usable(admin, {topic.name for topic in missing})
    return [topic.name for topic in missing]


async def _until_usable(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until every partition has a leader: the answer to a creation comes before that."""
    waiting = set(names)
    for _ in range(_USABLE_POLLS):
        described = await admin.describe_topics(sorted(waiting))
        waiting -= {topic["topic"] for topic in described if _has_leaders(topic)}
        if not waiting:
            return
        await asyncio.sleep(_USABLE_POLL_S)
    raise TopicError(f"topics {sorted(waiting)} were created but have no leader; check the brokers")


def _has_leaders(topic: Mapping[str, Any]) -> bool:
    partitions = topic["partitions"]
    return bool(partitions) and all(partition["leader"] >= 0 for partition in partitions)


def _raise_refusals(errors: Iterable[tuple[str, int, str | None]]) -> None:
    for name, code, *message in errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            why = (message[0] if message else None) or for_code(code).__name__
            raise TopicError(
                f"topic {name} was not created: {why}; correct the option or the cluster's limits"
            )


def differences(topics: Iterable[Topic], present: Mapping[str, Existing]) -> list[str]:
    """One line per way in which the cluster is not as the table says."""
    lines: list[str] = []
    for topic in topics:
        found = present.get(topic.name)
        if found is None:
            lines.append(f"{topic.name}: missing; run `marginmon topics create`")
            continue
        if found.partitions != topic.partitions:
            lines.append(
                f"{topic.name}: {found.partitions} partitions, expected {topic.partitions}; "
                "fixed for life: set partitions to it, or create the topics under another prefix"
            )
        for entry, expected in topic.configuration.items():
            actual = found.configuration.get(entry, "")
            if actual != expected:
                lines.append(
                    f"{topic.name}: {entry} is {actual or 'unset'}, expected {expected}; "
                    "change it with kafka-configs --alter"
                )
    return lines
