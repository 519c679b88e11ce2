"""The engine's answers: statements, explanations, totals, transitions, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Product
from engine.portfolio.accounts import Account
from engine.portfolio.ledger import EntryOutcome
from engine.portfolio.opening import Opening
from engine.rules.unified.one_pot import OnePot
from engine.shortfall.case import CallCase, CallState
from engine.state.engine import Engine
from streams.parameters import read_toml
from tests.engine_book import (
    APPROVED,
    DAY_NS,
    INSTRUMENTS,
    MARKS,
    NOW_NS,
    TODAY,
    TradeRow,
    movements,
    new_engine,
    prices,
    trades,
)

SECURITIES, FUTURES, DIGITAL = SILO_INDEX["securities"], SILO_INDEX["futures"], SILO_INDEX["digital_assets"]


def priced(accounts: tuple[str, ...] = ("A", "B", "C")) -> Engine:
    engine = new_engine(accounts)
    engine.apply_prices(prices(engine, MARKS, 1))
    return engine


def buy(trade_id: str, account: str, instrument: str, quantity: float) -> TradeRow:
    return (trade_id, 1, account, instrument, quantity, MARKS[instrument], False, TODAY)


def deposit(engine: Engine, account: str, silo: int, amount: float, name: str = "D") -> None:
    row = (f"{name}{account}{silo}", 1, account, "", "USD", amount, False, TODAY, silo)
    engine.apply_collateral(0, movements(engine, [row]))


def hedged(account: str) -> list[TradeRow]:
    """Long 5,000 SPY (3.0 m USD) against 10 short ES (3.0 m USD)."""
    return [buy(f"s-{account}", account, "SPY", 5_000), buy(f"f-{account}", account, "ESZ6", -10)]


def test_a_hedge_across_the_wall_pays_twice_under_silos_and_little_unified() -> None:
    engine = priced()
    engine.apply_trades(0, trades(engine, [*hedged("A"), buy("s-B", "B", "SPY", 5_000)]))
    engine.evaluate(NOW_NS)
    both, single = engine.statement("A", NOW_NS), engine.statement("B", NOW_NS)
    spy = next(silo for silo in both.silos if silo.silo == "securities")
    assert spy.maintenance_usd == pytest.approx(0.08 * 3_000_000)  # high-cap broad index, 8 % down
    assert both.gap.gap_usd > 0.5 * sum(silo.maintenance_usd for silo in both.silos)
    assert both.unified.requirement_usd < 0.5 * single.unified.requirement_usd
    assert math.fsum(amount for _, amount in both.unified.parts) == pytest.approx(
        both.unified.requirement_usd
    )
    assert abs(both.gap.residual_usd) < 1e-6


def test_explanations_are_the_same_figures_and_add_up() -> None:
    engine = priced()
    rows = [buy(f"t{i}", "A", name, (-1) ** i * 3.0) for i, name in enumerate(MARKS) if name in _HELD]
    engine.apply_trades(0, trades(engine, rows))
    engine.evaluate(NOW_NS)
    told = engine.explain("A")
    account = int(engine.account_slots(["A"])[0])
    for silo in ("securities", "futures", "digital_assets"):
        parts = [e.requirement.maintenance_usd for name, _, e in told.silos if name == silo]
        assert math.fsum(parts) == pytest.approx(engine.maintenance[account, SILO_INDEX[silo]], abs=0.01)
    assert all(explained.tree.largest_residual_usd() < 1e-6 for _, _, explained in told.silos)
    assert told.unified.tree.largest_residual_usd() < 1e-6
    assert engine.shadow_check(["A"]) < 0.01
    weights = engine.statement("A", NOW_NS).gap.tail_weights
    by_scenario = dict(told.scenario_losses)
    names = engine.unified.rulebook.scenarios.names
    tail_loss = math.fsum(w * by_scenario[n] for n, w in zip(names, weights.tolist(), strict=True) if w)
    assert math.fsum(p.loss_usd for p in told.contributions) == pytest.approx(tail_loss)


_HELD = {"SPY", "AAPL", "AAPL-C", "SPX-P", "ESZ6", "ESH7", "ESZ6-P", "BTC", "BTC-PERP"}


def test_totals_are_the_sums_of_the_statements() -> None:
    engine = priced()
    engine.apply_trades(
        0, trades(engine, [*hedged("A"), buy("x", "B", "AAPL", -700), buy("y", "C", "BTC", 3), *hedged("C")])
    )
    deposit(engine, "A", SECURITIES, 5e5)
    engine.evaluate(NOW_NS)
    statements = [engine.statement(account, NOW_NS) for account in "ABC"]
    totals = engine.totals(worst=2)
    silo_sum = sum(silo.maintenance_usd for s in statements for silo in s.silos)
    assert totals.silo_requirement == pytest.approx(silo_sum)
    assert totals.gap == pytest.approx(sum(s.gap.gap_usd for s in statements))
    assert totals.trapped_excess == pytest.approx(sum(s.liquidity.trapped_usd for s in statements))
    by_name = {
        name: sum(s.gap.total_usd(name) for s in statements) for name in ("rulebook_effect", "netting")
    }
    assert totals.rulebook_effect == pytest.approx(by_name["rulebook_effect"])
    assert totals.netting_effect == pytest.approx(
        by_name["netting"] + sum(s.gap.total_usd("zero_floor") for s in statements)
    )
    assert [amount for _, amount in totals.worst_deficits] == sorted(
        (amount for _, amount in totals.worst_deficits), reverse=True
    )
    assert len(totals.utilisation) == 3
    assert math.isinf(totals.utilisation.max())


def test_a_call_carries_what_it_was_decided_on() -> None:
    engine = priced()
    deposit(engine, "A", SECURITIES, 10_000)
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 5_000)]))
    engine.note_inputs(0, trades_offset=7)
    changes = engine.evaluate(NOW_NS)
    call = next(t for t in changes.transitions if t.scope == "silo:securities")
    assert (call.state, call.reason, call.binding) == ("issued", "FIRST", True)
    assert call.requirement_usd == pytest.approx(0.15 * 1_000_000)
    assert call.amount_usd == pytest.approx(140_000)
    assert call.worst_scenario == "down 5/5 of the range"
    assert call.drivers[0].instrument_id == "AAPL"
    assert call.drivers[0].loss_usd == pytest.approx(150_000)
    assert call.inputs.trades_offset == 7
    assert call.evidence is not None
    assert call.evidence["positions"] == [{"instrument_id": "AAPL", "quantity": 5000.0, "silo": "securities"}]
    assert call.evidence["cash"] == [{"silo": "securities", "currency": "USD", "amount": -990_000.0}]
    shadow = next(t for t in changes.transitions if not t.binding)
    assert shadow.scope == "unified:one-pot"


def test_a_deposit_cures_by_name() -> None:
    engine = priced()
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 5_000)]))
    engine.evaluate(NOW_NS)
    deposit(engine, "A", SECURITIES, 200_000)
    met = [t for t in engine.evaluate(NOW_NS).transitions if t.scope == "silo:securities"]
    assert [(t.state, t.reason) for t in met] == [("met", "CURED_BY_DEPOSIT")]


def test_stale_prices_hold_a_binding_call_in_warning_and_release_it() -> None:
    engine = priced()
    deposit(engine, "A", SECURITIES, 1_000_000)
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 5_000)]))
    engine.evaluate(NOW_NS)
    late_ns = NOW_NS + 3_600_000_000_000
    deposit(engine, "A", SECURITIES, -900_000, "W")
    held = engine.evaluate(late_ns).transitions
    assert [(t.state, t.reason) for t in held if t.binding] == [("warning", "STALE_INPUT")]
    assert engine.statement("A", late_ns).quality.stale
    engine.apply_prices(prices(engine, MARKS, 2, late_ns))
    assert engine.totals().oldest_call_ns == 0
    released = engine.evaluate(late_ns).transitions
    assert [(t.state, t.reason) for t in released if t.binding] == [("issued", "FIRST")]
    assert engine.totals().oldest_call_ns == late_ns
    deposit(engine, "A", SECURITIES, 900_000, "back")
    engine.evaluate(late_ns + 1)
    assert engine.totals().oldest_call_ns == 0


def test_a_position_without_price_is_named_and_its_account_not_trusted() -> None:
    engine = new_engine()
    engine.apply_prices(prices(engine, {k: v for k, v in MARKS.items() if k != "AAPL"}, 1))
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 5_000), buy("u", "A", "SPY", 10)]))
    engine.evaluate(NOW_NS)
    statement = engine.statement("A", NOW_NS)
    assert statement.quality.incomplete == ("NO_PRICE: instrument AAPL",)
    assert not engine.trusted[engine.account_slots(["A"])[0], SECURITIES]
    assert sum(silo.maintenance_usd for silo in statement.silos) == pytest.approx(0.08 * 6_000)


def test_securities_move_between_the_two_regimes_with_the_approval() -> None:
    """100 shares at 200 and a future; strategy-based: half initially, a quarter to maintain."""
    engine = priced()
    engine.put_account(Account("A"), 0)
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 100), buy("u", "A", "ESZ6", 1)]))
    engine.evaluate(NOW_NS)
    before = engine.statement("A", NOW_NS)
    strategy_based = next(s for s in before.silos if s.silo == "securities")
    assert (strategy_based.initial_usd, strategy_based.maintenance_usd) == pytest.approx((10_000, 5_000))
    assert before.quality.incomplete == ()
    assert not before.unified.eligible
    assert before.gap.gap_usd == 0.0
    engine.put_account(Account("A", approvals=APPROVED), 0)
    engine.evaluate(NOW_NS)
    after = engine.statement("A", NOW_NS)
    assert after.quality.incomplete == ()
    assert next(s for s in after.silos if s.silo == "securities").maintenance_usd == pytest.approx(3_000)
    assert next(s for s in after.silos if s.silo == "futures") == next(
        s for s in before.silos if s.silo == "futures"
    )
    engine.put_account(Account("A"), 0)
    engine.evaluate(NOW_NS)
    assert engine.statement("A", NOW_NS).silos == before.silos


def test_options_are_paired_with_the_stock_and_live_figures_are_the_twin_s() -> None:
    """500 shares at 200, 5 short calls 200: covered, so the stock's quarter and nothing for the calls.

    What the calls are worth has been taken off equity already.
    """
    engine = priced()
    call_usd = 100 * MARKS["AAPL-C"]
    engine.put_account(Account("A"), 0)
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 500), buy("u", "A", "AAPL-C", -5)]))
    engine.evaluate(NOW_NS)
    (securities,) = (s for s in engine.statement("A", NOW_NS).silos if s.silo == "securities")
    assert securities.maintenance_usd == pytest.approx(0.25 * 100_000 - 5 * call_usd)
    assert engine.shadow_check(["A"]) < 0.01
    rebook(engine, "t", 400)  # one call is naked now: 20 % of the stock beside its premium
    (securities,) = (s for s in engine.statement("A", NOW_NS).silos if s.silo == "securities")
    assert securities.maintenance_usd == pytest.approx(0.25 * 80_000 - 4 * call_usd + 0.2 * 20_000)
    assert engine.shadow_check(["A"]) < 0.01


def rebook(engine: Engine, trade_id: str, quantity: float) -> None:
    row = (trade_id, 2, "A", "AAPL", quantity, MARKS["AAPL"], False, TODAY)
    engine.apply_trades(0, trades(engine, [row]))
    engine.evaluate(NOW_NS)


def test_a_position_that_cannot_be_paired_is_named_and_the_rest_is_margined() -> None:
    engine = priced()
    engine.put_account(Account("A"), 0)
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 100), buy("u", "A", "AAPL-C", 0.5)]))
    engine.evaluate(NOW_NS)
    statement = engine.statement("A", NOW_NS)
    (named,) = statement.quality.incomplete
    assert named.startswith("OUT_OF_RANGE: position AAPL-C: 0.5 is not a whole number")
    assert not engine.trusted[engine.account_slots(["A"])[0], SECURITIES]
    assert next(s for s in statement.silos if s.silo == "securities").maintenance_usd == pytest.approx(5_000)
    assert engine.shadow_check(["A"]) < 0.01
    engine.apply_trades(0, trades(engine, [buy("v", "A", "AAPL-C", 0.5)]))
    engine.evaluate(NOW_NS)
    assert engine.statement("A", NOW_NS).quality.incomplete == ()


def test_a_silo_override_that_no_rulebook_margins_is_refused() -> None:
    engine = priced()
    columns = trades(engine, [buy("good", "A", "AAPL", 1), buy("bad", "A", "AAPL", 1)])
    columns = replace(columns, silo=np.array([-1, SILO_INDEX["event_contracts"]]))
    assert engine.apply_trades(0, columns).tolist() == [EntryOutcome.APPLIED, EntryOutcome.NO_RULEBOOK]


def test_a_start_of_day_position_in_a_silo_that_no_rulebook_margins_is_named() -> None:
    engine = priced()
    none = np.zeros(0, np.int64)
    opening = Opening(
        int(engine.account_slots(["A"])[0]), TODAY, NOW_NS, engine.instrument_slots(["AAPL", "SPY"]),
        np.array([100.0, 5.0]), np.zeros(2), np.array([SILO_INDEX["event_contracts"], -1]),
        ((SECURITIES, "USD", 1e6),), none, np.zeros(0), none,
    )  # fmt: skip
    assert engine.open_day(opening) is EntryOutcome.APPLIED
    engine.evaluate(NOW_NS)
    quality = engine.statement("A", NOW_NS).quality
    assert [text.split(":")[1].strip() for text in quality.incomplete] == ["silo event_contracts"]


def test_a_refused_instrument_stays_unknown_and_a_refused_change_keeps_the_former_record() -> None:
    engine = priced()
    aapl = next(i for i in INSTRUMENTS if i.instrument_id == "AAPL")
    with pytest.raises(MarginError, match="NEW") as refused:
        engine.put_instrument(replace(aapl, instrument_id="NEW", risk_factor="EQ:NOWHERE"))
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert engine.instrument_slots(["NEW"])[0] == -1
    with pytest.raises(MarginError, match="AAPL"):
        engine.put_instrument(replace(aapl, risk_factor="EQ:NOWHERE"))
    assert engine.market.instruments[engine.market.slot_of["AAPL"]] == aapl
    with pytest.raises(MarginError, match="product changed"):
        engine.put_instrument(replace(aapl, product=Product.ETF))


def test_an_unknown_account_is_an_error_by_name() -> None:
    engine = priced()
    with pytest.raises(MarginError, match="UNKNOWN_ACCOUNT: account Z"):
        engine.statement("Z", NOW_NS)
    engine.drop_partition(0)
    with pytest.raises(MarginError, match="not held by this worker"):
        engine.statement("A", NOW_NS)


def test_nothing_is_decided_before_a_partition_is_live_and_all_of_it_after() -> None:
    engine = priced()
    engine.drop_partition(0)
    engine.take_partition(0)
    engine.restore_case(
        CallCase("A", "silo:securities", CallState.ISSUED, 3, 9, 150_000.0, "2026-11"), NOW_NS
    )
    engine.apply_trades(0, trades(engine, [buy("t", "A", "AAPL", 5_000), buy("u", "B", "AAPL", 5_000)]))
    assert engine.evaluate(NOW_NS).transitions == []
    engine.go_live(0)
    said = [t for t in engine.evaluate(NOW_NS).transitions if t.binding]
    assert [(t.account_id, t.reason, t.case_number, t.sequence) for t in said] == [("B", "FIRST", 1, 1)]


def test_the_same_inputs_give_the_same_bits() -> None:
    def run() -> tuple[bytes, list[dict[str, object]]]:
        engine = priced()
        said = []
        for step in range(5):
            rows = [buy(f"{step}-{n}", "ABC"[n % 3], name, n - 4.0) for n, name in enumerate(sorted(_HELD))]
            engine.apply_trades(0, trades(engine, rows))
            marks = {name: mark * (1 + 0.01 * step) for name, mark in MARKS.items()}
            engine.apply_prices(prices(engine, marks, 2 + step))
            said += [asdict(t) for t in engine.evaluate(NOW_NS + step).transitions]
        figures = (engine.equity, engine.maintenance, engine.unified.result)
        return b"".join(array.tobytes() for array in figures), said

    assert run() == run()


def test_a_refused_instrument_does_not_keep_a_rulebook_from_being_replaced() -> None:
    engine = priced()
    aapl = next(i for i in INSTRUMENTS if i.instrument_id == "AAPL")
    with pytest.raises(MarginError):
        engine.put_instrument(replace(aapl, instrument_id="NEW", risk_factor="EQ:NOWHERE"))
    engine.put_rulebook("span-futures", {**read_toml("span-futures.toml"), "version": "next"})
    engine.put_rulebook("one-pot", {**read_toml("one-pot.toml"), "version": "next"})
    assert (engine.silo_books["span-futures"].rulebook.version, engine.unified.rulebook.version) == (
        "next",
        "next",
    )


def test_products_that_are_not_eligible_keep_their_silo_rule_beside_the_unified_one() -> None:
    engine = priced()
    rows = [buy("p", "A", "BTC-PERP", 5), buy("o", "A", "ESZ6-P", -2), *hedged("A")]
    engine.apply_trades(0, trades(engine, [*rows, *hedged("B"), buy("o2", "C", "ESZ6-P", -2)]))
    unified = engine.unified.rulebook
    assert isinstance(unified, OnePot)
    left_out = {Product.PERPETUAL, Product.FUTURE_OPTION}
    parameters = replace(unified.parameters, eligible_products=unified.eligible_products - left_out)
    engine.put_unified_rulebook(OnePot(parameters, unified.scenarios))
    later = replace(next(i for i in INSTRUMENTS if i.instrument_id == "BTC-PERP"), instrument_id="BTC-PERP-2")
    engine.put_instrument(later)  # a netting set that comes after the split
    engine.apply_prices(prices(engine, {"BTC-PERP-2": 60_050.0}, 1))
    engine.apply_trades(0, trades(engine, [("q", 1, "B", "BTC-PERP-2", 5.0, 60_050.0, False, TODAY)]))
    engine.evaluate(NOW_NS)
    perpetual = 5 * 60_050.0 * 0.005 - 50.0  # second tier of the schedule
    option = engine.statement("C", NOW_NS).silos[0].maintenance_usd
    outside = dict(zip("ABC", engine.unified.outside_usd.tolist(), strict=False))
    assert outside["A"] == pytest.approx(perpetual + option)
    assert outside["B"] == pytest.approx(perpetual)
    assert outside["C"] == pytest.approx(option)
    for account in "ABC":
        statement = engine.statement(account, NOW_NS)
        assert abs(statement.gap.residual_usd) < 1e-6
        assert engine.shadow_check([account]) < 0.01


def test_books_of_one_rulebook_agree_on_its_netting_sets() -> None:
    """Only options are left out, so the book beside the silo's own one never sees gold."""
    engine = priced()
    future = next(i for i in INSTRUMENTS if i.instrument_id == "ESZ6")
    option = next(i for i in INSTRUMENTS if i.instrument_id == "ESZ6-P")
    for name, multiplier in (("GC", 100.0), ("NQ", 20.0)):
        changes = {"combined_commodity": name, "multiplier": multiplier}
        engine.put_instrument(replace(future, instrument_id=name, **changes))
    engine.put_instrument(
        replace(option, instrument_id="NQ-P", underlying="NQ", combined_commodity="NQ", multiplier=20.0)
    )
    engine.apply_prices(prices(engine, {"GC": 6010.0, "NQ": 6010.0, "NQ-P": 140.0}, 1))
    engine.apply_trades(0, trades(engine, [("o", 1, "A", "NQ-P", -3.0, 140.0, False, TODAY)]))
    unified = engine.unified.rulebook
    assert isinstance(unified, OnePot)
    eligible = unified.eligible_products - {Product.FUTURE_OPTION}
    engine.put_unified_rulebook(
        OnePot(replace(unified.parameters, eligible_products=eligible), unified.scenarios)
    )
    engine.evaluate(NOW_NS)
    account = int(engine.account_slots(["A"])[0])
    assert engine.maintenance[account, FUTURES] > 0
    assert engine.unified.outside_usd[account] == pytest.approx(engine.maintenance[account, FUTURES])
    assert engine.shadow_check(["A"]) < 0.01


