"""FINRA Rule 4210(g) portfolio margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.market.instruments import Instrument, Product, Silo
from engine.market.plain import fx_rate, option_value, years_to_expiry
from engine.market.view import MarketView
from engine.rules.finra_4210g_baskets_plain import with_baskets
from engine.rules.finra_4210g_groups import OffsetGroup, group_of
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.finra_4210g_revalued import ClassGroup, Facts, Revalued
from engine.rules.held import net
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over what nothing holds together, with the tree that adds up to it."""
    positions: dict[str, list[tuple[Instrument, float]]] = {}
    for instrument, quantity in _net_positions(holdings):
        positions.setdefault(instrument.class_group, []).append((instrument, quantity))
    classes = {
        root_id: _class_group(parameters, root_id, _root(market, root_id, held), held, market)
        for root_id, held in sorted(positions.items())
    }
    classes = with_baskets(parameters, classes, lambda each: _tree(parameters, each)[0].amount_usd)
    tree, charged = _tree(parameters, classes)
    worst = _deciding(charged[0]) if len(charged) == 1 else ""
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree, worst)


def _tree(parameters: Parameters, classes: Mapping[str, ClassGroup]) -> tuple[Part, list[Revalued]]:
    """The sum over what nothing holds together, and what it is the sum over."""
    alone: list[Revalued] = []
    members: dict[str, list[Revalued]] = {}
    for each in classes.values():
        group = group_of(parameters.groups, each.root)
        (members.setdefault(group, []) if group else alone).append(each.revalued)
    charged = alone + _groups(parameters, members)
    parts = [_requirement(each) for each in charged] + _concentration(parameters, alone, charged)
    return Part.sum_of("FINRA 4210(g) portfolio margin", parts, version=parameters.version), charged


def _groups(parameters: Parameters, members: dict[str, list[Revalued]]) -> list[Revalued]:
    """Groups that the account has members of and that no other group holds; ``members`` by group is used up."""
    outermost: list[Revalued] = []
    for group in parameters.groups:
        own = members.pop(group.name, [])
        if own:
            revalued = _offset_group(parameters, group, own)
            (members.setdefault(group.within, []) if group.within else outermost).append(revalued)
    return [_without_shells(each) for each in outermost]


def _without_shells(revalued: Revalued) -> Revalued:
    """A group of one member loses what that member loses, so the tree begins at the member."""
    while len(revalued.members) == 1 and revalued.members[0].members:
        (revalued,) = revalued.members
    return revalued


def _offset_group(parameters: Parameters, group: OffsetGroup, members: list[Revalued]) -> Revalued:
    """At each point losses count in full and gains by the group's share; minimums count in full."""
    points = parameters.point_names
    pnl_usd = tuple(
        math.fsum(
            member.pnl_usd[point] * (group.offset if member.pnl_usd[point] > 0.0 else 1.0)
            for member in members
        )
        for point in range(len(points))
    )
    minimum_usd = math.fsum(member.minimum_usd for member in members)
    facts: Facts = {f"P&L at {name}": value for name, value in zip(points, pnl_usd, strict=True)}
    facts |= {"gains_that_offset": group.offset, "minimum_usd": minimum_usd}
    facts["members_apart_usd"] = math.fsum(member.apart_usd for member in members)
    return Revalued(
        f"{group.level} {group.name}", points, pnl_usd, minimum_usd, facts, tuple(members), group.offset
    )


def _requirement(charged: Revalued) -> Part:
    """The larger of worst loss and minimum, written as loss + top-up."""
    worst = charged.points[charged.worst]
    lines = charged.lines_at(charged.worst) + _uncredited_gain(charged.pnl_usd[charged.worst])
    loss = Part.sum_of(f"worst loss, at {worst}", lines)
    top_up = Part("top-up to the minimum", max(charged.minimum_usd - loss.amount_usd, 0.0))
    return Part.sum_of(charged.name, [loss, top_up], **(charged.facts | {"worst_point": worst}))


def _uncredited_gain(worst_pnl_usd: float) -> list[Part]:
    """What gains at every point is not paid for it."""
    return [Part("gain at every point, not credited", worst_pnl_usd)] if worst_pnl_usd > 0.0 else []


