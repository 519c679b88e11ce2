"""What a rulebook that the policy gives nothing would ask for, for the same accounts at the same prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILOS, Product
from engine.rules.interface import SiloRulebook
from engine.rules.requirement import Explained, Requirement
from engine.state.books import product_table
from engine.state.core import EngineCore
from engine.state.pairing_book import book_of
from engine.state.statement import account_slot, holdings_of


@dataclass(frozen=True, slots=True)
class Compared:
    """One account under the rulebook: the vectorised requirement, and the plain twin's explanation of it.

    ``left_out``: instruments of positions that the rulebook does not cover.
    """

    account_id: str
    requirement: Requirement
    explained: Explained
    left_out: tuple[str, ...]


def compare(engine: EngineCore, rulebook: SiloRulebook, account_ids: Sequence[str]) -> list[Compared]:
    """Accounts under a rulebook that takes every position it covers, whatever silo holds it.

    Accounts without such a position are left out. The figures rest on the prices of the last evaluation.

    Raises:
        MarginError: UNKNOWN_ACCOUNT; BAD_PARAMETER if the rulebook lacks what an instrument needs.
    """
    products = frozenset(Product)
    table = np.repeat(product_table(products)[None, None], 2, axis=0).repeat(len(SILOS), axis=1)
    book = book_of(rulebook, products, table, 1)
    book.reserve(engine.accounts.count, engine.market.count)
    for slot in np.flatnonzero(engine.usable[: engine.market.count]).tolist():
        try:
            book.cover(slot, engine.market.instruments[slot])
        except MarginError as error:
            if error.reason is not Reason.NO_RULEBOOK:
                raise
    covered = book.covered(np.arange(engine.market.count))
    book.rows.renew(engine.market.risk, covered)
    slots = np.array([account_slot(engine, account_id) for account_id in account_ids], np.int64)
    book.charge(slots, engine.holdings, engine.accounts.portfolio_margin)
    names = {engine.market.instruments[slot].instrument_id for slot in covered.tolist()}
    found = []
    for account_id, slot in zip(account_ids, slots.tolist(), strict=True):
        positions = holdings_of(engine, slot)
        held = [h for h in positions if h.instrument.instrument_id in names]
        if held:
            left_out = sorted({h.instrument.instrument_id for h in positions} - names)
            initial, maintenance = book.requirement[slot].tolist()
            as_its_own = [replace(h, silo=rulebook.silo) for h in held]
            explained = rulebook.explain(as_its_own, engine.market.risk)
            found.append(Compared(account_id, Requirement(initial, maintenance), explained, tuple(left_out)))
    return found
