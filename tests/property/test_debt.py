"""Debt on random positions: columns equal the plain twin, and the figure behaves as the rule says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.interface import Holding, PairingRulebook
from tests.debt_book import DEBT_RULE, REG_T, charged
from tests.rulebook_cases import market_of

NOW = "2026-11-27T21:00:00+00:00"
DATES = (
    "2026-11-28", "2027-05-15", "2027-11-26", "2027-11-27", "2029-11-27", "2031-11-26", "2031-11-27", "2036-11-15",
    "2040-02-29", "2046-11-27", "2066-01-31",
)  # fmt: skip
both_rules = pytest.mark.parametrize(
    "rulebook", [DEBT_RULE, REG_T], ids=lambda rulebook: rulebook.rulebook_id
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    product = draw(st.sampled_from(["treasury", "corporate_bond", "municipal_bond"]))
    graded = product == "corporate_bond"
    return {
        "product": product,
        "grade": draw(st.sampled_from(["investment", "other"])) if graded else "",
        "multiplier": draw(st.sampled_from([0.01, 1.0, 10.0, 50.0])),
        "expiry": f"{draw(st.sampled_from(DATES))}T21:00:00+00:00",
        "coupon": draw(st.sampled_from([0.0, 0.035])),
        "currency": draw(st.sampled_from(["USD", "EUR"])),
    }


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Market, list[Holding]]:
    drawn = draw(st.lists(st.tuples(records(), st.floats(0.5, 180.0), st.floats(-1e6, 1e6)), max_size=6))
    drawn = [entry for entry in drawn if entry[2] != 0.0]
    instruments: list[dict[str, Any]] = [{"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}]
    instruments += [record | {"instrument_id": str(number)} for number, (record, _, _) in enumerate(drawn)]
    prices: list[dict[str, Any]] = [{"instrument_id": "EURUSD", "mark": draw(st.floats(0.8, 1.4))}]
    prices += [{"instrument_id": str(number), "mark": mark} for number, (_, mark, _) in enumerate(drawn)]
    market = market_of(
        {"market": {"rate": 0.0, "valuation_time": NOW}, "instruments": instruments, "prices": prices}
    )
    return market, [
        Holding(market.instruments[market.slot_of[str(number)]], quantity, "securities")
        for number, (_, _, quantity) in enumerate(drawn)
    ]


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=0.01)


@both_rules
@given(account=accounts())
@settings(max_examples=80, deadline=None)
def test_columns_equal_the_plain_twin(
    rulebook: PairingRulebook, account: tuple[Market, list[Holding]]
) -> None:
    market, holdings = account
    explained = rulebook.explain(holdings, market)
    initial, maintenance = charged(rulebook, market, holdings)
    assert initial == close(explained.requirement.initial_usd)
    assert maintenance == close(explained.requirement.maintenance_usd)
    assert explained.tree.largest_residual_usd() <= 1e-6


@given(account=accounts())
@settings(max_examples=40, deadline=None)
def test_long_and_short_need_the_same_and_nothing_offsets(account: tuple[Market, list[Holding]]) -> None:
    market, holdings = account
    turned = [Holding(held.instrument, -held.quantity, held.silo) for held in holdings]
    figure = charged(DEBT_RULE, market, holdings)[1]
    assert charged(DEBT_RULE, market, turned)[1] == close(figure)
    apart = sum(charged(DEBT_RULE, market, [held])[1] for held in holdings)
    assert figure == close(apart)
