"""Which of an account's holdings a plain twin looks at, and what is left of them net."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from engine.market.instruments import Instrument, Product
from engine.rules.interface import Holding


def covered(holdings: Sequence[Holding], silo: str, products: Collection[Product]) -> list[Holding]:
    """Holdings of these products in the silo, by instrument_id."""
    mine = [h for h in holdings if h.silo == silo and h.instrument.product in products]
    return sorted(mine, key=lambda one: one.instrument.instrument_id)


def by_name(holdings: Sequence[Holding], name_of: Callable[[Instrument], str]) -> dict[str, list[Holding]]:
    """Holdings by a name of their instruments, names in sorted order."""
    found: dict[str, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(name_of(holding.instrument), []).append(holding)
    return dict(sorted(found.items()))


def net(holdings: Sequence[Holding]) -> list[tuple[Instrument, float]]:
    """One net position per instrument, by instrument_id."""
    named = by_name(holdings, lambda instrument: instrument.instrument_id)
    return [(some[0].instrument, math.fsum(one.quantity for one in some)) for some in named.values()]
