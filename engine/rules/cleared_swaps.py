"""Margin of cleared swaps, vectorised: each swap repriced on every scenario's curves, sums charged as one portfolio.

Exposure columns: P&L of one contract in every scenario, then its DV01 or CS01 by liquidity bucket. A netting set is
all interest rate swaps of an account, or all its credit indexes. The plain twin is
:mod:`engine.rules.cleared_swaps_plain`; parameters and their sources are in ``data/cleared-swaps.toml``; the clerk's
page is ``docs/rulebooks/cleared-swaps.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.market.credit import credit_moves, credit_spreads, maturity_days, valuation_day
from engine.market.credit_pricing import BASIS_POINT
from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.cleared_swaps_model import CREDIT, RATES, Model
from engine.rules.cleared_swaps_parameters import Parameters
from engine.rules.cleared_swaps_plain import explain_account
from engine.rules.historical_loss import HistoricalLoss
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.liquidity_tiers import bucket_place, costs_of
from engine.rules.requirement import Explained

_RATE_SWAP = PRODUCT_CODE[Product.INTEREST_RATE_SWAP]
_INDEX = PRODUCT_CODE[Product.CREDIT_INDEX_SWAP]
_DAYS_PER_YEAR = 365.0


class ClearedSwaps:
    """Historical loss and liquidity add-on as a :class:`engine.rules.interface.SiloRulebook`."""

    def __init__(self, parameters: Parameters, scenarios: ScenarioSet) -> None:
        self.parameters = parameters
        self.scenarios = scenarios
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.scenario_names = scenarios.names
        self.model = Model(parameters, scenarios)
        self.column_kinds = np.full(scenarios.count + len(self.model.buckets), LINEAR, np.int8)
        self._loss = HistoricalLoss(parameters.measure, scenarios.historical_count)
        self._buckets = [bucket for _, _, bucket in self.model.buckets]

    def netting_set(self, instrument: Instrument) -> str:
        """See :meth:`engine.rules.cleared_swaps_model.Model.netting_set`."""
        return self.model.netting_set(instrument)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: both sets are charged alike and do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, S + buckets]: P&L of one contract in each scenario, its gain per basis point by bucket; USD."""
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = market.priced[slots]
        for curve_id in self.model.key_tenors:
            on_curve = [market.instruments[slot].underlying == curve_id for slot in slots.tolist()]
            places = np.flatnonzero(priced & (market.product[slots] == _RATE_SWAP) & on_curve)
            if len(places):
                rows[places] = self._rate_rows(market, curve_id, slots[places])
        for entity in self.model.credit_column:
            of_entity = [market.instruments[slot].reference_entity == entity for slot in slots.tolist()]
            places = np.flatnonzero(priced & (market.product[slots] == _INDEX) & of_entity)
            if len(places):
                rows[places] = self._credit_rows(market, entity, slots[places])
        return rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: historical loss and liquidity add-on of each set, USD."""
        count = self.scenarios.count
        losses = self._loss.charge(exposures[:, :count])
        return (losses + costs_of(self._buckets, exposures[:, count:]))[:, None]

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: initial (a multiple of maintenance), maintenance (the sum over both sets)."""
        total = sum_by_account(charges, offsets)
        return np.hstack([self.parameters.initial_share * total, total])

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.model, holdings, market)

    def _rate_rows(self, market: MarketView, curve_id: str, slots: Int64s) -> Float64s:
        """Today's curves first, then those of the scenarios, then those with one quote a basis point up."""
        curves, count = market.rate_curves, self.scenarios.count
        rests_on = curves.rests_on(curve_id)
        quotes = [(each, months) for each in rests_on for months in curves.tenors(each)]
        curves_count = 1 + count + len(quotes)
        shifts: dict[str, Float64s] = {}
        for each in rests_on:
            own = curves.tenors(each)
            shifts[each] = np.zeros((curves_count, len(own)))
            shifts[each][1 : 1 + count] = self.model.key_tenors[each].at(own)
            places = [place for place, (owner, _) in enumerate(quotes) if owner == each]
            shifts[each][1 + count + np.array(places), np.arange(len(own))] = BASIS_POINT
        values = curves.values(market, curve_id, slots, shifts, curves_count)
        moves = (values[:, 1:] - values[:, :1]) * (market.multiplier[slots] * market.fx_rate(slots))[:, None]
        rows = np.zeros((len(slots), len(self.column_kinds)))
        # Quotes that admit no curve once moved: by the gains per basis point instead.
        along = (
            moves[:, count:] @ np.hstack([shifts[each][1 : 1 + count] for each in rests_on]).T / BASIS_POINT
        )
        rows[:, :count] = np.where(np.isfinite(moves[:, :count]), moves[:, :count], along)
        currency = curves.conventions[curve_id].currency
        first = count + self.model.first_bucket(RATES, currency)
        buckets = self.parameters.rate_liquidity[currency]
        for place, (_, months) in enumerate(quotes):
            rows[:, first + bucket_place(buckets, months / 12)] += moves[:, count + place]
        return rows

    def _credit_rows(self, market: MarketView, entity: str, slots: Int64s) -> Float64s:
        count = self.scenarios.count
        spreads = credit_spreads(market, slots)
        shocks = self.scenarios.shocks[:, self.model.credit_column[entity]]
        points = np.concatenate([np.outer(spreads, 1.0 + shocks), spreads[:, None] + BASIS_POINT], axis=1)
        moves = credit_moves(market, slots, spreads, points)
        moves *= (market.multiplier[slots] * market.fx_rate(slots))[:, None]
        rows = np.zeros((len(slots), len(self.column_kinds)))
        rows[:, :count] = moves[:, :count]
        buckets = self.parameters.credit_liquidity[entity]
        first = count + self.model.first_bucket(CREDIT, entity)
        years = (maturity_days(market, slots) - valuation_day(market)) / _DAYS_PER_YEAR
        for place, left in enumerate(years.tolist()):
            rows[place, first + bucket_place(buckets, left)] = moves[place, count]
        return rows
