"""Margin of cleared swaps for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.credit import credit_spread
from engine.market.credit_pricing import BASIS_POINT, upfront
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.rate_schedule import tenor_months
from engine.market.view import MarketView
from engine.rules.cleared_swaps_model import COVERED, CREDIT, RATES, Model
from engine.rules.historical_loss_plain import historical_loss
from engine.rules.interface import Holding
from engine.rules.liquidity_tiers import Bucket, bucket_place
from engine.rules.requirement import Explained, Part, Requirement

Facts = dict[str, float | str]
Sensitivities = dict[tuple[str, int], list[float]]  # by currency or reference entity, and bucket


def explain_account(model: Model, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: interest rates and credit indexes, each one portfolio."""
    parameters = model.parameters
    mine = [one for one in holdings if one.silo == parameters.silo and one.instrument.product in COVERED]
    parts, worst = [], ""
    for name, product in ((RATES, Product.INTEREST_RATE_SWAP), (CREDIT, Product.CREDIT_INDEX_SWAP)):
        held = [one for one in mine if one.instrument.product is product]
        if held:
            part, scenario = _portfolio(model, name, held, market)
            parts.append(part)
            worst = worst or scenario
    tree = Part.sum_of(
        "cleared swaps", parts, version=parameters.version, initial_share=parameters.initial_share,
        scenarios=model.scenarios.label,
    )  # fmt: skip
    initial = parameters.initial_share * tree.amount_usd
    return Explained(Requirement(initial, tree.amount_usd), tree, worst)


def _portfolio(model: Model, name: str, holdings: list[Holding], market: MarketView) -> tuple[Part, str]:
    """Loss over the scenarios of all positions together, and what closing them would cost."""
    scenarios = model.scenarios
    facts: Facts = {}
    gains: list[list[float]] = []
    sensitivities: Sensitivities = {}
    for holding in sorted(holdings, key=lambda one: one.instrument.instrument_id):
        instrument = holding.instrument
        slot = market.slot_of[instrument.instrument_id]
        if not market.priced[slot]:
            facts[f"value of {instrument.instrument_id}"] = "missing: not in the figure"
            continue
        notional_usd = holding.quantity * instrument.multiplier * fx_rate(instrument, market)
        of_one = _rate_swap if instrument.product is Product.INTEREST_RATE_SWAP else _index_swap
        moves, per_basis_point = of_one(model, instrument, market)
        gains.append([notional_usd * move for move in moves])
        for key, move in per_basis_point:
            sensitivities.setdefault(key, []).append(notional_usd * move)
        facts |= {
            f"notional_usd of {instrument.instrument_id}": notional_usd,
            f"value of {instrument.instrument_id}": float(market.mark[slot]),
            f"gain_per_bp_usd of {instrument.instrument_id}": math.fsum(
                notional_usd * move for _, move in per_basis_point
            ),
        }
    pnl = [math.fsum(column) for column in zip(*gains, strict=True)] if gains else [0.0] * scenarios.count
    loss = historical_loss(model.parameters.measure, scenarios.names, scenarios.historical_count, pnl)
    table = model.parameters.rate_liquidity if name == RATES else model.parameters.credit_liquidity
    parts = [loss.part, _liquidity(table, sensitivities)]
    return Part.sum_of(name, parts, **facts), loss.worst


