"""Collateral in the engine: limits, wrong-way risk, tokens, matured debt, substitutions, explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.portfolio.ledger import EntryOutcome
from engine.rules.requirement import Part
from engine.state.engine import Engine
from tests.engine_book import (
    DAY_NS,
    MARKS,
    NOW_NS,
    TODAY,
    MovementRow,
    movements,
    new_engine,
    prices,
    substitutions,
    trades,
)

MORE = [
    Instrument(
        "ACME-BOND",
        Product.CORPORATE_BOND,
        multiplier=10.0,
        expiry_ns=NOW_NS + 900 * DAY_NS,
        issuer="ACME",
        grade="investment",
    ),
    Instrument("BILL", Product.TREASURY, multiplier=0.01, expiry_ns=NOW_NS + DAY_NS // 2),
    Instrument(
        "tBILL", Product.TOKENISED, "BILL", tokenised_product="treasury", expiry_ns=NOW_NS + 60 * DAY_NS
    ),
    Instrument("GOLD", Product.GOLD),
]
LEVELS = {"ACME-BOND": 95.0, "BILL": 99.9, "tBILL": 1.0, "GOLD": 2_600.0}


@pytest.fixture
def engine() -> Engine:
    engine = new_engine(("A", "B"))
    for instrument in MORE:
        engine.put_instrument(instrument)
    engine.apply_prices(prices(engine, MARKS | LEVELS, 1))
    return engine


def deposit(name: str, quantity: float, silo: str, account: str = "A", version: int = 1) -> MovementRow:
    """Of an asset, or of dollars under the name of the currency."""
    asset = "" if name == "USD" else name
    return (f"C-{account}-{name}", version, account, asset, "USD", quantity, False, TODAY, SILO_INDEX[silo])


def pledge(engine: Engine, *rows: MovementRow) -> None:
    outcomes = engine.apply_collateral(0, movements(engine, rows))
    assert outcomes.tolist() == [EntryOutcome.APPLIED] * len(rows)


def equity(engine: Engine, silo: str, account: int = 0, now_ns: int = NOW_NS) -> float:
    """As evaluated; the explanation must say the same."""
    engine.evaluate(now_ns)
    found = float(engine.equity[account, SILO_INDEX[silo]])
    told = dict(engine.explain(engine.accounts.records[account].account_id).equity)
    assert told[silo].amount_usd == pytest.approx(found, abs=1e-6)
    return found


def asset_part(engine: Engine, silo: str, name: str, account_id: str = "A") -> Part:
    tree = dict(engine.explain(account_id).equity)[silo]
    return next(part for part in tree.walk() if part.name == name)


def test_a_group_counts_its_share_of_the_equity_before_the_limit(engine: Engine) -> None:
    pledge(engine, deposit("GOLD", 100.0, "futures"), deposit("USD", 100_000.0, "futures"))
    gold = 260_000 * 0.85
    before = gold + 100_000
    assert equity(engine, "futures") == pytest.approx(100_000 + 0.4 * before)
    tree = dict(engine.explain("A").equity)["futures"]
    beyond = next(part for part in tree.parts if part.name == "beyond the limit of category 3 assets")
    assert beyond.amount_usd == pytest.approx(0.4 * before - gold)
    assert str(beyond.facts["source"]).startswith("CME Clearing advisory 13-181")


def test_the_mismatch_is_against_the_currency_that_the_account_settles_in(engine: Engine) -> None:
    """Uncleared swaps, 8 % for another currency: an EUR bond of 10,000 at 80 and 8 %, dollars and a Treasury at 2 %.

    In the futures silo nobody chooses: the euro costs 6 % whatever the account's record says.
    """
    bond = Instrument(
        "EUR-BOND", Product.CORPORATE_BOND, multiplier=10.0, currency="EUR", expiry_ns=NOW_NS + 4000 * DAY_NS,
        grade="investment",
    )  # fmt: skip
    engine.put_instrument(bond)
    engine.apply_prices(prices(engine, {"EUR-BOND": 80.0}, 2))
    silo, euro_usd = "uncleared_swaps", 1.1 * 80.0 * 10.0 * 100.0
    euro_cash = ("C-euro", 1, "A", "", "EUR", 1_000.0, False, TODAY, SILO_INDEX["futures"])
    pledge(
        engine,
        deposit("EUR-BOND", 100.0, silo),
        deposit("T-NOTE", 1e5, silo),
        deposit("USD", 5e4, silo),
        euro_cash,
    )
    note_usd = 1e5 * 0.01 * 99.0
    assert equity(engine, silo) == pytest.approx(0.84 * euro_usd + 0.98 * note_usd + 5e4)
    assert equity(engine, "futures") == pytest.approx(0.94 * 1_100.0)
    engine.put_account(Account("A", settlement_currency="EUR"), 0)
    assert equity(engine, silo) == pytest.approx(0.92 * euro_usd + 0.90 * note_usd + 0.92 * 5e4)
    assert equity(engine, "futures") == pytest.approx(0.94 * 1_100.0)
    engine.put_account(Account("A", settlement_currency="GBP"), 0)
    assert equity(engine, silo) == pytest.approx(0.84 * euro_usd + 0.90 * note_usd + 0.92 * 5e4)
    engine.put_account(Account("A"), 0)
    assert equity(engine, silo) == pytest.approx(0.84 * euro_usd + 0.98 * note_usd + 5e4)


def test_what_is_not_eligible_stays_so_in_its_own_currency(engine: Engine) -> None:
    """Shares outside the list of the index, in euros: nothing, also for an account that settles in euros."""
    pledge(engine, deposit("SAP", 100.0, "uncleared_swaps"))
    assert equity(engine, "uncleared_swaps") == 0.0
    engine.put_account(Account("A", settlement_currency="EUR"), 0)
    assert equity(engine, "uncleared_swaps") == 0.0


def test_own_securities_count_nothing(engine: Engine) -> None:
    pledge(
        engine,
        deposit("ACME-BOND", 10.0, "uncleared_swaps"),
        deposit("ACME-BOND", 10.0, "uncleared_swaps", "B"),
    )
    engine.put_account(Account("A", issuer="ACME"), 0)
    assert equity(engine, "uncleared_swaps", 0) == 0.0
    assert equity(engine, "uncleared_swaps", 1) == pytest.approx(9_500 * 0.96)
    causes = [part.name for part in asset_part(engine, "uncleared_swaps", "ACME-BOND").parts]
    assert causes == ["market value", "haircut 4 %", "wrong way: issued by the account's owner 96 %"]


@pytest.mark.parametrize(("contracts", "counts"), [(-3.0, 0.0), (3.0, 9_500 * 0.95)])
def test_a_bond_behind_protection_sold_on_its_issuer_counts_nothing(
    engine: Engine, contracts: float, counts: float
) -> None:
    pledge(engine, deposit("ACME-BOND", 10.0, "security_based_swaps"))
    row = ("T1", 1, "A", "ACME-5Y", contracts, MARKS["ACME-5Y"], False, TODAY)
    engine.apply_trades(0, trades(engine, [row]))
    assert equity(engine, "security_based_swaps") == pytest.approx(counts, abs=1e-6)


def test_the_name_of_a_swap_is_that_of_its_share_also_where_the_share_comes_later(engine: Engine) -> None:
    pledge(engine, deposit("AAPL", 10.0, "security_based_swaps"))
    swap = ("T1", 1, "A", "AAPL-SWAP", 1.0, 200.0, False, TODAY)
    engine.apply_trades(0, trades(engine, [swap]))
    assert equity(engine, "security_based_swaps") == 0.0
    share = engine.market.instruments[engine.market.slot_of["AAPL"]]
    engine.put_instrument(replace(share, issuer="Apple Inc."))
    assert equity(engine, "security_based_swaps") == 0.0
    engine.apply_trades(0, trades(engine, [("T1", 2, "A", "AAPL-SWAP", -1.0, 200.0, False, TODAY)]))
    assert equity(engine, "security_based_swaps") == pytest.approx(10 * 200 * 0.85)


def test_a_token_counts_with_its_add_on(engine: Engine) -> None:
    pledge(engine, deposit("tBILL", 1_000_000.0, "futures"))
    assert equity(engine, "futures") == pytest.approx(1_000_000 * 0.98)
    part = asset_part(engine, "futures", "tBILL")
    assert [line.name for line in part.parts] == ["market value", "add-on of the token 2 %"]
    assert part.facts["haircut"] == "treasury, maturity below 0.25 years"


def test_matured_debt_counts_nothing_from_the_day_after_and_is_named(engine: Engine) -> None:
    pledge(engine, deposit("BILL", 1_000_000.0, "futures"))
    assert equity(engine, "futures") == pytest.approx(999_000)
    assert engine.statement("A", NOW_NS).quality.incomplete == ()
    later_ns = NOW_NS + 2 * DAY_NS
    engine.apply_prices(prices(engine, MARKS | LEVELS, 2, later_ns))
    assert equity(engine, "futures", now_ns=later_ns) == 0.0
    (named,) = engine.statement("A", later_ns).quality.incomplete
    assert named.startswith("EXPIRED: collateral BILL in silo futures: matured on 2026-09-2")


def substitute(engine: Engine, row: MovementRow, released: tuple[str, float]) -> Sequence[int]:
    outcome: list[int] = engine.apply_collateral(0, substitutions(engine, [row], [released])).tolist()
    return outcome


def test_a_substitution_leaves_no_moment_without_collateral(engine: Engine) -> None:
    """The requirement takes nearly all of the equity: a withdrawal before the deposit would be a call."""
    pledge(engine, deposit("T-NOTE", 2_000_000.0, "futures"))
    row = ("T1", 1, "A", "ESZ6", 70.0, MARKS["ESZ6"], False, TODAY)
    engine.apply_trades(0, trades(engine, [row]))
    assert engine.evaluate(NOW_NS).transitions == []
    before = equity(engine, "futures")
    outcome = substitute(engine, deposit("tBILL", 2_000_000.0, "futures"), ("T-NOTE", 2_000_000.0))
    assert outcome == [EntryOutcome.APPLIED]
    changes = engine.evaluate(NOW_NS)
    assert changes.transitions == []
    assert equity(engine, "futures") == pytest.approx(before + 2_000_000 * (0.98 - 0.99 * 0.97))
    # The same withdrawn first, as two messages: the account is called.
    alone = ("C-out", 1, "A", "tBILL", "USD", -2_000_000.0, False, TODAY, SILO_INDEX["futures"])
    pledge(engine, alone)
    assert [move.state for move in engine.evaluate(NOW_NS).transitions] != []


def test_both_halves_of_a_substitution_are_corrected_and_cancelled_together(engine: Engine) -> None:
    pledge(engine, deposit("T-NOTE", 1_000.0, "futures"))
    before = equity(engine, "futures")
    substitute(engine, deposit("BTC", 1.0, "futures"), ("T-NOTE", 1_000.0))
    assert equity(engine, "futures") == pytest.approx(60_000 * 0.8)
    substitute(engine, deposit("BTC", 2.0, "futures", version=2), ("T-NOTE", 500.0))
    assert equity(engine, "futures") == pytest.approx(120_000 * 0.8 + before / 2)
    plain_deposit = deposit("BTC", 1.0, "futures", version=3)
    pledge(engine, plain_deposit)
    assert equity(engine, "futures") == pytest.approx(60_000 * 0.8 + before)
    late = substitute(engine, deposit("BTC", 9.0, "futures", version=2), ("T-NOTE", 900.0))
    assert late == [EntryOutcome.LATE]
    cancelled = (*deposit("BTC", 1.0, "futures", version=4)[:6], True, TODAY, SILO_INDEX["futures"])
    pledge(engine, cancelled)
    assert equity(engine, "futures") == pytest.approx(before)
