"""Whose fall an instrument suffers from, as columns: what own-issuer and same-name rules of collateral look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.market.instruments import Instrument, Product
from engine.market.view import MarketView

_ITSELF = frozenset({Product.EQUITY, Product.ETF, Product.CRYPTO_SPOT, Product.STABLECOIN})
_STEPS = 3  # a token of a share, an option on a future on a coin
_FILLS: dict[str, Fill] = {"name": (np.int32, -1), "side": (np.int8, 1)}


def name_of(instrument: Instrument, market: MarketView, steps: int = _STEPS) -> str:
    """Issuer or reference entity; else that of what it rests on or stands for; a share, fund or coin is itself.

    Empty where the reference data say nothing, as for a bond without issuer. At most so many ``steps`` are followed:
    records that rest on each other must not keep anybody from an answer.
    """
    if instrument.issuer or instrument.reference_entity:
        return instrument.issuer or instrument.reference_entity
    if instrument.underlying and instrument.underlying != instrument.instrument_id:
        slot = market.slot_of.get(instrument.underlying)
        if slot is None or steps == 0:
            return instrument.underlying
        return name_of(market.instruments[slot], market, steps - 1)
    return instrument.instrument_id if instrument.product in _ITSELF else ""


def side_of(instrument: Instrument) -> int:
    """1 where a long position loses when the name falls or defaults, -1 where a short one does."""
    gains = instrument.product is Product.CREDIT_DEFAULT_SWAP or instrument.right == "put"
    return -1 if gains != (instrument.leverage < 0.0) else 1


class RiskNames:
    """Names by instrument slot.

    Attributes:
        name: int32, -1 where there is none. side: int8, see :func:`side_of`.
    """

    name: NDArray[np.int32]
    side: NDArray[np.int8]

    def __init__(self) -> None:
        for column, values in filled(_FILLS, 64).items():
            setattr(self, column, values)
        self._index: dict[str, int] = {}
        self._resting_on: dict[str, set[int]] = {}

    def reserve(self, instruments: int) -> None:
        """Make room for so many instrument slots."""
        if instruments > len(self.name):
            grow(self, _FILLS, max(instruments, 2 * len(self.name)))

    def index(self, name: str) -> int:
        """Number of a name, -1 for an empty one."""
        return self._index.setdefault(name, len(self._index)) if name else -1

    def learn(self, slot: int, market: MarketView) -> None:
        """An instrument is new or has changed: its name, and the names of all that rest on it, are found anew."""
        instrument = market.instruments[slot]
        if instrument.underlying:
            self._resting_on.setdefault(instrument.underlying, set()).add(slot)
        for concerned in (slot, *self._resting_on.get(instrument.instrument_id, ())):
            self.name[concerned] = self.index(name_of(market.instruments[concerned], market))
            self.side[concerned] = side_of(market.instruments[concerned])

    def forget(self, slot: int, market: MarketView) -> None:
        """The instrument is gone: its slot is as new."""
        self._resting_on.get(market.instruments[slot].underlying, set()).discard(slot)
        for column, (_, value) in _FILLS.items():
            getattr(self, column)[slot] = value
