"""Event contracts: golden cases, the engine with equity, the command, what is covered, parameter checks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.rules.event_contracts import EventContracts
from engine.rules.event_contracts_parameters import Parameters
from engine.state.engine import Engine
from streams.cli import main
from tests.crypto_book import case_market, holdings_of, market_of
from tests.engine_book import NOW_NS, TODAY, new_engine, prices, trades
from tests.event_book import BLUE, GREEN, LISTED, RED, RULEBOOK, SILO, YES, contract
from tests.rulebook_cases import golden, load, requirements, shipped

GOLDEN = golden("event-contracts")
INDEX = SILO_INDEX[SILO]


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 11


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    rulebook = EventContracts(
        Parameters.from_mapping(shipped("event-contracts") | case.get("parameters", {}))
    )
    account = holdings_of(market, case["positions"], SILO)
    result, usd = case["result"], case["tolerance"]["usd"]
    explained = rulebook.explain(account, market)
    for found in (*requirements(rulebook, market, [account])[0], explained.requirement.initial_usd):
        assert found == pytest.approx(result["requirement_usd"], abs=usd)
    assert explained.tree.facts["published_usd"] == pytest.approx(result["published_usd"], abs=usd)
    for part in explained.tree.parts:
        expected = result["events"][part.name.removeprefix("event ")]
        assert part.facts["worst_outcome"] == expected["worst_outcome"]
        pnl = {name: figure for name, figure in part.facts.items() if name.startswith("P&L if ")}
        expected_pnl = {f"P&L if {outcome}": figure for outcome, figure in expected["pnl_usd"].items()}
        assert pnl == pytest.approx(expected_pnl, abs=usd)


@pytest.fixture
def engine() -> Engine:
    return new_engine(("A",))


def book(engine: Engine, name: str, quantity: float, price: float) -> None:
    row = (f"T-{name}", 1, "A", name, quantity, price, False, TODAY)
    assert not engine.apply_trades(0, trades(engine, [row])).any()


def quote(engine: Engine, marks: dict[str, float], sequence: int) -> None:
    assert not engine.apply_prices(prices(engine, marks, sequence)).any()


def excess(engine: Engine) -> float:
    engine.evaluate(NOW_NS)
    assert engine.shadow_check(["A"]) < 0.01
    return float(engine.equity[0, INDEX] - engine.maintenance[0, INDEX])


@pytest.mark.parametrize(
    ("name", "quantity", "cash_needed"), [("CUT-YES", 1000.0, 620.0), ("CUT-YES", -1000.0, 380.0)]
)
def test_excess_is_cash_less_what_the_contracts_may_take(
    engine: Engine, name: str, quantity: float, cash_needed: float
) -> None:
    """Long: the premium and no more. Short: the payoff less the premium. Whatever the price does afterwards."""
    quote(engine, {"CUT-YES": 0.62, "CUT-NO": 0.38}, 1)
    book(engine, name, quantity, 0.62)
    assert excess(engine) == pytest.approx(-cash_needed)
    quote(engine, {"CUT-YES": 0.97}, 2)
    assert excess(engine) == pytest.approx(-cash_needed)
    quote(engine, {"CUT-YES": 0.0}, 3)
    assert excess(engine) == pytest.approx(-cash_needed)


def test_a_sold_yes_is_closed_by_a_sold_no(engine: Engine) -> None:
    """Both sold at 0.62 and 0.40: 1.02 received, 1 to be paid whatever comes."""
    quote(engine, {"CUT-YES": 0.62, "CUT-NO": 0.38}, 1)
    book(engine, "CUT-YES", -1000.0, 0.62)
    book(engine, "CUT-NO", -1000.0, 0.40)
    assert excess(engine) == pytest.approx(20.0)


def test_it_stays_outside_the_pot(engine: Engine) -> None:
    quote(engine, {"CUT-YES": 0.62, "CUT-NO": 0.38}, 1)
    book(engine, "CUT-YES", -1000.0, 0.62)
    engine.evaluate(NOW_NS)
    assert engine.unified_requirement(engine.account_slots(["A"])).tolist() == [pytest.approx(380.0)]


def test_an_outcome_added_to_the_event_is_another_set_until_all_contracts_have_it() -> None:
    wider = ("RED", "BLUE", "GREEN", "NONE")
    news = [replace(each, outcomes=wider) for each in (RED, BLUE)]
    marks = {"RED": 0.5, "BLUE": 0.3, "GREEN": 0.2}
    complete = dict.fromkeys(marks, 100.0)
    for listed, required in (
        ([RED, BLUE, GREEN], 0.0),
        ([*news, GREEN], 80.0 + 20.0),
        ([*news, replace(GREEN, outcomes=wider)], 100.0),
    ):
        market = market_of(listed, marks)
        account = holdings_of(market, complete, SILO)
        assert requirements(RULEBOOK, market, [account])[0].tolist() == pytest.approx([required] * 2)
        assert RULEBOOK.explain(account, market).requirement.maintenance_usd == pytest.approx(required)


def test_a_republished_contract_pays_by_its_new_terms() -> None:
    market = market_of([YES], {"YES": 0.6})
    assert RULEBOOK.rows(market, np.array([0]))[0, :2].tolist() == pytest.approx([-0.6, 0.4])
    market.put_instrument(replace(YES, payoff=2.0))
    assert RULEBOOK.rows(market, np.array([0]))[0, :2].tolist() == pytest.approx([-0.6, 1.4])


def test_without_a_price_nothing_is_in_the_figure_and_it_says_so() -> None:
    market = market_of([YES], {})
    assert not RULEBOOK.rows(market, np.array([0])).any()
    [event] = RULEBOOK.explain(holdings_of(market, {"YES": -1.0}, SILO), market).tree.parts
    assert (event.amount_usd, event.parts[0].facts["mark"]) == (0.0, "missing: not in the figure")


def test_netting_set_is_the_event_whatever_the_order_of_its_outcomes() -> None:
    assert RULEBOOK.netting_set(YES) == "CUT (NO, YES)"
    assert RULEBOOK.netting_set(replace(YES, outcomes=("NO", "YES"))) == RULEBOOK.netting_set(YES)


def test_other_products_and_too_many_outcomes_are_an_error() -> None:
    with pytest.raises(MarginError) as caught:
        RULEBOOK.netting_set(Instrument("A", Product.EQUITY))
    assert caught.value.reason is Reason.NO_RULEBOOK
    many = contract("M", "M", tuple(f"O{number}" for number in range(17)), "O3")
    with pytest.raises(MarginError, match="is 16, but M is on an event with 17 outcomes; raise it") as caught:
        RULEBOOK.netting_set(many)
    assert caught.value.reason is Reason.BAD_PARAMETER


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("loss_share", {"value": 1.5}, "loss_share.value"),
        ("loss_share", 1.0, "loss_share"),
        ("outcome_columns", 1, "outcome_columns"),
        ("silo", "securities", "silo"),
        ("x", 1, "x"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(key: str, value: Any, place: str) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("event-contracts") | {key: value})
    assert caught.value.thing == f"rulebook event-contracts: {place}"


def test_the_command_margins_a_book_of_events(tmp_path: Path) -> None:
    """RED bought at 0.50, BLUE sold at 0.30; BLUE at zero is a price, not a mistake."""
    records = [
        {"instrument_id": each.instrument_id, "product": "event_contract", "event": each.event,
         "outcomes": each.outcomes, "pays_on": each.pays_on, "payoff": each.payoff}
        for each in LISTED
    ]  # fmt: skip
    marks = {"RED": 0.55, "BLUE": 0.0}
    content = {
        "accounts": [{"account_id": "A"}],
        "instruments": records,
        "prices": [
            {"instrument_id": name, "mark": mark, "source_time_ns": NOW_NS, "sequence": 1}
            for name, mark in marks.items()
        ],
        "positions": [{"account_id": "A", "business_date": "2026-09-18", "as_of_ns": NOW_NS - 1,
                       "positions": [{"instrument_id": "RED", "quantity": 100},
                                     {"instrument_id": "BLUE", "quantity": -100}],
                       "cash": [{"silo": "event_contracts", "amount": 250.0}]}],
    }  # fmt: skip
    file = tmp_path / "book.json"
    file.write_text(json.dumps(content))
    result = CliRunner().invoke(main, ["margin", str(file), "--rulebook", "event-contracts", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    [entry] = json.loads(result.stdout)["requirements"]
    assert (entry["maintenance"], entry["initial"], entry["worst_scenario"]) == ("155.00", "155.00", "BLUE")
    whole = json.loads(CliRunner().invoke(main, ["margin", str(file), "--json"]).stdout)
    [silo] = [each for each in whole["accounts"][0]["statement"]["silos"] if each["silo"] == SILO]
    assert (silo["equity"], silo["excess"]) == (
        "305.00",
        "150.00",
    )  # 250 in cash less the 100 that BLUE may take
