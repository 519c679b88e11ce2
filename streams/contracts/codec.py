"""Bytes to values, or to a named reason; a batch at a time.

Three steps for each message: the JSON and its types (msgspec), the few fields whose check is cheaper once per
distinct value (dates, silos, currencies), the record's key. Nothing here raises for bad input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import msgspec
from pydantic import ValidationError

from engine.base.errors import Reason
from engine.market.instruments import SILO_INDEX
from streams.contracts.base import CURRENCY_PATTERN, DATE_PATTERN, Message
from streams.contracts.hot import HotCollateral, HotPositions, HotPrice, HotTrade
from streams.contracts.topics import positions_key

INVALID: Final = -(2**31)  # day or silo number of a text that names none
NO_SILO: Final = -1
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_CACHE_LIMIT: Final = 100_000  # distinct texts; a producer that invents them must not fill the memory
_DETAIL_LENGTH: Final = 300
_CHUNK: Final = 256  # records that are looked at one by one when one of them is not usable

S = TypeVar("S", bound=msgspec.Struct)
M = TypeVar("M", bound=Message)


class Fault(NamedTuple):
    """Why one message of a batch cannot be used."""

    reason: Reason
    detail: str


class Raw(NamedTuple):
    """Key and value of a record as they came."""

    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Decoded(Generic[S]):
    """What became of a batch of n raw values.

    Attributes:
        messages: those that are usable, in order.
        faults: (index in the batch, fault) of the others, ascending.
        with_unknown_fields: how many usable messages carry fields that the schema does not have.
    """

    messages: list[S] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    with_unknown_fields: int = 0

    @property
    def at(self) -> list[int]:
        """Index in the batch of each usable message."""
        faulty = {index for index, _ in self.faults}
        return [index for index in range(len(self.messages) + len(faulty)) if index not in faulty]


class _Remembered(dict[str, int]):
    """Text -> number, computed once per distinct text."""

    def __init__(self, compute: Callable[[str], int]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> int:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        number = self[text] = self._compute(text)
        return number


def _day(text: str) -> int:
    """Days since 1970-01-01 of ``YYYY-MM-DD``, or INVALID."""
    if not re.fullmatch(DATE_PATTERN.strip("^$"), text):
        return INVALID
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return INVALID


def _currency_ok(text: str) -> int:
    return 0 if re.fullmatch(CURRENCY_PATTERN.strip("^$"), text) else INVALID


days: Final = _Remembered(_day)
silos: Final = _Remembered(lambda text: SILO_INDEX.get(text, INVALID))
_currencies: Final = _Remembered(_currency_ok)


class Codec(Generic[S]):
    """Decoder of one hot topic.

    A message is first tried against the closed schema; only one that fails is looked at again with the open
    schema, so unknown fields are counted exactly and cost nothing while there are none.
    """

    def __init__(
        self,
        struct: type[S],
        keys: Callable[[list[S]], list[bytes]],
        checks: Mapping[str, Callable[[Any], Fault | None]],
        whole: Callable[[S], Fault | None] | None = None,
    ) -> None:
        """``checks``: by the field whose value they look at. ``whole``: what concerns several fields."""
        closed = msgspec.defstruct(
            struct.__name__, [], bases=(struct,), forbid_unknown_fields=True, gc=False, frozen=True
        )
        self._closed = cast("Callable[[Any], S]", msgspec.json.Decoder(closed).decode)
        self._open = msgspec.json.Decoder(struct).decode
        self._keys = keys
        self._checks = [(attrgetter(name), check) for name, check in checks.items()]
        self._whole = whole

    def decode(self, records: Sequence[Any]) -> Decoded[S]:
        """Decode records with ``key`` and ``value`` attributes (a ConsumerRecord or :class:`Raw`)."""
        result: Decoded[S] = Decoded()
        for start in range(0, len(records), _CHUNK):
            chunk = records[start : start + _CHUNK]
            messages = self._all_usable(chunk)
            if messages is None:
                self._decode_each(chunk, start, result)
            else:
                result.messages += messages
        return result

    def _all_usable(self, records: Sequence[Any]) -> list[S] | None:
        """The messages if every record is beyond reproach, which is found out in half the time; else None."""
        try:
            messages = list(map(self._closed, [record.value for record in records]))
        except Exception:  # every way in which bytes can fail to be this message
            return None
        if self._keys(messages) != [record.key for record in records]:
            return None
        if self._whole is not None and any(map(self._whole, messages)):
            return None
        for field_of, check in self._checks:
            if any(map(check, set(map(field_of, messages)))):
                return None
        return messages

    def _decode_each(self, records: Sequence[Any], start: int, result: Decoded[S]) -> None:
        """Decode records one by one; ``start`` is the index of the first in the batch."""
        for index, record in enumerate(records, start):
            try:
                message, unknown_fields = self._closed(record.value), 0
            except Exception:
                second = self._second_look(record.value)
                if isinstance(second, Fault):
                    result.faults.append((index, second))
                    continue
                message, unknown_fields = second, 1
            if (fault := self._fault(message, record.key)) is not None:
                result.faults.append((index, fault))
            else:
                result.messages.append(message)
                result.with_unknown_fields += unknown_fields

    def _fault(self, message: S, key: bytes | None) -> Fault | None:
        """The first thing that is wrong with a message whose types are right."""
        fault = self._whole(message) if self._whole is not None else None
        fault = fault or _first(check(field_of(message)) for field_of, check in self._checks)
        if fault is not None:
            return fault
        [expected] = self._keys([message])
        return None if key == expected else _key_mismatch(key, expected)

    def _second_look(self, value: bytes | None) -> S | Fault:
        if not value:
            return _EMPTY
        try:
            return self._open(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return fault_of(value, error)


_EMPTY: Final = Fault(Reason.MALFORMED, "the value is empty (a tombstone), which this topic does not take")


def _key_mismatch(key: bytes | None, expected: bytes) -> Fault:
    return Fault(Reason.KEY_MISMATCH, _short(f"key {key!r}, but the value belongs under {expected!r}"))


def _short(text: str) -> str:
    return text if len(text) <= _DETAIL_LENGTH else text[: _DETAIL_LENGTH - 3] + "..."


def fault_of(value: bytes, error: Exception) -> Fault:
    """Name why a value failed to decode; off the fast path, so it may look at the bytes again."""
    text = _short(str(error))
    if isinstance(error, msgspec.ValidationError):
        bounds = ("<", ">", "of length", "out of range")
        expected = text.partition(" - at")[0]
        out_of_range = any(mark in expected for mark in bounds) or "enum value" in expected
        return Fault(Reason.OUT_OF_RANGE if out_of_range else Reason.WRONG_TYPE, text)
    if isinstance(error, msgspec.DecodeError) and _has_non_finite_literal(value):
        return Fault(Reason.NOT_FINITE, "NaN or Infinity where JSON has only finite numbers")
    return Fault(Reason.MALFORMED, text)


def _has_non_finite_literal(value: bytes) -> bool:
    """Whether the value is JSON but for the literals NaN, Infinity and -Infinity."""
    found: list[str] = []
    try:
        json.loads(value, parse_constant=found.append)
    except (ValueError, RecursionError):
        return False
    return bool(found)


def _check_silo(silo: str | None) -> Fault | None:
    if silo is None or silos[silo] >= 0:
        return None
    return Fault(Reason.OUT_OF_RANGE, _short(f"silo {silo!r} is none of {', '.join(SILO_INDEX)}"))


def _check_day(text: str) -> Fault | None:
    if days[text] != INVALID:
        return None
    return Fault(Reason.OUT_OF_RANGE, _short(f"business_date {text!r} is not a date YYYY-MM-DD"))


def _check_currency(text: str | None) -> Fault | None:
    if text is None or _currencies[text] == 0:
        return None
    return Fault(Reason.OUT_OF_RANGE, _short(f"currency {text!r} is not a three letter code"))


def _check_collateral(record: HotCollateral) -> Fault | None:
    if (record.instrument_id is None) == (record.currency is None):
        return Fault(Reason.WRONG_TYPE, "exactly one of instrument_id and currency must be set")
    released = (record.released_instrument_id is not None) + (record.released_currency is not None)
    if released != (record.released_quantity is not None):
        return Fault(
            Reason.WRONG_TYPE,
            "a substitution sets released_quantity and exactly one of released_instrument_id and released_currency",
        )
    return None


def _check_positions(record: HotPositions) -> Fault | None:
    if record.part > record.parts:
        return Fault(Reason.OUT_OF_RANGE, f"part {record.part} is beyond parts {record.parts}")
    return (
        _first(_check_silo(position.silo) for position in record.positions)
        or _first(_check_silo(cash.silo) or _check_currency(cash.currency) for cash in record.cash)
        or _first(_check_silo(asset.silo) for asset in record.collateral)
    )


def _first(faults: Iterable[Fault | None]) -> Fault | None:
    return next((fault for fault in faults if fault is not None), None)


def _account_keys(messages: list[S]) -> list[bytes]:
    """The key of each, in half the time of a comprehension."""
    return list(map(str.encode, map(_account_id, messages)))


_account_id: Final = attrgetter("account_id")
_instrument_id: Final = attrgetter("instrument_id")
TRADES: Final = Codec(
    HotTrade,
    _account_keys,
    {"business_date": _check_day, "silo": _check_silo},
)
COLLATERAL: Final = Codec(
    HotCollateral,
    _account_keys,
    {
        "business_date": _check_day,
        "silo": _check_silo,
        "currency": _check_currency,
        "released_currency": _check_currency,
    },
    _check_collateral,
)
PRICES: Final = Codec(HotPrice, lambda prices: list(map(str.encode, map(_instrument_id, prices))), {})
POSITIONS: Final = Codec(
    HotPositions,
    lambda records: [positions_key(record.account_id, record.part, record.parts) for record in records],
    {"business_date": _check_day},
    _check_positions,
)


def decode_model(model: type[M], value: bytes | None) -> tuple[M, bool] | Fault:
    """Decode one message of a low-rate topic with its pydantic model, as strictly as the hot topics.

    Returns:
        the message and whether it carries unknown fields; or the fault.
    """
    if not value:
        return _EMPTY
    try:
        fields = msgspec.json.decode(value)  # pydantic's own parser lets NaN through where a field is Any
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return fault_of(value, error)
    try:
        message = model.model_validate_json(value, strict=True)
    except ValidationError as error:
        return _model_fault(error)
    return message, not fields.keys() <= model.model_fields.keys()


_RANGE_ERRORS: Final = re.compile(
    "(greater|less)_than|string_too|string_pattern|too_(long|short)|literal_error|decimal_"
)


def _model_fault(error: ValidationError) -> Fault:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "message"
    detail = _short(f"{where}: {first['msg']}, got {first['input']!r}")
    if first["type"] == "finite_number":
        return Fault(Reason.NOT_FINITE, detail)
    return Fault(Reason.OUT_OF_RANGE if _RANGE_ERRORS.match(first["type"]) else Reason.WRONG_TYPE, detail)
