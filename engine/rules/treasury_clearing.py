"""Margin of cleared Treasuries and repo, vectorised: repriced on every move of the key rates, one portfolio.

Exposure columns: P&L of one unit in every scenario; its gain per basis point of each key rate; its whole value, long
and short, if it moves with no key rate. The plain twin is :mod:`engine.rules.treasury_clearing_plain`;
parameters and their sources are in ``data/treasury-clearing.toml``; the clerk's page is
``docs/rulebooks/treasury-clearing.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.bond_pricing import price_moves
from engine.market.credit_pricing import BASIS_POINT
from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.repo import cash_legs
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.historical_loss import HistoricalLoss
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.liquidity_tiers import costs_of
from engine.rules.portfolio_differential import LEAST_CHARGE_USD
from engine.rules.requirement import Explained
from engine.rules.treasury_clearing_model import DAYS_PER_MONTH, Model
from engine.rules.treasury_clearing_parameters import Parameters
from engine.rules.treasury_clearing_plain import explain_account

_FUTURE, _REPO = PRODUCT_CODE[Product.FUTURE], PRODUCT_CODE[Product.REPO]


class TreasuryClearing:
    """Value at risk, minimum margin amount, liquidity adjustment and portfolio differential as a
    :class:`engine.rules.interface.SiloRulebook`."""

    def __init__(self, parameters: Parameters, scenarios: ScenarioSet) -> None:
        """
        Raises:
            MarginError: BAD_PARAMETER if the scenario set does not describe the key rates.
        """
        self.parameters = parameters
        self.scenarios = scenarios
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.scenario_names = scenarios.names
        self.model = Model(parameters, scenarios)
        self._key_rates = len(self.model.key_rates.months)
        self.column_kinds = np.array([LINEAR] * (scenarios.count + self._key_rates) + [LONG, SHORT], np.int8)
        self._loss = HistoricalLoss(parameters.measure, scenarios.historical_count)
        self._to_bucket = np.eye(len(parameters.liquidity))[self.model.bucket_of]

    def netting_set(self, instrument: Instrument) -> str:
        """See :meth:`engine.rules.treasury_clearing_model.Model.netting_set`."""
        return self.model.netting_set(instrument)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: there is one set."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, S + t + 2] of one unit, USD."""
        count, t = self.scenarios.count, self._key_rates
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = np.flatnonzero(market.priced[slots])
        taken = slots[priced]
        products = market.product[taken]
        unknown = np.array(
            [self.model.moves_with_none(market.instruments[slot]) for slot in taken.tolist()], np.bool_
        )
        moving = np.flatnonzero(~unknown)
        if len(moving):
            rows[priced[moving], : count + t] = self._bond_moves(market, taken[moving])
        repos = np.flatnonzero(products == _REPO)
        if len(repos):
            rows[priced[repos], : count + t] -= self._cash_moves(market, taken[repos])
        scale = market.multiplier[taken] * market.fx_rate(taken)
        rows[priced] *= scale[:, None]
        rows[priced[unknown], count + t :] = np.abs(market.unit_value_usd(taken[unknown]))[:, None]
        return rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: the greater of value at risk and minimum, the cost of closing, futures at their value; USD."""
        count, t = self.scenarios.count, self._key_rates
        sensitivities = exposures[:, count : count + t]
        loss = np.maximum(self._loss.charge(exposures[:, :count]), self._minimum(sensitivities))
        liquidity = costs_of(self.parameters.liquidity, sensitivities @ self._to_bucket)
        charges: Float64s = loss + liquidity + exposures[:, count + t :].sum(axis=1)
        return charges[:, None]

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: initial (a multiple of maintenance), maintenance."""
        return self._requirements(sum_by_account(charges, offsets))

    def combine_with_past(
        self, charges: Float64s, sets: Int64s, offsets: Int64s, past_usd: Sequence[Sequence[float]]
    ) -> Float64s:
        """As :meth:`combine`, with the differential of who is charged anything."""
        total = sum_by_account(charges, offsets)
        charged = np.flatnonzero(total[:, 0] >= LEAST_CHARGE_USD)
        differential = self.parameters.differential
        total[charged, 0] += differential.charges([past_usd[account] for account in charged.tolist()])
        return self._requirements(total)

    def _requirements(self, total: Float64s) -> Float64s:
        return np.hstack([self.parameters.initial_share * total, total])

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.model, holdings, market)

    def explain_with_past(
        self, holdings: Sequence[Holding], market: MarketView, past_usd: Sequence[float]
    ) -> Explained:
        """The plain twin, with the differential."""
        return explain_account(self.model, holdings, market, past_usd)

    def _minimum(self, sensitivities: Float64s) -> Float64s:
        """float64[m]: minimum margin amount, USD."""
        losses = sensitivities / BASIS_POINT * self.model.minimum_moves
        one = np.maximum(losses, 0.0).sum(axis=1)
        other = np.maximum(-losses, 0.0).sum(axis=1)
        minimum: Float64s = np.maximum(one, other) - self.parameters.minimum.offset * np.minimum(one, other)
        return minimum

    def _bond_moves(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, S + t]: the bond's move in each scenario and per basis point of each key rate, in percent.

        Of a repo the Treasury behind it, of a future the bond it moves as.
        """
        today = market.valuation_time_ns // NANOSECONDS_PER_DAY
        bonds = np.where(market.product[slots] == _REPO, market.underlying[slots], slots)
        maturity = market.expiry_ns[bonds] // NANOSECONDS_PER_DAY
        coupon = market.coupon[bonds].copy()
        for place in np.flatnonzero(market.product[slots] == _FUTURE).tolist():
            coupon[place], maturity[place] = self.model.bond_of(market.instruments[slots[place]], today)
        shares = self.model.key_rates.shares((maturity - today) / DAYS_PER_MONTH)
        yield_moves = np.hstack(
            [shares @ self.model.key_rates.moves.T, np.full((len(slots), 1), BASIS_POINT)]
        )
        moves = price_moves(today, maturity, coupon, market.mark[bonds], yield_moves)
        return np.hstack([moves[:, :-1], shares * moves[:, -1:]])

    def _cash_moves(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, S + t]: the same of the cash that repos pay back."""
        cash = cash_legs(market, slots)
        shares = self.model.key_rates.shares(cash.days / DAYS_PER_MONTH)
        rate_moves = np.hstack([shares @ self.model.key_rates.moves.T, np.full((len(slots), 1), BASIS_POINT)])
        moves = cash.value(cash.rate[:, None] + rate_moves) - cash.value(cash.rate[:, None])
        return np.hstack([moves[:, :-1], shares * moves[:, -1:]])
