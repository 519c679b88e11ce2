"""Security futures in a futures account: golden cases, every pairing tried, the twin, the silo of the booking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.market.market import Market
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.rules.interface import Float64s, Holding
from engine.rules.security_futures import SecurityFutures
from engine.rules.security_futures_parameters import Parameters
from engine.state.engine import Engine
from streams.parameters import load_policy
from tests.crypto_book import case_market, holdings_of, market_of
from tests.engine_book import INSTRUMENTS, MARKS, NOW_NS, TODAY, prices
from tests.rulebook_cases import golden, load, shipped

GOLDEN = golden("security-futures")
SILO = "futures"
RULEBOOK = SecurityFutures(Parameters.from_mapping(shipped("security-futures")))
LISTED = [
    Instrument(f"{share}-{number}", Product.SECURITY_FUTURE, share, 100, expiry_ns=2**62)
    for share in ("A", "B")
    for number in (1, 2, 3)
]
POLICY = load_policy()


def required(market: Market, accounts: Sequence[Sequence[Holding]]) -> Float64s:
    """float64[a, 2] of the vectorised path; each account holds one security."""
    rows = RULEBOOK.rows(market, np.arange(market.count))
    held = [holding for account in accounts for holding in account]
    first = np.cumsum([0, *(len(account) for account in accounts)], dtype=np.int64)
    none = np.zeros(len(accounts), np.int64)
    charges = RULEBOOK.charge_positions(
        rows,
        market.slots([holding.instrument.instrument_id for holding in held]),
        np.array([holding.quantity for holding in held]),
        first,
        none,
    )
    return RULEBOOK.combine(charges, none, np.arange(len(accounts) + 1))


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 4


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    account = holdings_of(market, case["positions"], SILO)
    explained = RULEBOOK.explain(account, market)
    result, usd = case["result"], case["tolerance"]["usd"]
    assert explained.requirement.maintenance_usd == pytest.approx(result["requirement_usd"], abs=usd)
    assert {part.name: part.amount_usd for part in explained.tree.parts} == pytest.approx(
        result["securities"], abs=usd
    )


def least(longs: list[float], shorts: list[float]) -> float:
    """Every way in which single contracts can stand against one another, or alone."""
    few, many = sorted((longs, shorts), key=len)
    best = np.inf
    for chosen in permutations([*many, *[0.0] * len(few)], len(few)):
        left = list(many)
        asked = 0.0
        for one, other in zip(few, chosen, strict=True):
            if other:
                left.remove(other)
            asked += 0.05 * max(one, other) if other else 0.15 * one
        best = min(best, asked + 0.15 * sum(left))
    return best


marks = st.lists(st.floats(1.0, 300.0), min_size=3, max_size=3)
counts = st.lists(st.integers(-2, 2), min_size=3, max_size=3)


@settings(deadline=None)
@given(marks, counts)
def test_no_pairing_asks_for_less_and_the_twin_agrees(quotes: list[float], held: list[int]) -> None:
    own = LISTED[:3]
    market = market_of(own, {i.instrument_id: mark for i, mark in zip(own, quotes, strict=True)})
    account = holdings_of(market, {i.instrument_id: n for i, n in zip(own, held, strict=True) if n}, SILO)
    longs = [100 * quotes[place] for place, n in enumerate(held) for _ in range(max(n, 0))]
    shorts = [100 * quotes[place] for place, n in enumerate(held) for _ in range(max(-n, 0))]
    explained = RULEBOOK.explain(account, market).requirement
    assert explained.maintenance_usd == pytest.approx(least(longs, shorts), abs=0.01, rel=1e-9)
    assert required(market, [account])[0].tolist() == pytest.approx([explained.maintenance_usd] * 2, abs=0.01)


@pytest.mark.parametrize(
    ("instrument", "why"),
    [
        (Instrument("ES", Product.FUTURE, "SPX", 50), "not future"),
        (replace(LISTED[0], index_class="broad"), "narrow-based"),
    ],
)
def test_what_is_not_covered_is_refused_by_name(instrument: Instrument, why: str) -> None:
    with pytest.raises(MarginError, match=why) as refused:
        RULEBOOK.netting_set(instrument)
    assert refused.value.reason is Reason.NO_RULEBOOK


@pytest.mark.parametrize(("key", "value"), [("rate", 1.5), ("calendar_rate", 0.16)])
def test_parameters_out_of_bounds_are_named(key: str, value: float) -> None:
    stated = shipped("security-futures")[key]
    with pytest.raises(MarginError) as refused:
        Parameters.from_mapping(shipped("security-futures") | {key: stated | {"value": value}})
    assert refused.value.thing == f"rulebook security-futures: {key}.value"


# ---------------------------------------------------------------- live


def firm(silo: int, policy: Any = POLICY, expiry_ns: int = 0, chosen: str = "") -> Engine:
    """Account A: two AAPL-F at 201.5, booked in that silo, -1 for where its record (``chosen``) or else the policy has
    the product."""
    engine = Engine(policy)
    engine.put_account(Account("A", security_future_silo=chosen), 0)
    for instrument in INSTRUMENTS:
        own = instrument.instrument_id == "AAPL-F" and expiry_ns
        engine.put_instrument(replace(instrument, expiry_ns=expiry_ns) if own else instrument)
    engine.advance_time(NOW_NS)
    engine.apply_prices(prices(engine, MARKS, 1))
    engine.take_partition(0)
    none = np.zeros(0, np.int64)
    engine.open_day(
        Opening(
            0, TODAY - 1, 1, engine.position_slots(["AAPL-F"]), np.array([2.0]), np.array([MARKS["AAPL-F"]]),
            np.array([silo]), ((SILO_INDEX["futures"], "USD", 50_000.0),), none, np.zeros(0), none,
        )
    )  # fmt: skip
    engine.go_live(0)
    engine.evaluate(NOW_NS)
    return engine


def maintenance(engine: Engine) -> dict[str, float]:
    silos = engine.statement("A", NOW_NS).silos
    return {silo.silo: silo.maintenance_usd for silo in silos if silo.maintenance_usd}


def test_the_silo_of_the_booking_chooses_the_account() -> None:
    asked = 0.15 * 2 * 100 * MARKS["AAPL-F"]
    in_futures = firm(SILO_INDEX["futures"])
    assert maintenance(in_futures) == pytest.approx({"futures": asked})
    assert in_futures.shadow_check(["A"]) < 0.01
    assert maintenance(firm(-1)) == pytest.approx({"securities": asked})


def test_a_firm_may_have_them_in_futures_accounts_unless_a_booking_says_otherwise() -> None:
    classification = {**POLICY.classification, "security_future": "futures"}
    chosen = replace(POLICY, classification=classification)
    assert list(maintenance(firm(-1, chosen))) == ["futures"]
    assert list(maintenance(firm(SILO_INDEX["securities"], chosen))) == ["securities"]


def test_the_record_of_an_account_chooses_before_the_firm_and_after_the_booking() -> None:
    in_futures = replace(POLICY, classification={**POLICY.classification, "security_future": "futures"})
    for policy in (POLICY, in_futures):
        assert list(maintenance(firm(-1, policy, chosen="futures"))) == ["futures"]
        assert list(maintenance(firm(-1, policy, chosen="securities"))) == ["securities"]
        assert list(maintenance(firm(SILO_INDEX["securities"], policy, chosen="futures"))) == ["securities"]


def test_another_policy_does_not_move_what_the_record_chose() -> None:
    """The firm's line moves account A only while its record says nothing; money goes with the contracts."""
    moved = replace(
        POLICY, classification={**POLICY.classification, "security_future": "futures"}, version="moved"
    )
    for chosen, silo in (("", "futures"), ("securities", "securities")):
        engine = firm(-1, chosen=chosen)
        engine.put_policy(moved)
        engine.evaluate(NOW_NS)
        assert list(maintenance(engine)) == [silo]
        assert engine.shadow_check(["A"]) < 0.01
        engine.put_account(Account("A", security_future_silo="securities"), 0)
        engine.evaluate(NOW_NS)
        equity = {one.silo: one.equity_usd for one in engine.statement("A", NOW_NS).silos if one.equity_usd}
        assert list(maintenance(engine)) == ["securities"]
        assert equity == pytest.approx({"futures": 50_000.0})
        assert engine.shadow_check(["A"]) < 0.01


def test_an_expired_contract_is_left_out_by_name() -> None:
    engine = firm(SILO_INDEX["futures"], expiry_ns=NOW_NS - 3_600 * 10**9)
    assert maintenance(engine) == {}
    (named,) = engine.statement("A", NOW_NS).quality.incomplete
    assert named.startswith("EXPIRED: position AAPL-F")
