"""Golden cases of tiered crypto margin: published tiers, liquidation prices and open-interest vectors."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.rules.crypto_tiered import CryptoTiered
from engine.rules.crypto_tiered_liquidation import cross_liquidation_price, inverse_liquidation_price
from engine.rules.crypto_tiered_parameters import Parameters, Schedule
from engine.rules.crypto_tiered_plain import round_up
from tests.crypto_book import case_market, holdings_of
from tests.rulebook_cases import golden, load, requirements, shipped

ALL = golden("crypto-tiered")
LIQUIDATION = [path for path in ALL if path.stem.startswith("liquidation-")]
DYDX = [path for path in ALL if path.stem.startswith("dydx-")]
OPTIONS = [path for path in ALL if path.stem.startswith("option-")]
INVERSE = [path for path in ALL if path.stem.startswith("inverse-level-")]
INVERSE_LIQUIDATION = [path for path in ALL if path.stem.startswith("inverse-liquidation-")]
OTHERS = [*LIQUIDATION, *DYDX, *OPTIONS, *INVERSE, *INVERSE_LIQUIDATION]
PORTFOLIOS = [path for path in ALL if path not in OTHERS]
VECTORS = [
    (path.stem, number, vector) for path in DYDX for number, vector in enumerate(load(path)["vectors"], 1)
]
name_of = lambda value: value.stem if isinstance(value, Path) else None  # noqa: E731


def rulebook_of(case: dict[str, Any]) -> CryptoTiered:
    return CryptoTiered(Parameters.from_mapping(case["rulebook"]))


def test_no_case_is_lost() -> None:
    kinds = (ALL, LIQUIDATION, PORTFOLIOS, VECTORS, OPTIONS, INVERSE, INVERSE_LIQUIDATION)
    assert [len(cases) for cases in kinds] == [25, 4, 10, 18, 3, 2, 2]


@pytest.mark.parametrize("path", [*PORTFOLIOS, *OPTIONS], ids=name_of)
def test_vectorised_requirement(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    account = holdings_of(market, case["positions"], "futures")
    [(initial, maintenance)] = requirements(rulebook_of(case), market, [account])
    relative, usd = case["tolerance"]["relative"], case["tolerance"]["usd"]
    assert initial == pytest.approx(case["result"]["initial_usd"], rel=relative, abs=usd)
    assert maintenance == pytest.approx(case["result"]["maintenance_usd"], rel=relative, abs=usd)


@pytest.mark.parametrize("path", PORTFOLIOS, ids=name_of)
def test_explanation_names_every_intermediate(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    explained = rulebook_of(case).explain(holdings_of(market, case["positions"], "futures"), market)
    usd = case["tolerance"]["usd"]
    assert {part.name for part in explained.tree.parts} == set(case["result"]["contracts"])
    assert explained.requirement.initial_usd == pytest.approx(case["result"]["initial_usd"], abs=usd)
    assert explained.requirement.maintenance_usd == pytest.approx(case["result"]["maintenance_usd"], abs=usd)
    for part in explained.tree.parts:
        expected = case["result"]["contracts"][part.name]
        assert part.amount_usd == pytest.approx(expected["maintenance_usd"], abs=usd)
        assert part.amount_usd == pytest.approx(sum(expected["slices_usd"]), abs=usd)
        assert part.facts["tier"] == expected["tier"]
        assert part.facts["notional_usd"] == pytest.approx(expected["notional_usd"], abs=usd)
        assert part.facts["initial_usd"] == pytest.approx(expected["initial_usd"], abs=usd)


@pytest.mark.parametrize("path", INVERSE, ids=name_of)
def test_inverse_contracts_in_coins_and_in_usd(path: Path) -> None:
    case = load(path)
    market, tolerance = case_market(case), case["tolerance"]
    account = holdings_of(market, case["positions"], "futures")
    [(initial, maintenance)] = requirements(rulebook_of(case), market, [account])
    explained = rulebook_of(case).explain(account, market)
    expected = dict(case["result"])
    assert initial == pytest.approx(expected["initial_usd"], abs=tolerance["usd"])
    for figure in (maintenance, explained.requirement.maintenance_usd, explained.tree.parts[0].amount_usd):
        assert figure == pytest.approx(expected["maintenance_usd"], abs=tolerance["usd"])
    facts = explained.tree.parts[0].facts
    for name in ("notional_coin", "tier", "maintenance_coin", "initial_coin"):
        assert facts[name] == pytest.approx(expected[name], abs=tolerance["coin"]), name
    assert explained.tree.largest_residual_usd() <= 1e-6


@pytest.mark.parametrize("path", INVERSE_LIQUIDATION, ids=name_of)
def test_liquidation_price_of_an_inverse_contract(path: Path) -> None:
    """By the formula, and from the account: its coins at the coin's rate as equity, marks wherever they stand."""
    case = load(path)
    quantity, price = case["positions"]["BTCUSD_PERP"], case["result"]["liquidation_price"]
    wallet, entry = case["wallet_coin"], case["entry_price"]
    by_formula = inverse_liquidation_price(
        wallet, 0.0, 0.0, quantity, entry, case["maintenance_rate"], case["deduction_coin"]
    )
    assert by_formula == pytest.approx(price, abs=case["tolerance"]["price"])
    for mark in (entry, 0.99 * entry, 1.01 * entry):
        market = case_market(case | {"prices": {"BTCUSD": 0.998 * mark, "BTCUSD_PERP": mark}})
        equity_usd = (wallet + quantity * (1.0 / entry - 1.0 / mark)) * 0.998 * mark
        explained = rulebook_of(case).explain(
            holdings_of(market, case["positions"], "futures"), market, equity_usd
        )
        found = explained.tree.parts[0].facts["liquidation_price"]
        assert found == pytest.approx(price, abs=case["tolerance"]["price"])


