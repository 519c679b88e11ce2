"""FINRA Rule 4210(g) portfolio margin, vectorised: worst of ten valuation points per class group.

A class group is everything on one underlying. Its requirement is the larger of its worst loss over the
valuation points (implied volatility unchanged) and the minimum per option contract. In a product or portfolio
group a share of one member's gains offsets losses of the others at the same point; the account's requirement is
the sum over what no group holds together. The plain twin is :mod:`engine.rules.finra_4210g_plain`; parameters
and their sources are in ``data/finra-4210g.toml``; the clerk's page is ``docs/rulebooks/finra-4210g.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.columns import longer
from engine.market.instruments import Instrument, Product, Silo
from engine.market.market import PRODUCT_CODE
from engine.market.revaluation import option_moves
from engine.market.view import MarketView
from engine.rules.covered import require_covered
from engine.rules.finra_4210g_baskets import BasketTables, combine_with_baskets
from engine.rules.finra_4210g_offsets import MINIMUMS, OffsetTables, combine_accounts
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.finra_4210g_plain import explain_account
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding, Int64s
from engine.rules.requirement import Explained

COVERED = frozenset(
    {Product.EQUITY, Product.ETF, Product.EQUITY_OPTION, Product.INDEX_OPTION, Product.SECURITY_FUTURE}
)
_FUTURE = PRODUCT_CODE[Product.SECURITY_FUTURE]


class Finra4210g:
    """Portfolio margin as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns: the P&L in USD at each valuation point (linear in the quantity), then the minimum of the
    long and of the short contracts of options and security futures; with compositions of indexes also the value of
    stocks and funds.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = Silo.SECURITIES.value
        self._points = 2 * parameters.points_per_side
        value = [LINEAR] if parameters.compositions else []
        self.column_kinds = np.array([LINEAR] * self._points + [LONG, SHORT, *value], np.int8)
        self.scenario_names = parameters.point_names
        self.minimum_equity_usd = parameters.minimum_equity_usd
        self._offsets = OffsetTables(parameters)
        self._baskets = BasketTables(parameters)
        self._moves = _MovesBySlot(parameters, self._points, self._offsets, self._baskets)

    def netting_set(self, instrument: Instrument) -> str:
        """The class group: the underlying's instrument_id.

        Raises:
            MarginError: NO_RULEBOOK for products that are not eligible.
        """
        require_covered(self, instrument, COVERED)
        return instrument.class_group

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the order of class groups."""
        self._offsets.bind(netting_sets)
        self._baskets.bind(netting_sets)

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, k]: P&L of one contract at each valuation point, then its minimum held long and short.

        P&L at a point = model value at the point - model value now, so a mark off the model cancels.
        """
        rows = np.zeros((len(slots), len(self.column_kinds)))
        priced = market.priced[slots]
        option = market.model[slots] > 0
        linear = slots[priced & ~option]
        options = slots[priced & option]
        rows[priced & ~option, : self._points] = self._linear_pnl(market, linear)
        rows[priced & option, : self._points] = self._option_pnl(market, options)
        rows[priced & option, self._points : self._points + MINIMUMS] = self._minimums(market, options)
        future = priced & (market.product[slots] == _FUTURE)
        per_contract = self.parameters.minimum_per_option_usd * market.multiplier[slots[future]]
        rows[future, self._points : self._points + MINIMUMS] = per_contract[:, None]
        if self.parameters.compositions:
            stock = priced & ~option & ~future
            rows[stock, -1] = market.unit_value_usd(slots[stock])
        return rows

    def _linear_pnl(self, market: MarketView, slots: Int64s) -> Float64s:
        return market.unit_value_usd(slots)[:, None] * self._moves.of(market, slots)

    def _option_pnl(self, market: MarketView, slots: Int64s) -> Float64s:
        points = market.underlying_price(slots)[:, None] * (1.0 + self._moves.of(market, slots))
        volatility = np.repeat(market.volatility[slots][:, None], self._points, axis=1)
        contract_usd = market.multiplier[slots] * market.fx_rate(slots)
        return contract_usd[:, None] * option_moves(market, slots, points, volatility)

    def _minimums(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 2]: of one contract held long, of one held short."""
        short = self.parameters.minimum_per_option_usd * market.multiplier[slots]
        if not self.parameters.cap_long_minimum:
            return np.column_stack([short, short])
        return np.column_stack([np.minimum(short, market.unit_value_usd(slots)), short])

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, k]: the exposures as they are, since groups offset at every single valuation point."""
        return exposures

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over groups and over class groups in none; initial equals maintenance."""
        tables = self._offsets
        if self.parameters.compositions:
            return combine_with_baskets(self.parameters, tables, self._baskets, charges, sets, offsets)
        requirements: Float64s = combine_accounts(
            charges, sets, offsets, tables.of_set, tables.within, tables.offset, self._points,
            self.parameters.concentration_limit, self.parameters.concentration_rate,
        )  # fmt: skip
        return requirements

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)


class _MovesBySlot:
    """Valuation moves by slot, looked up again only when the instrument or its underlying was republished.

    The group of the underlying's class group is learned at the same time: it rests on the same record.
    """

    def __init__(
        self, parameters: Parameters, points: int, offsets: OffsetTables, baskets: BasketTables
    ) -> None:
        self._parameters = parameters
        self._offsets = offsets
        self._baskets = baskets
        self._moves = np.zeros((0, points))
        self._known: list[tuple[Instrument, Instrument] | None] = []

    def of(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, points]: signed moves of the price that drives each slot."""
        self._reserve(market.count)
        underlying = market.underlying[slots]
        roots = np.where(underlying >= 0, underlying, slots)
        instruments = market.instruments
        for slot, root in zip(slots.tolist(), roots.tolist(), strict=True):
            known = self._known[slot]
            if known is None or known[0] is not instruments[slot] or known[1] is not instruments[root]:
                self._known[slot] = (instruments[slot], instruments[root])
                moves = self._parameters.moves(instruments[slot], instruments[root])
                self._moves[slot] = moves
                self._offsets.learn(instruments[root])
                self._baskets.learn(instruments[root], moves)
        return self._moves[slots]

    def _reserve(self, count: int) -> None:
        if count > len(self._known):
            capacity = max(count, 2 * len(self._known))
            self._moves = longer(self._moves, capacity, 0.0)
            self._known += [None] * (capacity - len(self._known))
