"""ISDA SIMM: both ways agree, changes come to the same as starting afresh, and the figure behaves as the rule says."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.simm.book import Book
from engine.rules.simm.plain import simm_parts
from engine.rules.simm.sensitivity import Sensitivity, net
from engine.rules.simm.weights import Weights
from tests.simm_book import HORIZONS, VERSIONS, calibration, random_rows, sensitivity_of

SIGNS = (1.0, -1.0)
portfolios = st.builds(
    lambda seed, count, power: [
        sensitivity_of(row, "2.8+2512") for row in random_rows(seed, count, scale_usd=10.0**power)
    ],
    st.integers(0, 10**6), st.integers(1, 120), st.integers(2, 8),
)  # fmt: skip
weights = st.builds(
    lambda version, days, currency: Weights(calibration(version), days, currency),
    st.sampled_from(VERSIONS), st.sampled_from(HORIZONS), st.sampled_from(("USD", "EUR", "ISK", "BRL")),
)  # fmt: skip


def plain_usd(sensitivities: list[Sensitivity], chosen: Weights) -> list[float]:
    """Collecting and posting."""
    return [sum(part.amount_usd for part in simm_parts(sensitivities, chosen, sign)) for sign in SIGNS]


def close(amounts: object) -> object:
    return pytest.approx(amounts, rel=1e-9, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(portfolios, weights)
def test_both_ways_agree(sensitivities: list[Sensitivity], chosen: Weights) -> None:
    assert list(Book(chosen).charged(sensitivities).simm_usd) == close(plain_usd(sensitivities, chosen))


@settings(max_examples=40, deadline=None)
@given(portfolios, weights)
def test_the_tree_adds_up(sensitivities: list[Sensitivity], chosen: Weights) -> None:
    for sign in SIGNS:
        for part in simm_parts(sensitivities, chosen, sign):
            assert part.largest_residual_usd() <= 1e-9 * abs(part.amount_usd) + 0.01


@settings(max_examples=40, deadline=None)
@given(st.lists(portfolios, min_size=2, max_size=6), weights)
def test_changes_come_to_the_same_as_starting_afresh(
    trades: list[list[Sensitivity]], chosen: Weights
) -> None:
    """One trade becomes the next, and the next: known and new risk factors, all gone at the end."""
    book = Book(chosen)
    place = book.add(trades[0] + trades[-1])
    for before, after in pairwise(trades):
        book.change(place, before, after)
        fresh = Book(chosen).charged(net(after + trades[-1]))
        np.testing.assert_allclose(book.sets[place].simm_usd, fresh.simm_usd, rtol=1e-9, atol=0.01)
        np.testing.assert_allclose(book.sets[place].sheets, fresh.sheets, rtol=1e-9, atol=0.01)
    book.change(place, trades[-1] + trades[-1], [])
    assert book.sets[place].simm_usd == pytest.approx([0.0, 0.0], abs=0.01)


@settings(max_examples=30, deadline=None)
@given(portfolios, weights, st.randoms(use_true_random=False))
def test_order_and_splitting_do_not_matter(
    sensitivities: list[Sensitivity], chosen: Weights, random: object
) -> None:
    halves = [
        dataclasses.replace(record, amount_usd=record.amount_usd / 2.0)
        for record in sensitivities
        for _ in range(2)
    ]
    random.shuffle(halves)  # type: ignore[attr-defined]
    whole, split = Book(chosen).charged(sensitivities), Book(chosen).charged(halves)
    assert list(split.simm_usd) == close(list(whole.simm_usd))


@settings(max_examples=30, deadline=None)
@given(portfolios, weights)
def test_the_other_party_sees_the_sides_exchanged(sensitivities: list[Sensitivity], chosen: Weights) -> None:
    other = [dataclasses.replace(record, amount_usd=-record.amount_usd) for record in sensitivities]
    mine, theirs = Book(chosen).charged(sensitivities), Book(chosen).charged(other)
    assert list(theirs.simm_usd[::-1]) == close(list(mine.simm_usd))


@settings(max_examples=30, deadline=None)
@given(portfolios, st.sampled_from(VERSIONS), st.sampled_from((2.0, 10.0)))
def test_without_concentration_the_figure_scales(
    sensitivities: list[Sensitivity], version: str, factor: float
) -> None:
    chosen = Weights(calibration(version), 1, "USD")
    scaled = [dataclasses.replace(record, amount_usd=record.amount_usd * factor) for record in sensitivities]
    one, many = Book(chosen).charged(sensitivities), Book(chosen).charged(scaled)
    assert list(many.simm_usd) == close(list(one.simm_usd * factor))


@settings(max_examples=30, deadline=None)
@given(st.floats(1.0, 1e10), st.integers(1, 12), st.sampled_from(VERSIONS), st.floats(1.0, 100.0))
def test_one_name_concentrates(amount_usd: float, bucket: int, version: str, factor: float) -> None:
    """So many times the amount is charged at least so many times as much."""
    book = Book(Weights(calibration(version), 10, "USD"))
    name = Sensitivity("Equity", "Risk_Equity", "ISIN:X", str(bucket), "", "", amount_usd)
    one = book.charged([name])
    many = book.charged([dataclasses.replace(name, amount_usd=amount_usd * factor)])
    assert (many.simm_usd >= factor * one.simm_usd * (1.0 - 1e-12)).all()
