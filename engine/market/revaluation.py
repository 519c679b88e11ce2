"""Options of the market revalued at moved prices and volatilities: what all rulebooks' risk rows rest on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.market.market import Market
from engine.market.option_scenarios import option_pnl_over_points

Float64s = NDArray[np.float64]


def option_moves(
    market: Market, slots: NDArray[np.int64], underlying_points: Float64s, volatility_points: Float64s
) -> Float64s:
    """float64[n, k]: model value at each point less the model value now, so a mark off the model cancels.

    Per unit, in the option's currency.

    Args:
        slots: int64[n], priced options.
        underlying_points, volatility_points: float64[n, k].
    """
    return _option_moves(
        market.model[slots],
        market.is_call[slots],
        market.underlying_price(slots),
        market.strike[slots],
        market.years_to_expiry(slots),
        market.rate,
        market.dividend_yield[slots],
        market.volatility[slots],
        underlying_points,
        volatility_points,
    )


@kernel
def _option_moves(
    model: NDArray[np.int8],
    is_call: NDArray[np.bool_],
    underlying: Float64s,
    strike: Float64s,
    years: Float64s,
    rate: float,
    dividend_yield: Float64s,
    volatility: Float64s,
    underlying_points: Float64s,
    volatility_points: Float64s,
) -> Float64s:
    moves = np.empty_like(underlying_points)
    for i in range(len(model)):
        option_pnl_over_points(
            int(model[i]), is_call[i], underlying[i], strike[i], years[i], rate, dividend_yield[i],
            volatility[i], underlying_points[i], volatility_points[i], moves[i],
        )  # fmt: skip
    return moves
