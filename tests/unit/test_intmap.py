"""Slots of int64 keys: dense, in order of first appearance, unmoved by growth."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.base.intmap import IntMap

LARGEST = 2**63 - 1
keys = st.integers(0, 50) | st.integers(0, LARGEST) | st.sampled_from([0, 2**32, 2**62, LARGEST])


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_slots_follow_the_order_of_first_appearance() -> None:
    slots = IntMap()
    assert slots.find_or_add(int64(7, 3, 7, 0, 3, LARGEST)).tolist() == [0, 1, 0, 2, 1, 3]
    assert slots.count == 4
    assert slots.find_or_add(int64(LARGEST, 5)).tolist() == [3, 4]


def test_find_adds_nothing() -> None:
    slots = IntMap()
    slots.find_or_add(int64(7))
    assert slots.find(int64(8, 7, 0)).tolist() == [-1, 0, -1]
    assert slots.count == 1
    assert slots.find_or_add(int64(8)).tolist() == [1]


def test_nothing_asked_nothing_given() -> None:
    slots = IntMap()
    assert slots.find(int64()).tolist() == slots.find_or_add(int64()).tolist() == []
    assert slots.find(int64(0)).tolist() == [-1]


def test_slots_stay_while_the_table_grows() -> None:
    slots = IntMap()
    asked = np.arange(100_000, dtype=np.int64) * 4096  # keys whose low bits are all alike
    for batch in np.array_split(asked, 23):
        slots.find_or_add(batch)
    assert (slots.find(asked) == np.arange(len(asked))).all()
    assert (slots.find(asked + 1) == -1).all()


@given(st.lists(st.lists(keys, max_size=150), max_size=6), st.lists(keys, max_size=50))
def test_behaves_as_a_dictionary(batches: list[list[int]], questions: list[int]) -> None:
    slots, model = IntMap(), {}
    for batch in batches:
        expected = [model.setdefault(key, len(model)) for key in batch]
        assert slots.find_or_add(int64(*batch)).tolist() == expected
    assert slots.count == len(model)
    assert slots.find(int64(*questions)).tolist() == [model.get(key, -1) for key in questions]
