"""Debt in a portfolio margin account: FINRA Rule 4210(e)(2) for what 4210(g) does not cover.

The clerk's page is ``docs/rulebooks/finra-4210-debt.md``; parameters and their sources are in
``data/finra-4210-debt.toml``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import DEBT, Instrument, Silo
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Requirement
from engine.rules.strategy.debt import Debt, debt_of, debts_part
from engine.rules.strategy.debt_parameters import DebtParameters
from engine.rules.strategy.debt_rows import can_be_margined, unit_requirement_usd
from engine.rules.strategy.reading import net_positions

_ASKED, _REFUSED = range(2)  # columns of a row and of a charge


class FinraDebt:
    """Implements :class:`engine.rules.interface.PairingRulebook`: nothing is paired, but a position may be refused.

    Exposure columns: the requirement of one unit in USD, and 1 where it cannot be margined.
    """

    silo = Silo.SECURITIES.value
    scenario_names: tuple[str, ...] = ()
    column_kinds = np.array([LINEAR] * 2, np.int8)

    def __init__(self, parameters: DebtParameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version

    def netting_set(self, instrument: Instrument) -> str:
        """The instrument itself: no debt offsets another.

        Raises:
            MarginError: NO_RULEBOOK for what is no debt.
        """
        if instrument.product not in DEBT:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id} in silo {self.silo}",
                f"{self.rulebook_id} covers {', '.join(sorted(DEBT))}, not {instrument.product.value}",
            )
        return instrument.instrument_id

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """See :class:`FinraDebt`."""
        rows = np.zeros((len(slots), len(self.column_kinds)))
        live = np.flatnonzero(market.priced[slots])
        priced = slots[live]
        rows[live, _ASKED] = unit_requirement_usd(self.parameters.rates, market, priced)
        rows[live, _REFUSED] = ~can_be_margined(market, priced)
        return rows

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """float64[u, 2]: requirement in USD, positions refused."""
        charges = np.zeros((len(sets), 2))
        charges[:, _ASKED] = np.abs(quantities) * rows[instruments, _ASKED]  # a set is one position
        charges[:, _REFUSED] = rows[instruments, _REFUSED]
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over positions; initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets)[:, [_ASKED]], 2, axis=1)

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        """float64[u]: requirement of each netting set."""
        maintenance: Float64s = charges[:, _ASKED]
        return maintenance

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        """Why positions are left out, one error each."""
        return self._split(holdings, market)[1]

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin; what is left out is named beside it."""
        debts, refused = self._split(holdings, market)
        tree = debts_part("FINRA 4210(e)(2) debt", self.parameters.rates, debts, self.version)
        for error in refused:
            tree.facts[f"left out: {error.thing}"] = error.detail
        return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)

    def _split(self, holdings: Sequence[Holding], market: MarketView) -> tuple[list[Debt], list[MarginError]]:
        debts, refused = [], []
        for instrument, quantity in net_positions([h for h in holdings if h.instrument.product in DEBT]):
            try:
                debts.append(debt_of(instrument, quantity, market))
            except MarginError as error:
                refused.append(error)
        return debts, refused
