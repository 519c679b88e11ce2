"""Standardized initial margin of uncleared swaps (17 CFR 23.154(c), the "schedule"), vectorised.

A share of notional by asset class and duration; the part of it that netting may take counts with the net-to-gross ratio
of the replacement costs. All swaps of an account are one netting set. The plain twin is
:mod:`engine.rules.schedule_im_plain`; the table and its sources are in ``data/schedule-im.toml``; the clerk's page is
``docs/rulebooks/schedule-im.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.market.credit import months_left
from engine.market.instruments import FUTURES_STYLE, Instrument
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.schedule_im_parameters import FACE, Parameters
from engine.rules.schedule_im_plain import explain_account

_NETTING_SET = "all swaps"


class ScheduleIm:
    """Standardized initial margin as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns, USD: value to the account; gross initial margin of long and of short positions; what long and
    short positions are worth to the firm, where they are worth something.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LINEAR, LONG, SHORT, LONG, SHORT], np.int8)
        self.scenario_names: tuple[str, ...] = ()

    def netting_set(self, instrument: Instrument) -> str:
        """One for all: the swaps stand under one netting agreement.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered.
        """
        require_covered(self, instrument, self.parameters.products)
        return _NETTING_SET

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: there is one set."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 5]: of one contract, see the class; 0 without a price."""
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = np.flatnonzero(market.priced[slots])
        taken = slots[priced]
        rows[priced, 1] = rows[priced, 2] = self._gross(market, taken)
        products = market.product[taken]
        daily = np.isin(products, [PRODUCT_CODE[product] for product in FUTURES_STYLE])
        value = np.where(daily, 0.0, market.unit_value_usd(taken))
        rows[priced, 0] = value
        rows[priced, 3], rows[priced, 4] = np.maximum(-value, 0.0), np.maximum(value, 0.0)
        return rows

    def _gross(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n]: rate times notional of one contract, USD."""
        gross = np.zeros(len(slots))
        months = np.where(market.expiry_ns[slots] > 0, months_left(market, slots), 0)
        notional_usd = market.multiplier[slots] * market.fx_rate(slots)
        for product, terms in self.parameters.products.items():
            mine = np.flatnonzero(market.product[slots] == PRODUCT_CODE[product])
            table = self.parameters.asset_classes[terms.asset_class]
            rates = np.array(table.rates)[np.searchsorted(table.months_at_most, months[mine])]
            price = 1.0 if terms.notional == FACE else np.abs(market.mark[slots[mine]])
            gross[mine] = rates * notional_usd[mine] * price
        return gross

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: requirement of each account's swaps, USD."""
        gross = exposures[:, 1] + exposures[:, 2]
        cost = exposures[:, 3] + exposures[:, 4]
        net = np.maximum(-exposures[:, 0], 0.0)
        ratio = np.divide(net, cost, out=np.ones(len(cost)), where=cost > 0.0)
        share = self.parameters.gross_share
        charges: Float64s = (share * gross + (1.0 - share) * ratio * gross)[:, None]
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets), 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)
