"""What an account's figures must rest on, put together from the topics in the form that evidence has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from engine.base.units import NANOSECONDS_PER_MILLISECOND
from engine.market.instruments import OPTIONS, Instrument, Product
from streams.contracts.activity import PriceRecord
from streams.contracts.reference import AccountRecord
from streams.verify.holdings import Holdings
from streams.verify.inputs import Inputs
from streams.verify.marks import mark_of

UNIFIED: Final = "unified"  # scope of all silos together
_USD: Final = "USD"
_FIELDS: Final = tuple(field.name for field in fields(Instrument))
# What is worth what its terms and other prices make of it, whatever its own quote says.
_DERIVED: Final = frozenset({Product.INTEREST_RATE_SWAP, Product.REPO})
# An option's volatility is solved from quotes, at a time that no topic names.
_TIMED: Final = OPTIONS | _DERIVED
_SETTLE_MS: Final = 5_000  # a price is in every statement that is made so long after it at the latest


class NotKnownError(Exception):
    """Why it cannot be put together."""


def account_record(inputs: Inputs, account: AccountRecord, held: Holdings, as_of_ns: int) -> dict[str, Any]:
    """Instruments, prices, positions, cash and collateral as in ``margin.call-evidence``; ``parameters`` is of the
    account alone.

    Raises:
        NotKnownError: a price is missing, came too late for figures of that time, or is not what the mark rests on.
    """
    rows = {
        "positions": _rows(held.positions, "instrument_id", "quantity"),
        "collateral": _rows(held.collateral, "instrument_id", "quantity"),
        "cash": _rows(held.cash, "currency", "amount"),
    }
    names = {row["instrument_id"] for name in ("positions", "collateral") for row in rows[name]}
    if not names <= inputs.instruments.keys():
        raise NotKnownError("an instrument is not known")
    if any(inputs.instruments[name].product in _DERIVED for name in names):
        raise NotKnownError("a mark that follows from curves or terms")
    behind = {inputs.instruments[name].underlying for name in names} & inputs.instruments.keys()
    currencies = {inputs.instruments[name].currency for name in names} | {
        row["currency"] for row in rows["cash"]
    }
    rates = {f"{currency}{_USD}" for currency in currencies - {_USD}} & inputs.instruments.keys()
    prices = _prices(inputs, names | rates, as_of_ns) | _prices(
        inputs, behind & inputs.prices.keys(), as_of_ns
    )
    return {
        **rows,
        "valuation_time_ns": as_of_ns,
        "instruments": [_described(inputs, name) for name in sorted(names | behind | rates)],
        "prices": [_priced(name, price) for name, price in sorted(prices.items())],
        "parameters": {
            "issuer": account.issuer,
            "settlement_currency": account.settlement_currency,
            "past_charges_usd": list(account.past_charges_usd),
        },
    }


def has_options(record: Mapping[str, Any], scope: str) -> bool:
    """Whether the requirement of a silo, or of all, hangs on more than the latest marks."""
    products = {each["instrument_id"]: each["product"] for each in record["instruments"]}
    return any(
        products[row["instrument_id"]] in _TIMED
        for row in record["positions"]
        if scope in (f"silo:{row['silo']}", UNIFIED)
    )


def _rows(amounts: Mapping[tuple[str, str], float], key: str, value: str) -> list[dict[str, Any]]:
    if any(not silo and amount for (silo, _), amount in amounts.items()):
        raise NotKnownError("a product without a silo")
    return [
        {"silo": silo, key: name, value: amount}
        for (silo, name), amount in sorted(amounts.items())
        if abs(amount) > 1e-9
    ]


def _prices(inputs: Inputs, names: set[str], as_of_ns: int) -> dict[str, PriceRecord]:
    before_ms = as_of_ns // NANOSECONDS_PER_MILLISECOND - _SETTLE_MS
    if any(name not in inputs.prices or inputs.price_ms[name] >= before_ms for name in names):
        raise NotKnownError("a price is missing or younger than the figures")
    return {name: inputs.prices[name] for name in names}


def _described(inputs: Inputs, name: str) -> dict[str, Any]:
    instrument = inputs.instruments[name].to_engine()
    return {field: getattr(instrument, field) for field in _FIELDS}


def _priced(name: str, price: PriceRecord) -> dict[str, Any]:
    mark = mark_of(price)
    return {
        "instrument_id": name, "mark": mark, "risk_mark": mark, "risk_volatility": float("nan"),
        "source_time_ns": price.source_time_ns, "sequence": price.sequence,
    }  # fmt: skip
