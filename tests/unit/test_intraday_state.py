"""The engine under the intraday margin rule: whom it looks at, what waits, what a restart and the end of a day do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.base.business_days import date_text
from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.state.engine import Engine
from engine.state.intraday_arrivals import in_runs
from engine.state.intraday_book import Arrivals
from streams.outbound.intraday import SILENT, intraday_event, standing_of
from tests.engine_book import APPROVED, NOW_NS, TODAY, movements, prices, substitutions, trades
from tests.intraday_firm import Cash, Firm, Trade, reasons

BUY = Trade("t1", "AAPL", 225.0, 200.0)  # 45,000: 11,250 to be maintained
SELL = Trade("t2", "AAPL", -225.0, 200.0)


def test_the_highest_deficit_of_the_day_stands() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY)
    (move,) = firm.run()
    assert (move.event.reason.value, move.event.amount_usd) == ("OPENED", 1_250.0)
    firm.send(SELL)
    assert reasons(firm.run()) == ["OBSERVED"]
    firm.send(replace(BUY, trade_id="t3", quantity=250.0))
    assert reasons(firm.run()) == ["LARGER"]
    assert firm.standing.amount_usd == 2_500.0
    assert reasons(firm.next_day()) == ["OCCURRED"]


def test_a_price_that_falls_after_the_purchase_makes_none() -> None:
    firm = Firm(12_000.0)
    firm.send(BUY)
    assert reasons(firm.run()) == ["OBSERVED"]
    firm.price({"AAPL": 150.0})
    assert firm.run() == []
    firm.restart()  # at the prices after the fall
    assert firm.run() == []
    assert firm.standing.amount_usd == 0.0
    firm.send(Cash("c1", -10.0))  # a withdrawal finds the account as the market left it
    assert reasons(firm.run()) == ["OPENED"]


def test_transactions_of_one_pass_count_in_the_order_of_their_times() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY, SELL, Cash("c1", -9_000.0))  # the batch of collateral is applied before that of trades
    (move,) = firm.run()
    assert move.event.amount_usd == 1_250.0
    late = Firm(10_000.0)
    late.send(Cash("c1", -9_000.0), BUY, SELL)
    assert late.run()[0].event.amount_usd == 10_250.0


def test_only_customers_without_portfolio_margin_are_looked_at_and_only_their_securities() -> None:
    for account in (
        Account("A", approvals=APPROVED),
        Account("A", type="proprietary"),
        Account("A", type="market_maker"),
    ):
        firm = Firm(10_000.0)
        firm.engine.put_account(account, 0)
        firm.send(BUY)
        assert firm.run() == []
    firm = Firm(10_000.0)
    firm.send(Trade("f1", "ESZ6", 5.0, 6_010.0), Trade("b1", "BTC", 3.0, 60_000.0))
    assert firm.run() == []


def test_before_the_firms_first_day_there_is_none() -> None:
    firm = Firm(10_000.0, applied_from="2026-09-22")  # the day after NOW_NS
    firm.send(BUY)
    assert firm.run() == []
    assert firm.next_day() == []
    firm.send(replace(SELL, quantity=-1.0), replace(BUY, trade_id="t3", quantity=10.0))
    assert reasons(firm.run()) == ["OPENED"]


def test_an_account_without_a_price_waits_and_is_looked_at_when_it_comes() -> None:
    firm = Firm(10_000.0)
    firm.engine.put_instrument(Instrument("NEW", Product.EQUITY, risk_factor="EQ:SPX"))
    firm.send(Trade("t1", "NEW", 300.0, 150.0))
    assert firm.run() == []
    assert firm.engine.totals().intraday.waiting == 1
    assert firm.next_day() == []  # nor is its day closed
    firm.marks["NEW"] = 150.0
    firm.price({})
    assert reasons(firm.run()) == ["OPENED", "OCCURRED"]
    assert firm.engine.totals().intraday.waiting == 0
    assert date_text(firm.events[0].event.day) == "2026-09-21"


def test_a_substitution_of_collateral_is_one_movement() -> None:
    """Released first, cash that the account needs would leave a deficit of 2,250 in between."""
    firm = Firm(12_000.0)
    firm.send(BUY)
    assert reasons(firm.run()) == ["OBSERVED"]
    firm.now_ns += NANOSECONDS_PER_SECOND
    note = ("c1", 1, "A", "T-NOTE", "USD", 4_000.0, False, TODAY, SILO_INDEX["securities"])
    arrivals = Arrivals(np.array([firm.now_ns]), np.array([0]))
    firm.engine.apply_collateral(0, substitutions(firm.engine, [note], [("", 3_000.0)]), arrivals)
    assert reasons(firm.run()) == ["OBSERVED"]
    assert firm.standing.amount_usd == 0.0
    assert firm.standing.net_deposits_usd == pytest.approx(4_000 * 0.99 * 0.97 - 3_000)


def test_a_correction_counts_as_the_difference_also_when_a_worker_ended_between() -> None:
    for ends in (False, True):
        firm = Firm(10_000.0)
        firm.send(Cash("c1", 500.0), BUY)
        firm.run()
        firm.send(Cash("c1", 700.0, version=2), replace(BUY, quantity=205.0, version=2))
        if ends:
            firm.restart()
        assert reasons(firm.run()) == ["OBSERVED"]  # less is held: a sale
        assert firm.standing.net_deposits_usd == 700.0
        assert firm.standing.amount_usd == 750.0


def test_runs_split_only_where_versions_of_both_kinds_meet() -> None:
    unseen = np.array([False, False, True, True, False])
    assert in_runs(["a", "b", "c", "d", "e"], unseen) == [slice(0, 5)]
    assert in_runs(["a", "b", "a", "d", "e"], unseen) == [slice(0, 2), slice(2, 4), slice(4, 5)]


def test_evenings_and_holidays_belong_to_the_next_business_day() -> None:
    firm = Firm(10_000.0)
    day = firm.policy.intraday.trading.day_at  # type: ignore[union-attr]
    hour_ns = 3600 * NANOSECONDS_PER_SECOND
    monday_noon_ns = NOW_NS - NOW_NS % (24 * hour_ns) + 16 * hour_ns
    dates = [date_text(day(monday_noon_ns + hours * hour_ns)) for hours in (0, 7, 8, 24)]
    assert dates == ["2026-09-21", "2026-09-21", "2026-09-22", "2026-09-22"]  # 20:00 in New York is 24:00 UTC
    friday, saturday = (monday_noon_ns + days * 24 * hour_ns for days in (4, 5))
    assert (date_text(day(friday)), date_text(day(saturday))) == ("2026-09-25", "2026-09-28")


def test_a_trade_told_late_belongs_to_the_day_of_its_time_unless_that_is_closed() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY)
    firm.engine.evaluate_moves(firm.now_ns)  # the worker ended before it looked
    firm.now_ns += 24 * 3600 * NANOSECONDS_PER_SECOND
    firm.restart()
    moves = firm.run()
    assert [(m.event.reason.value, date_text(m.event.day)) for m in moves] == [
        ("OPENED", "2026-09-21"), ("OCCURRED", "2026-09-21"),
    ]  # fmt: skip


def test_days_that_ended_while_no_worker_ran_are_closed_one_by_one() -> None:
    firm = Firm(10_000.0, practice_failures=1)
    firm.send(BUY)
    firm.run()
    firm.now_ns += 9 * 24 * 3600 * NANOSECONDS_PER_SECOND
    firm.restart()
    told = [
        (m.event.reason.value, date_text(m.event.day)) for m in firm.run() if m.event.reason not in SILENT
    ]
    assert told == [("OCCURRED", "2026-09-21"), ("NOT_PROMPT", "2026-09-28"), ("FROZEN", "2026-09-28")]
    assert firm.standing.is_frozen()
    figures = firm.engine.statement("A", firm.now_ns).intraday
    assert figures is not None
    assert (figures.frozen, date_text(figures.frozen_until_day)) == (True, "2026-12-27")
    assert firm.engine.totals().intraday.frozen == 1


def test_a_freeze_ends_when_the_level_makes_up_the_deficit() -> None:
    firm = Firm(10_000.0, practice_failures=1)
    firm.send(BUY)
    firm.run()
    for _ in range(8):
        firm.next_day()
    assert firm.standing.is_frozen()
    firm.send(SELL)  # frees 11,250 of margin
    firm.run()
    assert reasons(firm.next_day()) == ["SATISFIED_BY_LEVEL", "FREEZE_LIFTED"]
    assert not firm.standing.is_frozen()


def test_pledged_assets_and_foreign_cash_count_what_they_add_to_equity() -> None:
    firm = Firm(10_000.0)
    engine, now_ns = firm.engine, firm.now_ns
    firm.run()
    rows = [
        ("n1", 1, "A", "T-NOTE", "USD", 100.0, False, TODAY, SILO_INDEX["securities"]),
        ("e1", 1, "A", "", "EUR", 1_000.0, False, TODAY, SILO_INDEX["securities"]),
    ]
    before = float(engine.equity[0, SILO_INDEX["securities"]])
    arrivals = Arrivals(np.array([now_ns, now_ns + 1]), np.array([0, 1]))
    engine.apply_collateral(0, movements(engine, rows), arrivals)
    firm.run()
    gained = float(engine.equity[0, SILO_INDEX["securities"]]) - before
    assert 0.0 < firm.standing.net_deposits_usd <= gained < firm.standing.net_deposits_usd + 0.02


def test_what_is_taken_back_from_another_partition_stays_silent() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY)
    firm.run()
    engine = firm.engine
    engine.drop_partition(0)
    assert engine.intraday.standing(0, "A") is None
    engine.take_partition(0)
    engine.go_live(0)
    assert engine.evaluate(firm.now_ns).intraday == []


def test_a_closed_account_stays_until_its_deficit_is_followed_to_the_end() -> None:
    firm = Firm(0.0)
    firm.send(replace(BUY, quantity=5.0), replace(SELL, quantity=-5.0))
    firm.run()
    engine = firm.engine
    engine.close_account(Account("A"), 0)
    for _ in range(24):
        assert "A" in engine.accounts.slot_of
        firm.next_day()
        if not firm.standing.is_notable:
            break
        engine.open_day(replace(empty_opening(firm), business_day=TODAY + 1, as_of_ns=2))
    assert reasons(firm.events)[-1] == "EXPIRED"
    firm.next_day()
    firm.next_day()
    assert "A" not in engine.accounts.slot_of


def empty_opening(firm: Firm) -> Opening:
    none = np.zeros(0, np.int64)
    return Opening(0, TODAY, 1, none, np.zeros(0), np.zeros(0), none, (), none, np.zeros(0), none)


def test_a_standing_restored_before_its_account_is_followed_when_that_comes() -> None:
    firm = Firm(10_000.0)
    firm.send(BUY)
    firm.run()
    firm.next_day()
    standing = firm.standing
    fresh = Engine(firm.policy)
    fresh.take_partition(0)
    fresh.intraday.put(0, standing)
    fresh.go_live(0)
    later_ns = firm.now_ns + 24 * 3600 * NANOSECONDS_PER_SECOND
    assert fresh.evaluate(later_ns).intraday == []
    assert fresh.intraday.standing(0, "A") == standing
    fresh.put_account(Account("A"), 0)
    assert reasons(fresh.evaluate(later_ns).intraday) == ["SATISFIED_BY_LEVEL"]  # it holds nothing there


def test_an_account_without_transactions_costs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    firm = Firm(10_000.0, held={"AAPL": 10.0})
    firm.run()

    def refuse(*_: object) -> None:
        raise AssertionError("looked at without a transaction")

    monkeypatch.setattr("engine.state.intraday_pass.Look", refuse)
    firm.price({"AAPL": 100.0})
    assert firm.run() == []
    assert firm.next_day() == []


def test_an_event_restores_the_standing_that_it_tells_of() -> None:
    firm = Firm(10_000.0, practice_failures=1)
    firm.send(BUY, Cash("c1", 123.45))
    firm.run()
    for _ in range(12):
        firm.next_day()
        firm.send(Cash(f"c-{firm.now_ns}", -7.77))
        firm.run()
    assert len(firm.events) > 20
    for move in firm.events:
        record = intraday_event(move)
        again = standing_of(type(record).model_validate_json(record.model_dump_json()))
        assert again == move.standing


def test_trades_and_prices_without_arrivals_are_not_looked_at() -> None:
    """Such as those of a start-of-day calculation."""
    firm = Firm(10_000.0)
    rows = [("t1", 1, "A", "AAPL", 225.0, 200.0, False, TODAY)]
    firm.engine.apply_trades(0, trades(firm.engine, rows))
    firm.engine.apply_prices(prices(firm.engine, firm.marks, 99, firm.now_ns))
    assert firm.run() == []
