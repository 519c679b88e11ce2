"""Strategy-based margin as a rulebook of the engine: the pairing of one netting set at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError
from engine.market.instruments import DEBT, Instrument, Silo
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Part
from engine.rules.strategy.debt_rows import can_be_margined, is_debt, unit_requirement_usd
from engine.rules.strategy.holdings import COVERED, account_of
from engine.rules.strategy.option_sets import OptionSets
from engine.rules.strategy.paired_sets import PairedSets
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.reading import months_later
from engine.rules.strategy.rulebook import StrategyBased, is_short, market_value_usd
from engine.rules.strategy.stock_sets import StockSets

Bools = NDArray[np.bool_]
_INITIAL, _MAINTENANCE, _SHORT, _VALUE, _REFUSED = range(5)  # columns of a charge


class RegT:
    """Implements :class:`engine.rules.interface.PairingRulebook` with :class:`StrategyBased`.

    Exposure columns: value of one contract, value of what it delivers, and 1 for an option that is still alive and
    for one that has loan value: what a pairing rests on besides terms and quantities. Of debt: value, requirement of
    one unit, 1 where it can be margined.
    """

    silo = Silo.SECURITIES.value
    scenario_names: tuple[str, ...] = ()
    column_kinds = np.array([LINEAR] * 4, np.int8)

    def __init__(self, parameters: Parameters) -> None:
        self._rule = StrategyBased(parameters)
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self._minimum_usd = parameters.minimum_equity_usd
        self._market: MarketView | None = None
        self._stock_sets = StockSets(parameters)
        self._option_sets = OptionSets(self._charge)
        self._paired_sets = PairedSets(parameters)

    def netting_set(self, instrument: Instrument) -> str:
        """The underlying's instrument_id.

        Raises:
            MarginError: NO_RULEBOOK for products that the rule does not cover.
        """
        require_covered(self, instrument, COVERED)
        return instrument.class_group

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: underlyings are paired alike and do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """See :class:`RegT`; zero rows for slots without price. Pairings until the next call rest on this market."""
        self._market = market
        self._stock_sets.renew(market, slots)
        rows = np.zeros((len(slots), len(self.column_kinds)))
        live = np.flatnonzero(market.priced[slots])
        priced = slots[live]
        rows[live, 0] = market.unit_value_usd(priced)
        rows[live, 1] = market.multiplier[priced] * _delivered_price(market, priced) * market.fx_rate(priced)
        loan_from_ns = months_later(market.valuation_time_ns, self._rule.parameters.option.loan_beyond_months)
        rows[live, 2] = market.expiry_ns[priced] > market.valuation_time_ns
        rows[live, 3] = market.expiry_ns[priced] > loan_from_ns
        debt = live[is_debt(market, priced)]
        rows[debt, 1] = unit_requirement_usd(self._rule.parameters.debt, market, slots[debt])
        rows[debt, 2] = can_be_margined(market, slots[debt])
        rows[debt, 3] = 0.0
        return rows

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """float64[u, 5]: initial and maintenance, 1 if anything is short, value in USD, positions refused."""
        charges = np.zeros((len(sets), 5))
        stock = self._stock_sets.found(instruments, first)
        charges[stock] = self._stock_sets.charge(instruments[first[stock]], quantities[first[stock]])
        others = np.ones(len(sets), np.bool_)
        others[stock] = False
        if others.any():
            self._charge_options(rows, instruments, quantities, first, charges, others)
        if others.any():
            self._charge_pairs(instruments, quantities, first, charges, others)
        for unit in np.flatnonzero(others).tolist():
            own = slice(first[unit], first[unit + 1])
            slot, quantity = instruments[first[unit]], quantities[first[unit]]
            if self._is_debt(slot):
                charges[unit] = self._debt_charge(rows[slot], quantity)
            else:
                charges[unit] = self._charge(instruments[own].tolist(), quantities[own].tolist())
        return charges

    def _charge_options(
        self,
        rows: Float64s,
        instruments: Int64s,
        quantities: Float64s,
        first: Int64s,
        charges: Float64s,
        others: Bools,
    ) -> None:
        """Charge sets of options that cannot be paired; they are no longer among the others."""
        assert self._market is not None  # rows come before positions
        found = self._option_sets.found(self._market, instruments, quantities, first)
        if len(found) == 0:
            return
        sizes = np.diff(first)
        mine = np.isin(np.repeat(np.arange(len(sizes)), sizes), found)
        own = np.concatenate([[0], np.cumsum(sizes[found])])
        charges[found] = self._option_sets.charge(
            self._market, rows, instruments[mine], quantities[mine], own
        )
        others[found] = False

    def _charge_pairs(
        self, instruments: Int64s, quantities: Float64s, first: Int64s, charges: Float64s, others: Bools
    ) -> None:
        """Charge sets of options, with stock or without; they are no longer among the others."""
        assert self._market is not None  # rows come before positions
        sizes, units = np.diff(first), np.flatnonzero(others)
        mine = np.repeat(others, sizes)
        own = np.concatenate([[0], np.cumsum(sizes[units])])
        found, asked = self._paired_sets.charge(self._market, instruments[mine], quantities[mine], own)
        charges[units[found]] = asked
        others[units[found]] = False

    def _is_debt(self, slot: int) -> bool:
        assert self._market is not None  # rows come before positions
        return self._market.instruments[slot].product in DEBT

    @staticmethod
    def _debt_charge(row: Float64s, quantity: float) -> tuple[float, float, float, float, float]:
        """Debt stands alone, and asks the same at both stages."""
        if row[2] == 0.0:
            return 0.0, 0.0, 0.0, 0.0, 1.0
        asked = abs(quantity) * row[1]
        return asked, asked, float(quantity < 0.0), quantity * row[0], 0.0

    def _charge(self, slots: list[int], quantities: list[float]) -> tuple[float, float, float, float, float]:
        market = self._market
        assert market is not None  # rows come before positions
        holdings = [
            Holding(market.instruments[slot], quantity, self.silo)
            for slot, quantity in zip(slots, quantities, strict=True)
            if market.priced[slot]
        ]
        refused = 0
        try:
            underlyings = account_of(self._rule.parameters, holdings, market).underlyings
        except MarginError:  # only then one by one
            good, left_out = self._split(holdings, market)
            refused = len(left_out)
            underlyings = account_of(self._rule.parameters, good, market).underlyings
        if not underlyings:
            return 0.0, 0.0, 0.0, 0.0, float(refused)
        (underlying,) = underlyings
        part, initial = self._rule.charge_underlying(underlying)
        short, value = float(is_short(underlying)), market_value_usd(underlying)
        return initial, part.amount_usd, short, value, float(refused)

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: sums over underlyings, not below the minimum equity of the account."""
        sums = sum_by_account(charges, offsets)
        minimum = np.where(
            sums[:, _SHORT] > 0.0, self._minimum_usd, np.minimum(self._minimum_usd, sums[:, _VALUE])
        )
        result: Float64s = np.maximum(sums[:, [_INITIAL, _MAINTENANCE]], minimum[:, None])
        return result

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        """float64[u]: maintenance of each underlying, without the minimum equity."""
        maintenance: Float64s = charges[:, _MAINTENANCE]
        return maintenance

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        """Why positions are left out, one error each."""
        return [error for _, error in self._split(holdings, market)[1]]

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin of what can be margined; what is left out is named beside it."""
        good, refused = self._split(holdings, market)
        explained = self._rule.explain(good, market)
        if not refused:
            return explained
        tree = explained.tree
        facts = tree.facts | {f"left out: {error.thing}": error.detail for _, error in refused}
        return Explained(explained.requirement, Part(tree.name, tree.amount_usd, tree.parts, facts))

    def pairing_error_usd(self, holdings: Sequence[Holding], market: MarketView) -> float:
        """See :class:`engine.rules.interface.ShowsPairings`; of what can be margined."""
        return self._rule.pairing_error_usd(self._split(holdings, market)[0], market)

    def _split(
        self, holdings: Sequence[Holding], market: MarketView
    ) -> tuple[list[Holding], list[tuple[Holding, MarginError]]]:
        good, refused = [], []
        for holding in holdings:
            try:
                account_of(self._rule.parameters, [holding], market)
            except MarginError as error:
                refused.append((holding, error))
            else:
                good.append(holding)
        return good, refused


def _delivered_price(market: MarketView, slots: Int64s) -> Float64s:
    """float64[n]: price of the underlying of options and security futures, 0 while it has none; else the own mark."""
    underlying = market.underlying[slots]
    prices: Float64s = np.nan_to_num(np.where(underlying >= 0, market.mark[underlying], market.mark[slots]))
    return prices
