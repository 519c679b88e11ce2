"""By how much the solver's pairing of a book, or the bound it tells, fails a check that does not use the solver."""

from __future__ import annotations

import math

from engine.rules.strategy.book import Book
from engine.rules.strategy.certificate import NotShownError, check_permitted, proven_usd
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.pairing import priced_pairing


def pairing_error_usd(book: Book, terms: Terms) -> float:
    """0 where pairing and bound are confirmed, infinite where either is refuted; security futures are left out."""
    if not book.options:
        return 0.0
    pairing, prices = priced_pairing(book, terms)
    try:
        check_permitted(pairing, book, terms)
        proven = proven_usd(prices, book, terms)
    except NotShownError:
        return math.inf
    return max(prices.bound_usd - proven, prices.bound_usd - pairing.published_usd, 0.0)
