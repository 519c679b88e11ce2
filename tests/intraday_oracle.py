"""Intraday margin days without cleverness: every order is played, one activity after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

from engine.shortfall.intraday_activity import ActivityKind
from engine.shortfall.intraday_order import OpeningBook
from engine.shortfall.intraday_parameters import IntradayParameters
from engine.shortfall.intraday_reach import Activity
from tests.rulebook_cases import shipped

PRICES = {"AA": 50.0, "AB": 20.0, "B": 100.0}


def parameter_table(**values: Any) -> dict[str, Any]:
    """The shipped parameter file with other values, e.g. ``practice_failures=1``."""
    mapping = shipped("finra-4210d-intraday")
    for key, value in values.items():
        mapping[key] = mapping[key] | {"value": value}
    return mapping


def parameters(**values: Any) -> IntradayParameters:
    """The same, read."""
    return IntradayParameters.from_mapping(parameter_table(**values))


def margin_of(netting_set: str, held: Mapping[str, float]) -> float:
    """25 % of what is long and 30 % of what is short; in set A, long and short of it are a pair at 10 % of the
    smaller leg, so that what a trade needs hangs on what is held beside it.
    """
    values = [quantity * PRICES[name] for name, quantity in sorted(held.items())]
    long = sum(value for value in values if value > 0)
    short = -sum(value for value in values if value < 0)
    paired = min(long, short) if netting_set == "A" else 0.0
    return 0.25 * (long - paired) + 0.30 * (short - paired) + 0.10 * paired


def kind_of(activity: Activity, held: float) -> str:
    """What the activity is to a clerk who sees what is held."""
    if activity.kind is not None:
        return activity.kind.value
    if activity.quantity > 0:
        return "cover" if held < 0 and activity.quantity <= -held else "purchase"
    if held > 0 and -activity.quantity <= held:
        return "sale"
    return "option_written" if activity.is_option else "short_sale"


def play(opening: OpeningBook, order: Sequence[Activity], reducing: frozenset[ActivityKind]) -> float:
    """Highest margin less equity right after an IML-reducing transaction; minus infinity without one."""
    held = {name: dict(quantities) for name, quantities in opening.held.items()}
    equity, worst = opening.equity_usd, float("-inf")

    def needed() -> float:
        return sum(margin_of(name, quantities) for name, quantities in held.items())

    for activity in order:
        before = equity - needed()
        own = held.get(activity.netting_set, {}).get(activity.instrument_id, 0.0)
        kind = kind_of(activity, own)
        equity += activity.equity_change_usd
        if activity.netting_set:
            held.setdefault(activity.netting_set, {})[activity.instrument_id] = own + activity.quantity
        after = equity - needed()
        if kind in {each.value for each in reducing} and after < before - 1e-4:
            worst = max(worst, -after)
    return worst


def every_order(steps: Sequence[Sequence[Activity]]) -> list[list[Activity]]:
    """All orders of a day: any order within a step, the steps one after the other."""
    return [
        [activity for step in choice for activity in step]
        for choice in product(*(permutations(step) for step in steps))
    ]
