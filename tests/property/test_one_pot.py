"""One pot on random books: vectorised equals plain, and the identities a unified margin must pass."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.unified.one_pot import OnePot
from engine.rules.unified.tail import no_tails, rank_weights, tail_loss, tail_scratch, tail_weights
from engine.shortfall.gap import NETTING, RULEBOOK_EFFECT, ZERO_FLOOR, attribute_gap, position_contributions
from tests.one_pot_book import (
    HELD,
    Account,
    holding,
    margin,
    market_of,
    rulebook,
    shipped_scenarios,
)

RELATIVE = 1e-9
CENT = 0.01

# Quantities that make positions of comparable size; hedges across silos are likely.
_SIZE = {
    "ES": 1.0,
    "CL": 2.0,
    "CL P60": 2.0,
    "FESX": 2.0,
    "BTC": 1.0,
    "BTC-PERP": 1.0,
    "BTC-INVERSE": 1_000.0,
    "USDC": 50_000.0,
}
_OPTIONS = {"AAPL C210", "AAPL P190", "SPX P5800", "CL P60"}


@cache
def market() -> Market:
    return market_of()


@cache
def book(**values: float) -> OnePot:
    return rulebook(shipped_scenarios(), **values)


def _size(instrument_id: str) -> float:
    return _SIZE.get(instrument_id, 5.0 if instrument_id in _OPTIONS else 100.0)


positions = st.dictionaries(
    st.sampled_from(HELD), st.integers(-9, 9).filter(bool), min_size=1, max_size=6
).map(lambda held: [holding(market(), name, units * _size(name)) for name, units in held.items()])
linear_positions = positions.map(
    lambda held: [h for h in held if not h.instrument.is_option]
)  # fmt: skip


def of(parameters: OnePot, held: list[Holding], silo_total_usd: float = 0.0) -> Account:
    return margin(parameters, market(), [held], silo_total_usd)[0]


@settings(max_examples=25, deadline=None)
@given(st.lists(positions, min_size=1, max_size=3), st.floats(0.0, 1e6))
def test_vectorised_equals_plain(accounts: list[list[Holding]], silo_total_usd: float) -> None:
    parameters = book()
    for account, held in zip(margin(parameters, market(), accounts, silo_total_usd), accounts, strict=True):
        explained = parameters.explain(held, market(), silo_total_usd)
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert explained.requirement.maintenance_usd == explained.tree.amount_usd
        named = {part.name: part.amount_usd for part in explained.tree.parts}
        pairs = {
            "core": "core",
            "stress_top_up": "stress top-up",
            "minimum": "minimum charges",
            "add_on": "liquidity add-on",
            "cap_top_up": "offset cap top-up",
            "floor_top_up": "floor top-up",
        }
        assert account.result["requirement"] == pytest.approx(
            explained.requirement.maintenance_usd, rel=RELATIVE, abs=CENT
        )
        for column, name in pairs.items():
            assert account.result[column] == pytest.approx(named[name], rel=RELATIVE, abs=CENT), column


@settings(max_examples=25, deadline=None)
@given(positions, st.floats(0.0, 1e6))
def test_parts_add_up_and_nothing_is_negative(held: list[Holding], silo_total_usd: float) -> None:
    result = of(book(), held, silo_total_usd).result
    parts = [result[name] for name in OnePot.result_columns[1:-1]]
    assert min(result.values()) >= 0.0
    assert result["requirement"] == pytest.approx(sum(parts), rel=1e-12, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(positions)
def test_one_silo_is_its_own_standalone(held: list[Holding]) -> None:
    one = [Holding(h.instrument, h.quantity, "futures") for h in held]
    account = of(book(), one)
    result = account.result
    assert result["requirement"] == result["standalone_sum"] + result["add_on"]
    assert result["cap_top_up"] == 0.0


@settings(max_examples=25, deadline=None)
@given(positions)
def test_without_offsets_it_is_the_sum_of_standalone_bases(held: list[Holding]) -> None:
    result = of(book(offset_cap=0.0), held).result
    assert result["requirement"] - result["add_on"] == pytest.approx(
        result["standalone_sum"], rel=1e-12, abs=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(positions, st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4))
def test_a_higher_cap_never_requires_more(held: list[Holding], caps: list[float]) -> None:
    required = [of(book(offset_cap=cap), held).result["requirement"] for cap in sorted(caps)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(required))


@settings(max_examples=25, deadline=None)
@given(positions, st.integers(0, 3), st.floats(0.01, 50.0))
def test_order_split_and_scale(held: list[Holding], rotation: int, scale: float) -> None:
    plain = of(book(), held).result
    turned = held[rotation % len(held) :] + held[: rotation % len(held)]
    halves = [Holding(h.instrument, share * h.quantity, h.silo) for h in turned for share in (0.25, 0.75)]
    assert of(book(), halves).result["requirement"] == pytest.approx(
        plain["requirement"], rel=RELATIVE, abs=1e-6
    )
    scaled = of(book(), [Holding(h.instrument, scale * h.quantity, h.silo) for h in held]).result
    for name in ("core", "stress_top_up", "minimum", "cap_top_up", "standalone_sum"):
        assert scaled[name] == pytest.approx(scale * plain[name], rel=RELATIVE, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(positions, positions)
def test_merging_accounts_never_costs_more_than_both(first: list[Holding], second: list[Holding]) -> None:
    one, other = of(book(offset_cap=1.0), first).result, of(book(offset_cap=1.0), second).result
    both = of(book(offset_cap=1.0), first + second).result
    base = [r["core"] + r["stress_top_up"] for r in (one, other, both)]
    assert base[2] <= base[0] + base[1] + 1e-6


@settings(max_examples=25, deadline=None)
@given(linear_positions)
def test_perfect_hedge_leaves_the_minimums(held: list[Holding]) -> None:
    """Each position against its opposite in another silo: no risk is left, only gross charges."""
    hedges = [Holding(h.instrument, -h.quantity, "cleared_swaps") for h in held]
    account = of(book(offset_cap=1.0), held + hedges)
    assert account.result["requirement"] == pytest.approx(account.result["minimum"], rel=1e-9, abs=1e-6)
    assert account.add_on_usd == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    positions,
    st.floats(0.0, 1e5),
    st.floats(0.0, 1e6),
    st.floats(0.0, 1.0),
    st.sampled_from(["es", "var"]),
)
def test_attribution_adds_up(
    held: list[Holding], silo_margin: float, silo_total: float, cap: float, measure: str
) -> None:
    parameters = book(offset_cap=cap, measure=measure)
    account = of(parameters, held, silo_total)
    silo_requirement = {silo: silo_margin * (place + 1) for place, silo in enumerate(account.silos)}
    gap = attribute_gap(
        parameters,
        account.exposures,
        account.silos,
        silo_requirement | {"treasury_clearing": 77.0},
        add_on_usd=account.add_on_usd,
        silo_total_usd=silo_total,
        outside_usd={"treasury_clearing": 77.0},
    )
    expected = sum(silo_requirement.values()) - account.result["requirement"]
    assert gap.gap_usd == pytest.approx(expected, rel=1e-12, abs=1e-6)
    assert abs(gap.residual_usd) <= 1e-6
    assert gap.total_usd(ZERO_FLOOR) <= 1e-6
    assert len([term for term in gap.terms if term.name == RULEBOOK_EFFECT]) == len(account.silos) + 1
    if measure == "es":
        assert min(term.amount_usd for term in gap.terms if term.name == NETTING) >= -1e-9 * max(
            1.0, account.result["standalone_sum"]
        )
    rows = parameters.rows(market(), market().slots([h.instrument.instrument_id for h in held]))
    losses = position_contributions(rows, np.array([h.quantity for h in held]), gap.tail_weights)
    account_loss = -(account.exposures[:, : parameters.scenarios.count].sum(axis=0) @ gap.tail_weights)
    assert losses.sum() == pytest.approx(account_loss, rel=1e-9, abs=1e-6)


pnl_vectors = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-1e6, 1e6), min_size=n, max_size=n)] * 2)
)


def risk(pnl: np.ndarray, measure: str, confidence: float) -> float:
    weights = rank_weights(measure, confidence, len(pnl))
    tail = no_tails(1, len(weights))[0, 0]
    return tail_loss(pnl, len(pnl), weights, tail, *tail_scratch(len(weights), len(pnl)))


@settings(max_examples=200, deadline=None)
@given(pnl_vectors, st.floats(0.5, 0.9999), st.floats(0.0, 10.0), st.floats(-1e5, 1e5))
def test_expected_shortfall_is_coherent(
    pair: tuple[list[float], list[float]], confidence: float, scale: float, cash: float
) -> None:
    x, y = np.array(pair[0]), np.array(pair[1])
    es_x, es_y = risk(x, "es", confidence), risk(y, "es", confidence)
    slack = 1e-9 * (1e6 + abs(es_x) + abs(es_y))
    assert risk(x + y, "es", confidence) <= es_x + es_y + slack
    assert risk(np.maximum(x, y), "es", confidence) <= es_x + slack
    assert risk(scale * x, "es", confidence) == pytest.approx(scale * es_x, rel=1e-9, abs=1e-6)
    assert risk(x + cash, "es", confidence) == pytest.approx(es_x - cash, rel=1e-9, abs=1e-4)
    assert risk(x, "var", confidence) <= es_x + slack


# Few distinct values: ties at the edge of the tail, and tails that move far from one vector to the next.
tied_vectors = st.integers(1, 60).flatmap(
    lambda n: st.lists(st.lists(st.integers(-4, 4), min_size=n, max_size=n), min_size=2, max_size=6)
)


@settings(max_examples=300, deadline=None)
@given(tied_vectors, st.floats(0.5, 0.999), st.booleans())
def test_where_the_last_tail_was_changes_no_bit(
    vectors: list[list[int]], confidence: float, lifted: bool
) -> None:
    """Each vector after the others, with the tail they left behind, and by itself."""
    count = len(vectors[0])
    weights = rank_weights("es", confidence, count)
    tail, scratch = no_tails(1, len(weights))[0, 0], tail_scratch(len(weights), count)
    for vector in vectors:
        pnl = np.array(vector, np.float64) * (1.0 + lifted * np.arange(count) / 1e3)
        risk_now = tail_loss(pnl, count, weights, tail, *scratch)
        assert risk_now.hex() == risk(pnl, "es", confidence).hex()
        worst = np.sort(pnl)[: len(weights)]
        assert len(set(tail.tolist())) == len(weights)
        np.testing.assert_array_equal(pnl[tail - 1], worst)
        assert risk_now == pytest.approx(-worst @ weights, rel=1e-12, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(pnl_vectors, st.floats(0.5, 0.9999), st.sampled_from(["es", "var"]))
def test_tail_weights_give_the_same_figure(
    pair: tuple[list[float], list[float]], confidence: float, measure: str
) -> None:
    pnl = np.array(pair[0])
    weights = tail_weights(pnl, rank_weights(measure, confidence, len(pnl)))
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert -pnl @ weights == pytest.approx(risk(pnl, measure, confidence), rel=1e-9, abs=1e-6)
    whole_sort = np.sort(-pnl)[::-1]
    tail = round(len(pnl) * (1.0 - confidence), 10)
    if measure == "es":
        whole = int(tail)
        last = whole_sort[whole] * (tail - whole) if tail > whole else 0.0
        expected = (whole_sort[:whole].sum() + last) / tail
        assert risk(pnl, measure, confidence) == pytest.approx(expected, rel=1e-9, abs=1e-6)
