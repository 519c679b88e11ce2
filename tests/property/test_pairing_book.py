"""A book that pairs positions charges what a book that adds rows charges, where both follow the same rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.base.errors import MarginError
from engine.market.instruments import Instrument, Product
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s, PairingRulebook
from engine.rules.requirement import Explained
from engine.state.books import AddingBook
from engine.state.pairing_book import PairingBook
from tests.property.test_holdings import ACCOUNTS, INSTRUMENTS, Key, changes, effects_of, fresh

EVERY = np.arange(ACCOUNTS)
EQUITIES = frozenset({Product.EQUITY})
SETS = 2


class WorstColumn:
    """The worst of three sums for each netting set; the sets of instruments go round."""

    rulebook_id, version, silo = "worst-column", "1", "securities"
    scenario_names = ("a", "b", "c")
    column_kinds = np.array([LINEAR] * 3, np.int8)

    def netting_set(self, instrument: Instrument) -> str:
        return str(int(instrument.instrument_id) % SETS)

    def bind(self, netting_sets: Sequence[str]) -> None:
        pass

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        raise NotImplementedError  # the test writes the rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        return np.maximum(-exposures.min(axis=1, keepdims=True), 0.0)

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        return np.repeat(sum_by_account(charges, offsets)[:, :1], 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        raise NotImplementedError


class WorstColumnOfPositions(WorstColumn):
    """The same from positions; ``charged`` counts the sets it was asked for."""

    charged = 0

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        self.charged += len(sets)
        sums = np.zeros((len(sets), rows.shape[1]))
        for unit in range(len(sets)):
            own = slice(first[unit], first[unit + 1])
            assert len(set(instruments[own].tolist())) == first[unit + 1] - first[unit] > 0
            sums[unit] = quantities[own] @ rows[instruments[own]]
        return np.column_stack([self.charge(sums, sets), np.zeros(len(sets))])

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        maintenance: Float64s = charges[:, 0]
        return maintenance

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        return []


class PairingBookMachine(RuleBasedStateMachine):
    """Holdings, rows and approvals change; both books charge everybody after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.rulebook = WorstColumnOfPositions()
        assert isinstance(self.rulebook, PairingRulebook)
        assert not isinstance(WorstColumn(), PairingRulebook)
        table = np.zeros((2, 8, len(Product)), np.bool_)
        table[0, 0] = table[1, :2] = True  # with approval a second silo
        self.added = AddingBook(WorstColumn(), EQUITIES, table, 1)
        self.paired = PairingBook(self.rulebook, EQUITIES, table, 2)
        self.holdings, self.approved = fresh(), np.zeros(ACCOUNTS, np.bool_)
        for book in (self.added, self.paired):
            book.reserve(ACCOUNTS, INSTRUMENTS)
            for slot in range(INSTRUMENTS):
                book.cover(slot, Instrument(str(slot), Product.EQUITY))

    @rule(rows=changes)
    def trade(self, rows: list[tuple[Key, int]]) -> None:
        # One silo an instrument: a pairing knows each once.
        own = [
            ((account, instrument, instrument % 2, collateral), step)
            for (account, instrument, _, collateral), step in rows
        ]
        self.holdings.apply(effects_of(own))

    @rule(slot=st.integers(0, INSTRUMENTS - 1), row=st.tuples(*[st.integers(-9, 9)] * 3))
    def row_moves(self, slot: int, row: tuple[int, int, int]) -> None:
        self.added.rows.values[slot] = self.paired.rows.values[slot] = row

    @rule(account=st.integers(0, ACCOUNTS - 1))
    def approval_changes(self, account: int) -> None:
        self.approved[account] ^= True

    @rule(account=st.integers(0, ACCOUNTS - 1))
    def leave(self, account: int) -> None:
        self.holdings.clear(np.array([account]))

    @invariant()
    def both_charge_the_same(self) -> None:
        for book in (self.added, self.paired):
            book.charge(EVERY, self.holdings, self.approved)
        assert np.array_equal(self.added.requirement[:ACCOUNTS], self.paired.requirement[:ACCOUNTS])


TestPairingBook = PairingBookMachine.TestCase
TestPairingBook.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


def test_a_large_set_is_paired_again_only_when_it_moved() -> None:
    machine = PairingBookMachine()
    machine.trade([((0, slot, 0, False), 1) for slot in range(INSTRUMENTS)])
    machine.approved[0] = True
    machine.both_charge_the_same()
    asked = machine.rulebook.charged
    machine.both_charge_the_same()
    assert machine.rulebook.charged == asked
    machine.row_moves(0, (-5, 0, 0))
    machine.both_charge_the_same()
    assert machine.rulebook.charged == asked + 1
    machine.trade([((0, 1, 0, False), 1)])
    machine.both_charge_the_same()
    assert machine.rulebook.charged == asked + 2
    machine.paired.cover(1, Instrument("1", Product.EQUITY, multiplier=10.0))
    machine.both_charge_the_same()
    assert machine.rulebook.charged == asked + 2 + SETS
    assert machine.paired.requirement[0, 1] == pytest.approx(5.0)
