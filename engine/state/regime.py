"""The books that a policy calls for: its rulebooks at work, and which of them margins what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILO_INDEX, SILOS, Product
from engine.portfolio.accounts import AccountTable
from engine.rules.interface import SiloRulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.state.books import AddingBook, SiloBook, product_table
from engine.state.dated import in_force
from engine.state.pairing_book import book_of
from engine.state.policy import Policy
from engine.state.unified_book import UnifiedBook

Bools = NDArray[np.bool_]

# Marks of accounts: each book has a bit of its own from here on.
FIRST_BOOK = 4


def margin_table(policy: Policy, rulebook_id: str = "") -> Bools:
    """bool[2, silo, product]: margined (by a rulebook, if given) without and with approval."""
    table = np.zeros((2, len(SILOS), len(Product)), np.bool_)
    for assignment in policy.assignments:
        if rulebook_id in {"", assignment.rulebook_id}:
            taken = product_table(assignment.products)
            for approved in (False, True):
                table[int(approved), SILO_INDEX[assignment.silo]] |= taken & assignment.admits(approved)
    return table


def silo_book(
    policy: Policy, rulebook: SiloRulebook, bit: int, owners: AccountTable, time_ns: int
) -> SiloBook:
    """A rulebook, with the rates of the day of an instant, at work on what the policy assigns to it."""
    products = frozenset[Product]().union(
        *(a.products for a in policy.assignments if a.rulebook_id == rulebook.rulebook_id)
    )
    table = margin_table(policy, rulebook.rulebook_id)
    return book_of(in_force(rulebook, time_ns), products, table, bit, owners=owners)


def silo_books(policy: Policy, owners: AccountTable, time_ns: int) -> dict[str, SiloBook]:
    """Every rulebook of the policy at work, by id; see :func:`silo_book`."""
    return {
        rulebook_id: silo_book(policy, rulebook, FIRST_BOOK << place, owners, time_ns)
        for place, (rulebook_id, rulebook) in enumerate(policy.rulebooks.items())
    }


def unified_book(policy: Policy, rulebook: UnifiedRulebook, silos: dict[str, SiloBook]) -> UnifiedBook:
    """The unified candidate with, for products it does not take, their silo rulebooks beside it.

    A silo book none of whose products it takes is itself the one outside: its requirement is the same.
    """
    bit = FIRST_BOOK << len(silos)
    eligible = product_table(rulebook.eligible_products)
    everywhere = np.broadcast_to(eligible, (2, len(SILOS), len(Product))).copy()
    add_on = AddingBook(rulebook.add_on, rulebook.eligible_products, everywhere, bit << 1)
    outside: list[SiloBook] = []
    for rulebook_id, book in silos.items():
        products = book.products - rulebook.eligible_products
        if products == book.products:
            outside.append(book)
        elif products:
            table = margin_table(policy, rulebook_id) & ~eligible
            outside.append(
                book_of(book.rulebook, products, table, bit << (2 + len(outside)), book, book.owners)
            )
    return UnifiedBook(rulebook, bit, add_on, outside)
