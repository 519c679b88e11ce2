"""Typed, bounded access to a parsed parameter file; every error names the parameter's path."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.errors import MarginError, Reason


@dataclass(frozen=True, slots=True)
class Reader:
    """One table of the file, ``path`` telling where it stands ("" for the top)."""

    rulebook_id: str
    table: Mapping[str, Any]
    path: str = ""

    def bad(self, key: str, detail: str) -> MarginError:
        """The error to raise about one parameter."""
        return MarginError(Reason.BAD_PARAMETER, f"rulebook {self.rulebook_id}: {self._at(key)}", detail)

    def has(self, key: str) -> bool:
        return key in self.table

    def text(self, key: str, only: str | Collection[str] = ()) -> str:
        value = self._value(key)
        allowed = {only} if isinstance(only, str) else set(only)
        if not isinstance(value, str) or not value or (allowed and value not in allowed):
            raise self.bad(key, f"{value!r} is not {' or '.join(sorted(allowed)) if allowed else 'a text'}")
        return value

    def texts(self, key: str) -> list[str]:
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(key, f"{value!r} is not a list of texts")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        return self._checked(key, self._value(key), low, high)

    def numbers(self, key: str, count: int, low: float, high: float) -> list[float]:
        value = self._value(key)
        if not isinstance(value, list) or len(value) != count:
            raise self.bad(key, f"{value!r} is not a list of {count} numbers")
        return [self._checked(key, item, low, high) for item in value]

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.number(key, low, high)
        if value != int(value):
            raise self.bad(key, f"{value!r} is not a whole number")
        return int(value)

    def child(self, key: str) -> Reader:
        """The table under a key."""
        value = self._value(key)
        if not isinstance(value, Mapping):
            raise self.bad(key, f"{value!r} is not a table")
        return Reader(self.rulebook_id, value, self._at(key))

    def children(self, key: str, required: bool = True) -> Iterator[tuple[str, Reader]]:
        """The tables under a key, by their names; none if the key is missing and not required."""
        if not required and not self.has(key):
            return
        table = self.child(key)
        for name in table.table:
            yield name, table.child(name)

    def items(self, key: str) -> Iterator[Reader]:
        """The tables of a list, in its order."""
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.bad(key, f"{value!r} is not a list of tables")
        for number, item in enumerate(value):
            yield Reader(self.rulebook_id, item, f"{self._at(key)}[{number}]")

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _value(self, key: str) -> Any:
        if key not in self.table:
            raise self.bad(key, "is missing")
        return self.table[key]

    def _checked(self, key: str, value: Any, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.bad(key, f"{value!r} is not a finite number")
        if not low <= value <= high:
            raise self.bad(key, f"{value!r} is not in [{low}, {high}]")
        return float(value)