def _rate_swap(
    model: Model, swap: Instrument, market: MarketView
) -> tuple[list[float], list[tuple[tuple[str, int], float]]]:
    """Gain of one unit of notional in each scenario, and for each quote a basis point up, by bucket.

    Every quote of the curve and of the one that discounts it moves as its tenor does; both curves are made anew.
    """
    curves = market.rate_curves
    rests_on = curves.rests_on(swap.underlying)
    months = {
        each: [tenor_months(market.instruments[slot].tenor) for slot in curves.quotes(each)]
        for each in rests_on
    }
    value = _value(market, swap, {})
    per_basis_point = []
    for each in rests_on:
        for place in range(len(months[each])):
            bump = {each: [BASIS_POINT if other == place else 0.0 for other in range(len(months[each]))]}
            per_basis_point.append(_value(market, swap, bump) - value)
    moves = []
    for scenario in range(model.scenarios.count):
        shifts = {each: [_move(model, each, scenario, tenor) for tenor in months[each]] for each in rests_on}
        gain = _value(market, swap, shifts) - value
        if not math.isfinite(
            gain
        ):  # quotes that admit no curve once moved: by the gains per basis point instead
            steps = [shift / BASIS_POINT for each in rests_on for shift in shifts[each]]
            gain = math.fsum(step * one for step, one in zip(steps, per_basis_point, strict=True))
        moves.append(gain)
    buckets = model.parameters.rate_liquidity[swap.currency]
    tenors = [tenor for each in rests_on for tenor in months[each]]
    keys = [(swap.currency, bucket_place(buckets, tenor / 12)) for tenor in tenors]
    return moves, list(zip(keys, per_basis_point, strict=True))


def _move(model: Model, curve_id: str, scenario: int, months: int) -> float:
    """Move of a rate of this tenor: on the line between the two key tenors around it."""
    tenors = model.key_tenors[curve_id]
    key_months, moves = tenors.months.tolist(), tenors.moves[scenario].tolist()
    if months <= key_months[0]:
        return float(moves[0])
    for place in range(1, len(key_months)):
        if months <= key_months[place]:
            part = (months - key_months[place - 1]) / (key_months[place] - key_months[place - 1])
            return float((1.0 - part) * moves[place - 1] + part * moves[place])
    return float(moves[-1])


def _value(market: MarketView, swap: Instrument, shifts: dict[str, list[float]]) -> float:
    slots = np.array([market.slot_of[swap.instrument_id]])
    moved = {curve_id: np.array([move]) for curve_id, move in shifts.items()}
    return float(market.rate_curves.values(market, swap.underlying, slots, moved, 1)[0, 0])


def _index_swap(
    model: Model, swap: Instrument, market: MarketView
) -> tuple[list[float], list[tuple[tuple[str, int], float]]]:
    """The same for protection on an index: its spread moves by a share of itself."""
    spread = credit_spread(market, market.slot_of[swap.instrument_id])
    today, maturity = (
        time_ns // NANOSECONDS_PER_DAY for time_ns in (market.valuation_time_ns, swap.expiry_ns)
    )

    def value(at: float) -> float:
        if maturity <= today:
            return 0.0
        return upfront(today, maturity, swap.recovery_rate, market.rate, swap.coupon, at)

    now = value(spread)
    column = model.credit_column[swap.reference_entity]
    shocks = model.scenarios.shocks[:, column].tolist()
    buckets = model.parameters.credit_liquidity[swap.reference_entity]
    key = (swap.reference_entity, bucket_place(buckets, (maturity - today) / 365.0))
    return [value(spread * (1.0 + shock)) - now for shock in shocks], [
        (key, value(spread + BASIS_POINT) - now)
    ]


def _liquidity(table: dict[str, tuple[Bucket, ...]], sensitivities: Sensitivities) -> Part:
    """Each bucket's net sensitivity, each part of it at its own price; buckets do not offset one another."""
    parts = []
    for (name, place), moves in sorted(sensitivities.items()):
        bucket, net_usd = table[name][place], math.fsum(moves)
        label = f"{name}, {_band([each.years_at_most for each in table[name]], place)}"
        parts.append(Part(label, bucket.cost(net_usd), (), {"gain_per_bp_usd": net_usd}))
    return Part.sum_of("liquidity add-on", parts)


def _band(bounds: list[float], place: int) -> str:
    low = f"{bounds[place - 1]:g}" if place else "0"
    return f"over {low} years" if math.isinf(bounds[place]) else f"{low} to {bounds[place]:g} years"
