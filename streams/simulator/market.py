"""Fair prices of all listings: linear ones from factor levels, options by the engine's pricing kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.model import model_code
from engine.market.option_scenarios import option_prices_on_points
from engine.market.rate_conventions import RateConvention
from streams.simulator.factor_paths import FactorPaths, is_absolute
from streams.simulator.listing import Listing
from streams.simulator.swap_desk import SwapDesk

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# Implied volatility by m = ln(strike / underlying): level x (1 + slope m + curvature m^2).
_SLOPE: Final = -0.6
_CURVATURE: Final = 0.8
# A contract's own noise around its fair price, standard deviation as a share of the price.
_NOISE: Final = 0.00003


class SimulatedMarket:
    """Levels of the market and prices that follow from them; every column has one entry per listing."""

    def __init__(
        self,
        listings: Sequence[Listing],
        rate: float,
        draws: np.random.Generator,
        conventions: Mapping[str, RateConvention],
    ) -> None:
        """``rate``: continuously compounded, for options. ``conventions``: of interest rate curves."""
        self.listings = list(listings)
        self.index_of = {listing.instrument_id: index for index, listing in enumerate(listings)}
        self._draws = draws
        self._paths = FactorPaths(draws)
        self._rate = rate
        instruments = [listing.record.to_engine() for listing in listings]
        self.is_option = np.array([instrument.is_option for instrument in instruments])
        self.multiplier = np.array([instrument.multiplier for instrument in instruments])
        self._base = np.array([listing.base_price for listing in listings])
        self._beta = np.array([instrument.beta for instrument in instruments])
        self._factor = np.array([self._paths.index(instrument.risk_factor) for instrument in instruments])
        self._absolute = np.array([is_absolute(instrument.risk_factor) for instrument in instruments])
        self._basis = np.array([self._paths.index(instrument.basis_factor) for instrument in instruments])
        underlyings = [instrument.underlying for instrument in instruments]
        self._underlying = np.array([self.index_of.get(name, -1) for name in underlyings])
        self._model = np.array([model_code(instrument) for instrument in instruments], np.int8)
        self._is_call = np.array([instrument.right == "call" for instrument in instruments])
        self._strike = np.array([instrument.strike for instrument in instruments])
        self._expiry_ns = np.array([instrument.expiry_ns for instrument in instruments])
        self._yield = np.array([instrument.dividend_yield for instrument in instruments])
        self._base_volatility = np.array([listing.base_volatility for listing in listings])
        volatility_factors = [instrument.volatility_factor for instrument in instruments]
        self._volatility_factor = np.array([self._paths.index(factor) for factor in volatility_factors])
        self._swap_desk = SwapDesk(instruments, rate, conventions)
        self._linear = np.zeros(len(listings))
        self._price_linear()

    def advance(self, elapsed_s: float, market_speed: float) -> None:
        """Move the market; see :meth:`FactorPaths.advance`."""
        self._paths.advance(elapsed_s, market_speed)
        self._price_linear()

    def _price_linear(self) -> None:
        level = np.append(self._paths.level, 0.0)  # index -1: does not move
        move = self._beta * level[self._factor]
        price = np.where(self._absolute, self._base + move, self._base * np.exp(move))
        noise = _NOISE * self._draws.standard_normal(len(price))
        self._linear = price * (1.0 + level[self._basis] + noise)

    def fair(self, places: Int64s, now_ns: int) -> tuple[Float64s, Float64s]:
        """Fair price float64[n] and implied volatility float64[n] (NaN for what is no option)."""
        prices = self._linear[places]
        if np.any(self._swap_desk.is_derived[places]):
            prices = self._swap_desk.value(self._linear, now_ns)[places]
        volatility = np.full(len(places), np.nan)
        at = np.flatnonzero(self.is_option[places])
        if len(at):
            volatility[at] = self._implied(places[at])
            prices[at] = self._option_prices(places[at], volatility[at], now_ns)
        return prices, volatility

    def _implied(self, options: Int64s) -> Float64s:
        moneyness = np.log(self._strike[options] / self._linear[self._underlying[options]])
        smile = 1.0 + _SLOPE * moneyness + _CURVATURE * moneyness**2
        level = np.exp(self._paths.level[self._volatility_factor[options]])
        implied: Float64s = self._base_volatility[options] * level * np.maximum(smile, 0.3)
        return implied

    def _option_prices(self, options: Int64s, volatility: Float64s, now_ns: int) -> Float64s:
        prices = option_prices_on_points(
            self._model[options],
            self._is_call[options],
            self._linear[self._underlying[options]][:, None],
            self._strike[options],
            np.maximum(self._expiry_ns[options] - now_ns, 0) / NANOSECONDS_PER_YEAR,
            np.full(len(options), self._rate),
            self._yield[options],
            volatility[:, None],
        )
        column: Float64s = prices[:, 0]
        return column


def business_date(time_ns: int) -> str:
    """UTC calendar day of an instant, YYYY-MM-DD."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).date().isoformat()
