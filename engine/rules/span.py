"""SPAN-type margin of futures and options on futures, vectorised.

Netting set = combined commodity. Its exposure is the sum of sixteen-scenario risk arrays and of composite
deltas by contract month; its risk is max(short option minimum, scanning risk + inter-month charge + delivery
charge - inter-commodity credits), scaled by the class of the account. Equity counts options at value, so net
option value is not subtracted here; the published form, risk less net option value, is a fact of the
explanation. The plain twin is :mod:`engine.rules.span_plain`; parameters and their sources are in
``data/span-futures.toml``; the clerk's page is ``docs/rulebooks/span-futures.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from engine.market.instruments import Instrument, Product, Silo
from engine.market.revaluation import option_moves
from engine.market.view import MarketView
from engine.portfolio.account_class import AccountClass
from engine.rules import span_kernels as kernels
from engine.rules.covered import require_covered
from engine.rules.interface import HELD, LINEAR, SHORT, Float64s, Holding, Int8s, Int64s
from engine.rules.requirement import Explained
from engine.rules.span_contracts import Contracts
from engine.rules.span_parameters import (
    REGULAR_THIRDS,
    SCENARIO_NAMES,
    VOLATILITY_DIRECTIONS,
    Parameters,
    Scan,
)
from engine.rules.span_plain import explain_account
from engine.rules.span_spreads import SpreadTables

COVERED = frozenset({Product.FUTURE, Product.FUTURE_OPTION})


class SpanFutures:
    """SPAN-type margin as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns are those of :mod:`engine.rules.span_kernels`. A contract month gets its column when its
    first instrument is seen; figures do not depend on which one.
    """

    def __init__(self, parameters: Parameters, day: date | None = None) -> None:
        """``day``: takes the rates of that day; without one those that the file states beside its dated ones."""
        self._dated = parameters
        self._day = day
        parameters = parameters if day is None else parameters.on(day)
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = Silo.FUTURES.value
        kinds = np.full(kernels.MONTHS + parameters.month_columns, LINEAR, np.int8)
        kinds[[kernels.MINIMUM_CALLS, kernels.MINIMUM_PUTS, kernels.SHORT_OPTIONS]] = SHORT
        kinds[kernels.FUTURES_HELD] = HELD
        self.column_kinds = kinds
        self.scenario_names = SCENARIO_NAMES
        self._moves = np.array(parameters.scan.price_moves)
        self._cover = np.array(parameters.scan.cover)
        self._directions = np.array(VOLATILITY_DIRECTIONS, np.float64)
        self._slope_weights = slope_weights(parameters.scan)
        self._contracts = Contracts(parameters)
        self._spreads = SpreadTables(parameters)
        self._greater_side = np.array(
            [each.short_options_counted == "greater" for each in parameters.commodities.values()], np.bool_
        )
        self._commodity_of_set = np.zeros(0, np.int64)

    def on(self, day: date) -> SpanFutures:
        """The rulebook with the rates of a UTC day; itself if they are the same."""
        if self._day == day or self._dated.on(day) == self.parameters:
            return self
        return SpanFutures(self._dated, day)

    def netting_set(self, instrument: Instrument) -> str:
        """The combined commodity.

        Raises:
            MarginError: NO_RULEBOOK for products that are not futures or options on them; BAD_PARAMETER if
                the commodity has no parameters or no month column is left.
        """
        require_covered(self, instrument, COVERED)
        self._contracts.month_column(instrument)
        return instrument.combined_commodity

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn which commodity each set index means."""
        order = [self._contracts.commodity_index[name] for name in netting_sets]
        self._commodity_of_set = np.array(order, np.int64)

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, k]: risk array of one contract, composite delta in its month, minimum, counts, value.

        P&L of an option = model value in the scenario - model value now, so a mark off the model cancels.
        """
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = np.flatnonzero(market.priced[slots])
        slots = slots[priced]
        terms = self._contracts.terms(market, slots)
        unit_usd = market.multiplier[slots] * market.fx_rate(slots)
        own_usd = terms.scan_rate * np.abs(market.underlying_price(slots)) * unit_usd
        scan_usd = terms.scale * terms.scan_usd + own_usd
        pnl = scan_usd[:, None] * (self._moves * self._cover)
        option = market.model[slots] > 0
        move = scan_usd[option] / unit_usd[option]
        pnl[option] = self._option_pnl(market, slots[option], move, terms.volatility_scan[option])
        pnl[terms.published] = terms.published_usd
        slope = pnl @ self._slope_weights
        # A price of exactly 0 makes a scan range that is a fraction of it 0: no move, no delta.
        delta = terms.scale * np.divide(slope, scan_usd, out=np.zeros(len(slots)), where=scan_usd > 0.0)
        delta = np.where(np.isnan(terms.published_delta), delta, terms.published_delta)
        rows[priced, : kernels.SCENARIOS] = pnl
        rows[priced, kernels.SLOPE] = delta * scan_usd / terms.scale
        minimum_usd = np.where(option, terms.scale * terms.minimum_usd, 0.0)
        rows[priced, kernels.MINIMUM_CALLS] = np.where(market.is_call[slots], minimum_usd, 0.0)
        rows[priced, kernels.MINIMUM_PUTS] = np.where(market.is_call[slots], 0.0, minimum_usd)
        rows[priced, kernels.SHORT_OPTIONS] = option
        rows[priced, kernels.FUTURES_HELD] = ~option
        rows[priced, kernels.OPTION_VALUE] = np.where(option, market.unit_value_usd(slots), 0.0)
        rows[priced, kernels.MONTHS + terms.month_column] = delta
        return rows

    def _option_pnl(
        self, market: MarketView, slots: Int64s, move: Float64s, volatility_scan: Float64s
    ) -> Float64s:
        """float64[n, 16] in USD, the extreme moves at the fraction that counts."""
        points = market.underlying_price(slots)[:, None] + move[:, None] * self._moves
        volatility = market.volatility[slots][:, None] * (1.0 + volatility_scan[:, None] * self._directions)
        unit_usd = market.multiplier[slots] * market.fx_rate(slots)
        pnl: Float64s = unit_usd[:, None] * option_moves(market, slots, points, volatility) * self._cover
        return pnl

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, c]: columns of :mod:`engine.rules.span_kernels` (scanning risk ... delivery charge)."""
        charges: Float64s = kernels.charge_units(
            np.ascontiguousarray(exposures),
            self._commodity_of_set[sets],
            self._greater_side,
            len(self.parameters.super_inter_commodity) > 0,
            self._contracts.months.order,
            self._contracts.months.delivery,
            *self._contracts.months.inter_month,
        )
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: all accounts as speculators."""
        return self.combine_by_class(charges, sets, offsets, np.zeros(len(offsets) - 1, np.int8))

    def combine_by_class(self, charges: Float64s, sets: Int64s, offsets: Int64s, classes: Int8s) -> Float64s:
        """float64[a, 2]: sum of commodity risks after spreads between commodities; initial by its factor."""
        requirements: Float64s = kernels.combine_accounts(
            np.ascontiguousarray(charges),
            self._commodity_of_set[sets],
            offsets,
            classes,
            self._spreads.factors,
            self._spreads.before_months,
            self._spreads.after_months,
            self._contracts.months.order,
            self._contracts.months.delivery,
            self._contracts.months.inter_month,
        )
        return requirements

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin for a speculator."""
        return explain_account(self.parameters, holdings, market, AccountClass.SPECULATOR)

    def explain_by_class(
        self, holdings: Sequence[Holding], market: MarketView, account_class: AccountClass
    ) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market, account_class)


def slope_weights(scan: Scan) -> Float64s:
    """float64[16] w such that pnl @ w = composite slope, USD per full price scan range.

    At each of the seven regular prices the P&L is the mean over volatility up and down; its slope is the
    difference of the neighbours (one-sided at the ends); the slopes are averaged with the delta weights.
    """
    weights = np.zeros(len(VOLATILITY_DIRECTIONS))
    thirds = np.array((*REGULAR_THIRDS, 99, 99))
    total = sum(scan.delta_weights[abs(j)] for j in range(-3, 4))
    for j in range(-3, 4):
        below, above = max(j - 1, -3), min(j + 1, 3)
        share = scan.delta_weights[abs(j)] / total / ((above - below) / 3.0)
        weights[thirds == above] += 0.5 * share
        weights[thirds == below] -= 0.5 * share
    return weights
