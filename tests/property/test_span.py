"""SPAN-type rulebook on random books: both paths agree, and the figure behaves as a margin must."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.portfolio.account_class import AccountClass
from engine.rules.interface import Holding
from engine.rules.requirement import Explained
from engine.rules.span import SpanFutures
from tests.rulebook_cases import market_of, set_prices, shipped
from tests.span_book import amount_of, holdings_of, requirements, rulebook_of

NOW = "2024-03-15T20:00:00+00:00"
EXPIRIES = {"near": "2024-03-18T20:00:00+00:00", "far": "2024-06-21T13:30:00+00:00"}
PRICES = {"ES": 5180.0, "NQ": 18200.0, "RTY": 2050.0, "CL": -2.5, "MBT": 68000.0, "FGBL": 132.0}
MULTIPLIERS = {"ES": 50.0, "NQ": 20.0, "RTY": 50.0, "CL": 1000.0, "MBT": 0.1, "FGBL": 1000.0}
MONTHS = ("2024-06", "2024-09", "2024-12")
Book = dict[str, float]


def _future(commodity: str, month: str, **changed: Any) -> dict[str, Any]:
    return {
        "instrument_id": f"{commodity} {month}",
        "product": "future",
        "combined_commodity": commodity,
        "contract_month": month,
        "multiplier": MULTIPLIERS[commodity],
        "negative_price_allowed": commodity == "CL",
        "currency": "EUR" if commodity == "FGBL" else "USD",
    } | changed


def _option(under: dict[str, Any], expiry: str, strike: float, right: str, exercise: str) -> dict[str, Any]:
    return under | {
        "instrument_id": f"{under['instrument_id']} {expiry} {strike:g} {right} {exercise}",
        "product": "future_option",
        "underlying": under["instrument_id"],
        "expiry": EXPIRIES[expiry],
        "strike": strike,
        "right": right,
        "exercise": exercise,
        "price_model": "normal" if under["combined_commodity"] == "CL" else "lognormal",
    }


FUTURES = [_future(commodity, month) for commodity in PRICES for month in MONTHS]
MICRO = _future("ES", "2024-06", instrument_id="MES 2024-06", multiplier=5.0)
OPTIONS = [
    _option(under, expiry, strike, right, exercise)
    for under in FUTURES
    for expiry, strike, right, exercise in (
        ("near", PRICES[under["combined_commodity"]] * 1.02, "call", "european"),
        ("far", PRICES[under["combined_commodity"]], "put", "european"),
        ("far", PRICES[under["combined_commodity"]] * 0.9, "call", "american"),
        ("far", PRICES[under["combined_commodity"]] * 1.3, "put", "american"),
    )
    if under["combined_commodity"] in {"ES", "CL", "FGBL"}
    and under["contract_month"] != "2024-12"
    and not (under["combined_commodity"] == "CL" and exercise == "american")
]
RATE = {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}
HELD = [each["instrument_id"] for each in (*FUTURES, MICRO, *OPTIONS)]
NEVER_PRICED = OPTIONS[2]["instrument_id"]
LONG_ONLY = [each["instrument_id"] for each in OPTIONS if each["instrument_id"] != NEVER_PRICED]


def parameters() -> dict[str, Any]:
    """The shipped ones with tiers, a butterfly and a delivery in ES, two commodities more, a spread of three legs in
    first place, and members scaled.
    """
    mapping = deepcopy(shipped("span-futures"))
    es = mapping["commodities"]["ES"]
    es["tier_last_months"] = ["2024-06", "2024-09"]
    charges = {(1, 2): 900.0, (1, 1): 300.0, (2, 2): 400.0, (1, 3): 1200.0, (2, 3): 1000.0}
    pairs = [{"tiers": list(tiers), "charge_usd": charge} for tiers, charge in charges.items()]
    wings = [{"tier": tier, "side": "A", "delta_per_spread": 1.0} for tier in (1, 3)]
    body = {"month": "2024-09", "side": "B", "delta_per_spread": 1.5}
    es["inter_month"] = [{"legs": [*wings, body], "charge_usd": 250.0}, *pairs]
    es["delivery"] = [{"month": "2024-06", "spread_usd": 80.0, "outright_usd": 350.0}]
    mapping["commodities"]["CL"]["short_options_counted"] = "greater"
    mapping["account_classes"]["member"] = {"risk_factor": 0.9, "initial_factor": 1.0}
    plain = {"volatility_scan": 0.2, "short_option_minimum_usd": 25.0, "inter_month": []}
    mapping["commodities"]["RTY"] = {"contract_multiplier": 50.0, "price_scan_usd": 6000.0, **plain}
    mapping["commodities"]["RTY"]["month_scans"] = [{"month": "2024-09", "price_scan_usd": 5500.0}]
    mapping["commodities"]["FGBL"] = {"contract_multiplier": 1000.0, "price_scan_usd": 3300.0, **plain}
    legs = [("ES", "A", 2.0), ("NQ", "B", 1.0), ("RTY", "B", 1.5)]
    tripod = {
        "name": "ES:NQ:RTY",
        "legs": [{"commodity": c, "side": s, "delta_per_spread": d} for c, s, d in legs],
        "credit_rate": 0.7,
    }
    mapping["inter_commodity"] = [tripod, *mapping["inter_commodity"]]
    return mapping


def with_super_spread() -> dict[str, Any]:
    """The same with a spread of ES and NQ before those between months, each leg at its own rate."""
    legs = [
        {"commodity": "ES", "side": "A", "delta_per_spread": 1.0, "credit_rate": 0.6},
        {"commodity": "NQ", "side": "B", "delta_per_spread": 0.8, "credit_rate": 0.7},
    ]
    return parameters() | {"super_inter_commodity": [{"name": "super ES:NQ", "legs": legs}]}


@cache
def market_and_rulebook(prices: str = "still") -> tuple[Market, SpanFutures]:
    """One market whose prices stand still, one (``moving``) for the test that moves them, and one (``super``) whose
    prices move too, with a super-inter-commodity spread.
    """
    records = [*FUTURES, MICRO, *OPTIONS, RATE]
    market = market_of(
        {"market": {"rate": 0.045, "valuation_time": NOW}, "instruments": records, "prices": []}
    )
    reprice(market, [1.0] * len(PRICES))
    return market, rulebook_of(with_super_spread() if prices == "super" else parameters())


_SEQUENCE = iter(range(1, 1_000_000))


def reprice(market: Market, factors: list[float]) -> None:
    """Move each commodity by its factor; months 1 % apart, options keep a mark near their model value."""
    prices: list[dict[str, Any]] = [{"instrument_id": "EURUSD", "mark": 1.1}]
    level = {name: PRICES[name] * factor for name, factor in zip(PRICES, factors, strict=True)}
    for record in (*FUTURES, MICRO):
        price = level[record["combined_commodity"]] * (1.0 + 0.01 * MONTHS.index(record["contract_month"]))
        prices.append({"instrument_id": record["instrument_id"], "mark": price})
    for record in OPTIONS:
        if record["instrument_id"] != NEVER_PRICED:
            volatility = 38.0 if record["price_model"] == "normal" else 0.18
            mark = 0.03 * abs(level[record["combined_commodity"]])
            prices.append(
                {"instrument_id": record["instrument_id"], "mark": mark, "implied_volatility": volatility}
            )
    set_prices(market, prices, next(_SEQUENCE))


quantities = st.one_of(
    st.integers(-20, 20).map(float), st.floats(-5.0, 5.0, allow_nan=False).map(lambda x: round(x, 2))
)
books = st.dictionaries(st.sampled_from(HELD), quantities, max_size=8)
factors = st.lists(st.floats(0.7, 1.4), min_size=len(PRICES), max_size=len(PRICES))
slow = settings(deadline=None, max_examples=150)


UNMOVED = [1.0] * len(PRICES)


def explain(
    book: Book, prices: str = "still", account_class: AccountClass = AccountClass.SPECULATOR
) -> Explained:
    market, rulebook = market_and_rulebook(prices)
    return rulebook.explain_by_class(holdings_of(market, book), market, account_class)


def maintenance(book: Book) -> float:
    market, rulebook = market_and_rulebook()
    return float(requirements(rulebook, market, [book])[0, 1])


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=0.01)


@pytest.mark.parametrize("prices", ["moving", "super"])
@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(books, st.sampled_from(AccountClass)), min_size=1, max_size=3), factors)
@example([({"ES 2024-06": 1.0, "NQ 2024-06": -1.0, "RTY 2024-09": -3.0}, AccountClass.MEMBER)], UNMOVED)
@example([({"MBT 2024-06": 1.0, "MBT 2024-09": -1.0, "ES 2024-06": 2.0}, AccountClass.SPECULATOR)], UNMOVED)
@example(
    [
        (
            {"ES 2024-06": 3.0, "ES 2024-09": -4.0, "ES 2024-12": 2.0, "NQ 2024-06": -1.0},
            AccountClass.HEDGER,
        )
    ],
    UNMOVED,
)
def test_twin_and_vectorised_agree_and_the_tree_adds_up(
    prices: str, accounts: list[tuple[Book, AccountClass]], moves: list[float]
) -> None:
    market, rulebook = market_and_rulebook(prices)
    reprice(market, moves)
    figures = requirements(rulebook, market, [book for book, _ in accounts], [each for _, each in accounts])
    for (book, owner), (initial, required) in zip(accounts, figures.tolist(), strict=True):
        explained = explain(book, prices, owner)
        assert explained.requirement.maintenance_usd == close(required)
        assert explained.requirement.initial_usd == close(initial)
        assert initial >= required >= 0.0
        assert explained.tree.amount_usd == explained.requirement.maintenance_usd
        assert explained.tree.largest_residual_usd() <= 1e-6
        value = explained.tree.facts["net_option_value_usd"]
        assert isinstance(value, float)
        assert explained.tree.facts["published_usd"] == close(required - value)


@pytest.mark.parametrize("prices", ["still", "super"])
@slow
@given(book=books)
def test_spreads_use_no_delta_twice(prices: str, book: Book) -> None:
    """What spreads between commodities use of one is never more than its net delta, of the same sign."""
    for part in explain(book, prices).tree.parts:
        used = [
            child.facts["delta_used"]
            for child in part.parts
            if child.name.startswith(("inter-commodity credit", "super-inter-commodity credit"))
        ]
        assert all(isinstance(each, float) and each > 0.0 for each in used)
        net_delta = part.facts["net_delta"]
        assert isinstance(net_delta, float)
        assert sum(float(each) for each in used) <= abs(net_delta) + 1e-6


@slow
@given(books)
def test_a_delivery_adds_its_charge_and_nothing_else(book: Book) -> None:
    market, _ = market_and_rulebook()
    mapping = parameters()
    del mapping["commodities"]["ES"]["delivery"]
    without = rulebook_of(mapping).explain(holdings_of(market, book), market)
    for part, other in zip(explain(book).tree.parts, without.tree.parts, strict=True):
        charge, topped_up = amount_of(part, "delivery"), amount_of(other, "top-up")
        assert part.amount_usd == close(max(other.amount_usd, other.amount_usd - topped_up + charge)) or (
            amount_of(part, "cap") < 0.0
        )


@slow
@given(books, st.sampled_from([AccountClass.HEDGER, AccountClass.MEMBER]))
def test_a_class_needs_its_factors_times_the_risk(book: Book, owner: AccountClass) -> None:
    """Members 0.9 of the risk, and what they must keep is what they must bring; hedgers keep the speculator's."""
    own, speculator = explain(book, account_class=owner).requirement, explain(book).requirement
    assert own.initial_usd == close(own.maintenance_usd)
    share = 0.9 if owner is AccountClass.MEMBER else 1.0
    capped = any(amount_of(part, "cap") < 0.0 for part in explain(book).tree.parts)
    if capped:
        assert share * speculator.maintenance_usd - 0.01 <= own.maintenance_usd
        assert own.maintenance_usd <= speculator.maintenance_usd + 0.01
    else:
        assert own.maintenance_usd == close(share * speculator.maintenance_usd)


