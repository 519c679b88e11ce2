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

from engine.base.errors import MarginError, Reason
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.portfolio.holding_kernels import HoldingColumns
from engine.risk.scenario_sums import MovedRows, SumColumns
from engine.rules.interface import LINEAR, LONG, SHORT, AddingRulebook, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.unified.factor_rows import FactorRows
from engine.rules.unified.liquidity_add_on import LiquidityAddOn
from engine.rules.unified.minimum import minimum_per_contract
from engine.rules.unified.one_pot_kernels import (
    Measure,
    UnitColumns,
    charge_units,
    combine_accounts,
    renew_accounts,
)
from engine.rules.unified.one_pot_parameters import OnePotParameters
from engine.rules.unified.one_pot_plain import explain_one_pot
from engine.rules.unified.tail import MOST_SCENARIOS, Int16s, no_tails, rank_weights, tail_weights


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
            MarginError: BAD_PARAMETER if a proxy points to a factor that the set lacks, or if there are more
                historical scenarios than a tail can name.
        """
        if scenarios.historical_count > MOST_SCENARIOS:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"scenario set {scenarios.label}",
                f"{scenarios.historical_count:,} historical scenarios, at most {MOST_SCENARIOS:,} are possible: "
                "leave out the oldest",
            )
        self.parameters = parameters
        self.scenarios = scenarios
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.eligible_products = parameters.eligible_products
        self.column_kinds = np.array([LINEAR] * scenarios.count + [LONG, SHORT], np.int8)
        self.add_on: AddingRulebook = LiquidityAddOn(parameters)
        self._factor_rows = FactorRows(scenarios, parameters)
        weights = rank_weights(parameters.measure, parameters.confidence, scenarios.historical_count)
        self._measure = Measure(
            scenarios.historical_count, scenarios.count, weights, parameters.stress_weight,
            parameters.offset_cap, parameters.floor_share_of_silos,
        )  # fmt: skip
        self.tail_size = len(weights)

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

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """See :meth:`UnifiedRulebook.charge`; ``stress`` is the weighted worst stress loss."""
        charges = np.empty((len(exposures), len(self.charge_columns)))
        charge_units(exposures, self._measure, no_tails(len(exposures), self.tail_size), charges)
        return charges

    def combine(
        self,
        exposures: Float64s,
        charges: Float64s,
        sets: Int64s,
        offsets: Int64s,
        add_on_usd: Float64s,
        silo_total_usd: Float64s,
    ) -> Float64s:
        """See :meth:`UnifiedRulebook.combine`."""
        units = UnitColumns(exposures, charges, no_tails(len(exposures), self.tail_size))
        results = np.empty((len(offsets) - 1, len(self.result_columns)))
        combine_accounts(units, offsets, self._measure, add_on_usd, silo_total_usd, results)
        return results

    def renew(
        self,
        accounts: Int64s,
        holdings: HoldingColumns,
        moved: MovedRows,
        sums: SumColumns,
        charges: Float64s,
        tails: Int16s,
        add_on: Float64s,
        silo_total_usd: Float64s,
        results: Float64s,
    ) -> None:
        """See :meth:`UnifiedRulebook.renew`."""
        units = UnitColumns(sums.values, charges, tails)
        renew_accounts(accounts, holdings, moved, sums, units, self._measure, add_on, silo_total_usd, results)

    def tail_weights(self, exposures: Float64s) -> Float64s:
        """The tail of the core, or the worst stress scenario alone where its weighted loss is larger."""
        historical, count = self.scenarios.historical_count, self.scenarios.count
        pnl = exposures[:, :count].sum(axis=0)
        weights = np.zeros(count)
        weights[:historical] = tail_weights(pnl[:historical], self._measure.weights)
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
