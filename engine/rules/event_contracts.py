"""Event contracts, vectorised: the largest loss over the outcomes of each event.

A netting set is one event with one list of outcomes, exactly one of which will come. Equity counts contracts at value,
so the loss is counted from there: value now less the payoffs in the worst outcome. What must lie beside them in cash is
then what they may pay out, net of premiums. The plain twin is :mod:`engine.rules.event_contracts_plain`; parameters and
their sources are in ``data/event-contracts.toml``; the clerk's page is ``docs/rulebooks/event-contracts.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.columns import longer
from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.event_contracts_parameters import Parameters
from engine.rules.event_contracts_plain import COVERED, explain_account, netting_set_of
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained


class EventContracts:
    """Fully paid event contracts as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns: P&L in USD against the present value, one per outcome in the order of their names; the columns
    that an event does not need repeat its first outcome, so that they never decide.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.full(parameters.outcome_columns, LINEAR, np.int8)
        self.scenario_names: tuple[str, ...] = ()
        self._payoffs = np.zeros((0, parameters.outcome_columns))
        self._known: list[Instrument | None] = []

    def netting_set(self, instrument: Instrument) -> str:
        """The event with its outcomes.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered; BAD_PARAMETER if the event has more outcomes
                than there are columns.
        """
        require_covered(self, instrument, COVERED)
        if len(instrument.outcomes) > self.parameters.outcome_columns:
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rulebook {self.rulebook_id}: outcome_columns",
                f"is {self.parameters.outcome_columns}, but {instrument.instrument_id} is on an event with "
                f"{len(instrument.outcomes)} outcomes; raise it",
            )
        return netting_set_of(instrument)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: all events are charged alike and do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, outcome columns]: P&L of one contract in each outcome, USD; 0 without a price."""
        self._learn(market, slots)
        rows = np.zeros((len(slots), self.parameters.outcome_columns))
        priced = np.flatnonzero(market.priced[slots])
        taken = slots[priced]
        unit_usd = market.multiplier[taken] * market.fx_rate(taken)
        rows[priced] = (self._payoffs[taken] - market.mark[taken][:, None]) * unit_usd[:, None]
        return rows

    def _learn(self, market: MarketView, slots: Int64s) -> None:
        """Look payoffs up again where an instrument is new or was published again."""
        if len(self._known) < market.count:
            capacity = max(market.count, 2 * len(self._known))
            self._payoffs = longer(self._payoffs, capacity, 0.0)
            self._known += [None] * (capacity - len(self._known))
        for slot in slots.tolist():
            instrument = market.instruments[slot]
            if self._known[slot] is not instrument:
                pays = [outcome in instrument.pays_on for outcome in sorted(instrument.outcomes)]
                self._payoffs[slot] = instrument.payoff * pays[0]
                self._payoffs[slot, : len(pays)] = instrument.payoff * np.array(pays)
                self._known[slot] = instrument

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: requirement of each event, USD."""
        largest_loss = np.maximum(-exposures.min(axis=1, keepdims=True), 0.0)
        charges: Float64s = self.parameters.loss_share * largest_loss
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over events; initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets), 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)
