"""FINRA Rule 4210(g) portfolio margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.market.instruments import Instrument, Silo
from engine.market.plain import fx_rate, option_value, years_to_expiry
from engine.market.view import MarketView
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Revalued:
    """One position at every valuation point of its class; USD, losses negative."""

    name: str
    pnl_usd: tuple[float, ...]
    minimum_usd: float
    facts: Facts


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over its class groups, with the tree that adds up to it."""
    groups: dict[str, list[tuple[Instrument, float]]] = {}
    for instrument, quantity in _net_positions(holdings):
        groups.setdefault(instrument.class_root, []).append((instrument, quantity))
    parts: list[Part] = []
    deciding: list[str] = []
    for root_id in sorted(groups):
        part, worst_point = _class_group(parameters, root_id, groups[root_id], market)
        parts.append(part)
        deciding.append(worst_point)
    tree = Part.sum_of("FINRA 4210(g) portfolio margin", parts, version=parameters.version)
    worst = deciding[0] if len(deciding) == 1 else ""
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree, worst)


def _net_positions(holdings: Sequence[Holding]) -> list[tuple[Instrument, float]]:
    """The rule knows one net position per instrument; only those of the silo count."""
    instruments: dict[str, Instrument] = {}
    quantities: dict[str, list[float]] = {}
    for holding in holdings:
        if holding.silo == Silo.SECURITIES and holding.quantity != 0.0:
            instruments[holding.instrument.instrument_id] = holding.instrument
            quantities.setdefault(holding.instrument.instrument_id, []).append(holding.quantity)
    return [(instruments[key], math.fsum(quantities[key])) for key in sorted(quantities)]


def _class_group(
    parameters: Parameters, root_id: str, positions: list[tuple[Instrument, float]], market: MarketView
) -> tuple[Part, str]:
    """The larger of worst loss and minimum, written as loss + top-up; and the point that decides."""
    root = market.instruments[market.slot_of[root_id]] if root_id in market.slot_of else positions[0][0]
    labels = [_label(move) for move in parameters.moves(positions[0][0], root)]
    revalued = [_revalue(parameters, root, position, market) for position in positions]
    pnl_usd = [math.fsum(position.pnl_usd[k] for position in revalued) for k in range(len(labels))]
    worst = min(range(len(labels)), key=lambda k: pnl_usd[k])
    loss = Part.sum_of(
        f"worst loss, at {labels[worst]}",
        [
            *(Part(position.name, -position.pnl_usd[worst], (), position.facts) for position in revalued),
            *_uncredited_gain(pnl_usd[worst]),
        ],
    )
    minimum_usd = math.fsum(position.minimum_usd for position in revalued)
    top_up = Part("top-up to the minimum", max(minimum_usd - loss.amount_usd, 0.0))
    facts: Facts = {f"P&L at {label}": value for label, value in zip(labels, pnl_usd, strict=True)}
    facts |= {"worst_point": labels[worst], "minimum_usd": minimum_usd, "leverage": root.leverage}
    decides = loss.amount_usd > minimum_usd
    return Part.sum_of(f"class group {root_id}", [loss, top_up], **facts), (
        f"{root_id} {labels[worst]}" if decides else ""
    )


def _uncredited_gain(worst_pnl_usd: float) -> list[Part]:
    """A group that gains at every point is not paid for it."""
    return [Part("gain at every point, not credited", worst_pnl_usd)] if worst_pnl_usd > 0.0 else []


def _label(move: float) -> str:
    return f"{100.0 * move:+.4g} %"


def _revalue(
    parameters: Parameters, root: Instrument, position: tuple[Instrument, float], market: MarketView
) -> Revalued:
    """The position's P&L at each point: its value there less its value now, both by the model."""
    instrument, quantity = position
    moves = parameters.moves(instrument, root)
    slot = market.slot_of[instrument.instrument_id]
    name = f"{quantity:g} {instrument.instrument_id}"
    if not market.priced[slot]:
        return Revalued(name, (0.0,) * len(moves), 0.0, {"price": "missing: not in the figure"})
    fx = fx_rate(instrument, market)
    contract_usd = instrument.multiplier * fx
    mark = float(market.mark[slot])
    facts: Facts = {"quantity": quantity, "mark": mark, "multiplier": instrument.multiplier, "fx_rate": fx}
    if instrument.is_option:
        values, now = _option_values(instrument, slot, moves, market, facts)
        minimum = _option_minimum(parameters, instrument.multiplier, quantity, mark * contract_usd)
    else:
        values, now = [mark * (1.0 + move) for move in moves], mark
        minimum = 0.0
    pnl_usd = tuple(quantity * contract_usd * (value - now) for value in values)
    facts.update({f"P&L at {_label(move)}": pnl for move, pnl in zip(moves, pnl_usd, strict=True)})
    facts["minimum_usd"] = minimum
    return Revalued(name, pnl_usd, minimum, facts)


def _option_values(
    instrument: Instrument, slot: int, moves: tuple[float, ...], market: MarketView, facts: Facts
) -> tuple[list[float], float]:
    """Model value per unit at each point and now; implied volatility unchanged."""
    underlying = float(market.mark[market.slot_of[instrument.underlying]])
    volatility = float(market.volatility[slot])
    now = option_value(instrument, market, underlying, volatility)
    facts.update(
        underlying=underlying,
        strike=instrument.strike,
        years=years_to_expiry(instrument, market),
        rate=market.rate,
        dividend_yield=instrument.dividend_yield,
        volatility=volatility,
        model_value=now,
    )
    points = [underlying * (1.0 + move) for move in moves]
    return [option_value(instrument, market, point, volatility) for point in points], now


def _option_minimum(
    parameters: Parameters, multiplier: float, quantity: float, contract_value_usd: float
) -> float:
    """Per contract; that of a long one is not above its market value."""
    per_contract = parameters.minimum_per_option_usd * multiplier
    if quantity > 0.0 and parameters.cap_long_minimum:
        per_contract = min(per_contract, contract_value_usd)
    return abs(quantity) * per_contract
