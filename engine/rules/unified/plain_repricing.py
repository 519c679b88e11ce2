"""One contract under one scenario after the other, in plain Python: the twin of ``factor_rows``."""

from __future__ import annotations

from engine.market.instruments import Instrument
from engine.market.plain import option_values
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.rules.unified.factor_map import FactorMap, FactorMove, InstrumentMoves
from engine.rules.unified.factor_rows import LEAST_SHARE
from engine.rules.unified.one_pot_parameters import OnePotParameters


class PlainRepricing:
    """Reprices single contracts at today's market moved by the scenarios."""

    def __init__(self, parameters: OnePotParameters, scenarios: ScenarioSet, market: MarketView) -> None:
        self._shocks: list[list[float]] = scenarios.shocks.tolist()
        self._market = market
        self._map = FactorMap(scenarios, parameters.proxies, parameters.rulebook_id)

    def contract_pnl(self, instrument: Instrument) -> list[float]:
        """P&L in USD of one contract held long, for every scenario."""
        driver, moves = self._driver(instrument), self._moves(instrument)
        volatility = self._volatility(instrument)
        prices = [self._moved_mark(driver, moves, shocks) for shocks in self._shocks]
        volatilities = [
            max(volatility + _shift(moves.volatility, volatility, shocks), 0.0) for shocks in self._shocks
        ]
        fx_now, fx_moved = self._fx(instrument)
        if instrument.is_inverse:
            return [
                self._inverse_pnl(instrument, price, fx_now, fx)
                for price, fx in zip(prices, fx_moved, strict=True)
            ]
        changes = self._price_changes(instrument, prices, volatilities)
        # The price paid is an asset in foreign currency; a futures-style contract has none.
        paid = 0.0 if instrument.is_futures_style else self._mark(instrument)
        return [
            instrument.multiplier * (change * fx + paid * (fx - fx_now))
            for change, fx in zip(changes, fx_moved, strict=True)
        ]

    def _inverse_pnl(self, contract: Instrument, price: float, coin_now: float, coin: float) -> float:
        """Coins gained from the mark to a price, at the coin's rate of then; both keep at least a hundredth."""
        mark = self._mark(contract)
        gained = contract.multiplier * (1.0 / mark - 1.0 / max(price, LEAST_SHARE * mark))
        return gained * max(coin, LEAST_SHARE * coin_now)

    def residual_charge(self, instrument: Instrument, quantity: float) -> float:
        """Loss in USD of a position on the part of the move that its factors' proxies do not describe."""
        driver, moves = self._driver(instrument), self._moves(instrument)
        price = self._mark(driver)
        size = _residual(moves.price, price) + _residual(moves.basis, price)
        if size == 0.0:
            return 0.0
        points = [self._not_below_zero(driver, point) for point in (price - size, price + size)]
        changes = self._price_changes(instrument, points, [self._volatility(instrument)] * 2)
        fx_now, _ = self._fx(instrument)
        unit_usd = instrument.multiplier * fx_now
        if instrument.is_inverse:  # coin and contract move alike
            unit_usd /= price * price
        pnl = [quantity * unit_usd * change for change in changes]
        return max(-min(pnl), 0.0)

    def _driver(self, instrument: Instrument) -> Instrument:
        """The instrument whose price the scenario moves: an option's underlying, else itself."""
        if not instrument.is_option:
            return instrument
        return self._market.instruments[self._market.slot_of[instrument.underlying]]

    def _moves(self, instrument: Instrument) -> InstrumentMoves:
        own = self._map.moves(instrument)
        if not own.inherits_price:
            return own
        underlying = self._map.moves(self._driver(instrument))
        return InstrumentMoves(underlying.price, underlying.basis, own.volatility, inherits_price=True)

    def _moved_mark(self, driver: Instrument, moves: InstrumentMoves, shocks: list[float]) -> float:
        mark = self._mark(driver)
        moved = mark + _shift(moves.price, mark, shocks) + _shift(moves.basis, mark, shocks)
        return self._not_below_zero(driver, moved)

    @staticmethod
    def _not_below_zero(driver: Instrument, price: float) -> float:
        return price if driver.negative_price_allowed else max(price, 0.0)

    def _price_changes(
        self, instrument: Instrument, driver_prices: list[float], volatilities: list[float]
    ) -> list[float]:
        """Change of the instrument's own price at each price of its driver."""
        driver_now = self._mark(self._driver(instrument))
        if not instrument.is_option:
            return [price - driver_now for price in driver_prices]
        values = option_values(
            instrument,
            self._market,
            [driver_now, *driver_prices],
            [self._volatility(instrument), *volatilities],
        )
        return [value - values[0] for value in values[1:]]

    def _mark(self, instrument: Instrument) -> float:
        return float(self._market.mark[self._market.slot_of[instrument.instrument_id]])

    def _volatility(self, instrument: Instrument) -> float:
        if not instrument.is_option:
            return 0.0
        return float(self._market.volatility[self._market.slot_of[instrument.instrument_id]])

    def _fx(self, instrument: Instrument) -> tuple[float, list[float]]:
        """USD per unit of the instrument's currency: now, and in every scenario."""
        if instrument.currency == "USD":
            return 1.0, [1.0] * len(self._shocks)
        rate = self._market.instruments[self._market.slot_of[f"{instrument.currency}USD"]]
        moves = self._map.moves(rate)
        return self._mark(rate), [self._moved_mark(rate, moves, shocks) for shocks in self._shocks]


def _shift(move: FactorMove, level: float, shocks: list[float]) -> float:
    """By how much a level moves."""
    if move.column < 0:
        return 0.0
    shock = move.scale * shocks[move.column]
    return shock if move.absolute else level * shock


def _residual(move: FactorMove, level: float) -> float:
    return move.residual if move.absolute else move.residual * abs(level)
