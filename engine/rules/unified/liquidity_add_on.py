"""Liquidity and concentration: a charge on positions that are large against the volume they trade in.

Netting set = the market in which a position would be closed: an option counts by its delta in the market of
its underlying, everything else in its own market. Hedges in different markets do not net here, because both
legs must be traded. Per set::

    days   = |delta notional| / average daily notional of the market
    charge = |delta notional| x average rate over 0..days, rates by tier

so the charge is continuous, and zero below the first tier with a rate. Average daily notional = average daily
volume x multiplier x mark x FX of the market's instrument; both sides move with the same mark, so days do not
depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.kernel import in_place
from engine.market.instruments import Instrument
from engine.market.plain import fx_rate
from engine.market.revaluation import option_deltas
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.unified.one_pot_parameters import SILO, LiquidityParameters, OnePotParameters


class LiquidityAddOn:
    """Implements :class:`engine.rules.interface.AddingRulebook` over all eligible positions of an account.

    Exposure columns: delta notional in USD, and the same in days of the market's volume.
    """

    silo = SILO

    def __init__(self, parameters: OnePotParameters) -> None:
        self.rulebook_id = f"{parameters.rulebook_id}:liquidity"
        self.version = parameters.version
        self.column_kinds = np.array([LINEAR, LINEAR], np.int8)
        self.scenario_names: tuple[str, ...] = ()
        self._eligible = parameters.eligible_products
        self._parameters = parameters.liquidity
        tiers = parameters.liquidity.tiers
        self._from_days = np.array([tier.from_days for tier in tiers])
        self._to_days = np.array([*self._from_days[1:], np.inf])
        self._rates = np.array([tier.rate for tier in tiers])

    def netting_set(self, instrument: Instrument) -> str:
        """instrument_id of the market: an option's underlying, else the instrument itself.

        Raises:
            MarginError: NO_RULEBOOK for products that may not enter the pot.
        """
        if instrument.product not in self._eligible:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id}",
                f"{instrument.product.value} is not an eligible product of {self.rulebook_id}",
            )
        return instrument.class_root

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: volumes are read from the market's reference data with the rows."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 2]: delta notional in USD and in days of volume of one contract."""
        rows = np.zeros((len(slots), 2))
        live = np.flatnonzero(market.priced[slots])
        priced = slots[live]
        notional = market.underlying_notional_usd(priced) * option_deltas(market, priced)
        rows[live, 0] = notional
        rows[live, 1] = notional / self._daily_notional(market, priced)
        return rows

    def _daily_notional(self, market: MarketView, slots: Int64s) -> Float64s:
        roots = np.where(market.model[slots] > 0, market.underlying[slots], slots)
        volume = np.array(
            [market.instruments[root].average_daily_volume for root in roots.tolist()], np.float64
        )
        daily = volume * np.abs(market.unit_value_usd(roots))
        return np.where(daily > 0.0, daily, self._parameters.unknown_volume_usd_per_day)

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: the charge of each market, USD."""
        charges = np.empty((len(exposures), 1))
        _charge(exposures, self._from_days, self._to_days, self._rates, charges)
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over markets; initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets), 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_liquidity(self._parameters, holdings, market)


@in_place
def _charge(
    exposures: Float64s, from_days: Float64s, to_days: Float64s, rates: Float64s, charges: Float64s
) -> None:
    for unit in range(len(exposures)):
        days, weighted = abs(exposures[unit, 1]), 0.0
        for tier in range(len(rates)):
            if days > from_days[tier]:
                weighted += rates[tier] * (min(days, to_days[tier]) - from_days[tier])
        charges[unit, 0] = abs(exposures[unit, 0]) * (weighted / days) if days > 0.0 else 0.0


def explain_liquidity(
    parameters: LiquidityParameters, holdings: Sequence[Holding], market: MarketView
) -> Explained:
    """One line per market, by the text at the top of this file."""
    notionals: dict[str, list[float]] = {}
    for holding in holdings:
        slot = market.slot_of[holding.instrument.instrument_id]
        if market.priced[slot]:
            notional = holding.quantity * _delta_notional_usd(market, slot)
            notionals.setdefault(holding.instrument.class_root, []).append(notional)
    parts = [
        _market_part(parameters, market, root, math.fsum(legs)) for root, legs in sorted(notionals.items())
    ]
    tree = Part.sum_of("liquidity add-on", parts)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _delta_notional_usd(market: MarketView, slot: int) -> float:
    instrument = market.instruments[slot]
    price = float(market.underlying_price(np.array([slot]))[0])
    if instrument.is_inverse:
        return instrument.multiplier / price * fx_rate(instrument, market)
    delta = 1.0
    if instrument.is_option:
        delta = float(option_deltas(market, np.array([slot]))[0])
    return delta * instrument.multiplier * price * fx_rate(instrument, market)


def _market_part(parameters: LiquidityParameters, market: MarketView, root: str, notional_usd: float) -> Part:
    slot = market.slot_of[root]
    unit_value = abs(float(market.unit_value_usd(np.array([slot]))[0]))
    daily_usd = market.instruments[slot].average_daily_volume * unit_value
    if not daily_usd > 0.0:
        daily_usd = parameters.unknown_volume_usd_per_day
    days = abs(notional_usd) / daily_usd
    rate = average_rate(parameters, days)
    return Part(
        f"market {root}",
        abs(notional_usd) * rate,
        facts={
            "delta_notional_usd": notional_usd,
            "average_daily_notional_usd": daily_usd,
            "days_of_volume": days,
            "average_rate": rate,
        },
    )


def average_rate(parameters: LiquidityParameters, days: float) -> float:
    """Mean of the tiers' rates over a position of so many days of volume."""
    if days <= 0.0:
        return 0.0
    tiers = parameters.tiers
    ends = [tier.from_days for tier in tiers[1:]] + [math.inf]
    pieces = [
        tier.rate * (min(days, end) - tier.from_days)
        for tier, end in zip(tiers, ends, strict=True)
        if days > tier.from_days
    ]
    return math.fsum(pieces) / days
