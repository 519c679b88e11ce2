"""The market as columns: instruments and their latest prices by stable slot.

A slot is a valid name for an instrument from :meth:`Market.put_instrument` to :meth:`Market.remove`, which gives it
to the next new one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.errors import MarginError, Reason
from engine.base.threads import Threads
from engine.market.instruments import Instrument, Product, check_instrument
from engine.market.model import model_code
from engine.market.premium_curves import PremiumCurves
from engine.market.rate_curves import RateCurves
from engine.market.risk_prices import RiskPrices
from engine.market.view import Float64s, Int64s, MarketView

PRODUCT_CODE: dict[Product, int] = {product: code for code, product in enumerate(Product)}

# Bits of `Market.news`.
MOVED = 1  # the value may differ from the one at the last refresh
REPRICED = 2  # an option's own price came in: its volatility has to be found anew
RENEWED = 4  # the record is new: the risk of all that rests on it has to be made anew
DUE = 8  # risk has to be made anew, as soon as options are refreshed
HELD = 16  # the risk price may be off, as of the next refresh of options

_FILLS: dict[str, Fill] = {
    "product": (np.int8, 0),
    "model": (np.int8, 0),
    "is_call": (np.bool_, False),
    "strike": (np.float64, 0.0),
    "expiry_ns": (np.int64, 0),
    "multiplier": (np.float64, 1.0),
    "dividend_yield": (np.float64, 0.0),
    "coupon": (np.float64, 0.0),
    "recovery_rate": (np.float64, 0.0),
    "underlying": (np.int64, -1),
    "fx": (np.int64, -1),
    "foreign": (np.bool_, False),
    "inverse": (np.bool_, False),
    "negative_price_allowed": (np.bool_, False),
    "curve": (np.int64, -1),
    "first_option": (np.int64, -1),
    "next_option": (np.int64, -1),
    "first_foreign": (np.int64, -1),
    "next_foreign": (np.int64, -1),
    "bid": (np.float64, np.nan),
    "ask": (np.float64, np.nan),
    "mark": (np.float64, np.nan),
    "quoted_volatility": (np.float64, np.nan),
    "volatility": (np.float64, np.nan),
    "source_time_ns": (np.int64, -1),
    "sequence": (np.int64, -1),
    "priced": (np.bool_, False),
    "news": (np.int8, 0),
}
# What an option's volatility was found under.
_TERMS = ("strike", "expiry_ns", "right", "exercise", "price_model", "dividend_yield")


class Market(MarketView):
    """Reference data and the latest price of every instrument.

    Attributes beside those of :class:`MarketView`, all by slot:
        first_option, next_option: what rests on an instrument (options, security futures, repo), as a chain that ends
            with -1.
        first_foreign, next_foreign: the instruments in the currency of an FX rate, likewise.
        bid, ask: in the instrument's currency; NaN where unknown.
        quoted_volatility: as it came, NaN where the message had none.
        source_time_ns, sequence: of the latest price; -1 where there is none.
        news: bits MOVED, REPRICED ...: what :func:`engine.market.refresh.refresh` has still to look at.
    ``volatility`` and ``priced`` are as of the last refresh, ``risk`` are the prices that risk arrays rest on.
    """

    first_option: Int64s
    next_option: Int64s
    first_foreign: Int64s
    next_foreign: Int64s
    bid: Float64s
    ask: Float64s
    quoted_volatility: Float64s
    source_time_ns: Int64s
    sequence: Int64s
    news: NDArray[np.int8]

    def __init__(
        self,
        rate: float = 0.0,
        valuation_time_ns: int = 0,
        price_tolerance: float = 0.0,
        volatility_tolerance: float = 0.0,
        threads: Threads | None = None,
        rate_curves: RateCurves | None = None,
    ) -> None:
        """An empty market; the tolerances are those of :class:`RiskPrices`."""
        self.rate = rate
        self.valuation_time_ns = valuation_time_ns
        self.next_valuation_time_ns = 0
        self.threads = threads or Threads()
        self.curves = PremiumCurves()
        self.rate_curves = rate_curves or RateCurves()
        self.count = 0
        self.instruments = []
        self.slot_of = {}
        self._free: list[int] = []
        self._waiting: dict[str, list[tuple[int, bool]]] = {}
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)
        self.risk = RiskPrices(self, price_tolerance, volatility_tolerance)

    def put_instrument(self, instrument: Instrument) -> int:
        """Add or replace an instrument; returns its slot.

        Raises:
            MarginError: BAD_INSTRUMENT, naming the field; also when product, underlying or currency of a known
                instrument would change, since positions and rows rest on them.
        """
        check_instrument(instrument)
        slot = self.slot_of.get(instrument.instrument_id)
        self.rate_curves.check(instrument, slot)
        if slot is None:
            slot = self._new_slot(instrument)
        else:
            self._refuse_identity_change(self.instruments[slot], instrument)
            self._note_terms(slot, self.instruments[slot], instrument)
            self.instruments[slot] = instrument
        self.product[slot] = PRODUCT_CODE[instrument.product]
        self.model[slot] = model_code(instrument)
        self.is_call[slot] = instrument.right == "call"
        self.strike[slot] = instrument.strike
        self.expiry_ns[slot] = instrument.expiry_ns
        self.multiplier[slot] = instrument.multiplier
        self.inverse[slot] = instrument.is_inverse
        self.dividend_yield[slot] = instrument.dividend_yield
        self.coupon[slot] = instrument.coupon
        self.recovery_rate[slot] = instrument.recovery_rate
        self.negative_price_allowed[slot] = instrument.negative_price_allowed
        self.curve[slot] = self.curves.curve_of(instrument)
        self.rate_curves.put(slot, instrument)
        self.news[slot] |= MOVED | RENEWED
        return slot

    def put_refused(self, instrument: Instrument) -> int:
        """A place for an instrument whose record is refused, so that positions in it can be held; it has no price until
        a record that can be used has come and a price after that. A known one loses the price that it has.
        """
        slot = self.slot_of.get(instrument.instrument_id)
        if slot is None:
            slot = self._new_slot(instrument)
            self.product[slot] = PRODUCT_CODE[instrument.product]
            self.multiplier[slot] = instrument.multiplier
            self.inverse[slot] = instrument.is_inverse
            return slot
        for column in (self.mark, self.bid, self.ask, self.volatility, self.quoted_volatility):
            column[slot] = np.nan
        self.news[slot] |= MOVED
        return slot

    def is_needed(self, slot: int) -> bool:
        """Whether other instruments rest on this one."""
        chained = bool(self.first_option[slot] >= 0 or self.first_foreign[slot] >= 0)
        return chained or self.rate_curves.is_needed(self.instruments[slot])

    def remove(self, slot: int) -> None:
        """Forget an instrument on which no other rests; the next new one gets its slot."""
        self._unchain(slot, self.underlying, self.first_option, self.next_option)
        self._unchain(slot, self.fx, self.first_foreign, self.next_foreign)
        instrument_id = self.instruments[slot].instrument_id
        self.rate_curves.remove(slot, self.instruments[slot])
        del self.slot_of[instrument_id]
        for target_id, waiting in list(self._waiting.items()):
            self._waiting[target_id] = [entry for entry in waiting if entry[0] != slot]
        for name, (_, value) in _FILLS.items():
            getattr(self, name)[slot] = value
        self.risk.forget(slot)
        self._free.append(slot)

    @staticmethod
    def _unchain(slot: int, target_of: Int64s, first: Int64s, following: Int64s) -> None:
        """Take a slot out of the chain of what it rests on."""
        target = int(target_of[slot])
        if target < 0:
            return
        if first[target] == slot:
            first[target] = following[slot]
            return
        before = int(first[target])
        while following[before] != slot:
            before = int(following[before])
        following[before] = following[slot]

    def touch(self, slots: Int64s) -> None:
        """Have the next refresh count the slots' value as changed (staleness, for one)."""
        self.news[slots] |= MOVED

    def step_time(self, valuation_time_ns: int, next_ns: int = 0) -> None:
        """Value at another instant; the next refresh of options makes all their risk anew.

        Args:
            next_ns: the instant of the step after this one, for which refreshes then prepare; 0 = not known.
        """
        self.valuation_time_ns, self.next_valuation_time_ns = valuation_time_ns, next_ns

    def _note_terms(self, slot: int, old: Instrument, new: Instrument) -> None:
        """An option of other terms needs another volatility, in other units under another kind of model."""
        if any(getattr(old, name) != getattr(new, name) for name in _TERMS):
            self.news[slot] |= REPRICED
        if old.price_model != new.price_model:
            self.volatility[slot] = np.nan

    def _new_slot(self, instrument: Instrument) -> int:
        if self._free:
            slot = self._free.pop()
            self.instruments[slot] = instrument
        else:
            slot = self.count
            if slot == len(self.mark):
                grow(self, _FILLS, 2 * slot)
            self.count += 1
            self.instruments.append(instrument)
        self.slot_of[instrument.instrument_id] = slot
        self.risk.share(self)
        if instrument.rests_on_underlying:
            self._link(slot, instrument.underlying, is_fx=False)
        if instrument.currency != "USD" and instrument.product is not Product.FX_RATE:
            self.foreign[slot] = True
            self._link(slot, f"{instrument.currency}USD", is_fx=True)
        for dependent, is_fx in self._waiting.pop(instrument.instrument_id, []):
            self._chain(dependent, slot, is_fx)
        return slot

    def _link(self, slot: int, target_id: str, is_fx: bool) -> None:
        """Let ``slot`` rest on another instrument, now or as soon as that one is known."""
        target = self.slot_of.get(target_id)
        if target is None:
            self._waiting.setdefault(target_id, []).append((slot, is_fx))
        else:
            self._chain(slot, target, is_fx)

    def _chain(self, slot: int, target: int, is_fx: bool) -> None:
        if is_fx:
            self.fx[slot] = target
            self.next_foreign[slot] = self.first_foreign[target]
            self.first_foreign[target] = slot
        else:
            self.underlying[slot] = target
            self.next_option[slot] = self.first_option[target]
            self.first_option[target] = slot

    @staticmethod
    def _refuse_identity_change(old: Instrument, new: Instrument) -> None:
        for name in ("product", "underlying", "currency", "is_inverse"):
            if getattr(old, name) != getattr(new, name):
                raise MarginError(
                    Reason.BAD_INSTRUMENT,
                    f"instrument {new.instrument_id}",
                    f"{name} changed from {getattr(old, name)!r} to {getattr(new, name)!r}; "
                    "publish it under a new instrument_id",
                )
