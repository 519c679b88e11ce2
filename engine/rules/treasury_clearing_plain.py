"""Margin of cleared Treasuries and repo for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.bond_pricing import clean_price, yield_of
from engine.market.credit_pricing import BASIS_POINT
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.historical_loss_plain import historical_loss
from engine.rules.interface import Holding
from engine.rules.portfolio_differential import LEAST_CHARGE_USD
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.treasury_clearing_model import COVERED, DAYS_PER_MONTH, Model

Facts = dict[str, float | str]


class _Moves(NamedTuple):
    """Gain of one unit of 100 of principal in each scenario, and per basis point of each key rate."""

    scenarios: list[float]
    key_rates: list[float]

    def less(self, other: _Moves) -> _Moves:
        return _Moves(
            [one - two for one, two in zip(self.scenarios, other.scenarios, strict=True)],
            [one - two for one, two in zip(self.key_rates, other.key_rates, strict=True)],
        )


def explain_account(
    model: Model, holdings: Sequence[Holding], market: MarketView, past_usd: Sequence[float] = ()
) -> Explained:
    """The account's requirement: one portfolio of key rates, and futures that are none of it.

    Args:
        past_usd: what the account was charged at past collections, oldest first.
    """
    parameters = model.parameters
    facts: Facts = {
        "version": parameters.version,
        "initial_share": parameters.initial_share,
        "scenarios": model.scenarios.label,
    }
    gains: list[list[float]] = []
    per_basis_point: list[list[float]] = []
    outside: list[Part] = []
    mine = [one for one in holdings if one.silo == parameters.silo and one.instrument.product in COVERED]
    for holding in sorted(mine, key=lambda one: one.instrument.instrument_id):
        instrument, name = holding.instrument, holding.instrument.instrument_id
        slot = market.slot_of[name]
        if not market.priced[slot]:
            facts[f"mark of {name}"] = "missing: not in the figure"
            continue
        units_usd = holding.quantity * instrument.multiplier * fx_rate(instrument, market)
        mark = facts[f"mark of {name}"] = float(market.mark[slot])
        if model.moves_with_none(instrument):
            outside.append(Part(f"{name}: moves with no key rate, its whole value", abs(units_usd * mark)))
            continue
        moves = _moves(model, instrument, market)
        gains.append([units_usd * move for move in moves.scenarios])
        per_basis_point.append([units_usd * move for move in moves.key_rates])
        facts[f"gain_per_bp_usd of {name}"] = math.fsum(per_basis_point[-1])
    if not mine:
        return Explained(Requirement(0.0, 0.0), Part("treasury clearing", 0.0, (), facts))
    pnl = [math.fsum(column) for column in zip(*gains, strict=True)] or [0.0] * model.scenarios.count
    sensitivities = [math.fsum(column) for column in zip(*per_basis_point, strict=True)] or [0.0] * len(
        model.bucket_of
    )
    loss = historical_loss(parameters.measure, model.scenarios.names, model.scenarios.historical_count, pnl)
    parts = [
        loss.part,
        _minimum_top_up(model, sensitivities, loss.part.amount_usd),
        _liquidity(model, sensitivities),
        *outside,
    ]
    if past_usd and math.fsum(part.amount_usd for part in parts) >= LEAST_CHARGE_USD:
        parts.append(parameters.differential.explain(past_usd))
    tree = Part.sum_of("treasury clearing", parts, **facts)
    return Explained(
        Requirement(parameters.initial_share * tree.amount_usd, tree.amount_usd), tree, loss.worst
    )


def _moves(model: Model, instrument: Instrument, market: MarketView) -> _Moves:
    """A bond; for a future the bond it moves as; for a repo the bond behind it less the cash to be paid back."""
    today = market.valuation_time_ns // NANOSECONDS_PER_DAY
    if instrument.product is Product.REPO:
        behind = market.instruments[market.slot_of[instrument.underlying]]
        days = max(instrument.expiry_ns // NANOSECONDS_PER_DAY - today, 0)
        cash = _cash(model, instrument.strike, instrument.coupon, days)
        return _moves(model, behind, market).less(cash)
    price = float(market.mark[market.slot_of[instrument.instrument_id]])
    if instrument.product is Product.FUTURE:
        coupon, maturity = model.bond_of(instrument, today)
        return _bond(model, price, coupon, today, maturity)
    return _bond(model, price, instrument.coupon, today, instrument.expiry_ns // NANOSECONDS_PER_DAY)


def _bond(model: Model, price: float, coupon: float, today: int, maturity: int) -> _Moves:
    bond_yield = yield_of(today, maturity, coupon, price)

    def gain(move: float) -> float:
        if maturity <= today or math.isnan(bond_yield):
            return 0.0
        return clean_price(today, maturity, coupon, bond_yield + move) - price

    return _along_key_rates(model, (maturity - today) / DAYS_PER_MONTH, gain)


def _cash(model: Model, amount: float, rate: float, days: int) -> _Moves:
    def value(at: float) -> float:
        return amount / (1.0 + at * days / 360.0)

    return _along_key_rates(model, days / DAYS_PER_MONTH, lambda move: value(rate + move) - value(rate))


def _along_key_rates(model: Model, months: float, gain: Callable[[float], float]) -> _Moves:
    """A rate between two key rates moves by their moves in proportion; its gain per basis point is theirs likewise."""
    key_months = model.key_rates.months.tolist()
    upper = next((place for place, each in enumerate(key_months) if each >= months), len(key_months) - 1)
    lower = max(upper - 1, 0)
    reach = key_months[upper] - key_months[lower]
    part = min(max((months - key_months[lower]) / reach, 0.0), 1.0) if reach else 1.0
    scenarios = [
        gain((1.0 - part) * row[lower] + part * row[upper]) for row in model.key_rates.moves.tolist()
    ]
    key_rates = [0.0] * len(key_months)
    per_basis_point = gain(BASIS_POINT)
    key_rates[lower] += (1.0 - part) * per_basis_point
    key_rates[upper] += part * per_basis_point
    return _Moves(scenarios, key_rates)


def _minimum_top_up(model: Model, sensitivities: list[float], loss_usd: float) -> Part:
    """What the minimum margin amount adds: the greater side of the key rates less a share of the smaller one."""
    moves = model.minimum_moves.tolist()
    losses = [one / BASIS_POINT * move for one, move in zip(sensitivities, moves, strict=True)]
    one = math.fsum(loss for loss in losses if loss > 0.0)
    other = math.fsum(-loss for loss in losses if loss < 0.0)
    offset = model.parameters.minimum.offset
    minimum = max(one, other) - offset * min(one, other)
    facts: Facts = {"minimum_margin_usd": minimum, "side_usd": one, "other_side_usd": other, "offset": offset}
    for tenor, move, sensitivity in zip(model.key_rates.tenors, moves, sensitivities, strict=True):
        if sensitivity != 0.0:
            facts |= {f"gain_per_bp_usd {tenor}": sensitivity, f"move_bp {tenor}": move / BASIS_POINT}
    return Part("minimum margin top-up", max(minimum - loss_usd, 0.0), (), facts)


def _liquidity(model: Model, sensitivities: list[float]) -> Part:
    """Net gain per basis point of each bucket of key rates, each part of it at its own price."""
    parts = []
    for place, bucket in enumerate(model.parameters.liquidity):
        key_rates = [number for number, of in enumerate(model.bucket_of) if of == place]
        net_usd = math.fsum(sensitivities[number] for number in key_rates)
        if key_rates and net_usd != 0.0:
            tenors = f"{model.key_rates.tenors[key_rates[0]]} to {model.key_rates.tenors[key_rates[-1]]}"
            parts.append(Part(tenors, bucket.cost(net_usd), (), {"gain_per_bp_usd": net_usd}))
    return Part.sum_of("liquidity adjustment", parts)
