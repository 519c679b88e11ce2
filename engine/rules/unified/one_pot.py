"""One-pot unified margin: the whole account's tail loss over joint scenarios, with safeguards.

::

    core        = expected shortfall (or value at risk) of the account's P&L over the historical scenarios
    base        = max(core, stress weight x worst stress loss, 0)
    unified     = max(base, (1 - offset cap) x sum of stand-alone bases) + minimum charges + liquidity add-on
    requirement = max(unified, floor share x silo total)

Minimum charges are per contract, gross, and include the residual move of factors that follow a proxy.
The same steps in plain Python: :mod:`engine.rules.unified.one_pot_plain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engine.base.kernel import kernel
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s, SiloRulebook
from engine.rules.requirement import Explained
from engine.rules.unified.factor_rows import FactorRows
from engine.rules.unified.liquidity_add_on import LiquidityAddOn
from engine.rules.unified.minimum import minimum_per_contract
from engine.rules.unified.one_pot_parameters import OnePotParameters
from engine.rules.unified.one_pot_plain import explain_one_pot
from engine.rules.unified.tail import Int32s, rank_weights, tail_loss, tail_scratch, tail_weights

_CORE, _STRESS, _BASE, _MINIMUM, _STANDALONE = range(5)  # columns of a charge


class OnePot:
    """The vectorised rulebook; implements :class:`engine.rules.unified.interface.UnifiedRulebook`.

    Attributes:
        column_kinds: one LINEAR column per scenario, then per contract charges of longs and of shorts.
        tail_size: scenarios that the risk measure looks at.
    """

    charge_columns: tuple[str, ...] = ("core", "stress", "base", "minimum", "standalone")
    result_columns: tuple[str, ...] = (
        "requirement",
        "core",
        "stress_top_up",
        "minimum",
        "add_on",
        "cap_top_up",
        "floor_top_up",
        "standalone_sum",
    )

    def __init__(self, parameters: OnePotParameters, scenarios: ScenarioSet) -> None:
        """Bind parameters to a scenario set.

        Raises:
            MarginError: BAD_PARAMETER if a proxy points to a factor that the set lacks.
        """
        self.parameters = parameters
        self.scenarios = scenarios
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.eligible_products = parameters.eligible_products
        self.column_kinds = np.array([LINEAR] * scenarios.count + [LONG, SHORT], np.int8)
        self.add_on: SiloRulebook = LiquidityAddOn(parameters)
        self._factor_rows = FactorRows(scenarios, parameters)
        self._weights = rank_weights(parameters.measure, parameters.confidence, scenarios.historical_count)
        self.tail_size = len(self._weights)

    def eligible_account(self, approvals: Iterable[str], account_type: str) -> bool:
        """The type is admitted and every required approval is there."""
        admitted = account_type in self.parameters.eligible_account_types
        return admitted and self.parameters.required_approvals.issubset(approvals)

    def check_instrument(self, market: MarketView, slot: int) -> None:
        """See :meth:`UnifiedRulebook.check_instrument`."""
        self._factor_rows.check(market, slot)

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """P&L of one contract in each scenario, then its charge when held long and when held short.

        Returns:
            float64[n, S + 2], USD; zero rows for slots without price.

        Raises:
            MarginError: BAD_PARAMETER naming an instrument and the factor that the scenario set lacks.
        """
        rows = np.zeros((len(slots), self.scenarios.count + 2))
        live = np.flatnonzero(market.priced[slots])
        priced = slots[live]
        rows[live, :-2] = self._factor_rows.pnl(market, priced)
        minimum = minimum_per_contract(self.parameters, market, priced)
        rows[live, -2:] = minimum[:, None] + self._factor_rows.residual_charges(market, priced)
        return rows

    def charge(self, values: Float64s, units: Int64s, sets: Int64s, tails: Int32s) -> Float64s:
        """See :meth:`UnifiedRulebook.charge`; ``stress`` is the weighted worst stress loss."""
        charges = np.empty((len(units), len(self.charge_columns)))
        _charge(
            values,
            units,
            self.scenarios.historical_count,
            self.scenarios.count,
            self._weights,
            self.parameters.stress_weight,
            tails,
            charges,
        )
        return charges

    def combine(
        self,
        values: Float64s,
        charges: Float64s,
        units: Int64s,
        sets: Int64s,
        offsets: Int64s,
        add_on_usd: Float64s,
        silo_total_usd: Float64s,
        tails: Int32s,
    ) -> Float64s:
        """See :meth:`UnifiedRulebook.combine`."""
        results = np.empty((len(offsets) - 1, len(self.result_columns)))
        _combine(
            values,
            charges,
            units,
            offsets,
            add_on_usd,
            silo_total_usd,
            self.scenarios.historical_count,
            self.scenarios.count,
            self._weights,
            self.parameters.stress_weight,
            self.parameters.offset_cap,
            self.parameters.floor_share_of_silos,
            tails,
            results,
        )
        return results

    def tail_weights(self, exposures: Float64s) -> Float64s:
        """The tail of the core, or the worst stress scenario alone where its weighted loss is larger."""
        historical, count = self.scenarios.historical_count, self.scenarios.count
        pnl = exposures[:, :count].sum(axis=0)
        weights = np.zeros(count)
        weights[:historical] = tail_weights(pnl[:historical], self._weights)
        if historical < count:
            worst = historical + int(np.argmin(pnl[historical:]))
            stress_weight = self.parameters.stress_weight
            if -pnl[worst] * stress_weight > -pnl @ weights:
                weights[:] = 0.0
                weights[worst] = stress_weight
        return weights

    def explain(
        self, holdings: Sequence[Holding], market: MarketView, silo_total_usd: float = 0.0
    ) -> Explained:
        """See :func:`engine.rules.unified.one_pot_plain.explain_one_pot`."""
        return explain_one_pot(self.parameters, self.scenarios, holdings, market, silo_total_usd)


@kernel
def _base(
    pnl: Float64s,
    historical: int,
    count: int,
    weights: Float64s,
    stress_weight: float,
    tail: Int32s,
    scratch: tuple[Float64s, Int32s],
) -> tuple[float, float]:
    """Core and weighted stress loss of ``pnl[:count]``, both floored at zero; NaN stays NaN."""
    core = tail_loss(pnl, historical, weights, tail, scratch)
    least, numbers = 0.0, 0
    for scenario in range(historical, count):
        least = pnl[scenario] if pnl[scenario] < least else least  # noqa: FURB136
        numbers += pnl[scenario] == pnl[scenario]
    stress = 0.0 - least * stress_weight if numbers == count - historical else np.nan
    return (core if not core < 0.0 else 0.0), stress


@kernel
def _charge(
    values: Float64s,
    units: Int64s,
    historical: int,
    count: int,
    weights: Float64s,
    stress_weight: float,
    tails: Int32s,
    charges: Float64s,
) -> None:
    scratch = tail_scratch(len(weights), historical)
    for i in range(len(units)):
        pnl = values[units[i]]
        core, stress = _base(pnl, historical, count, weights, stress_weight, tails[units[i], 0], scratch)
        base = core + max(stress - core, 0.0)
        minimum = pnl[count] + pnl[count + 1]
        charges[i, _CORE] = core
        charges[i, _STRESS] = stress
        charges[i, _BASE] = base
        charges[i, _MINIMUM] = minimum
        charges[i, _STANDALONE] = base + minimum


@kernel
def _combine(
    values: Float64s,
    charges: Float64s,
    units: Int64s,
    offsets: Int64s,
    add_on_usd: Float64s,
    silo_total_usd: Float64s,
    historical: int,
    count: int,
    weights: Float64s,
    stress_weight: float,
    offset_cap: float,
    floor_share: float,
    tails: Int32s,
    results: Float64s,
) -> None:
    scratch = tail_scratch(len(weights), historical)
    joint = np.empty(count)
    for account in range(len(offsets) - 1):
        first, last = offsets[account], offsets[account + 1]
        core = stress = base_sum = minimum = standalone_sum = 0.0
        for entry in range(first, last):
            core, stress = charges[entry, _CORE], charges[entry, _STRESS]
            base_sum += charges[entry, _BASE]
            minimum += charges[entry, _MINIMUM]
            standalone_sum += charges[entry, _STANDALONE]
        if last - first > 1:  # the base of a single unit is its own
            joint[:] = 0.0
            for entry in range(first, last):
                pnl = values[units[entry]]
                for scenario in range(count):
                    joint[scenario] += pnl[scenario]
            tail = tails[units[first], 1]
            core, stress = _base(joint, historical, count, weights, stress_weight, tail, scratch)
        stress_top_up = max(stress - core, 0.0)
        base = core + stress_top_up
        cap_top_up = max((1.0 - offset_cap) * base_sum - base, 0.0)
        unified = base + cap_top_up + minimum + add_on_usd[account]
        floor_top_up = max(floor_share * silo_total_usd[account] - unified, 0.0)
        results[account, 0] = unified + floor_top_up
        results[account, 1] = core
        results[account, 2] = stress_top_up
        results[account, 3] = minimum
        results[account, 4] = add_on_usd[account]
        results[account, 5] = cap_top_up
        results[account, 6] = floor_top_up
        results[account, 7] = standalone_sum
