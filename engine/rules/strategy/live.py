"""Strategy-based margin as a rulebook of the engine: the pairing of one netting set at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product, Silo
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Part
from engine.rules.strategy.holdings import COVERED, account_of, months_later
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.rulebook import StrategyBased, is_short, market_value_usd

_INITIAL, _MAINTENANCE, _SHORT, _VALUE, _REFUSED = range(5)  # columns of a charge


class RegT:
    """Implements :class:`engine.rules.interface.PairingRulebook` with :class:`StrategyBased`.

    Exposure columns: value of one contract, value of what it delivers, and 1 for an option that is still alive and
    for one that has loan value: what a pairing rests on besides terms and quantities.
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

    def netting_set(self, instrument: Instrument) -> str:
        """The underlying's instrument_id.

        Raises:
            MarginError: NO_RULEBOOK for products that the rule does not cover.
        """
        if instrument.product not in COVERED - {Product.TREASURY}:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id} in silo {self.silo}",
                f"{self.rulebook_id} covers stocks, funds and options on them, not {instrument.product.value}",
            )
        return instrument.class_root

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: underlyings are paired alike and do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """See :class:`RegT`; zero rows for slots without price. Pairings until the next call rest on this market."""
        self._market = market
        rows = np.zeros((len(slots), len(self.column_kinds)))
        live = np.flatnonzero(market.priced[slots])
        priced = slots[live]
        rows[live, 0] = market.unit_value_usd(priced)
        rows[live, 1] = market.multiplier[priced] * market.underlying_price(priced) * market.fx_rate(priced)
        loan_from_ns = months_later(market.valuation_time_ns, self._rule.parameters.option.loan_beyond_months)
        for place, slot in zip(live.tolist(), priced.tolist(), strict=True):
            expiry_ns = market.instruments[slot].expiry_ns
            rows[place, 2] = float(expiry_ns > market.valuation_time_ns)
            rows[place, 3] = float(expiry_ns > loan_from_ns)
        return rows

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """float64[u, 5]: initial and maintenance, 1 if anything is short, value in USD, positions refused."""
        charges = np.zeros((len(sets), 5))
        for unit in range(len(sets)):
            own = slice(first[unit], first[unit + 1])
            charges[unit] = self._charge(instruments[own].tolist(), quantities[own].tolist())
        return charges

    def _charge(self, slots: list[int], quantities: list[float]) -> tuple[float, float, float, float, float]:
        market = self._market
        assert market is not None  # rows come before positions
        holdings = [
            Holding(market.instruments[slot], quantity, self.silo)
            for slot, quantity in zip(slots, quantities, strict=True)
            if market.priced[slot]
        ]
        good, refused = self._split(holdings, market)
        if not good:
            return 0.0, 0.0, 0.0, 0.0, float(len(refused))
        (underlying,) = account_of(self._rule.parameters, good, market).underlyings
        part, initial = self._rule.charge_underlying(underlying)
        short, value = float(is_short(underlying)), market_value_usd(underlying)
        return initial, part.amount_usd, short, value, float(len(refused))

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
