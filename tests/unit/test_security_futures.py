"""Security futures by hand: alone, against stock, calendars, beside options; live under both regimes; refusals."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.market.market import Market
from engine.portfolio.accounts import Account
from engine.rules.requirement import Explained
from engine.rules.strategy import shadow
from engine.rules.strategy.book import Book, Pairing
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_pairing import least_pairing_with_futures
from engine.state.engine import Engine
from streams.cli import main
from tests.engine_book import APPROVED, DAY_NS, NOW_NS, TODAY, new_engine, prices, trades
from tests.file_book import T0_NS, book, write_json
from tests.strategy_book import held, market_with, shipped_rulebook, with_parameters

SECURITIES = SILO_INDEX["securities"]
ACME: dict[str, Any] = {"instrument_id": "ACME", "product": "equity"}


def future(name: str, expiry: str = "2027-03-19", **fields: Any) -> dict[str, Any]:
    return {
        "instrument_id": name,
        "product": "security_future",
        "underlying": "ACME",
        "multiplier": 100.0,
        "expiry": f"{expiry}T21:00:00+00:00",
        **fields,
    }


NEAR, FAR = future("NEAR"), future("FAR", "2027-06-18")
CALL: dict[str, Any] = {
    "instrument_id": "CALL", "product": "equity_option", "underlying": "ACME", "multiplier": 100.0, "strike": 105.0,
    "expiry": "2027-03-19T21:00:00+00:00", "right": "call", "exercise": "american",
}  # fmt: skip
PUT = CALL | {"instrument_id": "PUT", "right": "put", "strike": 95.0}
MARKS = {"ACME": 100.0, "NEAR": 101.0, "FAR": 103.0, "CALL": 2.0, "PUT": 1.5}


def acme(**marks: float) -> Market:
    return market_with([ACME, NEAR, FAR, CALL, PUT], MARKS | marks)


def explain(positions: dict[str, float], market: Market | None = None) -> Explained:
    market = market or acme()
    explained = shipped_rulebook().explain(held(market, positions), market)
    assert explained.tree.largest_residual_usd() <= 1e-6
    return explained


@pytest.mark.parametrize(
    ("positions", "initial", "maintenance", "strategy"),
    [
        # 15 % of 10 x 10,100.
        pytest.param({"NEAR": 10.0}, 15_150.0, 15_150.0, "10 x long security future", id="long"),
        pytest.param({"NEAR": -10.0}, 15_150.0, 15_150.0, "10 x short security future", id="short"),
        # Stock 50 % of 100,000; 5 % of 100,000.
        pytest.param(
            {"ACME": 1_000.0, "NEAR": -10.0}, 50_000.0, 5_000.0, "10 x short security future against long stock",
            id="long stock",
        ),
        pytest.param(
            {"ACME": -1_000.0, "FAR": 10.0}, 50_000.0, 5_000.0, "10 x long security future against short stock",
            id="short stock",
        ),
        # 400 shares are left, and 4 contracts of 10 against nothing at 15 %.
        pytest.param(
            {"ACME": 600.0, "NEAR": -10.0}, 30_000.0 + 6_060.0, 3_000.0 + 6_060.0, "4 x short security future",
            id="part hedged",
        ),
        # 5 % of the more valuable contract: 10 x 100 x 103.
        pytest.param(
            {"NEAR": 10.0, "FAR": -10.0}, 5_150.0, 5_150.0, "10 x calendar of security futures", id="calendar"
        ),
        # The stock takes the far contracts: 5 % of 100,000; the near ones stand alone.
        pytest.param(
            {"ACME": 1_000.0, "NEAR": -10.0, "FAR": -10.0}, 50_000.0 + 15_150.0, 5_000.0 + 15_150.0,
            "10 x short security future", id="the dearer contract is hedged",
        ),
        pytest.param(
            {"ACME": 1_000.0, "NEAR": -10.0, "FAR": 10.0}, 50_000.0 + 5_150.0, 5_000.0 + 15_450.0,
            "10 x long security future", id="stock before the calendar at maintenance, the calendar at initial",
        ),
    ],
)  # fmt: skip
def test_by_hand(positions: dict[str, float], initial: float, maintenance: float, strategy: str) -> None:
    explained = explain(positions)
    underlying = next(part for part in explained.tree.walk() if part.name == "underlying ACME")
    assert underlying.amount_usd == pytest.approx(maintenance)
    assert underlying.facts["not_below_usd"] == pytest.approx(maintenance)
    assert explained.requirement.initial_usd == pytest.approx(initial)
    assert strategy in [part.name for part in explained.tree.walk()]


def test_stock_covers_the_call_or_the_future_whichever_saves_more() -> None:
    """Covered call: 2,500 and the future alone 1,515. Future against stock: 500 and the call naked 1,500 + 200."""
    explained = explain({"ACME": 100.0, "NEAR": -1.0, "CALL": -1.0})
    underlying = next(part for part in explained.tree.walk() if part.name == "underlying ACME")
    assert underlying.amount_usd == pytest.approx(500.0 + 1_700.0 - 200.0)
    names = [part.name for part in explained.tree.walk()]
    assert "1 x short security future against long stock" in names
    assert "1 x naked call" in names


@pytest.mark.parametrize(
    ("positions", "initial", "maintenance", "strategy"),
    [
        # 15 % of 10,100 and the put of 1.50 in full; 10 % of 95 + 5 out of the money.
        pytest.param(
            {"NEAR": 1.0, "PUT": 1.0}, 1_515.0 + 150.0, 1_450.0 + 150.0, "1 x long security future and long put",
            id="long put",
        ),
        # 15 % of 10,100 is less than 10 % of 105 + 5; the call of 2.00 in full.
        pytest.param(
            {"NEAR": -2.0, "CALL": 2.0}, 2 * (1_515.0 + 200.0), 2 * (1_515.0 + 200.0), "2 x short security future",
            id="long call",
        ),
        # 15 % of 10,100; neither is in the money, and both premiums count.
        pytest.param(
            {"NEAR": 1.0, "CALL": -1.0}, 1_515.0 - 200.0, 1_515.0 - 200.0, "1 x long security future and short call",
            id="short call",
        ),
        pytest.param(
            {"FAR": -1.0, "PUT": -1.0}, 1_545.0 - 150.0, 1_545.0 - 150.0, "1 x short security future and short put",
            id="short put",
        ),
    ],
)  # fmt: skip
def test_with_options_by_hand(
    positions: dict[str, float], initial: float, maintenance: float, strategy: str
) -> None:
    explained = explain(positions)
    underlying = next(part for part in explained.tree.walk() if part.name == "underlying ACME")
    assert underlying.amount_usd == pytest.approx(maintenance)
    assert underlying.facts["not_below_usd"] == pytest.approx(maintenance)
    assert underlying.facts["initial_usd"] == pytest.approx(initial)
    assert strategy in [part.name for part in explained.tree.walk()]


def test_a_row_that_is_not_permitted_leaves_the_two_apart() -> None:
    """15 % of 10,100, and the call naked: 20 % of 10,000 less 5 out of the money; its premium is in equity."""
    parameters = with_parameters(security_future__with__short_call__permitted=False)
    market = acme()
    apart = type(shipped_rulebook())(parameters).explain(held(market, {"NEAR": 1.0, "CALL": -1.0}), market)
    assert apart.requirement.maintenance_usd == pytest.approx(1_515.0 + 1_500.0)


def test_an_option_of_another_size_does_not_stand_with_a_contract() -> None:
    small = future("NEAR", multiplier=10.0)
    market = market_with([ACME, small, CALL], {name: MARKS[name] for name in ("ACME", "NEAR", "CALL")})
    assert explain({"NEAR": 10.0, "CALL": -1.0}, market).requirement.maintenance_usd == pytest.approx(3_015.0)


def test_an_account_of_futures_keeps_the_least_equity() -> None:
    assert explain({"NEAR": 1.0}).requirement.maintenance_usd == pytest.approx(2_000.0)


def test_the_rate_of_before_2020_is_a_parameter() -> None:
    rulebook = type(shipped_rulebook())(with_parameters(security_future__rate=0.20))
    market = acme()
    assert rulebook.explain(
        held(market, {"NEAR": 10.0}), market
    ).requirement.maintenance_usd == pytest.approx(20_200.0)


def test_a_calendar_may_not_cost_more_than_a_contract() -> None:
    with pytest.raises(MarginError, match=r"security_future\.calendar_rate"):
        with_parameters(security_future__calendar_rate=0.16)


@pytest.mark.parametrize(
    ("record", "marks", "quantity", "reason", "detail"),
    [
        (NEAR, {}, 1.5, Reason.OUT_OF_RANGE, "1.5 is not a whole number"),
        (NEAR, {"NEAR": 0.0}, 1.0, Reason.NO_PRICE, "price 0 of NEAR"),
        (NEAR, {"ACME": 0.0}, 1.0, Reason.NO_PRICE, "price 0 of ACME"),
        (future("NEAR", "2026-11-20"), {}, 1.0, Reason.BAD_INSTRUMENT, "has expired"),
        (future("NEAR", underlying="GONE"), {}, 1.0, Reason.UNKNOWN_INSTRUMENT, "GONE is not known"),
        (future("NEAR", underlying="BROAD"), {}, 1.0, Reason.BAD_INSTRUMENT, "BROAD is a broad index"),
    ],
)
def test_refused_by_name(
    record: dict[str, Any], marks: dict[str, float], quantity: float, reason: Reason, detail: str
) -> None:
    index = {"instrument_id": "BROAD", "product": "index", "index_class": "broad"}
    market = market_with([ACME, index, record], {"ACME": 100.0, "BROAD": 5.0, "NEAR": 101.0} | marks)
    with pytest.raises(MarginError, match=detail) as caught:
        explain({"NEAR": quantity}, market)
    assert (caught.value.reason, caught.value.thing) == (reason, "position NEAR")


_MONTHS = {"AAPL-F1": 30, "AAPL-F2": 120}
FUTURES = [
    Instrument(
        name, Product.SECURITY_FUTURE, "AAPL", 100.0, expiry_ns=NOW_NS + days * DAY_NS, risk_factor="EQ:AAPL",
        average_daily_volume=1e5,
    )
    for name, days in _MONTHS.items()
]  # fmt: skip
LIVE = {"AAPL": 200.0, "AAPL-F1": 201.0, "AAPL-F2": 203.0, "AAPL-C": 12.0}


def live(approvals: frozenset[str], positions: dict[str, float]) -> Engine:
    engine = new_engine(accounts=())
    engine.put_account(Account("A", approvals=approvals), 0)
    for instrument in FUTURES:
        engine.put_instrument(instrument)
    engine.apply_prices(prices(engine, LIVE, 1))
    rows = [
        (name, 1, "A", name, quantity, LIVE[name], False, TODAY + 1) for name, quantity in positions.items()
    ]
    engine.apply_trades(0, trades(engine, rows))
    engine.advance_time(NOW_NS)
    engine.evaluate(NOW_NS)
    return engine


def figures(engine: Engine) -> tuple[float, float]:
    """Equity and maintenance of the securities silo; the shadow check holds."""
    slot = engine.account_slots(["A"])[0]
    assert engine.shadow_check(["A"]) < 0.01
    return float(engine.equity[slot, SECURITIES]), float(engine.maintenance[slot, SECURITIES])


def test_live_under_strategies_the_underlying_moves_the_requirement_and_the_future_the_equity() -> None:
    engine = live(frozenset(), {"AAPL": 1_000.0, "AAPL-F1": -10.0})
    assert figures(engine) == pytest.approx((0.0, 0.05 * 200_000.0))
    engine.apply_prices(prices(engine, {"AAPL": 210.0}, 2))
    engine.evaluate(NOW_NS)
    assert figures(engine) == pytest.approx((10_000.0, 0.05 * 210_000.0))
    engine.apply_prices(prices(engine, {"AAPL-F1": 212.0}, 3))
    engine.evaluate(NOW_NS)
    # Variation: 10 contracts of 100 lost 11 each.
    assert figures(engine) == pytest.approx((10_000.0 - 11_000.0, 0.05 * 210_000.0))


def test_live_under_portfolio_margin_the_class_group_offsets_in_full() -> None:
    """Long 1,000 shares at 200, short 10 contracts at 201: 15 % of the difference of 1,000; minimum 10 x 37.50."""
    engine = live(APPROVED, {"AAPL": 1_000.0, "AAPL-F1": -10.0})
    assert figures(engine)[1] == pytest.approx(375.0)
    alone = live(APPROVED, {"AAPL-F1": -10.0})
    assert figures(alone)[1] == pytest.approx(0.15 * 201_000.0)
    calendar = live(APPROVED, {"AAPL-F1": -10.0, "AAPL-F2": 10.0})
    assert figures(calendar)[1] == pytest.approx(750.0)


def test_live_a_contract_covers_a_short_call() -> None:
    """15 % of 5 contracts at 201; the calls at 200 are 0, then 10 in the money, and their premium is in equity."""
    engine = live(frozenset(), {"AAPL-F1": 5.0, "AAPL-C": -5.0})
    assert figures(engine)[1] == pytest.approx(500 * (0.15 * 201.0 - 12.0))
    engine.apply_prices(prices(engine, {"AAPL": 210.0, "AAPL-F1": 211.0, "AAPL-C": 18.0}, 2))
    engine.evaluate(NOW_NS)
    assert figures(engine)[1] == pytest.approx(500 * (0.15 * 211.0 + 10.0 - 18.0))


def test_live_a_pairing_that_asks_too_little_fails_the_shadow_check(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = live(frozenset(), {"AAPL-F1": 5.0, "AAPL-C": -5.0})
    figures(engine)

    def too_little(book: Book, terms: Terms) -> Pairing:
        pairing = least_pairing_with_futures(book, terms)
        return replace(
            pairing, strategies=tuple(replace(one, published_usd=0.0) for one in pairing.strategies)
        )

    monkeypatch.setattr(shadow, "least_pairing_with_futures", too_little)
    assert engine.shadow_check(["A"]) == math.inf


@pytest.mark.parametrize("approvals", [APPROVED, frozenset[str]()])
def test_live_beside_an_option_both_paths_agree(approvals: frozenset[str]) -> None:
    engine = live(approvals, {"AAPL": 500.0, "AAPL-C": -5.0, "AAPL-F1": -3.0, "AAPL-F2": 4.0})
    figures(engine)
    for sequence, mark in enumerate((190.0, 215.0, 203.0), start=2):
        engine.apply_prices(prices(engine, {"AAPL": mark, "AAPL-F2": mark + 3.0}, sequence))
        engine.evaluate(NOW_NS)
        figures(engine)


def test_live_an_expired_future_is_left_out_by_name() -> None:
    engine = live(frozenset(), {"AAPL-F1": -10.0, "AAPL-F2": 10.0})
    later_ns = NOW_NS + 31 * DAY_NS
    engine.evaluate(later_ns)
    engine.apply_prices(prices(engine, LIVE, 2, later_ns))
    engine.evaluate(later_ns)
    assert figures(engine)[1] == pytest.approx(0.15 * 203_000.0)
    assert engine.statement("A", later_ns).quality.incomplete == (
        "EXPIRED: position AAPL-F1: expired at 2026-10-21T14:13:20Z; book its exercise or settlement",
    )


@pytest.mark.parametrize(
    ("change", "mark", "reason"),
    [
        ({"expiry": None}, 600.0, "BAD_INSTRUMENT"),
        ({"underlying": ""}, 600.0, "BAD_INSTRUMENT"),
        ({"expiry": "2026-09-18"}, 600.0, "EXPIRED"),
        ({}, 0.0, "ZERO_PRICE"),
    ],
)
def test_margin_command_names_it_and_margins_the_rest(
    tmp_path: Path, change: dict[str, Any], mark: float, reason: str
) -> None:
    whole = book()
    whole["instruments"].append(
        {"instrument_id": "SPY1C", "product": "security_future", "underlying": "SPY", "multiplier": 100,
         "expiry": "2026-12-18", "risk_factor": "EQ:SPX"} | change
    )  # fmt: skip
    whole["prices"].append({"instrument_id": "SPY1C", "source_time_ns": T0_NS, "sequence": 1, "mark": mark})
    whole["positions"][0]["positions"].append(
        {"instrument_id": "SPY1C", "quantity": -2, "reference_price": 600}
    )
    result = CliRunner().invoke(main, ["margin", str(write_json(tmp_path, whole)), "--json"])
    told = json.loads(result.stdout)
    (refused,) = told["refused_positions"]
    assert (refused["instrument_id"], refused["reason"]) == ("SPY1C", reason)
    (view,) = told["accounts"]
    figures = {each["silo"]: each["maintenance"] for each in view["statement"]["silos"]}
    assert figures == {"securities": "240000.00", "futures": "108000.00"}


def test_margin_command_puts_them_where_the_accounts_record_says(tmp_path: Path) -> None:
    """15 % of two contracts of 100 at 600, beside the futures that stand there."""
    whole = book()
    whole["accounts"][0]["silos"] = {"security_future": "futures"}
    whole["instruments"].append(
        {"instrument_id": "SPY1C", "product": "security_future", "underlying": "SPY", "multiplier": 100,
         "expiry": "2026-12-18", "risk_factor": "EQ:SPX"}
    )  # fmt: skip
    whole["prices"].append({"instrument_id": "SPY1C", "source_time_ns": T0_NS, "sequence": 1, "mark": 600.0})
    whole["positions"][0]["positions"].append(
        {"instrument_id": "SPY1C", "quantity": -2, "reference_price": 600}
    )
    result = CliRunner().invoke(main, ["margin", str(write_json(tmp_path, whole)), "--json"])
    told = json.loads(result.stdout)
    assert told["refused_positions"] == []
    (view,) = told["accounts"]
    figures = {each["silo"]: each["maintenance"] for each in view["statement"]["silos"]}
    assert figures == {"securities": "240000.00", "futures": "126000.00"}
