"""Typed, bounded access to a parsed parameter file; every complaint names the path and the value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.base.errors import MarginError, Reason

# Keys that explain a parameter and carry no figure; allowed in every table.
REMARKS = frozenset({"source", "unverified", "meaning", "note", "effective_from"})


class CheckedMapping:
    """One table of a parameter file, e.g. ``rulebook crypto-tiered: schedules.x.tiers[2]``."""

    def __init__(self, owner: str, mapping: Mapping[str, Any], path: str = "") -> None:
        self.owner = owner
        self.mapping = mapping
        self.path = path

    def bad(self, key: str, detail: str) -> MarginError:
        """BAD_PARAMETER for a key of this table; the caller raises it."""
        path = ".".join(part for part in (self.path, key) if part)
        return MarginError(Reason.BAD_PARAMETER, f"{self.owner}: {path}", detail)

    def only(self, *keys: str) -> None:
        """Refuse keys other than these and remarks: a misspelt optional key must not pass for its default."""
        for key in self.mapping:
            if key not in keys and key not in REMARKS:
                raise self.bad(key, f"is not a parameter; known are {', '.join(keys)}")

    def has(self, key: str) -> bool:
        return key in self.mapping

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str:
        """A text that is not empty and, if choices are given, one of them."""
        value = self._value(key)
        if not isinstance(value, str) or not value:
            raise self.bad(key, f"{value!r} is not a text")
        if choices and value not in choices:
            raise self.bad(key, f"{value!r} is not one of {', '.join(choices)}")
        return value

    def texts(self, key: str, choices: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of at least one text without repetition."""
        value = self._value(key)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise self.bad(key, f"{value!r} is not a list of texts")
        wrong = [v for v in value if choices and v not in choices]
        if wrong:
            raise self.bad(key, f"{wrong[0]!r} is not one of {', '.join(choices)}")
        if len(set(value)) != len(value):
            raise self.bad(key, f"{value!r} names one twice")
        return tuple(value)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number in [low, high]; the default stands for a key that is not there."""
        value = default if default is not None and key not in self.mapping else self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.bad(key, f"{value!r} is not a finite number")
        if not low <= value <= high:
            raise self.bad(key, f"{value!r} is not in [{low:g}, {high:g}]")
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(key, f"{value!r} is not a whole number in [{low}, {high}]")
        return value

    def table(self, key: str) -> CheckedMapping:
        """The table of that name."""
        return self._below(key, self._value(key))

    def tables(self, key: str) -> dict[str, CheckedMapping]:
        """A table of at least one named table."""
        value = self._value(key)
        if not isinstance(value, Mapping) or not value:
            raise self.bad(key, "is not a table of tables")
        return {name: self._below(f"{key}.{name}", table) for name, table in value.items()}

    def rows(self, key: str) -> list[CheckedMapping]:
        """A list of at least one table; their paths count from 1, as people do."""
        value = self._value(key)
        if not isinstance(value, list) or not value:
            raise self.bad(key, "is not a list of tables")
        return [self._below(f"{key}[{number}]", table) for number, table in enumerate(value, start=1)]

    def _below(self, key: str, table: Any) -> CheckedMapping:
        if not isinstance(table, Mapping):
            raise self.bad(key, f"{table!r} is not a table")
        return CheckedMapping(self.owner, table, ".".join(part for part in (self.path, key) if part))

    def _value(self, key: str) -> Any:
        if key not in self.mapping:
            raise self.bad(key, "is missing")
        return self.mapping[key]
