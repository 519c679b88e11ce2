"""Perpetuals, crypto futures and options, cross margin, tiered by notional; vectorised.

Each contract of an account is charged by itself: maintenance = |notional| x rate - deduction of the tier that
the notional reaches, initial = |notional| x initial rate of that tier; an option sold by shares of its underlying's
price, an option bought by its own value; the account's is the sum. Tiers of coin-margined (inverse) contracts are in
their coin, and so is what they require; it counts at the coin's rate. The plain twin is
:mod:`engine.rules.crypto_tiered_plain`; parameters and their sources are in ``data/crypto-tiered.toml``; the clerk's
page is ``docs/rulebooks/crypto-tiered.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.kernel import kernel
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.crypto_tiered_options import OptionRows
from engine.rules.crypto_tiered_parameters import USD, Parameters
from engine.rules.crypto_tiered_plain import COVERED, explain_account
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.requirement import Explained


@kernel
def _charge(
    notional: Float64s,
    coins: Float64s,
    own_initial: Float64s,
    schedule: Int64s,
    first_tier: Int64s,
    tiers: Float64s,
    rounding: Float64s,
    out: Float64s,
) -> None:
    """out[m, 2] = initial, maintenance; tiers[t] = reached at, initial rate, maintenance rate, deduction.

    ``coins``: float64[m], the notional in coins of an inverse contract, whose tiers are in coins; 0 = of none.
    ``own_initial``: float64[m], by the contract's own open interest; 0 = by the tier.
    """
    for unit in range(len(notional)):
        size = abs(notional[unit])
        if size == 0.0:  # an option, or nothing that has a price
            continue
        rate = 1.0
        if coins[unit] != 0.0:
            rate = size / abs(coins[unit])
            size = abs(coins[unit])
        tier = first_tier[schedule[unit]]
        last = first_tier[schedule[unit] + 1] - 1
        while tier < last and size >= tiers[tier + 1, 0]:
            tier += 1
        own = abs(own_initial[unit])
        out[unit, 0] = own if own > 0.0 else rate * size * tiers[tier, 1]
        out[unit, 1] = rate * (size * tiers[tier, 2] - tiers[tier, 3])
        step = rounding[schedule[unit]]
        if step > 0.0:
            # 1e-12: float noise above a multiple is no reason to go to the next one.
            out[unit, 0] = math.ceil(out[unit, 0] / step * (1.0 - 1e-12)) * step
            out[unit, 1] = math.ceil(out[unit, 1] / step * (1.0 - 1e-12)) * step


class CryptoTiered:
    """Tiered crypto margin as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns: signed notional in USD; of options, each 0 for everything else, the value bought and what is
    sold requires initially and for maintenance; signed initial requirement by the contract's own open interest, 0 where
    the schedule's stands; of inverse contracts the signed notional in coins. A netting set is one contract, named
    ``schedule/instrument_id``.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LINEAR, LONG, SHORT, SHORT, LINEAR, LINEAR], np.int8)
        self.scenario_names: tuple[str, ...] = ()
        schedules = list(parameters.schedules.values())
        self._index = {schedule.name: index for index, schedule in enumerate(schedules)}
        self._rounding = np.array([schedule.rounding_usd for schedule in schedules])
        self._first_tier = np.cumsum([0, *(len(schedule.tiers) for schedule in schedules)]).astype(np.int64)
        self._tiers = np.array(
            [
                (tier.reached_at, tier.initial_rate, tier.maintenance_rate, tier.deduction)
                for schedule in schedules
                for tier in schedule.tiers
            ]
        ).reshape(-1, 4)
        self._option_rates = OptionRows(parameters)
        self._schedule_of_set = np.zeros(0, np.int64)

    def netting_set(self, instrument: Instrument) -> str:
        """``schedule/instrument_id``: a contract nets with itself only.

        Raises:
            MarginError: NO_RULEBOOK for other products and for contracts in another currency that are not inverse;
                BAD_PARAMETER if the instrument's margin_schedule is not in the parameter file, or is one of options
                for another contract, or in another unit than the contract settles in, or the other way round.
        """
        thing = f"instrument {instrument.instrument_id} in silo {self.silo}"
        require_covered(self, instrument, COVERED)
        if instrument.currency != USD and not instrument.is_inverse:
            raise MarginError(
                Reason.NO_RULEBOOK,
                thing,
                f"{self.rulebook_id} covers contracts in USD and inverse ones; currency {instrument.currency!r} "
                f"with settlement {instrument.settlement!r} is neither",
            )
        self._schedule_index(instrument.margin_schedule, instrument.instrument_id)
        schedule = self.parameters.schedules[instrument.margin_schedule]
        if (schedule.option is not None) != instrument.is_option:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: schedules.{schedule.name}",
                f"is {'not ' if instrument.is_option else ''}one of options, but {thing} is "
                f"{instrument.product.value}",
            )
        if schedule.unit != instrument.currency:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: schedules.{schedule.name}",
                f"has its tiers in {schedule.unit}, but {thing} settles in {instrument.currency}",
            )
        return f"{instrument.margin_schedule}/{instrument.instrument_id}"

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Look up the schedule of each netting set that is new.

        Raises:
            MarginError: BAD_PARAMETER if a set's schedule is not in the parameter file.
        """
        fresh = [
            self._schedule_index(schedule, instrument_id)
            for schedule, _, instrument_id in (
                name.partition("/") for name in netting_sets[len(self._schedule_of_set) :]
            )
        ]
        self._schedule_of_set = np.append(self._schedule_of_set, np.array(fresh, np.int64))

    def _schedule_index(self, schedule: str, instrument_id: str) -> int:
        index = self._index.get(schedule)
        if index is None:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: schedules.{schedule}",
                f"is missing, but instrument {instrument_id} has it as margin_schedule; "
                f"known are {', '.join(self._index)}",
            )
        return index

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 6]: notional of one contract, or value and requirements of one option; 0 without a price."""
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = market.priced[slots]
        option = market.model[slots] > 0
        rows[priced & ~option, 0] = market.notional_usd(slots[priced & ~option])
        inverse = priced & market.inverse[slots]
        rows[inverse, 5] = market.multiplier[slots[inverse]] / market.mark[slots[inverse]]
        rows[priced & option, 1:4] = self._option_rates.of(market, slots[priced & option])
        for place in np.flatnonzero(priced & ~option).tolist():
            instrument = market.instruments[slots[place]]
            scaling = self.parameters.schedules[instrument.margin_schedule].scaling
            if scaling is not None and instrument.open_interest > 0.0:
                scaled = scaling.at(instrument.open_interest * abs(float(rows[place, 0])))
                rows[place, 4] = rows[place, 0] * float(scaled.effective_initial())
        return rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 2]: initial and maintenance of each contract, USD."""
        charges = exposures[:, 1:2] + exposures[:, 2:4]
        notional = np.ascontiguousarray(exposures[:, 0])
        schedule = self._schedule_of_set[sets]
        own_initial = np.ascontiguousarray(exposures[:, 4])
        coins = np.ascontiguousarray(exposures[:, 5])
        _charge(
            notional, coins, own_initial, schedule, self._first_tier, self._tiers, self._rounding, charges
        )
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over contracts; contracts do not offset one another."""
        return sum_by_account(charges, offsets)

    @property
    def names_liquidation_prices(self) -> bool:
        """Given the equity, the explanation names them."""
        return True

    def explain(
        self, holdings: Sequence[Holding], market: MarketView, equity_usd: float | None = None
    ) -> Explained:
        """The plain twin; with the equity that stands behind these contracts it names liquidation prices."""
        return explain_account(self.parameters, holdings, market, equity_usd)
