"""What a spread is called, from its legs; a name for people, no figure depends on it."""

from __future__ import annotations

from engine.rules.strategy.formulas import CALL, Contract

Leg = tuple[Contract, int]


def spread_name(legs: list[Leg]) -> str:
    """The usual name of the legs of one spread, each with its signed count; else how many legs it has."""
    expiries = {contract.expiry_ns for contract, _ in legs}
    if len(expiries) == 1 and len(legs) in {2, 3, 4}:
        by_strike = sorted(legs, key=lambda leg: (leg[0].strike, leg[0].right))
        name = _names().get(tuple(count for _, count in by_strike), {}).get(_shape(by_strike), "")
        if name:
            return name
    if len(legs) == 2 and legs[0][0].right == legs[1][0].right:
        return "calendar spread" if legs[0][0].strike == legs[1][0].strike else "diagonal spread"
    return f"spread of {len(legs)} legs"


def _shape(legs: list[Leg]) -> str:
    """Rights in order of exercise price, with ``=`` between legs of the same one."""
    shape = ""
    for place, (contract, _) in enumerate(legs):
        if place and contract.strike == legs[place - 1][0].strike:
            shape += "="
        shape += "C" if contract.right == CALL else "P"
    return shape


def _names() -> dict[tuple[int, ...], dict[str, str]]:
    verticals = {"CC": "vertical call spread", "PP": "vertical put spread"}
    butterflies = {"CCC": "butterfly call spread", "PPP": "butterfly put spread"}
    condors = {"CCCC": "condor call spread", "PPPP": "condor put spread"}
    four = condors | {"PPCC": "iron condor", "PC=PC": "iron butterfly", "C=PC=P": "box"}
    return {
        (1, -1): verticals,
        (-1, 1): verticals,
        (1, -2, 1): butterflies,
        (-1, 2, -1): butterflies,
        (1, -1, -1, 1): four,
        (-1, 1, 1, -1): four,
    }