def test_expired_instruments_give_their_slots_back() -> None:
    """Nobody holds it, nothing rests on it, no trade of the day is in it: the next new one takes its place."""
    engine = priced()
    later_ns = NOW_NS + 100 * DAY_NS
    expired = sorted(i.instrument_id for i in INSTRUMENTS if i.is_option)
    engine.apply_trades(0, trades(engine, [buy("held", "A", "AAPL-C", 1), buy("flat", "B", "SPX-P", 1)]))
    engine.apply_trades(0, trades(engine, [buy("flat-again", "B", "SPX-P", -1)]))
    engine.evaluate(NOW_NS)
    count = engine.market.count
    engine.evaluate(later_ns)
    assert expired == ["AAPL-C", "ESZ6-P", "SPX-P"]
    slots = engine.instrument_slots(expired)
    assert (slots >= 0).tolist() == [True, False, True]  # held, gone, a trade of the day
    new = replace(
        next(i for i in INSTRUMENTS if i.instrument_id == "ESZ6-P"),
        instrument_id="ESH7-P", strike=6_100, underlying="ESH7", contract_month="2027-03",
        expiry_ns=later_ns + 30 * DAY_NS,
    )  # fmt: skip
    engine.put_instrument(new)
    assert engine.market.count == count
    assert engine.instrument_slots(["ESZ6-P"]).tolist() == [-1]
    engine.apply_prices(prices(engine, {"ESH7": 6000.0, "ESH7-P": 160.0}, 2, later_ns))
    engine.apply_trades(0, trades(engine, [("new", 1, "C", "ESH7-P", -3.0, 160.0, False, TODAY + 100)]))
    engine.evaluate(later_ns)
    assert engine.maintenance[engine.account_slots(["C"])[0], FUTURES] > 0
    assert engine.shadow_check(["A", "B", "C"]) < 0.01


def test_a_future_stays_while_an_option_on_it_does() -> None:
    engine = new_engine()
    for name in ("ESZ6", "ESZ6-P"):
        instrument = next(i for i in INSTRUMENTS if i.instrument_id == name)
        engine.put_instrument(replace(instrument, expiry_ns=NOW_NS - DAY_NS))
    engine.apply_prices(prices(engine, MARKS, 1))
    engine.apply_trades(0, trades(engine, [buy("t", "A", "ESZ6-P", 1)]))
    assert engine.retire_expired(NOW_NS) == []
    engine.drop_partition(0)
    assert engine.retire_expired(NOW_NS) == ["ESZ6-P", "ESZ6"]
