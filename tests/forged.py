"""Records that a test forges."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Forged:
    """A record as a consumer gives it, that a test may change."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)

    def body(self, **changes: Any) -> None:
        """Change fields of the JSON value."""
        self.value = json.dumps(json.loads(self.value or b"{}") | changes).encode()

    @classmethod
    def of(cls, record: Any) -> Forged:
        """A copy of a record."""
        headers = list(record.headers)
        return cls(
            record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers
        )
