"""What the verifier makes of evidence, against sums by hand."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from engine.market.instruments import Instrument, Product
from engine.portfolio.account_class import AccountClass
from engine.portfolio.collateral import CollateralSchedule
from streams.contracts.reference import AccountRecord
from streams.parameters import read_toml
from streams.verify.equity import SiloEquity
from streams.verify.figures import Figures, _maintenance_usd

NOW_NS = 1_795_000_000_000_000_000


@pytest.fixture(scope="module")
def schedule() -> CollateralSchedule:
    return CollateralSchedule.from_mapping(read_toml("collateral.toml", None))


def fund(**changes: Any) -> Instrument:
    return Instrument("QQQ", Product.ETF, average_daily_volume=50.0, index_class="high_cap_broad", **changes)


def evidence(pledged: Instrument, issuer: str = "") -> dict[str, Any]:
    """1,000 USD of cash and 100 units of the fund at 100 USD, pledged in the futures silo."""
    record = {field.name: getattr(pledged, field.name) for field in fields(Instrument)}
    return {
        "valuation_time_ns": NOW_NS,
        "parameters": {"issuer": issuer},
        "instruments": [record],
        "prices": [{"instrument_id": "QQQ", "mark": 100.0}],
        "positions": [],
        "collateral": [{"instrument_id": "QQQ", "quantity": 100.0, "silo": "futures"}],
        "cash": [{"silo": "futures", "currency": "USD", "amount": 1_000.0}],
    }


def test_a_group_counts_its_share_of_what_a_day_of_volume_leaves(schedule: CollateralSchedule) -> None:
    counted_usd = 50 * 100.0 * (1.0 - schedule.haircut(fund(), "futures", NOW_NS))
    before_usd = 1_000.0 + counted_usd
    assert counted_usd > 0.4 * before_usd  # the packaged limit of the silo bites
    expected_usd = 1_000.0 + 0.4 * before_usd
    assert SiloEquity(schedule, "futures", evidence(fund())).usd() == pytest.approx(expected_usd)


def test_the_owners_own_fund_counts_nothing(schedule: CollateralSchedule) -> None:
    own = evidence(fund(issuer="OWNER"), issuer="OWNER")
    assert SiloEquity(schedule, "futures", own).usd() == pytest.approx(1_000.0)


@pytest.mark.parametrize(("mark", "kept"), [(48_000.0, 0.8), (45_000.0, 1.0)])
def test_inverse_contracts_are_part_of_the_balance_of_their_coin(
    schedule: CollateralSchedule, mark: float, kept: float
) -> None:
    """2 coins paid in, 20 of the entry, less what the contract is worth; what is owed bears no haircut."""
    contract = Instrument(
        "BTCUSD_PERP", Product.PERPETUAL, "BTC", 100.0, "BTC", settlement="inverse", margin_schedule="x"
    )
    rate = Instrument("BTCUSD", Product.FX_RATE, currency="BTC")
    records = [
        {field.name: getattr(each, field.name) for field in fields(Instrument)} for each in (contract, rate)
    ]
    book = {
        "valuation_time_ns": NOW_NS,
        "parameters": {},
        "instruments": records,
        "prices": [
            {"instrument_id": "BTCUSD_PERP", "mark": mark},
            {"instrument_id": "BTCUSD", "mark": 47_900.0},
        ],
        "positions": [{"instrument_id": "BTCUSD_PERP", "quantity": 10_000.0, "silo": "futures"}],
        "collateral": [],
        "cash": [{"silo": "futures", "currency": "BTC", "amount": 22.0}],
    }
    expected_usd = kept * (22.0 - 1e6 / mark) * 47_900.0
    assert SiloEquity(schedule, "futures", book).usd() == pytest.approx(expected_usd)


@pytest.mark.parametrize(
    ("settlement", "expected_usd"),
    [
        ("USD", 980_000.0 + 170_000.0 + 100_650.0 + 50_600.0 + 10_000.0),
        ("EUR", 900_000.0 + 154_000.0 + 109_450.0 + 55_000.0 + 9_200.0),
    ],
)
def test_the_currency_that_the_account_settles_in_bears_no_mismatch(
    schedule: CollateralSchedule, settlement: str, expected_usd: float
) -> None:
    """The example of docs/rulebooks/collateral.md, with 10,000 dollars of cash: they cost 8 % where euros settle."""
    day_ns, silo = 86_400_000_000_000, "uncleared_swaps"
    assets = {
        Instrument("NOTE", Product.TREASURY, multiplier=0.01, expiry_ns=NOW_NS + 547 * day_ns): (1e6, 100.0),
        Instrument("IBM", Product.EQUITY): (1_000.0, 200.0),
        Instrument(
            "BUND", Product.TREASURY, multiplier=0.01, currency="EUR", expiry_ns=NOW_NS + 240 * day_ns
        ): (
            1e5,
            100.0,
        ),
        Instrument("EURUSD", Product.FX_RATE, currency="EUR"): (0.0, 1.1),
    }
    record = {
        "valuation_time_ns": NOW_NS,
        "parameters": {"issuer": "", "settlement_currency": settlement},
        "instruments": [
            {field.name: getattr(one, field.name) for field in fields(Instrument)} for one in assets
        ],
        "prices": [{"instrument_id": one.instrument_id, "mark": mark} for one, (_, mark) in assets.items()],
        "positions": [],
        "collateral": [
            {"instrument_id": one.instrument_id, "quantity": quantity, "silo": silo}
            for one, (quantity, _) in assets.items()
            if quantity
        ],
        "cash": [
            {"silo": silo, "currency": "EUR", "amount": 50_000.0},
            {"silo": silo, "currency": "USD", "amount": 10_000.0},
        ],
    }
    assert SiloEquity(schedule, silo, record).usd() == pytest.approx(expected_usd)


def test_products_of_one_rulebook_are_margined_together() -> None:
    figures = Figures(None)
    figures.policy = {
        "assignment": [
            {"silo": "futures", "rulebook": "r", "products": ["future"]},
            {"silo": "futures", "rulebook": "r", "products": ["future_option"]},
            {"silo": "futures", "rulebook": "s", "products": ["perpetual"], "approval": "portfolio_margin"},
            {"silo": "securities", "rulebook": "r", "products": ["equity"]},
        ]
    }
    assert figures._products("futures", ()) == {"r": {"future", "future_option"}}


class Scaled:
    """A rulebook that asks for another amount of each class of account."""

    def combine_by_class(self, charges: Any, sets: Any, offsets: Any, classes: Any) -> Any:
        raise AssertionError("the verifier adds up by itself")

    def explain_by_class(self, holdings: Any, market: Any, owner: AccountClass) -> Any:
        return SimpleNamespace(requirement=SimpleNamespace(maintenance_usd=100.0 + owner))


def test_the_class_of_the_account_counts() -> None:
    content: Any = SimpleNamespace(
        account=AccountRecord(account_id="H", type="proprietary"), market=SimpleNamespace(risk=None)
    )
    rulebook: Any = Scaled()
    assert _maintenance_usd(rulebook, [], content) == 100.0 + AccountClass.MEMBER


@pytest.mark.parametrize(
    ("settlement", "counted"),
    [("USD", 1_000.0 + 0.92 * 1_100.0), ("EUR", 0.92 * 1_000.0 + 1_100.0), ("GBP", 0.92 * 2_100.0)],
)
def test_cash_bears_the_mismatch_against_the_currency_of_settlement(
    schedule: CollateralSchedule, settlement: str, counted: float
) -> None:
    """1,000 USD and 1,000 EUR at 1.1 behind uncleared swaps; 8 % on what is not settled in."""
    told = evidence(fund())
    told["parameters"]["settlement_currency"] = settlement
    told["prices"].append({"instrument_id": "EURUSD", "mark": 1.1})
    told["collateral"] = []
    told["cash"] = [
        {"silo": "uncleared_swaps", "currency": currency, "amount": 1_000.0} for currency in ("USD", "EUR")
    ]
    assert SiloEquity(schedule, "uncleared_swaps", told).usd() == pytest.approx(counted)


def test_an_asset_bears_it_too(schedule: CollateralSchedule) -> None:
    """A Treasury of 100,000 at par: 2 % of its own behind uncleared swaps, 8 % where dollars are not settled in."""
    note = Instrument("NOTE", Product.TREASURY, expiry_ns=NOW_NS + 3 * 365 * 86_400 * 10**9)
    record = {field.name: getattr(note, field.name) for field in fields(Instrument)}
    told = evidence(fund()) | {
        "instruments": [record], "prices": [{"instrument_id": "NOTE", "mark": 100.0}], "cash": [],
        "collateral": [{"instrument_id": "NOTE", "quantity": 1_000.0, "silo": "uncleared_swaps"}],
    }  # fmt: skip
    own = schedule.haircut(note, "uncleared_swaps", NOW_NS)
    assert SiloEquity(schedule, "uncleared_swaps", told).usd() == pytest.approx(1e5 * (1.0 - own))
    told["parameters"]["settlement_currency"] = "EUR"
    assert SiloEquity(schedule, "uncleared_swaps", told).usd() == pytest.approx(1e5 * (1.0 - own - 0.08))
