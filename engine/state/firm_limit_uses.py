"""How much of the firm's limits the collateral of this worker's accounts uses: a share that adds up over workers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place
from engine.portfolio.collateral import asset_of, limited_product
from engine.portfolio.firm_limits import FirmLimit
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns
from engine.portfolio.names import name_of
from engine.state.core import EngineCore

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# Below this share of its limit a worker does not name an asset: each worker can hide so much of the firm's total.
_SHOWN_FROM = 0.01
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class LimitUse:
    """What is held of an asset, or of an issuer, as a share of a limit."""

    limit: str
    asset: str
    use: float


@dataclass(frozen=True, slots=True)
class FirmLimitUses:
    """Uses of all limits.

    Attributes:
        shown: the largest, largest first.
        hidden: the largest use by limit that is not among them: no asset uses more here unseen.
        unmeasured: number of assets held, by limit, whose volume, issue, issuer or price is not known.
    """

    shown: tuple[LimitUse, ...] = ()
    hidden: dict[str, float] = field(default_factory=dict)
    unmeasured: dict[str, int] = field(default_factory=dict)


def firm_limit_uses(engine: EngineCore, accounts: Int64s) -> FirmLimitUses:
    """Uses of the schedule's limits by the collateral of accounts, haircuts and limits of accounts not taken off."""
    limits = engine.policy.collateral.firm_limits
    if not limits:
        return FirmLimitUses()
    held = pledged_units(engine, accounts)
    uses: dict[tuple[str, str], float] = {}
    unmeasured = {limit.name: 0 for limit in limits}
    for slot in np.flatnonzero(held > 0.0).tolist():
        instrument = engine.market.instruments[slot]
        product, asset = limited_product(instrument), asset_of(instrument)
        for limit in limits:
            if not limit.covers(product, asset):
                continue
            name, use = _use(engine, limit, slot, float(held[slot]))
            if math.isfinite(use):
                uses[limit.name, name] = uses.get((limit.name, name), 0.0) + use
            else:
                unmeasured[limit.name] += 1
    ranked = sorted((LimitUse(*key, use) for key, use in uses.items()), key=lambda one: (-one.use, one.asset))
    shown = [one for one in ranked[:_MOST_SHOWN] if one.use >= _SHOWN_FROM]
    hidden = {limit.name: 0.0 for limit in limits}
    for one in reversed(ranked[len(shown) :]):
        hidden[one.limit] = one.use
    return FirmLimitUses(tuple(shown), hidden, unmeasured)


def _use(engine: EngineCore, limit: FirmLimit, slot: int, units: float) -> tuple[str, float]:
    """Asset or issuer, and its use; NaN where it cannot be measured."""
    instrument = engine.market.instruments[slot]
    if not limit.of_issuers:
        most = limit.most_units(instrument)
        return instrument.instrument_id, units / most if most > 0.0 else math.nan
    issuer = name_of(instrument, engine.market)
    known = bool(issuer) and bool(engine.market.priced[slot])
    value_usd = units * float(engine.equity_book.value_usd[slot])
    return issuer, value_usd / limit.largest_issuer_usd if known else math.nan


def pledged_units(engine: EngineCore, accounts: Int64s) -> Float64s:
    """float64[instrument]: units that accounts have deposited, less what they withdrew."""
    units = np.zeros(engine.market.count)
    _add_pledged(engine.holdings.columns, accounts, units)
    return units


@in_place
def _add_pledged(h: HoldingColumns, accounts: Int64s, units: Float64s) -> None:
    for account in accounts:
        for holding in range(h.first[account], h.first[account] + h.held[account]):
            if h.key[holding] & 1:
                units[h.key[holding] >> INSTRUMENT_SHIFT] += h.quantity[holding]