def _concentration(parameters: Parameters, alone: list[Revalued], charged: list[Revalued]) -> list[Part]:
    """The house's add-on for the largest class group that nothing offsets."""
    if parameters.concentration_rate == 0.0 or not alone:
        return []
    largest = max(alone, key=lambda each: each.apart_usd)
    limit_usd = parameters.concentration_limit * math.fsum(each.apart_usd for each in charged)
    add_on_usd = parameters.concentration_rate * max(largest.apart_usd - limit_usd, 0.0)
    return [Part(f"concentration: {largest.name}", add_on_usd, (), {"limit_usd": limit_usd})]


def _deciding(charged: Revalued) -> str:
    """The point that decides, empty where the minimum does."""
    worst = charged.worst
    decides = -charged.pnl_usd[worst] > charged.minimum_usd
    return f"{charged.name.split(' group ', 1)[1]} {charged.points[worst]}" if decides else ""


def _net_positions(holdings: Sequence[Holding]) -> list[tuple[Instrument, float]]:
    """The rule knows one net position per instrument; only those of the silo count."""
    return net([one for one in holdings if one.silo == Silo.SECURITIES and one.quantity != 0.0])


def _root(market: MarketView, root_id: str, positions: list[tuple[Instrument, float]]) -> Instrument:
    """The underlying as published; while it is not, whatever is held on it."""
    return market.instruments[market.slot_of[root_id]] if root_id in market.slot_of else positions[0][0]


def _class_group(
    parameters: Parameters,
    root_id: str,
    root: Instrument,
    positions: list[tuple[Instrument, float]],
    market: MarketView,
) -> ClassGroup:
    """Positions on one underlying: gains and losses offset in full."""
    moves = parameters.moves(positions[0][0], root)
    points = tuple(_label(move) for move in moves)
    members = tuple(_revalue(parameters, root, position, market) for position in positions)
    pnl_usd = tuple(math.fsum(member.pnl_usd[k] for member in members) for k in range(len(points)))
    minimum_usd = math.fsum(member.minimum_usd for member in members)
    facts: Facts = {f"P&L at {label}": value for label, value in zip(points, pnl_usd, strict=True)}
    facts |= {"minimum_usd": minimum_usd, "leverage": root.leverage}
    stock_usd = math.fsum(_stock_usd(position, market) for position in positions)
    revalued = Revalued(f"class group {root_id}", points, pnl_usd, minimum_usd, facts, members)
    return ClassGroup(root, moves, stock_usd, revalued)


def _stock_usd(position: tuple[Instrument, float], market: MarketView) -> float:
    """Market value of a position in the underlying itself."""
    instrument, quantity = position
    slot = market.slot_of[instrument.instrument_id]
    if instrument.rests_on_underlying or not market.priced[slot]:
        return 0.0
    return quantity * instrument.multiplier * float(market.mark[slot]) * fx_rate(instrument, market)


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
    points = tuple(_label(move) for move in moves)
    if not market.priced[slot]:
        return Revalued(name, points, (0.0,) * len(moves), 0.0, {"price": "missing: not in the figure"})
    fx = fx_rate(instrument, market)
    contract_usd = instrument.multiplier * fx
    mark = float(market.mark[slot])
    facts: Facts = {"quantity": quantity, "mark": mark, "multiplier": instrument.multiplier, "fx_rate": fx}
    if instrument.is_option:
        values, now = _option_values(instrument, slot, moves, market, facts)
        minimum = _option_minimum(parameters, instrument.multiplier, quantity, mark * contract_usd)
    else:
        values, now = [mark * (1.0 + move) for move in moves], mark
        minimum = _future_minimum(parameters, instrument, quantity)
    pnl_usd = tuple(quantity * contract_usd * (value - now) for value in values)
    facts.update({f"P&L at {label}": pnl for label, pnl in zip(points, pnl_usd, strict=True)})
    facts["minimum_usd"] = minimum
    return Revalued(name, points, pnl_usd, minimum, facts)


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


def _future_minimum(parameters: Parameters, instrument: Instrument, quantity: float) -> float:
    """Per contract of a security future; a future has no market value that would bound it. Of a share none."""
    if instrument.product is not Product.SECURITY_FUTURE:
        return 0.0
    return abs(quantity) * parameters.minimum_per_option_usd * instrument.multiplier


def _option_minimum(
    parameters: Parameters, multiplier: float, quantity: float, contract_value_usd: float
) -> float:
    """Per contract; that of a long one is not above its market value."""
    per_contract = parameters.minimum_per_option_usd * multiplier
    if quantity > 0.0 and parameters.cap_long_minimum:
        per_contract = min(per_contract, contract_value_usd)
    return abs(quantity) * per_contract
