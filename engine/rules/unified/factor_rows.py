"""P&L of one contract in every scenario: linear instruments by their move, options by full repricing.

USD P&L of one contract = multiplier x (move of the price x shocked FX rate + price x move of the FX rate);
the last term only where the price itself is paid for (not for futures and perpetuals). The instrument stays
where it is in time: the move is instantaneous. A price that cannot be negative stops at zero.

An inverse contract gains multiplier x (1 / price - 1 / moved price) coins, at the moved rate of its coin: where both
move alike this is linear in USD, as much as its notional x the move. The fall of the coins that stand behind it is no
part of it; that is the haircut on coins. Its price and its coin stop at a hundredth: 1 / price still has a meaning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.market.instruments import FUTURES_STYLE, Instrument
from engine.market.market import PRODUCT_CODE
from engine.market.revaluation import option_moves
from engine.market.scenarios import ScenarioSet, ShockKind
from engine.market.view import MarketView
from engine.rules.interface import Float64s, Int64s
from engine.rules.unified.factor_map import FactorMap, FactorMove
from engine.rules.unified.one_pot_parameters import OnePotParameters

_IS_FUTURES_STYLE = np.array([product in FUTURES_STYLE for product in PRODUCT_CODE], np.bool_)

LEAST_SHARE = 0.01  # of its price, an inverse contract and its coin keep at least

# Per slot; a column of -1 is the last column of the shock table, which never moves.
_FILLS: dict[str, Fill] = {
    "price_column": (np.int64, -1),
    "price_scale": (np.float64, 0.0),
    "price_residual": (np.float64, 0.0),
    "basis_column": (np.int64, -1),
    "basis_residual": (np.float64, 0.0),
    "basis_scale": (np.float64, 0.0),
    "volatility_column": (np.int64, -1),
    "volatility_scale": (np.float64, 0.0),
    "inherits_price": (np.bool_, False),
}


class FactorRows:
    """Scenario P&L by slot, with each instrument's place in the scenario set remembered."""

    price_column: Int64s
    price_scale: Float64s
    price_residual: Float64s
    basis_column: Int64s
    basis_scale: Float64s
    basis_residual: Float64s
    volatility_column: Int64s
    volatility_scale: Float64s
    inherits_price: NDArray[np.bool_]

    def __init__(self, scenarios: ScenarioSet, parameters: OnePotParameters) -> None:
        self._map = FactorMap(scenarios, parameters.proxies, parameters.rulebook_id)
        self._shocks = np.vstack([scenarios.shocks.T, np.zeros(scenarios.count)])  # [F + 1, S]
        absolute = [kind is ShockKind.ABSOLUTE for kind in scenarios.kinds]
        self._absolute = np.array([*absolute, False], np.bool_)
        self._known: list[Instrument | None] = []
        for name, column in filled(_FILLS, 0).items():
            setattr(self, name, column)

    def check(self, market: MarketView, slot: int) -> None:
        """Raise MarginError BAD_PARAMETER if the scenario set does not describe the instrument's moves."""
        self._learn(market, self._with_drivers(market, np.array([slot], np.int64)))

    def pnl(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, S] USD, losses negative; every slot is priced."""
        self._learn(market, self._with_drivers(market, slots))
        points = self._price_points(market, self._price_slots(market, slots), self._drivers(market, slots))
        volatility_points = self._moved(
            market.volatility[slots], self.volatility_column[slots], self.volatility_scale[slots]
        )
        moves = self._price_moves(market, slots, points, np.maximum(volatility_points, 0.0))
        return self._in_usd(market, slots, moves)

    def residual_charges(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 2] USD: loss of one contract held long, and short, on the proxies' residual moves.

        The larger loss of the price moving up and down by the residual; zero where no proxy is used.
        """
        charges = np.zeros((len(slots), 2))
        sizes = self._residual_sizes(market, slots)
        exposed = np.flatnonzero(sizes)
        if len(exposed) == 0:
            return charges
        taken = slots[exposed]
        price = market.underlying_price(taken)
        points = price[:, None] + sizes[exposed][:, None] * np.array([-1.0, 1.0])
        points = self._floored(market, self._price_slots(market, taken), points)
        volatility = np.repeat(market.volatility[taken][:, None], 2, axis=1)
        moves = self._price_moves(market, taken, points, volatility)
        unit_usd = market.multiplier[taken] * market.fx_rate(taken)
        # A residual move is one of the coin, too: linear, as both moving alike.
        inverse = market.inverse[taken]
        unit_usd[inverse] = market.notional_usd(taken[inverse]) / market.mark[taken[inverse]]
        pnl = moves * unit_usd[:, None]
        charges[exposed, 0] = np.maximum(-pnl.min(axis=1), 0.0)
        charges[exposed, 1] = np.maximum(pnl.max(axis=1), 0.0)
        return charges

    def _learn(self, market: MarketView, slots: Int64s) -> None:
        """Look the factors up again where an instrument is new or was published again."""
        instruments, known = market.instruments, self._known
        if len(known) < market.count:
            capacity = max(market.count, 2 * len(known))
            grow(self, _FILLS, capacity)
            known += [None] * (capacity - len(known))
        for slot in slots.tolist():
            if known[slot] is not instruments[slot]:
                self._take(slot, instruments[slot])
                known[slot] = instruments[slot]

    def _take(self, slot: int, instrument: Instrument) -> None:
        moves = self._map.moves(instrument)

        def put(name: str, move: FactorMove) -> None:
            getattr(self, f"{name}_column")[slot] = move.column
            getattr(self, f"{name}_scale")[slot] = move.scale

        put("price", moves.price)
        put("basis", moves.basis)
        put("volatility", moves.volatility)
        self.price_residual[slot] = moves.price.residual
        self.basis_residual[slot] = moves.basis.residual
        self.inherits_price[slot] = moves.inherits_price

    @staticmethod
    def _price_slots(market: MarketView, slots: Int64s) -> Int64s:
        """Whose price is shocked: an option's underlying, of everything else its own."""
        return np.where(market.model[slots] > 0, market.underlying[slots], slots)

    def _drivers(self, market: MarketView, slots: Int64s) -> Int64s:
        """Whose factors move that price: the instrument's own, or its underlying's."""
        return np.where(self.inherits_price[slots], market.underlying[slots], slots)

    @staticmethod
    def _with_drivers(market: MarketView, slots: Int64s) -> Int64s:
        inherits = np.array([not market.instruments[slot].risk_factor for slot in slots.tolist()], np.bool_)
        underlying = market.underlying[slots]
        fx = market.fx[slots]
        return np.concatenate([slots, underlying[inherits & (underlying >= 0)], fx[fx >= 0]])

    def _moved(self, levels: Float64s, columns: Int64s, scales: Float64s) -> Float64s:
        """float64[n, S]: levels after the scaled shock of a column."""
        size = scales * np.where(self._absolute[columns], 1.0, levels)
        return levels[:, None] + size[:, None] * self._shocks[columns]

    def _price_points(self, market: MarketView, price_slots: Int64s, drivers: Int64s) -> Float64s:
        prices = market.mark[price_slots]
        points = self._moved(prices, self.price_column[drivers], self.price_scale[drivers])
        if np.any(self.basis_column[drivers] >= 0):
            basis = self._moved(prices, self.basis_column[drivers], self.basis_scale[drivers])
            points += basis - prices[:, None]
        return self._floored(market, price_slots, points)

    @staticmethod
    def _floored(market: MarketView, price_slots: Int64s, points: Float64s) -> Float64s:
        instruments = market.instruments
        floor = [-np.inf if instruments[s].negative_price_allowed else 0.0 for s in price_slots.tolist()]
        floored: Float64s = np.maximum(points, np.array(floor)[:, None])
        return floored

    def _residual_sizes(self, market: MarketView, slots: Int64s) -> Float64s:
        drivers = self._drivers(market, slots)
        price = np.abs(market.underlying_price(slots))
        unit = np.where(self._absolute[self.price_column[drivers]], 1.0, price)
        basis_unit = np.where(self._absolute[self.basis_column[drivers]], 1.0, price)
        return self.price_residual[drivers] * unit + self.basis_residual[drivers] * basis_unit

    @staticmethod
    def _price_moves(
        market: MarketView, slots: Int64s, points: Float64s, volatility_points: Float64s
    ) -> Float64s:
        """float64[n, k]: change of each instrument's own price at the points of its price driver."""
        moves = points - market.underlying_price(slots)[:, None]
        option = np.flatnonzero(market.model[slots] > 0)
        if len(option):
            moves[option] = option_moves(market, slots[option], points[option], volatility_points[option])
        return moves

    def _in_usd(self, market: MarketView, slots: Int64s, moves: Float64s) -> Float64s:
        multiplier = market.multiplier[slots][:, None]
        foreign = np.flatnonzero(market.foreign[slots])
        usd = multiplier * moves
        if len(foreign):
            taken = slots[foreign]
            fx = market.fx[taken]
            fx_points = self._price_points(market, fx, fx)
            paid = np.where(_IS_FUTURES_STYLE[market.product[taken]], 0.0, market.mark[taken])[:, None]
            fx_moves = fx_points - market.mark[fx][:, None]
            usd[foreign] = multiplier[foreign] * (moves[foreign] * fx_points + paid * fx_moves)
            at = foreign[market.inverse[taken]]
            usd[at] = self._inverse_in_usd(market, slots[at], moves[at], fx_points[market.inverse[taken]])
        return usd

    @staticmethod
    def _inverse_in_usd(market: MarketView, slots: Int64s, moves: Float64s, fx_points: Float64s) -> Float64s:
        """float64[n, S]: coins gained by inverse contracts, at the moved rates of their coins."""
        mark, coin = market.mark[slots][:, None], market.mark[market.fx[slots]][:, None]
        moved = np.maximum(mark + moves, LEAST_SHARE * mark)
        rate = np.maximum(fx_points, LEAST_SHARE * coin)
        usd: Float64s = market.multiplier[slots][:, None] * (1.0 / mark - 1.0 / moved) * rate
        return usd
