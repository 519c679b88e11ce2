"""Money at the edge: which way each kind rounds, and that float noise moves no cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base.units import cents_down, cents_nearest, cents_up

amounts = st.floats(-1e12, 1e12)
NOISE = Decimal("0.0001")


@pytest.mark.parametrize(
    ("amount", "up", "down", "nearest"),
    [
        (100.0, "100.00", "100.00", "100.00"),
        (100.001, "100.01", "100.00", "100.00"),
        (100.009, "100.01", "100.00", "100.01"),
        (0.005, "0.01", "0.00", "0.00"),
        (0.015, "0.02", "0.01", "0.02"),
        (-100.001, "-100.00", "-100.01", "-100.00"),
        (-100.009, "-100.00", "-100.01", "-100.01"),
        (-0.005, "0.00", "-0.01", "0.00"),
        (0.0, "0.00", "0.00", "0.00"),
        (-0.0, "0.00", "0.00", "0.00"),
    ],
)
def test_directions(amount: float, up: str, down: str, nearest: str) -> None:
    rounded = cents_up(amount), cents_down(amount), cents_nearest(amount)
    assert list(map(str, rounded)) == [up, down, nearest]


@pytest.mark.parametrize("noise", [0.0, 1e-11, -1e-11, 4e-5, -4e-5])
@pytest.mark.parametrize("cents", [100.0, -100.0, 0.0, 0.1 + 0.2 - 0.3])
def test_noise_of_sums_moves_no_cent(cents: float, noise: float) -> None:
    expected = f"{cents:.2f}"
    for rounded in (cents_up, cents_down, cents_nearest):
        assert str(rounded(cents + noise)) == expected


def test_a_hundredth_of_a_cent_is_no_noise() -> None:
    assert (cents_up(100.0001), cents_down(99.9999)) == (Decimal("100.01"), Decimal("99.99"))
    assert (cents_up(-100.0001), cents_down(-99.9999)) == (Decimal("-100.00"), Decimal("-100.00"))


def test_a_sum_of_dimes_is_whole() -> None:
    dimes = sum([0.1] * 10_000)
    assert dimes != 1000.0
    assert cents_up(dimes) == cents_down(dimes) == Decimal("1000.00")


@given(amounts)
def test_down_is_up_of_the_opposite_and_both_lie_within_a_cent(amount: float) -> None:
    up, down, exact = cents_up(amount), cents_down(amount), Decimal(amount)
    assert cents_up(-amount) == -down
    assert down <= cents_nearest(amount) <= up
    assert exact - NOISE < up < exact + Decimal("0.01") + NOISE
    assert up - down in (Decimal(0), Decimal("0.01"))
    assert all(value.as_tuple().exponent == -2 for value in (up, down, cents_nearest(amount)))
