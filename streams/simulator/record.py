"""What the simulation hands out: a record for a topic, as bytes."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from streams.contracts.base import Message

_encode = msgspec.json.Encoder().encode


class SimulatedRecord(NamedTuple):
    """``topic`` is the short name of the topic table, e.g. ``prices``."""

    topic: str
    key: bytes
    value: bytes


def hot(topic: str, key: str, message: msgspec.Struct) -> SimulatedRecord:
    """A record of a hot topic."""
    return SimulatedRecord(topic, key.encode(), _encode(message))


def reference(topic: str, key: str, message: Message) -> SimulatedRecord:
    """A record of a low-rate topic; defaults are left out."""
    return SimulatedRecord(topic, key.encode(), message.model_dump_json(exclude_defaults=True).encode())


def raw(topic: str, key: str, fields: dict[str, Any]) -> SimulatedRecord:
    """A record with whatever fields, also those that no contract allows."""
    return SimulatedRecord(topic, key.encode(), _encode(fields))
