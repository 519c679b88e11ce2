"""European options: Black on a forward, Bachelier on a forward, the normal distribution, and their deltas.

Every function takes the forward of the underlying at expiry, the discount factor to expiry and the standard
deviation over the remaining life (`volatility * sqrt(years)`), so spot and futures options share one
formula. Sources: Black (1976), Black-Scholes-Merton (1973), Bachelier (1900).
"""

from __future__ import annotations

import math

from engine.base.kernel import in_place

_INVERSE_SQRT_2 = 1.0 / math.sqrt(2.0)
_INVERSE_SQRT_2_PI = 1.0 / math.sqrt(2.0 * math.pi)


@in_place
def normal_cdf(x: float) -> float:
    """Standard normal distribution; exact to the last bits in both tails."""
    return 0.5 * math.erfc(-x * _INVERSE_SQRT_2)


@in_place
def normal_pdf(x: float) -> float:
    """Standard normal density."""
    return _INVERSE_SQRT_2_PI * math.exp(-0.5 * x * x)


@in_place
def forward_intrinsic(is_call: bool, forward: float, strike: float, discount: float) -> float:
    """Discounted value of exercising at the forward: the European price at zero volatility."""
    return discount * max(forward - strike if is_call else strike - forward, 0.0)


@in_place
def black_price(is_call: bool, forward: float, strike: float, deviation: float, discount: float) -> float:
    """Black price per unit of underlying.

    A forward or strike at or below zero is outside the lognormal world; one side is then certain to finish in
    the money, so the price is the discounted intrinsic value of the forward (also the limit towards zero).
    """
    if deviation <= 0.0 or forward <= 0.0 or strike <= 0.0:
        return forward_intrinsic(is_call, forward, strike, discount)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    if is_call:
        price = forward * normal_cdf(d1) - strike * normal_cdf(d2)
    else:
        price = strike * normal_cdf(-d2) - forward * normal_cdf(-d1)
    return max(discount * price, forward_intrinsic(is_call, forward, strike, discount))


@in_place
def black_forward_delta(
    is_call: bool, forward: float, strike: float, deviation: float, discount: float
) -> float:
    """Change of the Black price per unit of change of the forward."""
    if deviation <= 0.0 or forward <= 0.0 or strike <= 0.0:
        return intrinsic_slope(is_call, forward, strike) * discount
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    return discount * (normal_cdf(d1) if is_call else -normal_cdf(-d1))


@in_place
def bachelier_price(is_call: bool, forward: float, strike: float, deviation: float, discount: float) -> float:
    """Bachelier (normal) price; forward and strike may be negative, `deviation` is in price units."""
    if deviation <= 0.0:
        return forward_intrinsic(is_call, forward, strike, discount)
    moneyness = forward - strike if is_call else strike - forward
    d = moneyness / deviation
    price = discount * (moneyness * normal_cdf(d) + deviation * normal_pdf(d))
    return max(price, forward_intrinsic(is_call, forward, strike, discount))


@in_place
def bachelier_forward_delta(
    is_call: bool, forward: float, strike: float, deviation: float, discount: float
) -> float:
    """Change of the Bachelier price per unit of change of the forward."""
    if deviation <= 0.0:
        return intrinsic_slope(is_call, forward, strike) * discount
    d = (forward - strike) / deviation
    return discount * (normal_cdf(d) if is_call else -normal_cdf(-d))


@in_place
def intrinsic_slope(is_call: bool, underlying: float, strike: float) -> float:
    """Delta of the intrinsic value: 0, 1 or -1, and half of it exactly at the strike."""
    sign = 1.0 if is_call else -1.0
    distance = sign * (underlying - strike)
    if distance == 0.0:
        return 0.5 * sign
    return sign if distance > 0.0 else 0.0