@pytest.mark.parametrize("prices", ["still", "super"])
@slow
@given(book=books)
def test_credits_never_exceed_the_risk_that_they_offset(prices: str, book: Book) -> None:
    for part in explain(book, prices).tree.parts:
        credit = -amount_of(part, "inter-commodity credit") - amount_of(part, "super-inter-commodity credit")
        price_risk, scanning = part.facts["price_risk_usd"], part.facts["scanning_risk_usd"]
        assert isinstance(price_risk, float)
        assert isinstance(scanning, float)
        assert 0.0 <= credit <= 0.7 * price_risk + 1e-6
        assert price_risk <= scanning
        assert part.amount_usd >= 0.0


@slow
@given(books)
def test_an_account_needs_no_more_than_its_commodities_alone(book: Book) -> None:
    alone: dict[str, Book] = {}
    market, rulebook = market_and_rulebook()
    for instrument_id, quantity in book.items():
        name = rulebook.netting_set(market.instruments[market.slot_of[instrument_id]])
        alone.setdefault(name, {})[instrument_id] = quantity
    assert maintenance(book) <= sum(maintenance(part) for part in alone.values()) + 0.01


@slow
@given(
    books, st.dictionaries(st.sampled_from([each for each in HELD if "CL" in each]), quantities, max_size=4)
)
def test_a_commodity_without_spreads_adds_exactly_its_own_risk(book: Book, oil: Book) -> None:
    others = {key: quantity for key, quantity in book.items() if "CL" not in key}
    assert maintenance(others | oil) == close(maintenance(others) + maintenance(oil))