@pytest.mark.parametrize("path", OPTIONS, ids=name_of)
def test_options_show_the_published_form(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    explained = rulebook_of(case).explain(holdings_of(market, case["positions"], "futures"), market)
    for part in explained.tree.parts:
        expected = dict(case["result"]["contracts"][part.name])
        assert part.amount_usd == pytest.approx(expected.pop("maintenance_usd"), abs=case["tolerance"]["usd"])
        for name, value in expected.items():
            assert part.facts[name] == pytest.approx(value, abs=case["tolerance"]["usd"]), name
    assert explained.tree.largest_residual_usd() <= 1e-6


def test_a_position_above_the_maximum_says_so() -> None:
    case = load(next(path for path in PORTFOLIOS if path.stem == "position-above-the-maximum"))
    market = case_market(case)
    explained = rulebook_of(case).explain(holdings_of(market, case["positions"], "futures"), market)
    assert explained.tree.parts[0].facts["above_maximum_notional_usd"] == 1_800_000_000.0


def test_published_rates_and_deductions_of_the_testnet_tiers() -> None:
    case = load(next(path for path in PORTFOLIOS if path.stem.startswith("hyperliquid")))
    [schedule] = Parameters.from_mapping(case["rulebook"]).schedules.values()
    for tier, published in zip(schedule.tiers, case["result"]["tiers"], strict=True):
        assert tier.maintenance_rate == pytest.approx(
            published["maintenance_rate"], abs=case["tolerance"]["rate"]
        )
        assert tier.deduction == pytest.approx(published["deduction_usd"], abs=case["tolerance"]["usd"])


@pytest.mark.parametrize("path", LIQUIDATION, ids=name_of)
def test_liquidation_price_of_the_formula(path: Path) -> None:
    case = load(path)
    result, contract = case["result"], case["contract"]
    price = cross_liquidation_price(
        case["wallet_balance_usd"],
        result["other_maintenance_usd"],
        result["other_unrealised_usd"],
        case["positions"][contract],
        case["entry_prices"][contract],
        case["maintenance_rate"],
        case["deduction_usd"],
    )
    assert price == pytest.approx(result["liquidation_price"], abs=case["tolerance"]["price"])


@pytest.mark.parametrize("path", LIQUIDATION, ids=name_of)
def test_liquidation_price_and_other_maintenance_of_the_explanation(path: Path) -> None:
    """The same figures from the whole account: equity at the marks, tiers looked up, TMM computed."""
    case = load(path)
    market = case_market(case)
    prices, entries, quantities = case["prices"], case["entry_prices"], case["positions"]
    unrealised = sum(quantities[name] * (prices[name] - entries[name]) for name in quantities)
    explained = rulebook_of(case).explain(
        holdings_of(market, quantities, "futures"), market, case["wallet_balance_usd"] + unrealised
    )
    by_name = {part.name: part for part in explained.tree.parts}
    own = by_name.pop(case["contract"])
    others = sum(part.amount_usd for part in by_name.values())
    assert others == pytest.approx(case["result"]["other_maintenance_usd"], abs=case["tolerance"]["tmm_usd"])
    assert own.facts["maintenance_rate"] == case["maintenance_rate"]
    price = own.facts["liquidation_price"]
    assert price == pytest.approx(case["result"]["liquidation_price"], abs=case["tolerance"]["price"])


def schedule_of(vector: dict[str, int]) -> Parameters:
    return Parameters.from_mapping(
        {
            "rulebook_id": "crypto-tiered",
            "version": "golden",
            "method": "open interest",
            "silo": "futures",
            "currency": "USD",
            "schedules": {
                "dydx": {
                    "kind": "open_interest",
                    "base_initial_ppm": vector["base_initial_ppm"],
                    "maintenance_fraction_ppm": vector["maintenance_fraction_ppm"],
                    "open_interest_usd": vector["open_interest_quantums"] / 1e6,
                    "lower_cap_usd": vector["lower_cap_quantums"] / 1e6,
                    "upper_cap_usd": vector["upper_cap_quantums"] / 1e6,
                    "rounding_usd": 1e-6,
                }
            },
        }
    )


def initial_quantums(
    parameters: Parameters, schedule: Schedule, notional_quantums: int
) -> tuple[float, float]:
    """Initial margin by the vectorised path and by the twin's rounding, in quote quantums."""
    rulebook = CryptoTiered(parameters)
    rulebook.bind(["dydx/PERP"])
    vectorised = rulebook.charge(np.array([[notional_quantums / 1e6, 0, 0, 0, 0, 0]]), np.zeros(1, np.int64))[
        0, 0
    ]
    plain = round_up(notional_quantums / 1e6 * schedule.tiers[0].initial_rate, schedule.rounding_usd)
    return vectorised * 1e6, plain * 1e6


@pytest.mark.parametrize(("stem", "number", "vector"), VECTORS)
def test_open_interest_vectors(stem: str, number: int, vector: dict[str, int]) -> None:
    parameters = schedule_of(vector)
    schedule = parameters.schedules["dydx"]
    assert schedule.scaling is not None
    if stem == "dydx-maintenance-fraction":
        assert schedule.scaling.maintenance_ppm() == vector["expected"]
    elif stem == "dydx-adjusted-initial-fraction":
        assert schedule.scaling.adjusted_initial_ppm() == vector["expected"]
    else:
        found = initial_quantums(parameters, schedule, vector["notional_quantums"])
        assert [round(quantums) for quantums in found] == [vector["expected"]] * 2
        assert np.allclose(found, vector["expected"], rtol=0, atol=1e-6)  # whole quantums, not rounded here


def test_shipped_binance_tiers_are_the_published_ones(reference_dir: Path) -> None:
    schedules = Parameters.from_mapping(shipped("crypto-tiered")).schedules
    with (reference_dir / "crypto_perp/binance_usdtm_tiers_2024-10.csv").open() as file:
        rows = list(csv.DictReader(file))
    published: dict[str, list[tuple[float, ...]]] = {}
    largest: dict[str, float] = {}
    for row in rows:
        name = f"binance-usdtm:{row['symbol'].split('/')[0]}"
        rates = (1 / float(row["max_leverage"]), float(row["maint_margin_rate"]), float(row["cum"]))
        published.setdefault(name, []).append((float(row["min_notional"]), *rates))
        largest[name] = float(row["max_notional"])
    assert len(rows) == 54
    for name, tiers in published.items():
        ours = [
            (tier.lower_bound, tier.initial_rate, tier.maintenance_rate, tier.deduction)
            for tier in schedules[name].tiers
        ]
        assert ours == tiers
        assert schedules[name].maximum_notional == largest[name]
