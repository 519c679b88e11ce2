"""Debt: bands on the calendar, parameters, refusals by name, live accounts of both regimes, `marginmon margin`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.rules.strategy.debt import treasury_rate
from engine.rules.strategy.debt_parameters import DebtParameters
from engine.rules.strategy.reading import months_later
from engine.state.engine import Engine
from streams.cli import main
from tests.debt_book import DEBT_RULE
from tests.engine_book import APPROVED, DAY_NS, NOW_NS, TODAY, new_engine, prices, trades
from tests.file_book import T0_NS, book, write_json
from tests.rulebook_cases import nanoseconds, shipped
from tests.strategy_book import PARAMETERS

SECURITIES = SILO_INDEX["securities"]
BOND = Instrument(
    "BOND",
    Product.CORPORATE_BOND,
    multiplier=10.0,
    expiry_ns=NOW_NS + 900 * DAY_NS,
    coupon=0.05,
    grade="other",
)
NOTE = Instrument("NOTE", Product.TREASURY, multiplier=0.01, expiry_ns=NOW_NS + 366 * DAY_NS, coupon=0.04)


def test_both_files_have_the_same_rates() -> None:
    assert PARAMETERS.debt == DEBT_RULE.parameters.rates


@pytest.mark.parametrize(
    ("maturity", "rate"),
    [
        ("2027-05-27", 0.01), ("2029-02-28", 0.02), ("2031-02-28", 0.03), ("2033-02-28", 0.04), ("2038-03-01", 0.05),
        ("2048-02-28", 0.05), ("2048-02-29", 0.06), ("2200-01-01", 0.06),
    ],
)  # fmt: skip
def test_bands_end_on_the_anniversary(maturity: str, rate: float) -> None:
    """Counted from a leap day: the anniversary of a common year is the 28th of February."""
    now_ns = nanoseconds("2028-02-29T21:00:00+00:00")
    assert treasury_rate(PARAMETERS.debt, now_ns, nanoseconds(f"{maturity}T21:00:00+00:00")) == rate


def test_months_later_over_a_century() -> None:
    leap_day = nanoseconds("2028-02-29T12:00:00+00:00")
    assert months_later(leap_day, 1200) == nanoseconds("2128-02-29T12:00:00+00:00")


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("other_debt.principal_rate", 1.5, "principal_rate"),
        ("zero_coupon.from_years", 4.99, r"zero_coupon.from_years.*4.99 years are no whole number of months"),
        ("municipal.value", -0.1, "municipal.value"),
    ],
)
def test_bad_parameters_are_named(path: str, value: float, complaint: str) -> None:
    mapping = shipped("finra-4210-debt")
    table, key = path.split(".")
    mapping[table][key] = value
    with pytest.raises(MarginError, match=complaint):
        DebtParameters.from_mapping(mapping)


def test_a_band_that_does_not_rise_is_refused() -> None:
    mapping = shipped("finra-4210-debt")
    mapping["treasury"][2]["years_below"] = 3.0
    with pytest.raises(MarginError, match=r"treasury\[3\].years_below.*not above"):
        DebtParameters.from_mapping(mapping)


def test_what_is_no_debt_is_not_covered() -> None:
    with pytest.raises(MarginError, match="covers corporate_bond, municipal_bond, treasury, not equity"):
        DEBT_RULE.netting_set(Instrument("S", Product.EQUITY))


def live(approvals: frozenset[str], positions: dict[str, float], marks: dict[str, float]) -> Engine:
    engine = new_engine(accounts=())
    engine.put_account(Account("A", approvals=approvals), 0)
    for instrument in (BOND, NOTE):
        engine.put_instrument(instrument)
    engine.apply_prices(prices(engine, {"AAPL": 200.0} | marks, 1))
    rows = [(name, 1, "A", name, quantity, 0.0, False, TODAY + 1) for name, quantity in positions.items()]
    engine.apply_trades(0, trades(engine, rows))
    engine.advance_time(NOW_NS)
    engine.evaluate(NOW_NS)
    return engine


MARKS = {"BOND": 80.0, "NOTE": 99.0}
# 100 bonds of 1,000 at 80: 20 % of 80,000; 1,000,000 of the note at 99 and two years: 2 %.
POSITIONS = {"BOND": 100.0, "NOTE": -1_000_000.0}
DEBT_USD = 16_000.0 + 19_800.0


@pytest.mark.parametrize(
    ("approvals", "rulebook_id"), [(APPROVED, "finra-4210-debt"), (frozenset[str](), "reg-t")]
)
def test_an_account_of_either_regime_is_margined_live(approvals: frozenset[str], rulebook_id: str) -> None:
    engine = live(approvals, POSITIONS, MARKS)
    slot = engine.account_slots(["A"])[0]
    assert engine.maintenance[slot, SECURITIES] == pytest.approx(DEBT_USD)
    assert engine.initial[slot, SECURITIES] == pytest.approx(DEBT_USD)
    # A trade at price 0 moves no cash: equity is what the positions are worth.
    assert engine.equity[slot, SECURITIES] == pytest.approx(80_000.0 - 990_000.0)
    assert engine.trusted[slot, SECURITIES]
    explained = {name: each for _, name, each in engine.explain("A").silos}
    assert explained[rulebook_id].requirement.maintenance_usd == pytest.approx(DEBT_USD)
    assert engine.shadow_check(["A"]) == pytest.approx(0.0, abs=0.01)


def test_debt_of_an_approved_account_is_charged_beside_its_portfolio_margin() -> None:
    engine = live(APPROVED, POSITIONS | {"AAPL": 1_000.0}, MARKS)
    slot = engine.account_slots(["A"])[0]
    assert engine.maintenance[slot, SECURITIES] == pytest.approx(DEBT_USD + 0.15 * 200_000.0)


def test_an_account_changes_its_regime_with_its_approval() -> None:
    engine = live(APPROVED, POSITIONS | {"AAPL": 1_000.0}, MARKS)
    engine.put_account(Account("A"), 0)
    engine.evaluate(NOW_NS)
    slot = engine.account_slots(["A"])[0]
    assert engine.maintenance[slot, SECURITIES] == pytest.approx(DEBT_USD + 0.25 * 200_000.0)


@pytest.mark.parametrize("approvals", [APPROVED, frozenset[str]()])
def test_time_moves_a_note_into_the_next_band_and_past_its_maturity(approvals: frozenset[str]) -> None:
    engine = live(approvals, {"NOTE": 1_000_000.0, "BOND": 100.0}, MARKS)
    slot = engine.account_slots(["A"])[0]
    figures = []
    for days in (0, 2, 365, 367):
        engine.evaluate(NOW_NS + days * DAY_NS)
        engine.apply_prices(prices(engine, MARKS, 2 + days, NOW_NS + days * DAY_NS))
        engine.evaluate(NOW_NS + days * DAY_NS)
        figures.append(float(engine.maintenance[slot, SECURITIES]))
    assert figures == pytest.approx([35_800.0, 25_900.0, 25_900.0, 16_000.0])
    assert not engine.trusted[slot, SECURITIES]
    assert engine.statement("A", NOW_NS + 367 * DAY_NS).quality.incomplete == (
        "EXPIRED: position NOTE: has matured; book the redemption",
    )


@pytest.mark.parametrize("approvals", [APPROVED, frozenset[str]()])
def test_debt_at_a_price_of_zero_is_left_out_by_name(approvals: frozenset[str]) -> None:
    engine = live(approvals, {"NOTE": 1_000_000.0, "BOND": 100.0}, MARKS | {"BOND": 0.0})
    slot = engine.account_slots(["A"])[0]
    assert engine.maintenance[slot, SECURITIES] == pytest.approx(19_800.0)
    assert not engine.trusted[slot, SECURITIES]
    assert "ZERO_PRICE: position BOND: its price is zero" in engine.statement("A", NOW_NS).quality.incomplete


def test_debt_stays_outside_the_unified_pot() -> None:
    engine = live(APPROVED, POSITIONS | {"AAPL": 1_000.0}, MARKS)
    slot = engine.account_slots(["A"])
    assert engine.unified.outside_usd[slot].tolist() == pytest.approx([DEBT_USD])
    assert np.all(engine.unified_requirement(slot) >= DEBT_USD)


CORPORATE = {
    "instrument_id": "CORP", "product": "corporate_bond", "grade": "investment", "multiplier": 10,
    "expiry": "2030-06-15", "coupon": 0.05,
}  # fmt: skip
BILL = {"instrument_id": "BILL", "product": "treasury", "multiplier": 0.01, "expiry": "2027-03-15"}


def margin(tmp_path: Path, instrument: dict[str, Any], mark: float, *options: str) -> dict[str, Any]:
    """`marginmon margin --json` of the usual book with 100 units of one more instrument."""
    whole = book()
    whole["instruments"].append(instrument)
    name = instrument["instrument_id"]
    whole["prices"].append({"instrument_id": name, "source_time_ns": T0_NS, "sequence": 1, "mark": mark})
    whole["positions"][0]["positions"].append({"instrument_id": name, "quantity": 100})
    result = CliRunner().invoke(main, ["margin", str(write_json(tmp_path, whole)), "--json", *options])
    told: dict[str, Any] = json.loads(result.stdout)
    return told | {"exit_code": result.exit_code}


def test_margin_command_prints_the_debt_of_an_approved_account(tmp_path: Path) -> None:
    told = margin(tmp_path, CORPORATE, 101.0, "--rulebook", "finra-4210-debt")
    assert told["exit_code"] == 0
    (requirement,) = told["requirements"]
    assert float(requirement["maintenance"]) == pytest.approx(10_100.0)


@pytest.mark.parametrize(
    ("instrument", "mark", "reason", "detail"),
    [
        (CORPORATE | {"expiry": None}, 101.0, "BAD_INSTRUMENT", "a corporate bond needs its maturity"),
        (CORPORATE | {"grade": ""}, 101.0, "BAD_INSTRUMENT", "grade '' is not investment or other"),
        (BILL | {"grade": "other"}, 99.0, "BAD_INSTRUMENT", "grade 'other' is not empty"),
        (CORPORATE | {"expiry": "2026-09-18"}, 101.0, "EXPIRED", "expired at 2026-09-18T21:00:00Z"),
        (BILL | {"expiry": "2026-09-18"}, 100.0, "EXPIRED", "expired at 2026-09-18T21:00:00Z"),
        (BILL | {"expiry": "2026-09-21T00:30:00"}, 100.0, "EXPIRED", "has matured; book the redemption"),
        (BILL | {"expiry": "2026-01-15"}, 100.0, "EXPIRED", "expired at 2026-01-15T21:00:00Z"),
        (CORPORATE, 0.0, "ZERO_PRICE", "its price is zero"),
    ],
)
def test_debt_that_cannot_be_margined_is_named_and_the_rest_is_margined(
    tmp_path: Path, instrument: dict[str, Any], mark: float, reason: str, detail: str
) -> None:
    told = margin(tmp_path, instrument, mark)
    assert (told["exit_code"], told["complete"]) == (1, False)
    (refused,) = told["refused_positions"]
    assert (refused["instrument_id"], refused["reason"]) == (instrument["instrument_id"], reason)
    assert detail in refused["detail"]
    assert refused["remedy"] == Reason(reason).action
    (view,) = told["accounts"]
    assert any(line.startswith(reason) for line in view["statement"]["quality"]["incomplete"])
    figures = {each["silo"]: each["maintenance"] for each in view["statement"]["silos"]}
    assert figures == {"securities": "240000.00", "futures": "108000.00"}
