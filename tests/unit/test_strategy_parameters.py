"""The parameter file of strategy-based margin: shipped values, bounds, and what is marked unverified."""

from __future__ import annotations

from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from tests.rulebook_cases import shipped
from tests.strategy_book import PARAMETERS, with_parameters


def test_shipped_values() -> None:
    stock, option = PARAMETERS.stock, PARAMETERS.option
    assert (PARAMETERS.rulebook_id, PARAMETERS.minimum_equity_usd) == ("reg-t", 2000.0)
    assert (stock.long_initial, stock.long_maintenance) == (0.50, 0.25)
    assert (stock.short_initial, stock.short_maintenance, stock.short_least) == (0.50, 0.30, 5.0)
    assert (option.rate, option.broad_rate, option.floor, option.long_term_rate) == (0.20, 0.15, 0.10, 0.75)
    assert PARAMETERS.future.protected_by == {"put": 0.10, "call": 0.10}
    assert PARAMETERS.future.covers == {"put", "call"}
    assert PARAMETERS.debt.treasury[-1] == (1200, 0.06)


def test_every_reading_is_marked_unverified_and_explained() -> None:
    for name, reading in shipped("reg-t")["reading"].items():
        assert reading["unverified"] is True, name
        assert reading["meaning"], name
        assert reading["source"], name


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("long_stock__maintenance", 1.5, r"long_stock.maintenance.*1.5 is not in \[0, 1\]"),
        ("long_stock__initial", 0.2, r"long_stock.initial.*0.2 is not in \[0.25, 1\]"),
        ("short_option__rate", "20 %", "short_option.rate.*not a finite number"),
        ("short_option__ratio", 0.2, "short_option.ratio.*is not a parameter"),
        ("long_option__loan_beyond_months", 9.5, "loan_beyond_months.*not a whole number"),
        ("reading__spread_expiries__value", "some", "spread_expiries.value.*not every or pairwise"),
        ("reading__protective_call__value", "", "protective_call.value.*not a text"),
        ("minimum_equity__value", -1.0, "minimum_equity.value"),
        ("security_future__with__long_put__exercise_rate", 1.5, "with.long_put.exercise_rate.*not in"),
        (
            "security_future__with__short_put__exercise_rate",
            0.1,
            "with.short_put.exercise_rate.*is not a parameter",
        ),
        ("security_future__with__short_call__permitted", 1, "with.short_call.permitted.*not true or false"),
        ("treasury", [], "treasury.*not a list of tables"),
        ("silo", "futures", "silo.*not securities"),
    ],
)
def test_a_bad_value_is_named_with_its_path(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(MarginError, match=complaint) as caught:
        with_parameters(**{path: value})
    assert caught.value.reason is Reason.BAD_PARAMETER


def test_maturity_bands_ascend() -> None:
    bands = shipped("reg-t")["treasury"]
    with pytest.raises(MarginError, match=r"treasury\[2\].years_below"):
        with_parameters(treasury=[bands[2], bands[0]])
