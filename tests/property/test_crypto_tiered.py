"""Tiered crypto margin on random tiers and portfolios: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.market.instruments import Instrument, Product
from engine.rules.crypto_tiered import CryptoTiered
from engine.rules.crypto_tiered_liquidation import liquidation_price, liquidation_price_in_coins
from engine.rules.crypto_tiered_parameters import Parameters, Schedule
from engine.rules.interface import Holding
from tests.crypto_book import market_of
from tests.rulebook_cases import requirements, shipped

PARAMETERS = Parameters.from_mapping(shipped("crypto-tiered"))
SHIPPED = CryptoTiered(PARAMETERS)  # for explanations; netting sets are bound to fresh ones
SCHEDULES = [name for name, schedule in PARAMETERS.schedules.items() if schedule.option is None]
SCHEDULES += ["binance-coinm:BTC"] * 4  # one of many otherwise
OPTIONS = [name for name, schedule in PARAMETERS.schedules.items() if schedule.option is not None]
Book = tuple[list[Instrument], dict[str, float], list[list[Holding]]]
COIN = Instrument("COIN", Product.CRYPTO_SPOT)
RATE = Instrument("BTCUSD", Product.FX_RATE, currency="BTC")
quantities = st.floats(-1e6, 1e6).map(lambda q: round(q, 3))
marks = st.floats(1e-4, 2e5)
EXPIRY_NS = 30 * 86_400 * 1_000_000_000  # the markets here stand at the epoch


@st.composite
def instruments(draw: st.DrawFn) -> list[Instrument]:
    listed = []
    for number in range(draw(st.integers(1, 6))):
        schedule = draw(st.sampled_from(SCHEDULES))
        unit = PARAMETERS.schedules[schedule].unit
        listed.append(
            Instrument(
                f"C{number}",
                draw(st.sampled_from([Product.PERPETUAL, Product.CRYPTO_FUTURE])),
                multiplier=draw(st.sampled_from([0.01, 1.0, 5.0, 100.0])),
                currency=unit,
                settlement="" if unit == "USD" else "inverse",
                margin_schedule=schedule,
                funding_rate=draw(st.sampled_from([0.0, 0.0001])),
                open_interest=draw(st.sampled_from([0.0, 10.0, 1_000.0, 5e5])),
            )
        )
    return listed


@st.composite
def options(draw: st.DrawFn) -> list[Instrument]:
    return [
        Instrument(
            f"O{number}",
            Product.CRYPTO_OPTION,
            "COIN",
            multiplier=draw(st.sampled_from([0.1, 1.0])),
            expiry_ns=EXPIRY_NS,
            strike=draw(st.floats(1.0, 2e5)),
            right=draw(st.sampled_from(["call", "put"])),
            exercise="european",
            margin_schedule=draw(st.sampled_from(OPTIONS)),
        )
        for number in range(draw(st.integers(0, 3)))
    ]


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Instruments, some of them without prices, their coin without one at times, and a few accounts, some empty."""
    listed = [*draw(instruments()), *draw(options())]
    priced = [*draw(st.lists(st.sampled_from([*listed, RATE]), unique=True)), COIN]
    prices = {instrument.instrument_id: draw(marks) for instrument in priced}
    holding = st.builds(Holding, st.sampled_from(listed), quantities, st.just("futures"))
    return (
        [RATE, COIN, *listed],
        prices,
        draw(st.lists(st.lists(holding, max_size=8), min_size=1, max_size=4)),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Random tiers; the deductions follow from them."""
    leverages = sorted(draw(st.sets(st.integers(1, 125), min_size=1, max_size=8)), reverse=True)
    gaps = draw(st.lists(st.integers(1_000, 10_000_000), min_size=len(leverages), max_size=len(leverages)))
    bounds = np.cumsum([0, *gaps[1:]]).tolist()
    tiers = [{"from_usd": b, "max_leverage": m} for b, m in zip(bounds, leverages, strict=True)]
    share = draw(st.floats(0.1, 0.9))
    table = {"kind": "tiered", "maintenance_share_of_initial": share, "tiers": tiers}
    mapping = shipped("crypto-tiered") | {"schedules": {"random": table}}
    return Parameters.from_mapping(mapping).schedules["random"]


def rulebook_with(schedule: Schedule) -> CryptoTiered:
    return CryptoTiered(Parameters("crypto-tiered", "random", "futures", {schedule.name: schedule}))


def charges(rulebook: CryptoTiered, schedule: Schedule, notionals: Sequence[float]) -> list[list[float]]:
    rulebook.bind([f"{schedule.name}/X"])
    columns = np.zeros((len(notionals), len(rulebook.column_kinds)))
    columns[:, 0] = notionals
    return rulebook.charge(columns, np.zeros(len(notionals), np.int64)).tolist()


def by_brackets(schedule: Schedule, notional: float) -> float:
    """Maintenance without deductions: each slice of the notional at the rate of its own tier."""
    bounds = [*(tier.lower_bound for tier in schedule.tiers), math.inf]
    return math.fsum(
        max(min(abs(notional), above) - tier.lower_bound, 0.0) * tier.maintenance_rate
        for tier, above in zip(schedule.tiers, bounds[1:], strict=True)
    )


@settings(deadline=None)  # the first example compiles
@given(books())
def test_vectorised_equals_twin_and_explanation_adds_up(book: Book) -> None:
    market, accounts = market_of(*book[:2]), book[2]
    vectorised = requirements(CryptoTiered(PARAMETERS), market, [netted(account) for account in accounts])
    for (initial, maintenance), account in zip(vectorised, accounts, strict=True):
        explained = SHIPPED.explain(account, market)
        assert explained.requirement.initial_usd == pytest.approx(initial, rel=1e-9, abs=0.01)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert explained.tree.amount_usd == explained.requirement.maintenance_usd
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert 0.0 <= maintenance <= initial * (1 + 1e-12) + 1e-6


def netted(account: Sequence[Holding]) -> list[Holding]:
    """One holding per instrument, as the engine keeps them; in reverse order, which must not matter."""
    totals: dict[str, list[float]] = {}
    listed = {holding.instrument.instrument_id: holding.instrument for holding in account}
    for holding in account:
        totals.setdefault(holding.instrument.instrument_id, []).append(holding.quantity)
    return [
        Holding(listed[name], math.fsum(totals[name]), "futures") for name in sorted(totals, reverse=True)
    ]


@given(schedules(), st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_maintenance_is_the_sum_of_brackets(schedule: Schedule, notionals: list[float]) -> None:
    found = charges(rulebook_with(schedule), schedule, notionals)
    for (_, maintenance), notional in zip(found, notionals, strict=True):
        assert maintenance == pytest.approx(by_brackets(schedule, notional), rel=1e-9, abs=0.01)


@given(schedules(), st.floats(0, 1e9), st.floats(1.0, 100.0))
def test_sign_size_and_scale(schedule: Schedule, notional: float, factor: float) -> None:
    """Long and short alike; more notional never costs less; n times the position costs at least n times."""
    rulebook = rulebook_with(schedule)
    one, short, more = charges(rulebook, schedule, [notional, -notional, factor * notional])
    assert one == short
    assert all(large >= factor * small - 1e-6 - 1e-9 * large for small, large in zip(one, more, strict=True))


@given(schedules())
def test_maintenance_is_continuous_and_initial_takes_the_higher_tier_at_a_bound(schedule: Schedule) -> None:
    rulebook = rulebook_with(schedule)
    for below, above in zip(schedule.tiers, schedule.tiers[1:], strict=False):
        bound = above.lower_bound
        step = 1e-8 * bound  # above the noise that counts as having reached the bound
        under, noisy, at = charges(rulebook, schedule, [bound - step, bound * (1 - 1e-12), bound])
        assert under[1] + step * below.maintenance_rate == pytest.approx(at[1], rel=1e-9, abs=0.01)
        assert under[0] == pytest.approx((bound - step) * below.initial_rate, rel=1e-12)
        assert at[0] == pytest.approx(bound * above.initial_rate, rel=1e-12)
        assert noisy == pytest.approx(at, rel=1e-9, abs=0.01)


@given(books(), st.floats(0.0, 1.0))
def test_splitting_a_holding_changes_nothing(book: Book, share: float) -> None:
    market, accounts = market_of(*book[:2]), book[2]
    for account in accounts:
        pieces = [
            Holding(holding.instrument, holding.quantity * part, holding.silo)
            for holding in account
            for part in (share, 1.0 - share)
        ]
        whole, split = SHIPPED.explain(account, market), SHIPPED.explain(pieces, market)
        # A notional on a bound may land on either side by float noise; maintenance is continuous there.
        assert split.requirement.maintenance_usd == pytest.approx(
            whole.requirement.maintenance_usd, rel=1e-9, abs=0.01
        )


@given(
    schedules(),
    st.floats(0.001, 1e4),
    st.sampled_from([1.0, -1.0]),
    st.floats(0.01, 1e5),
    st.floats(-0.5, 1.5),
    st.floats(0.0, 0.3),
)
def test_at_the_liquidation_price_equity_equals_maintenance(
    schedule: Schedule, size: float, side: float, mark: float, equity_share: float, other_share: float
) -> None:
    units, value = side * size, size * mark
    equity, others = equity_share * value, other_share * value
    price = liquidation_price(schedule, equity, others, units, mark)
    left_at_zero = equity - others - units * mark
    if price is None:
        assert left_at_zero >= 0.0 if side > 0 else left_at_zero <= 0.0
        return
    assume(abs(left_at_zero) > 1e-6 * value)
    assert price >= 0.0
    equity_there = equity + units * (price - mark)
    need_there = by_brackets(schedule, size * price) + others
    assert equity_there == pytest.approx(need_there, rel=1e-6, abs=0.01)


@st.composite
def coin_schedules(draw: st.DrawFn) -> Schedule:
    """Random tiers in coins."""
    leverages = sorted(draw(st.sets(st.integers(1, 125), min_size=1, max_size=8)), reverse=True)
    gaps = draw(st.lists(st.floats(0.1, 500.0), min_size=len(leverages), max_size=len(leverages)))
    bounds = np.cumsum([0.0, *gaps[1:]]).tolist()
    tiers = [{"from_coin": b, "max_leverage": m} for b, m in zip(bounds, leverages, strict=True)]
    share = draw(st.floats(0.1, 0.9))
    table = {"kind": "coin", "coin": "BTC", "maintenance_share_of_initial": share, "tiers": tiers}
    mapping = shipped("crypto-tiered") | {"schedules": {"random": table}}
    return Parameters.from_mapping(mapping).schedules["random"]


@given(
    coin_schedules(),
    st.floats(10.0, 1e9),
    st.sampled_from([1.0, -1.0]),
    st.floats(0.01, 1e5),
    st.floats(-0.5, 1.5),
    st.floats(0.0, 0.3),
)
def test_at_the_liquidation_price_the_coins_equal_maintenance(
    schedule: Schedule, face: float, side: float, mark: float, equity_share: float, other_share: float
) -> None:
    notional = face / mark
    equity, others = equity_share * notional, other_share * notional
    price = liquidation_price_in_coins(schedule, equity, others, side * face, mark)
    left_without_notional = equity - others + side * notional
    if price is None:
        assert left_without_notional <= 0.0 if side > 0 else left_without_notional >= 0.0
        return
    assume(abs(left_without_notional) > 1e-6 * notional)
    assert price > 0.0
    coins_there = equity + side * face * (1.0 / mark - 1.0 / price)
    need_there = by_brackets(schedule, face / price) + others
    assert coins_there == pytest.approx(need_there, rel=1e-6, abs=1e-9)
    # A step in the losing direction leaves less than maintenance, one in the other more.
    for step in (0.999, 1.001):
        moved = price * step
        excess = equity + side * face * (1.0 / mark - 1.0 / moved)
        excess -= by_brackets(schedule, face / moved) + others
        assert (excess > 0.0) == ((step > 1.0) == (side > 0.0))


@given(coin_schedules(), st.floats(10.0, 1e9), st.floats(100.0, 1e5), st.floats(0.5, 2.0))
def test_tiers_in_coins_count_at_the_rate_of_the_coin(
    schedule: Schedule, face: float, mark: float, rate_share: float
) -> None:
    """The requirement in coins does not depend on the coin's rate; a contract at twice the price needs fewer coins."""
    rulebook, rate = rulebook_with(schedule), rate_share * mark
    rulebook.bind(["random/X"])
    columns = np.zeros((2, len(rulebook.column_kinds)))
    columns[:, 0] = [face / mark * rate, -face / mark * rate]
    columns[:, 5] = [face / mark, -face / mark]
    long, short = rulebook.charge(columns, np.zeros(2, np.int64)).tolist()
    assert long == short
    assert long[1] == pytest.approx(rate * by_brackets(schedule, face / mark), rel=1e-9, abs=1e-6)
