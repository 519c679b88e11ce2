"""What a rulebook says of a product that it does not cover."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product


class Named(Protocol):
    """A rulebook's name and place."""

    rulebook_id: str
    silo: str


def require_covered(rulebook: Named, instrument: Instrument, products: Collection[Product]) -> None:
    """
    Raises:
        MarginError: NO_RULEBOOK naming instrument, silo and what is covered, unless the product is among them.
    """
    if instrument.product not in products:
        raise MarginError(
            Reason.NO_RULEBOOK,
            f"instrument {instrument.instrument_id} in silo {rulebook.silo}",
            f"{rulebook.rulebook_id} covers {', '.join(sorted(products))}, not {instrument.product.value}",
        )
