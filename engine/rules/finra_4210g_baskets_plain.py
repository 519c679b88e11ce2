"""Qualified stock baskets of FINRA 4210(g) for one account, in the order in which a clerk works them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.rules.finra_4210g_basket_parameters import Composition
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.finra_4210g_revalued import ClassGroup, Facts, Revalued

Classes = dict[str, ClassGroup]
LONG, SHORT = 1, -1


def with_baskets(
    parameters: Parameters, classes: Classes, asked_usd: Callable[[Mapping[str, ClassGroup]], float]
) -> Classes:
    """The class groups after every basket that lets the account be asked less; a firm need not form one.

    No basket may offset another, so all are long or all are short, as the first one.

    Args:
        asked_usd: requirement of the account with these class groups.
    """
    formed = 0
    for composition in parameters.compositions:
        best, side_of_best = classes, 0
        for side in (LONG, SHORT):
            if formed != -side:
                trial = _with_basket(parameters, composition, classes, side)
                if trial is not None and asked_usd(trial) < asked_usd(best):
                    best, side_of_best = trial, side
        if side_of_best:
            classes, formed = best, side_of_best
    return classes


def _with_basket(
    parameters: Parameters, composition: Composition, classes: Classes, side: int
) -> Classes | None:
    """Class groups with a basket moved from those of its stocks to that of its index; None if there is none."""
    index = classes.get(composition.index)
    if index is None:
        return None
    need_usd = _need_usd(index, side)
    least, minimum = parameters.basket.terms(index.root.index_class)
    largest_usd, members = _largest(composition, classes, side, least)
    if need_usd <= 0.0 or not members:
        return None
    worth_usd = min(largest_usd, need_usd)
    coverage = sum(members.values())
    changed = dict(classes)
    for name, weight in members.items():
        taken_usd = side * worth_usd * weight / coverage
        changed[name] = _without(classes[name], taken_usd, composition.index)
    basket = _basket(index, composition, side * worth_usd, coverage, minimum * worth_usd)
    changed[composition.index] = replace(
        index, revalued=_together(index.revalued, basket, parameters.basket.offset, composition.index)
    )
    return changed


def _need_usd(index: ClassGroup, side: int) -> float:
    """The index position that the class group's losses on this side of the market amount to."""
    losses = zip(index.moves, index.revalued.pnl_usd, strict=True)
    return max((-pnl / abs(move) for move, pnl in losses if move * side > 0.0), default=0.0)


def _largest(
    composition: Composition, classes: Classes, side: int, least: float
) -> tuple[float, dict[str, float]]:
    """Market value and weights of the largest basket in the proportions of the index that covers enough of it.

    The stock that is held for the largest index position comes first; each further one widens the basket and may
    lower the index position that all of them still represent.
    """
    levels = {
        name: side * classes[name].stock_usd / weight
        for name, weight in composition.weights.items()
        if name in classes and side * classes[name].stock_usd > 0.0
    }
    largest_usd, largest, members = 0.0, {}, dict[str, float]()
    for name in sorted(levels, key=lambda each: -levels[each]):
        members[name] = composition.weights[name]
        covered = sum(members.values())
        if covered >= least - 1e-12 and levels[name] * covered > largest_usd:
            largest_usd, largest = levels[name] * covered, dict(members)
    return largest_usd, largest


def _without(own: ClassGroup, taken_usd: float, index: str) -> ClassGroup:
    """The class group of a stock after ``taken_usd`` of it went into the basket."""
    revalued = own.revalued
    moved = tuple(-taken_usd * move for move in own.moves)
    line = Revalued(
        f"in the basket on {index}", revalued.points, moved, 0.0, {"market_value_usd": -taken_usd}
    )
    pnl_usd = tuple(one + other for one, other in zip(revalued.pnl_usd, moved, strict=True))
    facts = revalued.facts | _points(revalued.points, pnl_usd)
    left = replace(revalued, pnl_usd=pnl_usd, facts=facts, members=(*revalued.members, line))
    return replace(own, stock_usd=own.stock_usd - taken_usd, revalued=left)


def _basket(
    index: ClassGroup, composition: Composition, worth_usd: float, coverage: float, minimum_usd: float
) -> Revalued:
    """The basket moves as its index."""
    points = index.revalued.points
    pnl_usd = tuple(worth_usd * move for move in index.moves)
    facts: Facts = {"market_value_usd": worth_usd, "coverage": coverage, "minimum_usd": minimum_usd}
    facts |= _points(points, pnl_usd)
    return Revalued(f"qualified stock basket on {composition.index}", points, pnl_usd, minimum_usd, facts)


def _together(own: Revalued, basket: Revalued, offset: float, index: str) -> Revalued:
    """Losses count in full, gains by the share that offsets; minimums add up."""
    pnl_usd = tuple(
        sum(offset * pnl if pnl > 0.0 else pnl for pnl in pair)
        for pair in zip(own.pnl_usd, basket.pnl_usd, strict=True)
    )
    minimum_usd = own.minimum_usd + basket.minimum_usd
    facts: Facts = own.facts | _points(own.points, pnl_usd)
    facts |= {"gains_that_offset": offset, "minimum_usd": minimum_usd}
    name = f"class group {index} with a qualified stock basket"
    return Revalued(name, own.points, pnl_usd, minimum_usd, facts, (own, basket), offset)


def _points(points: tuple[str, ...], pnl_usd: tuple[float, ...]) -> Facts:
    return {f"P&L at {label}": pnl for label, pnl in zip(points, pnl_usd, strict=True)}