@slow
@given(st.sampled_from(["NQ", "CL"]), st.integers(1, 500), st.booleans())
def test_opposite_months_cost_the_inter_month_charge_alone(name: str, spreads: int, reverse: bool) -> None:
    _, rulebook = market_and_rulebook()
    quantity = -float(spreads) if reverse else float(spreads)
    charge = rulebook.parameters.commodities[name].inter_month[0].charge_usd
    assert maintenance({f"{name} 2024-06": quantity, f"{name} 2024-12": -quantity}) == close(spreads * charge)


@slow
@given(books, st.sampled_from([0.5, 2.0, 3.0, 10.0]))
def test_scale(book: Book, scale: float) -> None:
    scaled = {key: scale * quantity for key, quantity in book.items()}
    assert maintenance(scaled) == close(scale * maintenance(book))


@slow
@given(books, st.randoms(use_true_random=False))
def test_order_and_split_of_positions_do_not_matter(book: Book, random: Any) -> None:
    market, _ = market_and_rulebook()
    items = list(book.items())
    random.shuffle(items)
    assert maintenance(dict(items)) == close(maintenance(book))
    halves = [(key, part) for key, quantity in items for part in (quantity - 3.0, 3.0)]
    holdings: list[Holding] = [holdings_of(market, {key: part})[0] for key, part in halves]
    rulebook = market_and_rulebook()[1]
    assert rulebook.explain(holdings, market).requirement.maintenance_usd == close(maintenance(book))


@slow
@given(st.dictionaries(st.sampled_from(LONG_ONLY), st.floats(0.5, 20.0), max_size=6))
def test_long_options_alone_need_at_most_their_value(book: Book) -> None:
    market, _ = market_and_rulebook()
    value = sum(
        quantity * market.unit_value_usd(market.slots([instrument_id]))[0]
        for instrument_id, quantity in book.items()
    )
    assert maintenance(book) <= value + 0.01


@slow
@given(books, st.permutations(HELD))
def test_the_order_in_which_contracts_become_known_does_not_matter(book: Book, order: list[str]) -> None:
    market, _ = market_and_rulebook()
    fresh = rulebook_of(parameters())
    for instrument_id in order:
        fresh.netting_set(market.instruments[market.slot_of[instrument_id]])
    assert float(requirements(fresh, market, [book])[0, 1]) == close(maintenance(book))
