"""ISDA SIMM of interest rate swaps, baskets and indexes: against QuantLib, by hand, through a CRIF, live."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.rate_schedule import tenor_months
from engine.rules.interface import Holding
from engine.rules.simm.live import IsdaSimm
from engine.rules.simm.live_parameters import COVERED, WHY_NOT, Parameters
from engine.rules.simm.live_sensitivities import DAYS_OF, sensitivities_of
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import TENORS
from streams.parameters import read_rulebook
from streams.replay.simm import Choice, margin_crif
from tests import rate_oracle
from tests.rates_book import CONVENTIONS, PAR_RATES, market_of, rate_swap
from tests.rulebook_cases import requirements

SILO = "uncleared_swaps"
TERMS = [
    ("2026-12-01", "2036-12-01", 0.0384),
    ("2026-12-15", "2027-06-15", 0.0410),
    ("2027-03-01", "2040-09-01", 0.0300),
]
# Quotes between two of the model's tenors stand beside those on one: a 7Y is 60 % of a 5Y and 40 % of a 10Y.
SWAPS = [
    rate_swap("usd-10y", "USD-SOFR", *TERMS[0]),
    rate_swap("usd-short", "USD-SOFR", *TERMS[1]),
    rate_swap("eur-5y", "EUR-ESTR", "2026-12-01", "2031-12-01", 0.02),
    rate_swap("eur-term", "EUR-EURIBOR-6M", "2026-06-15", "2046-06-15", 0.03, fixing=0.022),
]
SHARES = [
    Instrument("one", Product.EQUITY_SWAP, "AAA", 100),
    Instrument("other", Product.EQUITY_SWAP, "BBB", 100),
    Instrument("basket", Product.EQUITY_SWAP, multiplier=10, components=(("AAA", 0.75), ("BBB", 0.25))),
    Instrument("index", Product.EQUITY_SWAP, "SPX", 1, index_class="high_cap_broad"),
    Instrument("volatility", Product.EQUITY_SWAP, "VIX", 100, index_class="narrow"),
]
MARKS = {"one": 50.0, "other": 20.0, "basket": 400.0, "index": 6_000.0, "volatility": 18.0}
BASIS_POINT = 1e-4


def rulebook(**changes: Any) -> IsdaSimm:
    buckets = {"names": {"AAA": "7", "BBB": "8", "VIX": "12"}, "others": "Residual", "indexes": "11"}
    mapping = read_rulebook("isda-simm") | {"equity_buckets": buckets} | changes
    return IsdaSimm(Parameters.from_mapping(mapping))


RULEBOOK = rulebook()
MARKET = market_of([*SWAPS, *SHARES], MARKS)


def held(quantities: dict[str, float]) -> list[Holding]:
    by_id = {one.instrument_id: one for one in [*SWAPS, *SHARES]}
    return [Holding(by_id[name], quantity, SILO) for name, quantity in quantities.items()]


def margin_of(quantities: dict[str, float]) -> float:
    [(initial, maintenance)] = requirements(RULEBOOK, MARKET, [held(quantities)])
    assert initial == maintenance
    return float(maintenance)


def by_tenor(records: list[Sensitivity]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = defaultdict(float)
    for record in records:
        if record.risk_type == "Risk_IRCurve":
            found[record.label2, record.label1] += record.amount_usd
    return found


def shared_out(months: int) -> dict[str, float]:
    """The vertices around a quote, by time, from the table of tenors alone."""
    days = months * 365 / 12
    before = max((each for each in TENORS if DAYS_OF[each] <= days), key=DAYS_OF.__getitem__)
    after = min((each for each in TENORS if DAYS_OF[each] >= days), key=DAYS_OF.__getitem__)
    if before == after:
        return {before: 1.0}
    later = (days - DAYS_OF[before]) / (DAYS_OF[after] - DAYS_OF[before])
    return {before: 1.0 - later, after: later}


@pytest.mark.parametrize("curve_id", PAR_RATES)
@pytest.mark.parametrize(("start", "maturity", "coupon"), TERMS)
def test_bumped_and_repriced_by_quantlib(curve_id: str, start: str, maturity: str, coupon: float) -> None:
    swap, convention = rate_swap("S", curve_id, start, maturity, coupon), CONVENTIONS[curve_id]
    market = market_of([swap])

    def value(bumps: dict[tuple[str, str], float]) -> float:
        terms = (convention, date.fromisoformat(start), date.fromisoformat(maturity), coupon)
        return rate_oracle.payer_value(rate_oracle.book_curves(curve_id, bumps), *terms)

    expected: dict[tuple[str, str], float] = defaultdict(float)
    usd = 1.16 if convention.currency == "EUR" else 1.0
    own = "Libor6m" if curve_id == "EUR-EURIBOR-6M" else "OIS"
    for each in dict.fromkeys((curve_id, convention.discount_curve)):
        for tenor in PAR_RATES[each]:
            gain = 1e6 * usd * (value({(each, tenor): BASIS_POINT}) - value({}))
            for vertex, share in shared_out(tenor_months(tenor)).items():
                expected[own if each == curve_id else "OIS", vertex] += gain * share
    ours = by_tenor(sensitivities_of(RULEBOOK.parameters, swap, market))
    assert set(ours) == set(expected)
    for key, gain in expected.items():
        assert ours[key] == pytest.approx(gain, rel=1e-7, abs=1e-4)
    assert max(abs(gain) for gain in expected.values()) > 10.0


def test_value_in_a_foreign_currency_is_fx_risk() -> None:
    mark = float(MARKET.mark[MARKET.slot_of["eur-term"]])
    records = sensitivities_of(RULEBOOK.parameters, SWAPS[3], MARKET)
    [fx] = [record for record in records if record.risk_type == "Risk_FX"]
    assert (fx.product_class, fx.qualifier) == ("RatesFX", "EUR")
    assert fx.amount_usd == pytest.approx(0.01 * 1e6 * 1.16 * mark)
    usd = sensitivities_of(RULEBOOK.parameters, SWAPS[0], MARKET)
    assert {record.risk_type for record in usd} == {"Risk_IRCurve"}


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_through_a_crif(side: float, tmp_path: Path) -> None:
    """Our sensitivities as a file, margined by the reader of such files: the same total."""
    quantities = {
        "usd-10y": 40.0, "usd-short": -7.0, "eur-5y": 12.0, "eur-term": -30.0, "one": 900.0, "basket": -50.0,
        "index": 3.0, "volatility": -20.0,
    }  # fmt: skip
    quantities = {name: side * quantity for name, quantity in quantities.items()}
    names = (
        "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2", "AmountUSD", "PortfolioID",
    )  # fmt: skip
    file = tmp_path / "crif.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(names)
        for holding in held(quantities):
            for one in sensitivities_of(RULEBOOK.parameters, holding.instrument, MARKET):
                amount = holding.quantity * one.amount_usd
                labels = (one.qualifier, one.bucket, one.label1, one.label2)
                writer.writerow((one.product_class, one.risk_type, *labels, repr(amount), "P"))
    choice = Choice("2.8+2512", 10, "post", "USD", "USD", {}, False)
    [document], crif = margin_crif(file, choice, None)
    assert (crif.refused, crif.passed_over) == ([], [])
    assert margin_of(quantities) == pytest.approx(document["total"], rel=1e-9)
    assert document["total"] > 100_000.0


def test_a_basket_is_its_shares() -> None:
    """4,000 a contract: 3,000 of AAA, which is 0.6 contracts of its own swap, and 1,000 of BBB, 0.5."""
    assert margin_of({"basket": 100.0}) == pytest.approx(margin_of({"one": 60.0, "other": 50.0}))
    assert margin_of({"basket": 100.0, "one": -60.0, "other": -50.0}) == pytest.approx(0.0, abs=0.01)


def test_indexes_have_buckets_of_their_own() -> None:
    """60 a percent in bucket 11, 18 in bucket 12, both of weight 15; gamma 0.39 (2.8+2512)."""
    assert margin_of({"index": 1.0}) == pytest.approx(15.0 * 60.0)
    assert margin_of({"volatility": 1.0}) == pytest.approx(15.0 * 18.0)
    both = (60.0**2 + 18.0**2 - 2 * 0.39 * 60.0 * 18.0) ** 0.5
    assert margin_of({"index": 1.0, "volatility": -1.0}) == pytest.approx(15.0 * both)
    unlisted = rulebook(equity_buckets={"names": {}, "others": "Residual"})
    [record] = sensitivities_of(unlisted.parameters, SHARES[3], MARKET)
    assert record.bucket == "Residual"


def test_every_product_is_computed_or_refused_with_its_reason() -> None:
    assert COVERED | set(WHY_NOT) == set(Product)
    assert not COVERED & set(WHY_NOT)
    for product, why in WHY_NOT.items():
        with pytest.raises(MarginError) as caught:
            RULEBOOK.netting_set(Instrument("X", product))
        assert caught.value.reason is Reason.NO_RULEBOOK
        assert f"not {product.value}: {why}" in str(caught.value)


def test_a_curve_without_sub_curve_is_refused() -> None:
    strict = rulebook(sub_curves={"names": {"EUR-ESTR": "OIS"}})
    with pytest.raises(MarginError, match=r"no sub-curve for USD-SOFR in sub_curves\.names") as caught:
        strict.netting_set(SWAPS[0])
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert strict.netting_set(SWAPS[2]) == "interest_rate_swap EUR 'EUR-ESTR'"
