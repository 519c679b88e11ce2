"""One position of debt under FINRA Rule 4210(e)(2): what is asked of it, initial and maintenance alike.

Regulation T asks for good faith margin of exempted securities and debt, so the rule's own figure governs at both
stages. A short position is asked the same beside its buy-back cost. Positions never offset one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.base.errors import Reason
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.requirement import Part
from engine.rules.strategy.debt_parameters import DebtRates
from engine.rules.strategy.reading import months_later, price_usd, refuse

PRICE_OF_PRINCIPAL = 100.0  # a price is a percentage of the principal


@dataclass(frozen=True, slots=True)
class Debt:
    """A position; amounts are signed.

    Attributes:
        time_ns: when it is margined, from which ``maturity_ns`` is counted.
    """

    name: str
    product: Product
    investment_grade: bool
    zero_coupon: bool
    market_value_usd: float
    principal_usd: float
    time_ns: int
    maturity_ns: int


def debt_of(instrument: Instrument, quantity: float, market: MarketView) -> Debt:
    """Read a position of debt.

    Raises:
        MarginError: naming the position: EXPIRED if it has matured, NO_PRICE without a price above zero.
    """
    if instrument.expiry_ns <= market.valuation_time_ns:
        raise refuse(Reason.EXPIRED, instrument, "has matured; book the redemption")
    unit_value_usd = instrument.multiplier * price_usd(market, instrument, instrument)
    unit_principal_usd = PRICE_OF_PRINCIPAL * instrument.multiplier * fx_rate(instrument, market)
    return Debt(
        name=instrument.instrument_id,
        product=instrument.product,
        investment_grade=instrument.grade == "investment",
        zero_coupon=instrument.coupon == 0.0,
        market_value_usd=quantity * unit_value_usd,
        principal_usd=quantity * unit_principal_usd,
        time_ns=market.valuation_time_ns,
        maturity_ns=instrument.expiry_ns,
    )


def treasury_rate(rates: DebtRates, time_ns: int, maturity_ns: int) -> float:
    """Share of the market value by the band of the remaining maturity; a band ends on the anniversary."""
    for months_below, rate in rates.treasury:
        if maturity_ns < months_later(time_ns, months_below):
            return rate
    return rates.treasury[-1][1]


def debt_part(rates: DebtRates, debt: Debt) -> Part:
    """The requirement of one position, with what it was worked out from."""
    value_usd, principal_usd = abs(debt.market_value_usd), abs(debt.principal_usd)
    facts: dict[str, float | str] = {
        "market_value_usd": debt.market_value_usd,
        "principal_usd": debt.principal_usd,
        "years_to_maturity": (debt.maturity_ns - debt.time_ns) / (365.25 * 86_400e9),
    }
    if debt.product is Product.TREASURY:
        kind, rate, floor = "Treasury", treasury_rate(rates, debt.time_ns, debt.maturity_ns), 0.0
        long_dated = debt.maturity_ns >= months_later(debt.time_ns, rates.zero_coupon_months)
        if debt.zero_coupon and long_dated:
            kind, floor = "zero-coupon Treasury", rates.zero_coupon_principal
    elif debt.product is Product.MUNICIPAL_BOND:
        kind, rate, floor = "municipal", rates.municipal, 0.0
    elif debt.investment_grade:
        kind, rate, floor = "investment-grade debt", rates.investment_grade, 0.0
    else:
        kind, rate, floor = "other debt", rates.other_market, rates.other_principal
    facts |= {"rate_of_value": rate}
    if floor:
        facts |= {"least_rate_of_principal": floor}
    return Part(f"{kind} {debt.name}", max(rate * value_usd, floor * principal_usd), (), facts)


def debts_part(name: str, rates: DebtRates, debts: Sequence[Debt], version: str) -> Part:
    """All positions, one line each."""
    return Part.sum_of(name, [debt_part(rates, debt) for debt in debts], version=version)
