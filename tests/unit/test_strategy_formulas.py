"""Formulas of strategy-based margin in their corners: price bands, leverage, readings, naked floors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.rules.strategy.book import may_spread
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms, maximum_loss
from engine.rules.strategy.names import spread_name
from engine.rules.strategy.parameters import EVERY, PAIRWISE
from engine.rules.strategy.plain import plain_pairing
from engine.rules.strategy.securities import (
    Stage,
    Stock,
    long_stock_rate,
    short_stock_usd,
)
from tests.strategy_book import PARAMETERS, book_of, terms_at, with_parameters

RATES = PARAMETERS.stock
MAINTENANCE, INITIAL = Stage.MAINTENANCE, Stage.INITIAL


def option(right: str, strike: float, value: float, expiry: int = 1, *, european: bool = False) -> Contract:
    name = f"{strike:g}{right}{expiry}"
    return Contract(name, right, strike, expiry, 100.0, value, european=european)


@pytest.mark.parametrize(
    ("price", "maintenance", "initial"),
    [
        (100.0, 30.0, 50.0),
        (16.67, 5.001, 8.335),
        (12.0, 5.0, 6.0),
        (8.0, 5.0, 5.0),
        (5.0, 5.0, 5.0),
        (4.99, 4.99, 4.99),
        (2.5, 2.5, 2.5),
        (1.0, 2.5, 2.5),
    ],
)
def test_short_stock_by_price_band(price: float, maintenance: float, initial: float) -> None:
    assert short_stock_usd(RATES, Stock(price), MAINTENANCE) == pytest.approx(maintenance)
    assert short_stock_usd(RATES, Stock(price), INITIAL) == pytest.approx(initial)


@pytest.mark.parametrize(
    ("leverage", "long", "initial", "short"),
    [
        (1.0, 0.25, 0.50, 30.0),
        (2.0, 0.50, 0.50, 60.0),
        (-2.0, 0.50, 0.50, 60.0),
        (3.0, 0.75, 0.75, 90.0),
        (-3.0, 0.75, 0.75, 90.0),
        (5.0, 1.00, 1.00, 100.0),
        (-1.0, 0.25, 0.50, 30.0),
    ],
)
def test_leveraged_funds(leverage: float, long: float, initial: float, short: float) -> None:
    fund = Stock(100.0, leverage)
    assert long_stock_rate(RATES, fund, MAINTENANCE) == pytest.approx(long)
    assert long_stock_rate(RATES, fund, INITIAL) == pytest.approx(initial)
    assert short_stock_usd(RATES, fund, MAINTENANCE) == pytest.approx(short)


def test_leverage_scales_options_on_the_fund_to_at_most_its_whole_value() -> None:
    call = option(CALL, 100.0, 4.0)
    for leverage, risk in ((1.0, 20.0), (-2.0, 40.0), (3.0, 60.0), (9.0, 100.0)):
        terms = Terms(PARAMETERS, Stock(100.0, leverage), False, MAINTENANCE)
        assert terms.naked(call) == pytest.approx(4.0 + risk)
    plain = with_parameters(scale_by_leverage__value=False)
    assert Terms(plain, Stock(100.0, 3.0), False, MAINTENANCE).naked(call) == pytest.approx(24.0)


def test_stock_without_loan_value_is_paid_in_full() -> None:
    stock = Stock(10.0, marginable=False)
    assert long_stock_rate(RATES, stock, MAINTENANCE) == long_stock_rate(RATES, stock, INITIAL) == 1.0


@pytest.mark.parametrize(
    ("right", "strike", "broad", "risk"),
    [
        (CALL, 100.0, False, 20.0),
        (CALL, 90.0, False, 20.0),
        (CALL, 105.0, False, 15.0),
        (CALL, 130.0, False, 10.0),
        (PUT, 95.0, False, 15.0),
        (PUT, 60.0, False, 6.0),
        (PUT, 120.0, False, 20.0),
        (CALL, 100.0, True, 15.0),
        (CALL, 110.0, True, 10.0),
        (PUT, 97.0, True, 12.0),
        (PUT, 80.0, True, 8.0),
    ],
)
def test_naked_options(right: str, strike: float, broad: bool, risk: float) -> None:
    contract = option(right, strike, 3.0)
    assert terms_at(100.0, broad=broad).naked(contract) == pytest.approx(3.0 + risk)


def test_long_options_that_expire_late_have_loan_value_alone_but_not_in_a_spread() -> None:
    late = replace(option(CALL, 100.0, 8.0), loan_value=True)
    assert terms_at(100.0).long_option(late) == pytest.approx(6.0)
    short = option(CALL, 110.0, 2.0)
    assert terms_at(100.0).spread([(late, 1), (short, -1)]) == pytest.approx(8.0)


def test_readings_of_short_stock_with_options() -> None:
    call, put = option(CALL, 90.0, 12.0), option(PUT, 90.0, 1.0)
    text = terms_at(100.0)
    exercise = terms_at(
        100.0,
        parameters=with_parameters(
            reading__protective_call__value="exercise", reading__reverse_conversion__value="exercise"
        ),
    )
    assert text.protective_call(call) == pytest.approx(100.0 + 9.0 + 12.0)
    assert exercise.protective_call(call) == pytest.approx(99.0 + 12.0)
    assert text.reverse_conversion(call, put) == pytest.approx(100.0 + 9.0 + 12.0)
    assert exercise.reverse_conversion(call, put) == pytest.approx(99.0 + 12.0)
    converted = with_parameters(reading__short_stock_with_long_call_initial__value=0.0)
    assert terms_at(100.0, INITIAL).protective_call(call) == pytest.approx(150.0 + 12.0)
    assert terms_at(100.0, INITIAL, converted).protective_call(call) == pytest.approx(100.0 + 12.0)


def test_reading_of_covering_calls_at_initial() -> None:
    call = option(CALL, 80.0, 21.0)
    counted = with_parameters(reading__covering_call_in_the_money_initial__value=True)
    assert terms_at(100.0, INITIAL).covered_call(call) == pytest.approx(50.0)
    assert terms_at(100.0, INITIAL, counted).covered_call(call) == pytest.approx(0.5 * 80.0 + 20.0)


def test_maximum_loss_looks_at_every_exercise_price() -> None:
    low, middle, high = (option(CALL, strike, 1.0) for strike in (100.0, 105.0, 110.0))
    assert maximum_loss([(low, 1), (middle, -2), (high, 1)]) == 0.0
    assert maximum_loss([(low, -1), (middle, 2), (high, -1)]) == pytest.approx(5.0)


def test_spreads_need_one_style_equal_counts_and_short_options_that_expire_first() -> None:
    near, far = option(CALL, 100.0, 2.0, 1), option(CALL, 100.0, 3.0, 2)
    assert may_spread([far], [near], EVERY)
    assert may_spread([near], [option(CALL, 105.0, 1.0)], EVERY)
    assert not may_spread([near], [far], EVERY)
    assert not may_spread([far, far], [near], EVERY)
    assert not may_spread([option(PUT, 100.0, 1.0)], [near], EVERY)
    assert not may_spread([option(CALL, 100.0, 1.0, 2, european=True)], [near], EVERY)
    assert not may_spread([replace(far, units=10.0)], [near], EVERY)


def test_reading_of_spreads_over_several_expiries() -> None:
    first, second, third = (option(CALL, 100.0, 2.0, expiry) for expiry in (1, 2, 3))
    longs, shorts = [second, third], [first, third]
    assert not may_spread(longs, shorts, EVERY)
    assert may_spread(longs, shorts, PAIRWISE)
    assert not may_spread([first, third], [second, third], PAIRWISE)


def test_the_plain_twin_refuses_what_it_cannot_finish() -> None:
    with pytest.raises(ValueError, match="13 contracts are too many"):
        plain_pairing(book_of("-13@100C@1.00"), terms_at(100.0))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("+1@95C@1; -1@105C@1", "vertical call spread"),
        ("+1@95C2@1; -1@95C1@1", "calendar spread"),
        ("+1@95C2@1; -1@90C1@1", "diagonal spread"),
        ("+1@90P@1; -2@95P@1; +1@100P@1", "butterfly put spread"),
        ("-1@90P@1; +1@95P@1; +1@100P@1; -1@105P@1", "condor put spread"),
        ("+1@90P@1; -1@95P@1; -1@100C@1; +1@105C@1", "iron condor"),
        ("+1@90P@1; -1@95P@1; -1@95C@1; +1@105C@1", "iron butterfly"),
        ("+1@90C@1; -1@95C@1; +1@95P@1; -1@90P@1", "box"),
        ("+1@90C@1; -1@95C@1; +1@100C@1; -1@105C@1", "spread of 4 legs"),
    ],
)
def test_names_of_spreads(text: str, name: str) -> None:
    assert spread_name([(position.contract, position.count) for position in book_of(text).options]) == name
