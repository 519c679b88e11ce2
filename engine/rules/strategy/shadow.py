"""By how much the solver's pairing of a book, or the bound it tells, fails a check that does not use the solver."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.rules.strategy.book import Book
from engine.rules.strategy.certificate import NotShownError, check_permitted, proven_usd
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_certificate import check_with_futures
from engine.rules.strategy.futures_pairing import least_pairing_with_futures
from engine.rules.strategy.pairing import priced_pairing


def pairing_error_usd(book: Book, terms: Terms) -> float:
    """0 where pairing and bound are confirmed, infinite where either is refuted.

    Beside security futures the pairing is checked, and the bound of stock and options without them.
    """
    error = _of_options_usd(replace(book, futures=()), terms)
    if not book.futures:
        return error
    try:
        check_with_futures(least_pairing_with_futures(book, terms), book, terms)
    except NotShownError:
        return math.inf
    return error


def _of_options_usd(book: Book, terms: Terms) -> float:
    if not book.options:
        return 0.0
    pairing, prices = priced_pairing(book, terms)
    try:
        check_permitted(pairing, book, terms)
        proven = proven_usd(prices, book, terms)
    except NotShownError:
        return math.inf
    return max(prices.bound_usd - proven, prices.bound_usd - pairing.published_usd, 0.0)
