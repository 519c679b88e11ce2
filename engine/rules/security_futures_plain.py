"""Security futures of one futures account, in the order in which a clerk works them out.

Long and short contracts of one size on one security are paired by value, the most valuable first. That is the least:
a pair saves rate x the smaller value + (rate - calendar rate) x the greater one, which grows in both and is greatest
in sum when great stands with great.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.held import by_name, covered, net
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.security_futures_parameters import Parameters

COVERED = frozenset({Product.SECURITY_FUTURE})
_NOTHING = 1e-9  # contracts


def refusal_of(instrument: Instrument, market: MarketView) -> MarginError | None:
    """Why a position cannot be margined though it has a price; None if it can."""
    if instrument.expiry_ns > market.valuation_time_ns:
        return None
    return MarginError(
        Reason.EXPIRED, f"position {instrument.instrument_id}", "has expired; book its settlement"
    )


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over securities and sizes of contract."""
    named = by_name(covered(holdings, parameters.silo, COVERED), security_and_size)
    parts = [_security(parameters, name, net(some), market) for name, some in named.items()]
    tree = Part.sum_of("security futures", parts, version=parameters.version)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def security_and_size(instrument: Instrument) -> str:
    """What contracts must have in common to stand against one another."""
    return f"{instrument.underlying} x {instrument.multiplier:g}"


def _security(
    parameters: Parameters, name: str, positions: Sequence[tuple[Instrument, float]], market: MarketView
) -> Part:
    facts: dict[str, float | str] = {"rate": parameters.rate, "calendar_rate": parameters.calendar_rate}
    sides: tuple[list[list[float]], list[list[float]]] = (
        [],
        [],
    )  # value and number of contracts, short and long
    for instrument, quantity in positions:
        slot, own = market.slot_of[instrument.instrument_id], instrument.instrument_id
        if not market.priced[slot]:
            facts[f"mark of {own}"] = "missing: not in the figure"
        elif (refused := refusal_of(instrument, market)) is not None:
            facts[f"left out: {own}"] = refused.detail
        else:
            mark = float(market.mark[slot])
            facts[f"mark of {own}"] = mark
            sides[quantity > 0].append(
                [instrument.multiplier * mark * fx_rate(instrument, market), abs(quantity)]
            )
    short, long = (sorted(side, reverse=True) for side in sides)
    parts = []
    while long and short:
        paired, greater = min(long[0][1], short[0][1]), max(long[0][0], short[0][0])
        parts.append(_part("long against short", parameters.calendar_rate, paired, greater))
        for side in (long, short):
            side[0][1] -= paired
            if side[0][1] <= _NOTHING:
                del side[0]
    parts += [_part("long", parameters.rate, number, value) for value, number in long]
    parts += [_part("short", parameters.rate, number, value) for value, number in short]
    return Part(name, sum(part.amount_usd for part in parts), tuple(parts), facts)


def _part(name: str, rate: float, number: float, value_usd: float) -> Part:
    amount_usd = rate * number * value_usd
    return Part(name, amount_usd, (), {"rate": rate, "contracts": number, "value_each_usd": value_usd})
