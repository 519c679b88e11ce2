"""Scenario-matrix portfolio margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate, option_value, option_values, years_to_expiry
from engine.market.revaluation import option_deltas
from engine.market.view import MarketView
from engine.rules.crypto_scenario_matrix_parameters import (
    COVERED,
    Parameters,
    VolatilityScaling,
    coin_of,
)
from engine.rules.held import by_name
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class _Position:
    """A holding: weighted P&L by scenario, delta and the funding that it is expected to pay, USD."""

    name: str
    pnl_usd: tuple[float, ...]
    delta_usd: float
    funding_usd: float
    facts: Facts


@dataclass(frozen=True, slots=True)
class _Coin:
    name: str
    initial_usd: float
    part: Part
    worst: str


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over its coins, with the tree that adds up to it."""
    mine = sorted(
        (holding for holding in holdings if holding.instrument.product in COVERED),
        key=lambda holding: holding.instrument.instrument_id,
    )
    coins = [_coin(parameters, coin, own, market) for coin, own in by_name(mine, coin_of).items()]
    initial_usd = math.fsum(coin.initial_usd for coin in coins)
    parts = [coin.part for coin in coins]
    tree = Part.sum_of("scenario matrix", parts, version=parameters.version, initial_usd=initial_usd)
    worst = coins[0].worst if len(coins) == 1 else ""
    return Explained(Requirement(initial_usd, tree.amount_usd), tree, worst)


def _coin(parameters: Parameters, coin: str, holdings: Sequence[Holding], market: MarketView) -> _Coin:
    """The worst weighted loss or the least for delta, whichever is more; half of it for maintenance; provision."""
    positions = [_position(parameters, holding, market) for holding in holdings]
    pnl_usd = [math.fsum(p.pnl_usd[i] for p in positions) for i in range(len(parameters.scenarios))]
    worst = min(range(len(pnl_usd)), key=lambda i: pnl_usd[i])
    loss_usd = max(-pnl_usd[worst], 0.0)
    net_usd = abs(math.fsum(p.delta_usd for p in positions))
    gross_usd = math.fsum(abs(p.delta_usd) for p in positions)
    hedged_usd = max(gross_usd - net_usd, 0.0) / 2.0
    least_usd = parameters.net_delta_rate * net_usd + parameters.hedged_delta_rate * hedged_usd
    before_usd = max(loss_usd, least_usd)
    provision_usd = max(math.fsum(p.funding_usd for p in positions), 0.0)
    share = parameters.maintenance_share
    losses = [
        Part(p.name, -share * p.pnl_usd[worst], (), p.facts | {"delta_usd": p.delta_usd}) for p in positions
    ]
    gain_usd = math.fsum(p.pnl_usd[worst] for p in positions)
    parts = [*losses, Part("up to the minimum for delta", share * (before_usd + gain_usd))]
    if provision_usd > 0.0:
        parts.append(Part("funding provision", provision_usd))
    initial_usd = before_usd + provision_usd
    facts: Facts = {
        "initial_usd": initial_usd,
        "worst_scenario": parameters.scenarios[worst].name,
        "worst_loss_usd": loss_usd,
        "minimum_usd": least_usd,
        "net_delta_usd": net_usd,
        "hedged_delta_usd": hedged_usd,
        "maintenance_share": share,
    }
    facts |= {f"P&L at {s.name}": value for s, value in zip(parameters.scenarios, pnl_usd, strict=True)}
    deciding = parameters.scenarios[worst].name if loss_usd >= least_usd else ""
    return _Coin(coin, initial_usd, Part.sum_of(coin, parts, **facts), deciding)


def _position(parameters: Parameters, holding: Holding, market: MarketView) -> _Position:
    instrument, quantity = holding.instrument, holding.quantity
    slot = market.slot_of[instrument.instrument_id]
    facts: Facts = {"quantity": quantity, "multiplier": instrument.multiplier}
    if not market.priced[slot]:
        facts["price"] = "missing: not in the figure"
        nothing = (0.0,) * len(parameters.scenarios)
        return _Position(instrument.instrument_id, nothing, 0.0, 0.0, facts)
    mark = float(market.mark[slot])
    facts["mark"] = mark
    units = quantity * instrument.multiplier * fx_rate(instrument, market)
    if instrument.is_inverse:
        return _inverse(parameters, holding, mark, fx_rate(instrument, market), facts)
    if instrument.is_option:
        unit_pnl, unit_delta = _option(parameters, instrument, market, facts)
    else:
        unit_pnl, unit_delta = [mark * scenario.price for scenario in parameters.scenarios], mark
    funding_usd = _funding(parameters, instrument, units * mark, facts)
    weighted = tuple(
        units * scenario.weight * pnl for scenario, pnl in zip(parameters.scenarios, unit_pnl, strict=True)
    )
    return _Position(instrument.instrument_id, weighted, units * unit_delta, funding_usd, facts)


def _funding(parameters: Parameters, instrument: Instrument, notional_usd: float, facts: Facts) -> float:
    """What a position is expected to pay over the hours provided for."""
    if instrument.product is not Product.PERPETUAL or instrument.funding_rate == 0.0:
        return 0.0
    facts["funding_rate"] = instrument.funding_rate
    return notional_usd * instrument.funding_rate * parameters.funding_hours / instrument.funding_interval_h


def _inverse(
    parameters: Parameters, holding: Holding, mark: float, coin_usd: float, facts: Facts
) -> _Position:
    """A move x of contract and coin gains face x (1 / mark - 1 / (mark x (1 + x))) coins, worth the coin's price now
    or, 1 + x times as much, then.
    """
    face_usd = holding.quantity * holding.instrument.multiplier
    pnl_usd = []
    for scenario in parameters.scenarios:
        gained_coin = face_usd * (1.0 / mark - 1.0 / (mark * (1.0 + scenario.price)))
        price_usd = coin_usd if parameters.gain_in_coins else coin_usd * (1.0 + scenario.price)
        pnl_usd.append(scenario.weight * gained_coin * price_usd)
    delta_usd = face_usd / mark * coin_usd
    facts |= {"coin_usd": coin_usd, "coins_at": "mark" if parameters.gain_in_coins else "scenario"}
    funding_usd = _funding(parameters, holding.instrument, delta_usd, facts)
    return _Position(holding.instrument.instrument_id, tuple(pnl_usd), delta_usd, funding_usd, facts)


def _option(
    parameters: Parameters, option: Instrument, market: MarketView, facts: Facts
) -> tuple[list[float], float]:
    """P&L of one unit by scenario, and its delta times the price of its underlying."""
    slot = market.slot_of[option.instrument_id]
    underlying = float(market.mark[market.slot_of[option.underlying]])
    volatility = float(market.volatility[slot])
    scale = volatility_scale(parameters.scaling, 365.0 * years_to_expiry(option, market))
    now = option_value(option, market, underlying, volatility)
    values = option_values(
        option,
        market,
        [underlying * (1.0 + scenario.price) for scenario in parameters.scenarios],
        [volatility * max(1.0 + scale * scenario.volatility, 0.0) for scenario in parameters.scenarios],
    )
    delta = float(option_deltas(market, np.array([slot]))[0])
    facts |= {"implied_volatility": volatility, "volatility_scale": scale, "delta": delta}
    return [value - now for value in values], delta * underlying


def volatility_scale(scaling: VolatilityScaling, days: float) -> float:
    """(reference days / days) ^ power, days at least the shortest."""
    power = scaling.short_power if days < scaling.reference_days else scaling.long_power
    return math.pow(scaling.reference_days / max(days, scaling.shortest_days), power)
