"""Typed, bounded access to a parsed parameter file; every complaint names the owner, the path and the value."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from engine.base.errors import MarginError, Reason

# Keys that explain a parameter and carry no figure; allowed in every table.
REMARKS = frozenset(
    {"source", "unverified", "meaning", "note", "unit", "bounds", "applies_to", "method", "effective_from"}
)


class ParameterTable:
    """One table of a parameter file, e.g. ``rulebook crypto-tiered: schedules.x.tiers[2]``.

    Attributes:
        owner: what the file describes; begins every complaint.
        path: where the table stands in the file, "" for the top; list entries count from 1, as people do.
        mapping: the table as it was parsed.
    """

    def __init__(self, owner: str, mapping: Mapping[str, Any], path: str = "") -> None:
        self.owner = owner
        self.path = path
        self.mapping = mapping

    def bad(self, key: str, detail: str) -> MarginError:
        """BAD_PARAMETER for a key of this table; the caller raises it."""
        return MarginError(Reason.BAD_PARAMETER, f"{self.owner}: {self._path(key)}", detail)

    def only(self, *keys: str) -> None:
        """Refuse keys other than these and remarks: a misspelt optional key must not pass for its default."""
        for key in self.mapping:
            if key not in keys and key not in REMARKS:
                raise self.bad(key, f"is not a parameter; known are {', '.join(keys)}")

    def names(self) -> tuple[str, ...]:
        """The keys that are no remarks, for a table whose keys are names."""
        return tuple(key for key in self.mapping if key not in REMARKS)

    def has(self, key: str) -> bool:
        return key in self.mapping

    def text(self, key: str, choices: Collection[str] | None = None) -> str:
        """A text that is not empty and, if choices are given, one of them."""
        return self._text(key, self._value(key), choices)

    def texts(self, key: str, choices: Collection[str] | None = None, fewest: int = 1) -> tuple[str, ...]:
        """A list of texts without repetition, each as :meth:`text` takes it."""
        value = self._value(key)
        if not isinstance(value, list) or len(value) < fewest:
            raise self.bad(key, f"{value!r} is not a list of texts")
        texts = tuple(self._text(key, item, choices) for item in value)
        if len(set(texts)) != len(texts):
            raise self.bad(key, f"{value!r} names one twice")
        return texts

    def flag(self, key: str) -> bool:
        value = self._value(key)
        if not isinstance(value, bool):
            raise self.bad(key, f"{value!r} is not true or false")
        return value

    def day(self, key: str) -> date:
        """A calendar date, as TOML has them or as ``YYYY-MM-DD``."""
        value = self._value(key)
        if type(value) is date:
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise self.bad(key, f"{value!r} is not a date YYYY-MM-DD") from None

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number in [low, high]; the default stands for a key that is not there."""
        value = default if default is not None and not self.has(key) else self._value(key)
        return self._number(key, value, low, high)

    def numbers(self, key: str, count: int, low: float, high: float) -> list[float]:
        """A list of so many finite numbers in [low, high]."""
        return [self._number(key, item, low, high) for item in self._list_of(key, count)]

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return self._whole(key, self._value(key), low, high)

    def wholes(self, key: str, count: int, low: int, high: int) -> list[int]:
        """A list of so many whole numbers in [low, high]."""
        return [self._whole(key, item, low, high) for item in self._list_of(key, count)]

    def rising(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers in [low, high], each above the one before; it may be empty."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self.bad(key, f"{value!r} is not a list of whole numbers")
        numbers = tuple(self._whole(key, item, low, high) for item in value)
        if any(upper <= lower for lower, upper in pairwise(numbers)):
            raise self.bad(key, f"{value!r} does not rise")
        return numbers

    def table(self, key: str) -> ParameterTable:
        """The table of that name."""
        return self._below(key, self._value(key))

    def tables(self, key: str, fewest: int = 1) -> dict[str, ParameterTable]:
        """A table of named tables."""
        value = self._value(key)
        if not isinstance(value, Mapping) or len(value) < fewest:
            raise self.bad(key, f"{value!r} is not a table of tables")
        return {name: self._below(f"{key}.{name}", table) for name, table in value.items()}

    def rows(self, key: str, fewest: int = 1) -> list[ParameterTable]:
        """A list of tables."""
        value = self._value(key)
        if not isinstance(value, list) or len(value) < fewest:
            raise self.bad(key, f"{value!r} is not a list of tables")
        return [self._below(f"{key}[{number}]", table) for number, table in enumerate(value, start=1)]

    def lists(self, key: str, count: int | None = None, *, nested: bool = True) -> list[Any]:
        """A list that is not empty, of so many items; lists themselves where nested."""
        value = self._value(key)
        if not isinstance(value, list) or not value or (count is not None and len(value) != count):
            raise self.bad(key, f"{value!r} is not a list{f' of {count} items' if count else ''}")
        if nested and not all(isinstance(item, list) for item in value):
            raise self.bad(key, f"{value!r} is not a list of lists")
        return value

    def stated(self, key: str) -> ParameterTable:
        """The table that states one parameter: its ``value`` beside its source and other remarks."""
        if not self.has(key):
            raise self.bad(key, "is missing; give it as a table with value and source")
        table = self.table(key)
        table.only("value")
        return table

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _below(self, key: str, table: Any) -> ParameterTable:
        if not isinstance(table, Mapping):
            raise self.bad(key, f"{table!r} is not a table")
        return ParameterTable(self.owner, table, self._path(key))

    def _value(self, key: str) -> Any:
        if not self.has(key):
            raise self.bad(key, "is missing")
        return self.mapping[key]

    def _list_of(self, key: str, count: int) -> list[Any]:
        value = self._value(key)
        if not isinstance(value, list) or len(value) != count:
            raise self.bad(key, f"{value!r} is not a list of {count} numbers")
        return value

    def _text(self, key: str, value: Any, choices: Collection[str] | None) -> str:
        if not isinstance(value, str) or not value:
            raise self.bad(key, f"{value!r} is not a text")
        if choices is not None and value not in choices:
            raise self.bad(key, f"{value!r} is not {' or '.join(choices) or 'there: nothing may be named'}")
        return value

    def _number(self, key: str, value: Any, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
            raise self.bad(key, f"{value!r} is not a finite number")
        if not low <= value <= high:
            raise self.bad(key, f"{value!r} is not in [{low:g}, {high:g}]")
        return float(value)

    def _whole(self, key: str, value: Any, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(key, f"{value!r} is not a whole number in [{low}, {high}]")
        return value


def is_finite(value: float) -> bool:
    """Whether a number is one that can be reckoned with: files may hold whole numbers that no float can be."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
