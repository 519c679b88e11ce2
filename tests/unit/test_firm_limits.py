"""Limits of collateral over all customers: reading them, how much of them is used, parts of workers that add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.portfolio.collateral import CollateralSchedule
from engine.state.engine import Engine
from engine.state.firm_limit_uses import FirmLimitUses
from streams.parameters import load_policy
from streams.worker.aggregates import Aggregates
from tests.engine_book import APPROVED, NOW_NS, TODAY, movements, prices, trades
from tests.rulebook_cases import shipped

VOLUME = {"name": "volume", "products": ["equity", "etf"], "largest_days": 2.0, "source": "the firm's"}
ISSUE = {"name": "issue", "products": ["equity"], "largest_share_of_issue": 0.05}
ISSUER = {"name": "issuer", "products": ["equity", "corporate_bond"], "largest_issuer_usd": 1e7}
LISTED = [
    Instrument(
        "AAPL", Product.EQUITY, risk_factor="EQ:AAPL", average_daily_volume=1e5, amount_outstanding=1e7
    ),
    Instrument("SPY", Product.ETF, risk_factor="EQ:SPX", average_daily_volume=1e6),
    Instrument("NEW", Product.EQUITY, risk_factor="EQ:SPX"),
    Instrument(
        "BOND",
        Product.CORPORATE_BOND,
        multiplier=10.0,
        issuer="AAPL",
        grade="investment",
        expiry_ns=NOW_NS * 2,
    ),
    Instrument("T-SPY", Product.TOKENISED, "SPY", tokenised_product="etf", average_daily_volume=1e4),
]
PRICES = {"AAPL": 200.0, "SPY": 600.0, "NEW": 50.0, "BOND": 80.0, "T-SPY": 600.0}
Deposit = tuple[str, str, float]  # account, asset, quantity


def schedule(*limits: Mapping[str, Any]) -> CollateralSchedule:
    stated = {"firm_limits": list(limits)} if limits else {}
    return CollateralSchedule.from_mapping(shipped("collateral") | stated)


def worker(deposits: Iterable[Deposit], *limits: Mapping[str, Any]) -> Engine:
    """An engine that holds the accounts of these deposits."""
    engine = Engine(replace(load_policy(), collateral=schedule(*limits)))
    engine.take_partition(0)
    engine.go_live(0)
    for instrument in LISTED:
        engine.put_instrument(instrument)
    assert not engine.apply_prices(prices(engine, PRICES, 1)).any()
    for number, (account, asset, quantity) in enumerate(deposits):
        engine.put_account(Account(account, approvals=APPROVED), 0)
        row = (f"C{number}", 1, account, asset, "USD", quantity, False, TODAY, SILO_INDEX["futures"])
        assert not engine.apply_collateral(0, movements(engine, [row])).any()
    engine.evaluate(NOW_NS)
    return engine


def uses(limits: FirmLimitUses) -> dict[tuple[str, str], float]:
    return {(one.limit, one.asset): one.use for one in limits.shown}


def test_none_is_packaged_and_none_is_computed() -> None:
    engine = worker([("A", "AAPL", 1e6)])
    assert load_policy().collateral.firm_limits == ()
    assert engine.totals().firm_limits == FirmLimitUses()


def test_by_hand() -> None:
    """60,000 and 40,000 of AAPL, 100,000 a day, 10 million outstanding at 200; a bond of 800 each of the same name."""
    deposits = [
        ("A", "AAPL", 60_000.0),
        ("B", "AAPL", 40_000.0),
        ("B", "BOND", 2_500.0),
        ("B", "T-SPY", 5_000.0),
    ]
    limits = worker(deposits, VOLUME, ISSUE, ISSUER).totals().firm_limits
    assert uses(limits) == {
        ("volume", "AAPL"): pytest.approx(0.5),
        ("volume", "T-SPY"): pytest.approx(0.25),
        ("issue", "AAPL"): pytest.approx(0.2),
        ("issuer", "AAPL"): pytest.approx((20e6 + 2e6) / 1e7),
    }
    assert [one.asset for one in limits.shown[:2]] == ["AAPL", "AAPL"]
    assert limits.shown[0].limit == "issuer", "largest first"


def test_what_is_not_known_is_counted_and_what_is_small_is_bounded() -> None:
    deposits = [("A", "NEW", 100.0), ("A", "SPY", 1_000.0), ("A", "AAPL", 100_000.0)]
    limits = worker(deposits, VOLUME, ISSUE).totals().firm_limits
    assert limits.unmeasured == {"volume": 1, "issue": 1}
    assert uses(limits).keys() == {("volume", "AAPL"), ("issue", "AAPL")}
    assert limits.hidden == {"volume": pytest.approx(1_000 / 2e6), "issue": 0.0}


def test_a_limit_may_name_its_assets() -> None:
    limit = VOLUME | {"assets": ["SPY"]}
    limits = worker([("A", "SPY", 1e6), ("A", "AAPL", 1e5)], limit).totals().firm_limits
    assert uses(limits) == {("volume", "SPY"): pytest.approx(0.5)}


def test_positions_do_not_count_withdrawals_do_and_equity_is_what_it_is_without() -> None:
    engines = [worker([("A", "AAPL", 1e5), ("B", "AAPL", -4e4)], *limits) for limits in ((VOLUME,), ())]
    for engine in engines:
        row = ("T", 1, "A", "AAPL", 5e5, 200.0, False, TODAY)
        assert not engine.apply_trades(0, trades(engine, [row])).any()
        engine.evaluate(NOW_NS)
    assert uses(engines[0].totals().firm_limits) == {("volume", "AAPL"): pytest.approx(0.3)}
    assert np.array_equal(engines[0].equity, engines[1].equity)
    assert engines[0].equity[0].any()


def test_a_partition_that_leaves_takes_its_part_along() -> None:
    engine = worker([("A", "AAPL", 1e5)], VOLUME)
    engine.drop_partition(0)
    assert engine.totals().firm_limits.shown == ()


deposits_of = st.lists(
    st.tuples(st.sampled_from("ABCD"), st.sampled_from(["AAPL", "SPY", "BOND", "T-SPY"]), st.floats(1e3, 1e6)),
    max_size=8,
)  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(deposits_of)
def test_parts_of_workers_add_up_to_the_firms_use(deposits: list[Deposit]) -> None:
    """Whatever the parts do not name is bounded by what they say is hidden."""
    limits = (VOLUME, ISSUE, ISSUER)
    whole = worker(deposits, *limits).totals().firm_limits
    parts = [
        worker([one for one in deposits if one[0] in names], *limits).totals().firm_limits
        for names in ("AB", "CD")
    ]
    summed: dict[tuple[str, str], float] = defaultdict(float)
    for part in parts:
        for key, use in uses(part).items():
            summed[key] += use
    for key, use in uses(whole).items():
        hidden = sum(part.hidden[key[0]] for part in parts)
        assert summed[key] <= use * (1 + 1e-9)
        assert use <= (summed[key] + hidden) * (1 + 1e-9)


def test_metrics_name_limit_and_asset_and_are_absent_without_limits() -> None:
    registry, aggregates = CollectorRegistry(), Aggregates()
    registry.register(aggregates)
    aggregates.totals = worker([("A", "AAPL", 1e5)], VOLUME).totals()
    labels = {"limit": "volume", "asset": "AAPL"}
    assert registry.get_sample_value("marginmon_collateral_limit_use_ratio", labels) == pytest.approx(0.5)
    assert (
        registry.get_sample_value("marginmon_collateral_limit_unmeasured_assets", {"limit": "volume"}) == 0.0
    )
    aggregates.totals = worker([("A", "AAPL", 1e5)]).totals()
    assert not [one.name for one in registry.collect() if one.name.startswith("marginmon_collateral")]


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ([VOLUME, VOLUME], "'volume' is named twice"),
        ([{"name": "x", "products": ["equity"]}], "give one of largest_days, largest_share_of_issue"),
        ([VOLUME | {"largest_issuer_usd": 1.0}], "give one of"),
        ([VOLUME | {"largest_days": 0.0}], "is 0: what must not be taken"),
        ([VOLUME | {"largest_days": -1.0}], "-1.0 is not in"),
        ([ISSUE | {"largest_share_of_issue": 1.5}], "1.5 is not in"),
        ([VOLUME | {"products": ["future"]}], "'future'"),
        ([VOLUME | {"days": 1}], "days"),
    ],
)
def test_a_bad_entry_is_refused_by_name(limits: list[Mapping[str, Any]], complaint: str) -> None:
    with pytest.raises(MarginError) as caught:
        schedule(*limits)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert complaint in str(caught.value)
