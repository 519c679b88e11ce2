"""The engine's shadow check looks at pairings without the solver."""

from __future__ import annotations

import math

import pytest

from engine.portfolio.accounts import Account
from engine.rules.strategy import shadow
from engine.rules.strategy.book import Book
from engine.rules.strategy.certificate import NotShownError, Prices
from engine.rules.strategy.formulas import Terms
from tests.engine_book import NOW_NS, TODAY, new_engine, prices, trades

MARKS = {"AAPL": 200.0, "AAPL-C": 12.0}


def test_a_pairing_that_is_refuted_fails_the_shadow_check(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = new_engine(accounts=())
    engine.put_account(Account("A"), 0)
    engine.apply_prices(prices(engine, MARKS, 1))
    covered = [("AAPL", 100.0), ("AAPL-C", -1.0)]
    rows = [(name, 1, "A", name, quantity, MARKS[name], False, TODAY + 1) for name, quantity in covered]
    engine.apply_trades(0, trades(engine, rows))
    engine.advance_time(NOW_NS)
    engine.evaluate(NOW_NS)
    assert engine.shadow_check(["A"]) < 0.01
    seen = []

    def refuted(prices: Prices, book: Book, terms: Terms) -> float:
        seen.append((book.shares, len(book.options)))
        raise NotShownError("a strategy costs less than its parts")

    monkeypatch.setattr(shadow, "proven_usd", refuted)
    assert engine.shadow_check(["A"]) == math.inf
    assert set(seen) == {(100.0, 1)}
