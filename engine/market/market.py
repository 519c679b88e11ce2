"""The market as columns: instruments and prices by stable slot.

Slots never move and are never reused for another instrument_id, so a slot is a valid name for an instrument
for the life of the engine. Columns grow by doubling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument, Product, check_instrument
from engine.market.model import model_code

PRODUCT_CODE: dict[Product, int] = {product: code for code, product in enumerate(Product)}

_FILLS: dict[str, Fill] = {
    "product": (np.int8, 0),
    "model": (np.int8, 0),
    "is_call": (np.bool_, False),
    "strike": (np.float64, 0.0),
    "expiry_ns": (np.int64, 0),
    "multiplier": (np.float64, 1.0),
    "dividend_yield": (np.float64, 0.0),
    "underlying": (np.int64, -1),
    "fx": (np.int64, -1),
    "foreign": (np.bool_, False),
    "negative_price_allowed": (np.bool_, False),
    "bid": (np.float64, np.nan),
    "ask": (np.float64, np.nan),
    "mark": (np.float64, np.nan),
    "quoted_volatility": (np.float64, np.nan),
    "volatility": (np.float64, np.nan),
    "source_time_ns": (np.int64, -1),
    "sequence": (np.int64, -1),
    "priced": (np.bool_, False),
}


class Market:
    """Reference data and the latest price of every instrument.

    Attributes (all by slot; length >= ``count``):
        instruments: the records.
        product, model, is_call, strike, expiry_ns, multiplier, dividend_yield: of the contract.
        underlying: slot of the underlying, -1 where there is none.
        fx: slot of the FX rate of the currency, -1 for USD or where the rate is not known yet.
        foreign: the currency is not USD.
        negative_price_allowed: the product can trade below zero.
        bid, ask, mark: in the instrument's currency; NaN where unknown.
        quoted_volatility: as it came, NaN where the message had none.
        volatility: the one used, NaN where it could not be had.
        source_time_ns, sequence: of the latest price; -1 where there is none.
        priced: the instrument and all that its value rests on has a price.
        rate: continuously compounded discount rate used for options.
        valuation_time_ns: the instant that years to expiry are counted from.
    """

    product: NDArray[np.int8]
    model: NDArray[np.int8]
    is_call: NDArray[np.bool_]
    strike: NDArray[np.float64]
    expiry_ns: NDArray[np.int64]
    multiplier: NDArray[np.float64]
    dividend_yield: NDArray[np.float64]
    underlying: NDArray[np.int64]
    fx: NDArray[np.int64]
    foreign: NDArray[np.bool_]
    negative_price_allowed: NDArray[np.bool_]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    mark: NDArray[np.float64]
    quoted_volatility: NDArray[np.float64]
    volatility: NDArray[np.float64]
    source_time_ns: NDArray[np.int64]
    sequence: NDArray[np.int64]
    priced: NDArray[np.bool_]

    def __init__(self, rate: float = 0.0, valuation_time_ns: int = 0) -> None:
        self.rate = rate
        self.valuation_time_ns = valuation_time_ns
        self.count = 0
        self.instruments: list[Instrument] = []
        self.slot_of: dict[str, int] = {}
        self.dependents: dict[int, list[int]] = {}
        self._waiting: dict[str, list[int]] = {}
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)

    def put_instrument(self, instrument: Instrument) -> int:
        """Add or replace an instrument; returns its slot.

        Raises:
            MarginError: BAD_INSTRUMENT, naming the field; also when product, underlying or currency of a known
                instrument would change, since positions and rows rest on them.
        """
        check_instrument(instrument)
        slot = self.slot_of.get(instrument.instrument_id)
        if slot is None:
            slot = self._new_slot(instrument)
        else:
            self._refuse_identity_change(self.instruments[slot], instrument)
            self.instruments[slot] = instrument
        self.product[slot] = PRODUCT_CODE[instrument.product]
        self.model[slot] = model_code(instrument)
        self.is_call[slot] = instrument.right == "call"
        self.strike[slot] = instrument.strike
        self.expiry_ns[slot] = instrument.expiry_ns
        self.multiplier[slot] = instrument.multiplier
        self.dividend_yield[slot] = instrument.dividend_yield
        self.negative_price_allowed[slot] = instrument.negative_price_allowed
        return slot

    def _new_slot(self, instrument: Instrument) -> int:
        slot = self.count
        if slot == len(self.mark):
            grow(self, _FILLS, 2 * slot)
        self.count += 1
        self.instruments.append(instrument)
        self.slot_of[instrument.instrument_id] = slot
        self._link(slot, instrument.underlying if instrument.is_option else "", self.underlying)
        fx_id = f"{instrument.currency}USD"
        needs_fx = instrument.currency != "USD" and instrument.product is not Product.FX_RATE
        self.foreign[slot] = needs_fx
        self._link(slot, fx_id if needs_fx else "", self.fx)
        for dependent in self._waiting.pop(instrument.instrument_id, []):
            column = self.fx if instrument.product is Product.FX_RATE else self.underlying
            column[dependent] = slot
            self.dependents.setdefault(slot, []).append(dependent)
        return slot

    def _link(self, slot: int, target_id: str, column: NDArray[np.int64]) -> None:
        """Point ``slot`` at another instrument, now or as soon as that one is known."""
        column[slot] = -1
        if not target_id:
            return
        target = self.slot_of.get(target_id)
        if target is None:
            self._waiting.setdefault(target_id, []).append(slot)
            return
        column[slot] = target
        self.dependents.setdefault(target, []).append(slot)

    @staticmethod
    def _refuse_identity_change(old: Instrument, new: Instrument) -> None:
        for name in ("product", "underlying", "currency"):
            if getattr(old, name) != getattr(new, name):
                raise MarginError(
                    Reason.BAD_INSTRUMENT,
                    f"instrument {new.instrument_id}",
                    f"{name} changed from {getattr(old, name)!r} to {getattr(new, name)!r}; "
                    "publish it under a new instrument_id",
                )

    def slots(self, instrument_ids: list[str]) -> NDArray[np.int64]:
        """int64[n] slots, -1 for unknown ids."""
        get = self.slot_of.get
        return np.array([get(instrument_id, -1) for instrument_id in instrument_ids], np.int64)

    def fx_rate(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: USD per unit of each instrument's currency; NaN where the rate has no price."""
        fx = self.fx[slots]
        return np.where(self.foreign[slots], np.where(fx >= 0, self.mark[fx], np.nan), 1.0)

    def unit_value_usd(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: multiplier * mark in USD of one contract."""
        return self.multiplier[slots] * self.mark[slots] * self.fx_rate(slots)

    def underlying_price(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: price of an option's underlying, of everything else its own mark."""
        underlying = self.underlying[slots]
        option = self.model[slots] > 0
        return np.where(option, np.where(underlying >= 0, self.mark[underlying], np.nan), self.mark[slots])

    def years_to_expiry(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: Act/365 from the valuation time, never negative; 0 where there is no expiry."""
        left = self.expiry_ns[slots] - self.valuation_time_ns
        return np.maximum(np.where(self.expiry_ns[slots] > 0, left, 0), 0) / NANOSECONDS_PER_YEAR
