"""What the golden cases of FINRA 4210(g) are held to: QuantLib values, and the rule's arithmetic on them.

Shares nothing with the product: it reads the case file and revalues every position itself.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import QuantLib as ql  # noqa: N813 - the name its documentation uses

Case = dict[str, Any]
EVALUATION = ql.Date(2, 1, 2020)


@cache
def option_value(
    right: str, exercise: str, spot: float, strike: float, days: int, rate: float, dividend: float, vol: float
) -> float:
    """Value per unit by QuantLib: analytic for European, QdFp in high precision for American exercise."""
    ql.Settings.instance().evaluationDate = EVALUATION
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(EVALUATION, dividend, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(EVALUATION, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(EVALUATION, ql.NullCalendar(), vol, count)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if right == "call" else ql.Option.Put, strike)
    if exercise == "american":
        option = ql.VanillaOption(payoff, ql.AmericanExercise(EVALUATION, EVALUATION + days))
        scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
        option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
    else:
        option = ql.VanillaOption(payoff, ql.EuropeanExercise(EVALUATION + days))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return float(option.NPV())


def points(case: Case, root: str, moves: list[float]) -> list[float]:
    """P&L in USD of the case's positions on one underlying at each move of its price."""
    marks = {price["instrument_id"]: price for price in case["prices"]}
    instruments = {each["instrument_id"]: each for each in case["instruments"]}
    total = [0.0] * len(moves)
    for position in case["positions"]:
        instrument = instruments[position["instrument_id"]]
        if instrument.get("underlying", instrument["instrument_id"]) != root:
            continue
        unit = position["quantity"] * instrument.get("multiplier", 1.0)
        price = _pricer(case, instrument, marks)
        spot = marks[root]["mark"]
        for index, move in enumerate(moves):
            total[index] += unit * (price(spot * (1.0 + move)) - price(spot))
    return total


def _pricer(case: Case, instrument: Case, marks: dict[str, Case]) -> Any:
    """Value per unit as a function of the price of the class root."""
    if "strike" not in instrument:
        return lambda spot: spot
    days = _days(case["market"]["valuation_time"], instrument["expiry"])
    spot, mark = marks[instrument["underlying"]]["mark"], marks[instrument["instrument_id"]]

    def value(price: float, volatility: float) -> float:
        return option_value(
            instrument["right"],
            instrument["exercise"],
            price,
            instrument["strike"],
            days,
            case["market"]["rate"],
            instrument.get("dividend_yield", 0.0),
            volatility,
        )

    volatility = mark.get("implied_volatility") or _bisect(lambda vol: value(spot, vol) - mark["mark"])
    return lambda price: value(price, volatility)


def _days(start: str, end: str) -> int:
    between = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    assert between.seconds == 0, "cases use whole days"
    return between.days


def _bisect(function: Any) -> float:
    low, high = 0.01, 3.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


def minimum(case: Case, root: str) -> float:
    """0.375 USD x multiplier per option contract; of a long one not above its market value."""
    marks = {price["instrument_id"]: price["mark"] for price in case["prices"]}
    instruments = {each["instrument_id"]: each for each in case["instruments"]}
    total = 0.0
    for position in case["positions"]:
        instrument, quantity = instruments[position["instrument_id"]], position["quantity"]
        if instrument.get("underlying") != root:
            continue
        per_contract = case["rulebook"]["minimum_per_option"]["value"] * instrument["multiplier"]
        value = marks[position["instrument_id"]] * instrument["multiplier"]
        total += abs(quantity) * (min(per_contract, value) if quantity > 0 else per_contract)
    return total
