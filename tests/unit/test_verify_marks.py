"""The verifier's own marks: quotes by hand, repos from the Treasuries behind them."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from engine.market.instruments import Instrument, Product
from engine.market.refresh import refresh
from streams.contracts.activity import PriceRecord
from streams.verify.marks import check_marks, mark_of
from streams.verify.report import Kind, Report
from tests.treasury_book import market_of


def price(instrument_id: str, **quote: float) -> PriceRecord:
    return PriceRecord(instrument_id=instrument_id, source_time_ns=1, sequence=7, **quote)


def record(instrument: Instrument) -> dict[str, Any]:
    return {field.name: getattr(instrument, field.name) for field in fields(Instrument)}


def evidence(instruments: list[Instrument], marks: dict[str, float], now_ns: int = 0) -> dict[str, Any]:
    return {
        "event_id": "mc-1", "place": "call-evidence:0:0", "valuation_time_ns": now_ns,
        "instruments": [record(instrument) for instrument in instruments],
        "prices": [{"instrument_id": name, "mark": mark, "sequence": 7} for name, mark in marks.items()],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("quote", "mark"),
    [({"mark": 3.0, "bid": 1.0, "ask": 2.0}, 3.0), ({"bid": 1.0, "ask": 2.0}, 1.5), ({"ask": 2.0}, 2.0)],
)
def test_a_quote_is_worth_its_mark_its_mid_or_its_one_side(quote: dict[str, float], mark: float) -> None:
    assert mark_of(price("YES", **quote)) == mark


def test_an_event_contract_is_held_against_its_quote() -> None:
    contract = Instrument("YES", Product.EVENT_CONTRACT)
    quotes = {("YES", 7): price("YES", bid=0.40, ask=0.44)}
    report = Report()
    check_marks(evidence([contract], {"YES": 0.42}), quotes, report)
    assert (report.contradictions, report.checked["marks held against quotes"]) == ([], 1)
    check_marks(evidence([contract], {"YES": 0.43}), quotes, report)
    assert [each.kind for each in report.contradictions] == [Kind.WRONG_MARK]
    check_marks(evidence([contract], {"YES": 0.43}), {}, report)
    assert (len(report.contradictions), report.checked["marks without a quote"]) == (1, 1)


def test_repos_are_worth_what_the_engine_says() -> None:
    market = market_of()
    refresh(market)
    instruments = [each for each in market.instruments if each.product in {Product.REPO, Product.TREASURY}]
    marks = {
        each.instrument_id: float(market.mark[market.slot_of[each.instrument_id]]) for each in instruments
    }
    repos = [name for name in marks if name.startswith("REPO")]
    assert [math.isnan(marks[name]) for name in repos] == [False, False, True]
    told = evidence(instruments, marks, market.valuation_time_ns)
    for each in told["prices"]:
        each["mark"] = None if math.isnan(each["mark"]) else each["mark"]
    report = Report()
    check_marks(told, {}, report)
    assert (report.contradictions, report.checked["marks held against quotes"]) == ([], 3)
    for each in told["prices"]:
        if each["instrument_id"] == "10Y":
            each["mark"] += 0.001
    check_marks(told, {}, report)
    assert [(each.kind, "REPO-1W" in each.detail) for each in report.contradictions] == [
        (Kind.WRONG_MARK, True)
    ]
