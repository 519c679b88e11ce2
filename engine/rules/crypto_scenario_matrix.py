"""Scenario-matrix portfolio margin of the kind that offshore crypto venues use; vectorised, a comparison.

All positions on one coin, spot included, are repriced over a matrix of price and volatility moves; the requirement is
the worst weighted loss, at least a share of net and hedged delta, and a provision for funding. Coins never offset. A
coin-margined (inverse) contract gains coins, which count at their price in the scenario or at the present one. The
plain twin is :mod:`engine.rules.crypto_scenario_matrix_plain`; parameters and their sources are in
``data/crypto-scenario-matrix.toml``; the clerk's page is ``docs/rulebooks/crypto-scenario-matrix.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.revaluation import option_deltas, option_moves
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.crypto_scenario_matrix_parameters import COVERED, Parameters, coin_of
from engine.rules.crypto_scenario_matrix_plain import explain_account
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.requirement import Explained

_DAYS_PER_YEAR = 365.0
_PERPETUAL = PRODUCT_CODE[Product.PERPETUAL]


class CryptoScenarioMatrix:
    """A scenario matrix as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns, USD: weighted P&L of each scenario; net delta; funding expected to be paid; delta without its sign
    of what is held long, and of what is held short. A netting set is one coin, e.g. ``BTC``.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self._points = len(parameters.scenarios)
        self.column_kinds = np.array([LINEAR] * (self._points + 2) + [LONG, SHORT], np.int8)
        self.scenario_names: tuple[str, ...] = tuple(scenario.name for scenario in parameters.scenarios)
        self._price = np.array([scenario.price for scenario in parameters.scenarios])
        self._volatility = np.array([scenario.volatility for scenario in parameters.scenarios])
        self._weight = np.array([scenario.weight for scenario in parameters.scenarios])

    def netting_set(self, instrument: Instrument) -> str:
        """The coin.

        Raises:
            MarginError: NO_RULEBOOK for other products and for contracts that are not quoted in USD.
        """
        thing = f"instrument {instrument.instrument_id} under {self.rulebook_id}"
        if instrument.product not in COVERED:
            covered = ", ".join(sorted(COVERED))
            raise MarginError(Reason.NO_RULEBOOK, thing, f"covers {covered}, not {instrument.product.value}")
        if instrument.currency != "USD" and not instrument.is_inverse:
            detail = f"covers contracts in USD and inverse ones, not in {instrument.currency}"
            raise MarginError(Reason.NO_RULEBOOK, thing, detail)
        return coin_of(instrument)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Coins have no parameters of their own."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, k]: the columns of one contract; 0 without a price."""
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = market.priced[slots]
        option = market.model[slots] > 0
        for chosen, pnl_of, delta_of in (
            (priced & ~option, self._linear_pnl, market.notional_usd),
            (priced & option, self._option_pnl, lambda taken: _option_delta_usd(market, taken)),
        ):
            taken = slots[chosen]
            delta = delta_of(taken)
            rows[chosen, : self._points] = pnl_of(market, taken) * self._weight
            rows[chosen, self._points] = delta
            rows[chosen, self._points + 2 :] = np.abs(delta)[:, None]
        rows[priced, self._points + 1] = self._funding(market, slots[priced])
        return rows

    def _linear_pnl(self, market: MarketView, slots: Int64s) -> Float64s:
        pnl: Float64s = market.notional_usd(slots)[:, None] * self._price
        if self.parameters.gain_in_coins:
            inverse = market.inverse[slots]
            pnl[inverse] /= 1.0 + self._price
        return pnl

    def _option_pnl(self, market: MarketView, slots: Int64s) -> Float64s:
        scaling = self.parameters.scaling
        days = _DAYS_PER_YEAR * market.years_to_expiry(slots)
        power = np.where(days < scaling.reference_days, scaling.short_power, scaling.long_power)
        scale = (scaling.reference_days / np.maximum(days, scaling.shortest_days)) ** power
        prices = market.underlying_price(slots)[:, None] * (1.0 + self._price)
        shocked = np.maximum(1.0 + scale[:, None] * self._volatility, 0.0)
        moves = option_moves(market, slots, prices, market.volatility[slots][:, None] * shocked)
        pnl: Float64s = (market.multiplier[slots] * market.fx_rate(slots))[:, None] * moves
        return pnl

    def _funding(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n]: what one contract held long is expected to pay over the hours provided for."""
        paid = np.zeros(len(slots))
        for place in np.flatnonzero(market.product[slots] == _PERPETUAL).tolist():
            instrument = market.instruments[slots[place]]
            if instrument.funding_rate:
                paid[place] = (
                    instrument.funding_rate * self.parameters.funding_hours / instrument.funding_interval_h
                )
        funding: Float64s = paid * market.notional_usd(slots)
        return funding

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 2]: initial and maintenance of each coin, USD."""
        parameters, points = self.parameters, self._points
        worst = np.maximum(-exposures[:, :points].min(axis=1), 0.0)
        net = np.abs(exposures[:, points])
        hedged = np.maximum(exposures[:, points + 2] + exposures[:, points + 3] - net, 0.0) / 2.0
        least = parameters.net_delta_rate * net + parameters.hedged_delta_rate * hedged
        before = np.maximum(worst, least)
        provision = np.maximum(exposures[:, points + 1], 0.0)
        return np.column_stack([before + provision, parameters.maintenance_share * before + provision])

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over coins, which do not offset one another."""
        return sum_by_account(charges, offsets)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)


def _option_delta_usd(market: MarketView, slots: Int64s) -> Float64s:
    contract_usd = market.multiplier[slots] * market.fx_rate(slots)
    return contract_usd * option_deltas(market, slots) * market.underlying_price(slots)
