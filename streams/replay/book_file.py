"""The book file: accounts, instruments, prices, positions, trades, collateral in the shapes of the topics."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, Field, ValidationError

from streams.contracts.activity import CollateralRecord, PositionsRecord, PriceRecord, TradeRecord
from streams.contracts.base import Identifier, Message
from streams.contracts.reference import AccountRecord, InstrumentRecord, RulebookRecord
from streams.contracts.responses import CallResponse
from streams.replay.files import FileError, once, open_text

_GUIDE: Final = "see docs/bring-your-own.md"
_SHOWN_LENGTH: Final = 60


class Book(Message):
    """Everything about the accounts that does not come from a market file."""

    description: str = ""
    accounts: tuple[AccountRecord, ...] = Field(min_length=1)
    instruments: tuple[InstrumentRecord, ...]
    rulebooks: tuple[RulebookRecord, ...] = ()
    prices: tuple[PriceRecord, ...] = ()
    positions: tuple[PositionsRecord, ...] = ()
    trades: tuple[TradeRecord, ...] = ()
    collateral: tuple[CollateralRecord, ...] = ()
    responses: tuple[CallResponse, ...] = Field((), description="answers to calls")
    symbols: dict[Identifier, Identifier] = Field(
        {}, description="instrument_id by symbol of the market files"
    )

    def instrument_of(self) -> dict[str, str]:
        """instrument_id by market file symbol; an instrument without an entry goes by its own id."""
        mapped = set(self.symbols.values())
        own = {i.instrument_id: i.instrument_id for i in self.instruments if i.instrument_id not in mapped}
        return own | dict(self.symbols)


# What may stand once only; a trade or collateral movement may come again as a higher version.
_IDENTITIES: Final[Mapping[str, Callable[[Any], object]]] = {
    "accounts": lambda record: record.account_id,
    "instruments": lambda record: record.instrument_id,
    "rulebooks": lambda record: record.rulebook_id,
    "prices": lambda record: record.instrument_id,
    "positions": lambda record: (record.account_id, record.business_date, record.as_of_ns, record.part),
    "trades": lambda record: (record.trade_id, record.version),
    "collateral": lambda record: (record.collateral_id, record.version),
    "responses": lambda record: record.response_id,
}


def read_book(file: Path) -> tuple[Book, list[str]]:
    """A checked book, and the paths of keys that no contract knows (they are left out, as on the topics).

    Raises:
        FileError: naming the line or the path of the key, what is wrong and the remedy.
    """
    with open_text(file) as content:
        text = content.read()
    fields = _parsed(file, text)
    try:
        book = Book.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise _validation_error(file, error) from None
    for name, identity in _IDENTITIES.items():
        _refuse_twice(file, name, getattr(book, name), identity)
    known = {instrument.instrument_id for instrument in book.instruments}
    for symbol, instrument_id in book.symbols.items():
        if instrument_id not in known:
            detail = f"instrument {instrument_id!r} is not among the instruments"
            raise FileError(file, f"symbols.{symbol}", detail, "add it or leave the symbol out")
    return book, list(unknown_keys(fields, Book))


def _parsed(file: Path, text: str) -> dict[str, Any]:
    """The JSON object, checked for what pydantic lets through: NaN, keys that stand twice."""
    if not text.strip():
        raise FileError(file, "", "is empty", f"write a JSON object with accounts and instruments, {_GUIDE}")
    try:
        fields = json.loads(text, parse_constant=_not_finite, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise FileError(file, place, f"is not JSON: {error.msg}", "complete or correct it there") from None
    except RecursionError:
        raise FileError(file, "", "is nested too deeply", _GUIDE) from None
    except ValueError as error:
        raise FileError(file, "", str(error), "correct the value") from None
    if not isinstance(fields, dict):
        raise FileError(file, "", "is not a JSON object", f"write {{...}}, {_GUIDE}")
    return fields


def _not_finite(literal: str) -> float:
    raise ValueError(f"{literal} is not a number of JSON and cannot be margined")


def _validation_error(file: Path, error: ValidationError) -> FileError:
    first = error.errors(include_url=False)[0]
    if first["type"] == "missing":
        return FileError(file, path_of(first["loc"]), "is missing", f"add it, {_GUIDE}")
    shown = repr(first["input"])
    if len(shown) > _SHOWN_LENGTH:
        shown = shown[:_SHOWN_LENGTH] + "..."
    message = first["msg"].removeprefix("Value error, ")
    return FileError(file, path_of(first["loc"]), f"{message}, got {shown}", f"correct it, {_GUIDE}")


def path_of(steps: Sequence[int | str]) -> str:
    """``instruments[3].strike``."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _refuse_twice(file: Path, name: str, records: Sequence[Any], identity: Callable[[Any], object]) -> None:
    seen: dict[object, int] = {}
    for index, record in enumerate(records):
        key = identity(record)
        if key in seen:
            shown = key if isinstance(key, str) else ", ".join(str(part) for part in key)  # type: ignore[attr-defined]
            detail = f"{shown} stands already in {name}[{seen[key]}]"
            raise FileError(file, f"{name}[{index}]", detail, "keep one of them")
        seen[key] = index


def unknown_keys(fields: Any, model: type[BaseModel], path: tuple[int | str, ...] = ()) -> Iterator[str]:
    """Paths of keys that the model does not have, depth first."""
    for key, value in fields.items():
        if key not in model.model_fields:
            yield path_of((*path, key))
            continue
        inner = _entry_model(model.model_fields[key].annotation)
        if inner is not None:
            for index, entry in enumerate(value):
                yield from unknown_keys(entry, inner, (*path, key, index))


def _entry_model(annotation: Any) -> type[BaseModel] | None:
    """The model of the entries of a ``tuple[Model, ...]`` field."""
    entry = next(iter(get_args(annotation)), None)
    plain = isinstance(entry, type) and not isinstance(entry, types.GenericAlias)
    return entry if plain and issubclass(entry, BaseModel) else None  # type: ignore[arg-type]
