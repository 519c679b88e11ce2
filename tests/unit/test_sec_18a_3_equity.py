"""SEC 18a-3 for equity swaps: golden cases, random books against the twin, what is covered, parameter checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.rules.sec_18a_3_equity import Sec18a3Equity
from engine.rules.sec_18a_3_equity_parameters import Parameters
from tests.crypto_book import case_market, holdings_of, market_of
from tests.rulebook_cases import golden, load, requirements, shipped

GOLDEN = golden("sec-18a-3-equity")
SILO = "security_based_swaps"
RULEBOOK = Sec18a3Equity(Parameters.from_mapping(shipped("sec-18a-3-equity")))
LISTED = [
    Instrument(f"{share}-{number}", Product.EQUITY_SWAP, share, 100)
    for share in ("A", "B")
    for number in (1, 2)
]


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 2


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    account = holdings_of(market, case["positions"], SILO)
    result, usd = case["result"], case["tolerance"]["usd"]
    explained = RULEBOOK.explain(account, market)
    for found in (*requirements(RULEBOOK, market, [account])[0], explained.requirement.initial_usd):
        assert found == pytest.approx(result["requirement_usd"], abs=usd)
    assert {part.name: part.amount_usd for part in explained.tree.parts} == pytest.approx(
        result["shares"], abs=usd
    )


@given(
    st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), st.floats(0.01, 1e5)),
    st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), st.integers(-1000, 1000)),
)
def test_vectorised_equals_twin(marks: dict[str, float], positions: dict[str, float]) -> None:
    market = market_of(LISTED, marks)
    account = holdings_of(market, positions, SILO)
    [(initial, maintenance)] = requirements(RULEBOOK, market, [account])
    explained = RULEBOOK.explain(account, market)
    assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
    assert initial == maintenance
    assert explained.tree.largest_residual_usd() < 1e-6


def test_without_a_price_nothing_is_in_the_figure_and_it_says_so() -> None:
    market = market_of(LISTED[:1], {})
    assert RULEBOOK.rows(market, np.array([0])).tolist() == [[0.0]]
    [part] = RULEBOOK.explain(holdings_of(market, {"A-1": 1.0}, SILO), market).tree.parts
    assert (part.amount_usd, part.facts["mark of A-1"]) == (0.0, "missing: not in the figure")


def test_netting_set_is_the_share_and_other_products_are_an_error() -> None:
    assert RULEBOOK.netting_set(LISTED[0]) == "A"
    with pytest.raises(MarginError) as caught:
        RULEBOOK.netting_set(Instrument("A", Product.EQUITY))
    assert caught.value.reason is Reason.NO_RULEBOOK


def test_the_shipped_file_says_that_it_is_not_verified() -> None:
    rate = shipped("sec-18a-3-equity")["rate"]
    assert rate["unverified"]
    assert rate["source"]


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("rate", {"value": 1.5}, "rate.value"),
        ("rate", 0.15, "rate"),
        ("silo", "futures", "silo"),
        ("x", 1, "x"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(key: str, value: Any, place: str) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("sec-18a-3-equity") | {key: value})
    assert caught.value.thing == f"rulebook sec-18a-3-equity: {place}"
