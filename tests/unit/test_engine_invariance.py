"""The same inputs give the same bits: on any number of threads, in any order of trades, in any batches."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.state.engine import Engine
from streams.simulator.settings import SimulationSettings
from tests.engine_book import HELD, MARKS, NOW_NS, TODAY, TradeRow, new_engine, prices, trades
from tests.simulated_firm import Firm

FIRM = SimulationSettings(accounts=1_000, seed=7)


def figures(engine: Engine) -> dict[str, bytes]:
    """The figures as bytes, by name."""
    count = engine.accounts.count
    columns = {
        "equity": engine.equity, "initial": engine.initial, "maintenance": engine.maintenance,
        "trusted": engine.trusted, "unified": engine.unified.result, "cases": engine.cases.state,
    }  # fmt: skip
    return {name: column[:count].tobytes() for name, column in columns.items()}


def test_threads_do_not_show() -> None:
    firms = [Firm(FIRM, threads=threads) for threads in (1, 2, 5)]
    changes = [firm.open() for firm in firms]
    for _ in range(4):
        assert len(changes[0].accounts) > 0
        assert figures(firms[0].engine) == figures(firms[1].engine) == figures(firms[2].engine)
        assert changes[0].transitions == changes[1].transitions == changes[2].transitions
        changes = [firm.tick() for firm in firms]


def drawn_trades(names: list[str]) -> st.SearchStrategy[list[tuple[str, str, int]]]:
    """(account, instrument, quantity) of each."""
    row = st.tuples(st.sampled_from("ABC"), st.sampled_from(names), st.integers(-20, 20).filter(bool))
    return st.lists(row, min_size=1, max_size=25)


rows = drawn_trades(HELD)
# Without options: one that is quoted below its intrinsic value keeps the volatility it had before.
linear_rows = drawn_trades([name for name in HELD if not name.endswith(("-C", "-P"))])


def evaluated(rows: Sequence[TradeRow], batches: int) -> Engine:
    engine = new_engine()
    engine.apply_prices(prices(engine, MARKS, 1))
    size = -(-len(rows) // batches)
    for first in range(0, len(rows), size):
        engine.apply_trades(0, trades(engine, rows[first : first + size]))
    engine.evaluate(NOW_NS)
    return engine


@settings(max_examples=12, deadline=None)
@given(drawn=rows, shuffle=st.randoms(use_true_random=False), batches=st.integers(1, 4))
def test_order_and_batches_do_not_show(
    drawn: list[tuple[str, str, int]], shuffle: random.Random, batches: int
) -> None:
    """Prices are whole numbers here, so that cash adds up without rounding."""
    booked = [
        (f"T{i}", 1, account, name, float(quantity), float(int(MARKS[name])), False, TODAY)
        for i, (account, name, quantity) in enumerate(drawn)
    ]
    straight = evaluated(booked, 1)
    shuffle.shuffle(booked)
    assert figures(evaluated(booked, batches)) == figures(straight)


@settings(max_examples=12, deadline=None)
@given(drawn=rows, parts=st.integers(2, 4))
def test_a_trade_in_parts_is_the_trade(drawn: list[tuple[str, str, int]], parts: int) -> None:
    """Split into fills of the same price, or merged."""
    whole, split = [], []
    for i, (account, name, quantity) in enumerate(drawn):
        price = float(int(MARKS[name]))
        whole.append((f"T{i}", 1, account, name, float(parts * quantity), price, False, TODAY))
        split += [
            (f"T{i}-{part}", 1, account, name, float(quantity), price, False, TODAY) for part in range(parts)
        ]
    assert figures(evaluated(split, 1)) == figures(evaluated(whole, 1))


@settings(max_examples=12, deadline=None)
@given(drawn=linear_rows, seed=st.integers(0, 2**32 - 1))
def test_the_way_of_prices_does_not_matter(drawn: list[tuple[str, str, int]], seed: int) -> None:
    """Narrow figures are those of the last prices bit by bit; the wide sums, which follow, to 1e-9."""
    booked = [
        (f"T{i}", 1, account, name, float(quantity), float(int(MARKS[name])), False, TODAY)
        for i, (account, name, quantity) in enumerate(drawn)
    ]
    straight, wandering = evaluated(booked, 1), evaluated(booked, 1)
    moves = np.random.default_rng(seed).uniform(0.9, 1.1, (4, len(MARKS)))
    for step, move in enumerate(moves):
        marks = dict(zip(MARKS, (np.array(list(MARKS.values())) * move).tolist(), strict=True))
        wandering.apply_prices(prices(wandering, marks, step + 2))
        wandering.evaluate(NOW_NS)
    straight.apply_prices(prices(straight, marks, len(moves) + 1))
    straight.evaluate(NOW_NS)
    wanted, found = figures(straight), figures(wandering)
    assert {name: found[name] for name in ("equity", "initial", "maintenance", "trusted")} == {
        name: wanted[name] for name in ("equity", "initial", "maintenance", "trusted")
    }
    assert wandering.unified.result[:3] == pytest.approx(straight.unified.result[:3], rel=1e-9, abs=0.01)
