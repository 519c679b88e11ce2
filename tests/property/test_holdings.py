"""Holdings in sorted blocks say what a dictionary says, and give back what they do not need."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.base.blocks import TOP, block_size
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT
from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Effects

ACCOUNTS, INSTRUMENTS, SILOS = 4, 40, 3

keys = st.tuples(
    st.integers(0, ACCOUNTS - 1), st.integers(0, INSTRUMENTS - 1), st.integers(0, SILOS - 1), st.booleans()
)
changes = st.lists(st.tuples(keys, st.integers(-2, 2)), max_size=60)

Key = tuple[int, int, int, bool]


def effects_of(rows: list[tuple[Key, int]]) -> Effects:
    columns = [key for key, _ in rows]
    account, instrument, silo, collateral = zip(*columns, strict=True) if columns else ((), (), (), ())
    return Effects(
        np.array(account, np.int64),
        np.array(instrument, np.int64),
        np.array(silo, np.int64),
        np.array(collateral, np.bool_),
        np.array([change for _, change in rows], np.float64),
        np.zeros(len(rows)),
        np.zeros(len(rows), np.int64),
        np.zeros(len(rows), np.int64),
    )


def fresh() -> Holdings:
    holdings = Holdings()
    holdings.reserve(ACCOUNTS, INSTRUMENTS)
    return holdings


def contents(holdings: Holdings) -> dict[Key, float]:
    held = holdings.of(np.arange(ACCOUNTS))
    columns = (held.account, held.instrument, held.silo, held.collateral)
    listed = list(zip(*(column.tolist() for column in columns), strict=True))
    assert listed == sorted(set(listed))
    return dict(zip(listed, held.quantity.tolist(), strict=True))


class HoldingsMachine(RuleBasedStateMachine):
    """Random batches of changes and clearings beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings = fresh()
        self.model: dict[Key, float] = {}

    @rule(rows=changes)
    def change(self, rows: list[tuple[Key, int]]) -> None:
        self.holdings.apply(effects_of(rows))
        for key, step in rows:
            self.model[key] = self.model.get(key, 0.0) + step
            if self.model[key] == 0.0:
                del self.model[key]

    @rule(accounts=st.sets(st.integers(0, ACCOUNTS - 1)))
    def clear(self, accounts: set[int]) -> None:
        self.holdings.clear(np.array(sorted(accounts), np.int64))
        self.model = {key: held for key, held in self.model.items() if key[0] not in accounts}

    @invariant()
    def holdings_are_the_dictionary(self) -> None:
        assert contents(self.holdings) == self.model

    @invariant()
    def holders_are_those_who_hold(self) -> None:
        held = self.holdings
        for instrument in range(INSTRUMENTS):
            first = int(held.holder_first[instrument])
            listed = held.holder[first : first + int(held.holders[instrument])].tolist()
            assert sorted(listed) == sorted(key[0] for key in self.model if key[1] == instrument)
        for account in range(ACCOUNTS):
            first = int(held.first[account])
            for slot in range(first, first + int(held.held[account])):
                holders = int(held.holder_first[held.key[slot] >> INSTRUMENT_SHIFT])
                assert held.holder[holders + held.place[slot]] == account

    @invariant()
    def blocks_do_not_overlap_and_are_all_known(self) -> None:
        held = self.holdings
        for first, sizes, state, link in (
            (held.first, held.size_class, held.columns.blocks, held.key),
            (held.holder_first, held.holder_class, held.columns.holder_blocks, held.holder),
        ):
            blocks = [(int(f), int(block_size(int(c)))) for f, c in zip(first, sizes, strict=True) if c >= 0]
            for size_class in range(TOP):
                place = int(state[size_class])
                while place >= 0:
                    blocks.append((place, int(block_size(size_class))))
                    place = int(link[place])
            blocks.sort()
            ends = [first + size for first, size in blocks]
            assert [first for first, _ in blocks] == [0, *ends[:-1]][: len(blocks)]
            assert (ends[-1] if ends else 0) == state[TOP]

    @invariant()
    def an_account_without_holdings_has_no_block(self) -> None:
        assert ((self.holdings.size_class[:ACCOUNTS] < 0) == (self.holdings.held[:ACCOUNTS] == 0)).all()


@settings(max_examples=100, deadline=None)
@given(rows=changes, seed=st.randoms(use_true_random=False), cut=st.integers(0, 60))
def test_order_and_batches_do_not_matter(
    rows: list[tuple[Key, int]], seed: np.random.Generator, cut: int
) -> None:
    """Whole quantities in any order and any batches: the same holdings in the same order, bit by bit."""
    straight, shuffled = fresh(), fresh()
    straight.apply(effects_of(rows))
    again = list(rows)
    seed.shuffle(again)
    shuffled.apply(effects_of(again[:cut]))
    shuffled.apply(effects_of(again[cut:]))
    assert list(contents(straight).items()) == list(contents(shuffled).items())


def test_memory_is_used_again() -> None:
    """Building up and clearing over and over needs no more room than once."""
    holdings, accounts = fresh(), np.arange(ACCOUNTS)
    every = [((a, i, 0, False), 1) for a in range(ACCOUNTS) for i in range(INSTRUMENTS)]
    holdings.apply(effects_of(every))
    once = (len(holdings.key), len(holdings.holder), int(holdings.columns.blocks[TOP]))
    for _ in range(20):
        holdings.clear(accounts)
        holdings.apply(effects_of(every))
    assert (len(holdings.key), len(holdings.holder), int(holdings.columns.blocks[TOP])) == once


TestHoldings = HoldingsMachine.TestCase
TestHoldings.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
