"""ISDA SIMM as a rulebook of the engine: swaps on shares and on credit, by hand, by twin and end to end."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.errors import MarginError, Reason
from engine.market.credit_pricing import BASIS_POINT, upfront
from engine.market.instruments import Instrument, Product
from engine.rules.interface import Holding
from engine.rules.simm.live import IsdaSimm
from engine.rules.simm.live_parameters import Parameters
from engine.rules.simm.live_sensitivities import sensitivities_of, shares
from engine.rules.simm.vocabulary import CREDIT_TENORS
from streams.cli import main
from streams.parameters import read_rulebook
from streams.replay.book_file import read_book
from streams.replay.margin import MarginedBook
from tests.credit_book import NOW, RATE, index_of, mark_at, market_of, swap_of
from tests.credit_oracle import EPOCH, Swap, accrued_years, quantlib_legs
from tests.engine_book import DAY_NS
from tests.file_book import write_json
from tests.rulebook_cases import nanoseconds, requirements
from tests.unit.test_definition_overlap import CLASSIFIED, SCHEDULE, with_policy

SILO = "uncleared_swaps"
CREDIT = [
    swap_of("ACME-31", "ACME", "2031-06-20"),
    swap_of("ACME-28", "ACME", "2028-12-20", coupon=0.05),
    swap_of("BETA-40", "BETA", "2040-12-20"),
    swap_of("EURO-29", "GAMMA", "2029-06-20", currency="EUR"),
    swap_of("BETA-27", "BETA", "2027-03-20"),
]
INDEXES = [
    index_of("IG-31", "CDX.NA.IG", "2031-12-20"),
    index_of("IG-36", "CDX.NA.IG", "2036-12-20"),
    index_of("EURO-31", "ITRAXX.EUR", "2031-12-20", currency="EUR"),
    index_of("TWO-31", "TWO", "2031-06-20", (("ACME", 0.6), ("BETA", 0.4))),
]
SHARES = [Instrument(f"{name}-swap", Product.EQUITY_SWAP, name, 100) for name in ("AAA", "BBB", "ACME")]
EURUSD = Instrument("EURUSD", Product.FX_RATE, currency="EUR")
LISTED = [*CREDIT, *INDEXES, *SHARES]
SPREADS_BP = {
    "ACME-31": 150.0, "ACME-28": 120.0, "BETA-40": 400.0, "EURO-29": 80.0, "BETA-27": 380.0, "IG-31": 55.0,
    "IG-36": 95.0, "EURO-31": 60.0, "TWO-31": 150.0,
}  # fmt: skip
MARKS = {"AAA-swap": 50.0, "BBB-swap": 20.0, "ACME-swap": 7.0, "EURUSD": 1.1}


def parameters(**changes: Any) -> Parameters:
    return Parameters.from_mapping(read_rulebook("isda-simm") | changes)


RULEBOOK = IsdaSimm(
    parameters(
        credit_buckets={
            "names": {"ACME": "4", "GAMMA": "4", "ITRAXX.EUR": "1"},
            "others": "3",
            "indexes": "Residual",
        },
        equity_buckets={"names": {"AAA": "7", "BBB": "7"}, "others": "Residual"},
    )
)
MARKET = market_of([EURUSD, *LISTED], SPREADS_BP, MARKS)


def held(quantities: dict[str, float]) -> list[Holding]:
    by_id = {one.instrument_id: one for one in LISTED}
    return [Holding(by_id[name], quantity, SILO) for name, quantity in quantities.items()]


def maintenance(quantities: dict[str, float], rulebook: IsdaSimm = RULEBOOK) -> float:
    [(initial, figure)] = requirements(rulebook, MARKET, [held(quantities)])
    assert initial == figure
    return float(figure)


def test_equity_swaps_by_hand() -> None:
    """1,000 contracts of 100 shares at 50: 50,000 a percent; bucket 7 weighs 27 under 2.8+2512, correlation 0.30."""
    one = maintenance({"AAA-swap": 1000.0})
    assert one == pytest.approx(27.0 * 50_000.0)
    other = 27.0 * 20_000.0
    both = maintenance({"AAA-swap": 1000.0, "BBB-swap": -1000.0})
    assert both == pytest.approx((one**2 + other**2 - 2.0 * 0.30 * one * other) ** 0.5)


def test_credit_by_hand() -> None:
    """Protection on 10 million to June 2031: its CR01 between the tenors of three and five years, and its rate risk."""
    swap, today = CREDIT[0], nanoseconds(NOW) // 86_400_000_000_000
    maturity = swap.expiry_ns // 86_400_000_000_000
    terms = (today, maturity, 0.4)
    gain = 1e7 * (
        upfront(*terms, RATE, 0.01, 151 * BASIS_POINT) - upfront(*terms, RATE, 0.01, 150 * BASIS_POINT)
    )
    later = ((maturity - today) - 1095.0) / 730.0
    risk = {
        (one.risk_type, one.label1): 10.0 * one.amount_usd
        for one in sensitivities_of(RULEBOOK.parameters, swap, MARKET)
    }
    assert risk["Risk_CreditQ", "3y"] == pytest.approx(gain * (1.0 - later), rel=1e-6)
    assert risk["Risk_CreditQ", "5y"] == pytest.approx(gain * later, rel=1e-6)
    three, five = 49.0 * risk["Risk_CreditQ", "3y"], 49.0 * risk["Risk_CreditQ", "5y"]
    credit = (three**2 + five**2 + 2 * 0.92 * three * five) ** 0.5
    three, five = 66.0 * risk["Risk_IRCurve", "3y"], 61.0 * risk["Risk_IRCurve", "5y"]
    rates = (three**2 + five**2 + 2 * 0.97 * three * five) ** 0.5
    expected = (credit**2 + rates**2 + 2 * 0.09 * credit * rates) ** 0.5
    assert maintenance({"ACME-31": 10.0}) == pytest.approx(expected, rel=1e-9)
    assert maintenance({"ACME-31": -10.0}) == pytest.approx(expected, rel=1e-9)


def quantlib_value(swap: Instrument, spread: float, rate: float) -> float:
    """Of one unit of notional quoted at a spread: hazard rate found by halving, legs by QuantLib."""
    today, maturity = (EPOCH + timedelta(days=ns // DAY_NS) for ns in (nanoseconds(NOW), swap.expiry_ns))

    def legs(hazard: float) -> tuple[float, float, float]:
        terms = Swap(today, maturity, swap.recovery_rate, hazard, rate)
        return *quantlib_legs(terms), accrued_years(terms)

    low, high = 1e-8, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        protection, annuity, accrued = legs(middle)
        low, high = (middle, high) if protection < spread * (annuity - accrued) else (low, middle)
    protection, annuity, _ = legs(low)
    return protection - swap.coupon * annuity


@pytest.mark.parametrize("swap", [INDEXES[0], INDEXES[1]], ids=lambda swap: swap.instrument_id)
def test_an_index_bumped_and_repriced_by_quantlib(swap: Instrument) -> None:
    """Spread and rate up by a basis point; shared out to the tenors of three, five and ten years by time alone."""
    spread, found = SPREADS_BP[swap.instrument_id] * BASIS_POINT, defaultdict[tuple[str, str], float](float)
    for one in sensitivities_of(RULEBOOK.parameters, swap, MARKET):
        found[one.risk_type, one.label1] += one.amount_usd
        if one.risk_type == "Risk_CreditQ":
            assert (one.qualifier, one.bucket) == ("CDX.NA.IG", "Residual")
    now = quantlib_value(swap, spread, RATE)
    by_spread = 1e6 * (quantlib_value(swap, spread + BASIS_POINT, RATE) - now)
    by_rate = 1e6 * (quantlib_value(swap, spread, RATE + BASIS_POINT) - now)
    years = (swap.expiry_ns // DAY_NS - nanoseconds(NOW) // DAY_NS) / 365.0
    for kind, gain, tenors in (
        ("Risk_CreditQ", by_spread, {3.0: "3y", 5.0: "5y", 10.0: "10y"}),
        ("Risk_IRCurve", by_rate, {3.0: "3y", 5.0: "5y", 10.0: "10y", 15.0: "15y"}),
    ):
        before, after = (
            max(t for t in tenors if t <= years),
            min((t for t in tenors if t > years), default=0.0),
        )
        later = (years - before) / (after - before) if after else 0.0
        assert found[kind, tenors[before]] == pytest.approx(gain * (1.0 - later), rel=1e-5)
        if after:
            assert found[kind, tenors[after]] == pytest.approx(gain * later, rel=1e-5)


def test_an_index_with_its_names_is_swaps_on_them() -> None:
    """60 % of ACME and 40 % of BETA on the terms of ACME-31 at its spread: the swap on ACME offsets its part."""
    of_names = {
        (one.qualifier, one.bucket, one.label1): one.amount_usd
        for one in sensitivities_of(RULEBOOK.parameters, INDEXES[3], MARKET)
        if one.risk_type == "Risk_CreditQ"
    }
    for one in sensitivities_of(RULEBOOK.parameters, CREDIT[0], MARKET):
        if one.risk_type == "Risk_CreditQ":
            assert of_names["ACME", "4", one.label1] == pytest.approx(0.6 * one.amount_usd, rel=1e-12)
            assert of_names["BETA", "3", one.label1] == pytest.approx(0.4 * one.amount_usd, rel=1e-12)
    whole = index_of("ONE-31", "ONE", "2031-06-20", (("ACME", 1.0),))
    market = market_of([EURUSD, CREDIT[0], whole], SPREADS_BP | {"ONE-31": 150.0}, {"EURUSD": 1.1})
    hedged = [Holding(whole, 10.0, SILO), Holding(CREDIT[0], -10.0, SILO)]
    assert requirements(RULEBOOK, market, [hedged])[0].tolist() == pytest.approx([0.0, 0.0], abs=0.01)


def test_an_index_by_hand_in_the_residual_bucket() -> None:
    """Of some five years: its spread between the tenors of five and ten years, weight 423, correlation 0.50."""
    risk = {
        (one.risk_type, one.label1): 10.0 * one.amount_usd
        for one in sensitivities_of(RULEBOOK.parameters, INDEXES[0], MARKET)
    }
    five, ten = 423.0 * risk["Risk_CreditQ", "5y"], 423.0 * risk["Risk_CreditQ", "10y"]
    credit = (five**2 + ten**2 + 2 * 0.50 * five * ten) ** 0.5
    five, ten = 61.0 * risk["Risk_IRCurve", "5y"], 60.0 * risk["Risk_IRCurve", "10y"]
    rates = (five**2 + ten**2 + 2 * 0.96 * five * ten) ** 0.5
    expected = (credit**2 + rates**2 + 2 * 0.09 * credit * rates) ** 0.5
    assert maintenance({"IG-31": 10.0}) == pytest.approx(expected, rel=1e-9)
    facts = RULEBOOK.explain(held({"IG-31": 10.0}), MARKET).tree.facts
    assert facts["bucket of CDX.NA.IG"] == "Residual: in no list of credit_buckets"
    listed = {one.bucket for one in sensitivities_of(RULEBOOK.parameters, INDEXES[2], MARKET)} - {""}
    assert listed == {"1"}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([one.instrument_id for one in LISTED]), st.integers(-500, 500).filter(bool)
    )
)
def test_vectorised_equals_twin(quantities: dict[str, float]) -> None:
    explained = RULEBOOK.explain(held(quantities), MARKET)
    assert explained.requirement.maintenance_usd == pytest.approx(maintenance(quantities), rel=1e-9, abs=0.01)
    assert explained.tree.largest_residual_usd() < 0.01


def test_accounts_do_not_mix() -> None:
    books = [held({"ACME-31": 5.0}), [], held({"AAA-swap": 3.0, "EURO-29": -2.0, "BETA-40": 1.0})]
    together = requirements(RULEBOOK, MARKET, books)
    alone = [requirements(RULEBOOK, MARKET, [one])[0] for one in books if one]
    assert together[1].tolist() == [0.0, 0.0]
    assert together[[0, 2]].tolist() == [pytest.approx(list(figures)) for figures in alone]


def test_a_perfect_hedge_needs_nothing() -> None:
    assert maintenance({"ACME-31": 10.0, "ACME-28": 0.0}) > 0.0
    [(initial, _)] = requirements(RULEBOOK, MARKET, [held({"ACME-31": 10.0}) + held({"ACME-31": -10.0})])
    assert initial == pytest.approx(0.0, abs=0.01)


def test_what_is_not_in_the_figure_or_not_listed_is_said() -> None:
    market = market_of(CREDIT[2:3], {})
    quantities = [Holding(CREDIT[2], 1.0, SILO)]
    facts = RULEBOOK.explain(quantities, market).tree.facts
    assert facts["mark of BETA-40"] == "missing: not in the figure"
    facts = RULEBOOK.explain(held({"BETA-40": 1.0}), MARKET).tree.facts
    assert facts["bucket of BETA"] == "3: in no list of credit_buckets"
    assert float(facts["Risk_CreditQ BETA 10y"]) > 0.0


def test_refusals() -> None:
    strict = IsdaSimm(parameters(credit_buckets={"names": {"ACME": "4"}}))
    for index, name in ((INDEXES[0], r"CDX\.NA\.IG"), (INDEXES[3], "BETA")):
        with pytest.raises(MarginError, match=rf"no bucket for {name} in credit_buckets\.names"):
            strict.netting_set(index)
    assert strict.netting_set(CREDIT[0]) == "credit_default_swap USD 'ACME' 4"
    with pytest.raises(MarginError, match=r"no bucket for BETA in credit_buckets\.names") as caught:
        strict.netting_set(CREDIT[2])
    assert caught.value.reason is Reason.BAD_PARAMETER
    unlisted = IsdaSimm(parameters(equity_buckets={"names": {"AAA": "7"}}))
    basket = Instrument("B", Product.EQUITY_SWAP, components=(("AAA", 0.5), ("BBB", 0.5)))
    with pytest.raises(MarginError, match=r"no bucket for BBB in equity_buckets\.names") as caught:
        unlisted.netting_set(basket)
    assert caught.value.reason is Reason.BAD_PARAMETER
    with pytest.raises(MarginError) as caught:
        RULEBOOK.netting_set(Instrument("A", Product.EQUITY))
    assert caught.value.reason is Reason.NO_RULEBOOK


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"horizon_days": 5}, "horizon_days: 5 is not 10 or 1"),
        ({"version": "2.6"}, r"version: 2\.6 is not the calibration's"),
        ({"credit_buckets": {"names": {"X": "13"}}}, r"credit_buckets\.names\.X: '13' is not 1 or 2"),
        ({"silo": "futures"}, "silo: 'futures' is not"),
        ({"calibration": 1}, "calibration: 1 is not a table"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MarginError, match="rulebook isda-simm: " + complaint):
        parameters(**changes)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (10.0, [("1y", 1.0)]),
        (365.0, [("1y", 1.0)]),
        (547.5, [("1y", 0.5), ("2y", 0.5)]),
        (9e4, [("10y", 1.0)]),
    ],
)
def test_shares_of_tenors(days: float, expected: list[tuple[str, float]]) -> None:
    assert shares(days, CREDIT_TENORS) == expected


def simm_policy(folder: Path) -> Path:
    """The packaged policy with the credit default swap in the silo of uncleared swaps, under SIMM."""
    assigned = (SCHEDULE, SCHEDULE.replace("schedule-im", "isda-simm"))
    return with_policy(folder, (CLASSIFIED, f'credit_default_swap = "{SILO}"'), assigned)


BOOK: dict[str, Any] = {
    "accounts": [{"account_id": "A"}],
    "instruments": [
        {
            "instrument_id": "ACME-31", "product": "credit_default_swap", "multiplier": 1_000_000,
            "expiry": "2031-06-20", "reference_entity": "ACME", "coupon": 0.01, "recovery_rate": 0.4,
            "negative_price_allowed": True,
        }
    ],
    "prices": [
        {
            "instrument_id": "ACME-31", "mark": mark_at(CREDIT[0], 150.0), "source_time_ns": nanoseconds(NOW),
            "sequence": 1,
        }
    ],
    "positions": [
        {
            "account_id": "A", "business_date": "2026-11-19", "as_of_ns": nanoseconds(NOW) - 1,
            "positions": [{"instrument_id": "ACME-31", "quantity": -10}],
            "cash": [{"silo": SILO, "amount": 1_000_000}],
        }
    ],
}  # fmt: skip


def test_an_account_file_through_the_engine(tmp_path: Path) -> None:
    folder = tmp_path / "parameters"
    folder.mkdir()
    arguments = ["margin", str(write_json(tmp_path, BOOK)), "--rulebook", "isda-simm", "--json"]
    result = CliRunner().invoke(main, [*arguments, "--parameters", str(simm_policy(folder))])
    assert result.exit_code == 0, result.stderr
    (entry,) = json.loads(result.stdout)["requirements"]
    assert (entry["account_id"], entry["silo"], entry["rulebook_id"]) == ("A", SILO, "isda-simm")
    expected = maintenance({"ACME-31": -10.0}, IsdaSimm(parameters()))
    assert float(entry["maintenance"]) == pytest.approx(expected, abs=0.01)
    assert entry["tree"]["amount"] == entry["maintenance"]


def test_another_horizon_may_be_published_while_it_runs(tmp_path: Path) -> None:
    book, _ = read_book(write_json(tmp_path, BOOK))
    engine = MarginedBook(book, simm_policy(tmp_path), None, None).files.engine
    now_ns = nanoseconds(NOW)
    for days in (1, 10):
        engine.put_rulebook("isda-simm", read_rulebook("isda-simm") | {"horizon_days": days})
        engine.evaluate(now_ns)
        assert engine.shadow_check(["A"]) < 1e-6
        expected = maintenance({"ACME-31": -10.0}, IsdaSimm(parameters(horizon_days=days)))
        (tree,) = [tree for _, rulebook_id, tree in engine.explain("A").silos if rulebook_id == "isda-simm"]
        assert tree.requirement.maintenance_usd == pytest.approx(expected, rel=1e-9)
