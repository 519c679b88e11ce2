"""The words of ISDA SIMM as the risk data standard (CRIF) spells them.

Source: ISDA SIMM methodology and "Risk Data Standards"; names are those of the standard, without abbreviation of ours.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

PRODUCT_CLASSES: Final = ("RatesFX", "Credit", "Equity", "Commodity")
RISK_CLASSES: Final = (
    "InterestRate", "CreditQualifying", "CreditNonQualifying", "Equity", "Commodity", "FX"
)  # fmt: skip
MARGIN_TYPES: Final = ("Delta", "Vega", "Curvature", "BaseCorr")
TENORS: Final = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
CREDIT_TENORS: Final = ("1y", "2y", "3y", "5y", "10y")
DAYS_PER_MONTH: Final = 365 / 12
# Days of a tenor, for the curvature scaling function.
TENOR_DAYS: Final = (
    14.0, 365 / 12, 365 / 4, 365 / 2, 365.0, 730.0, 1095.0, 1825.0, 3650.0, 5475.0, 7300.0, 10950.0
)  # fmt: skip
SUB_CURVES: Final = ("OIS", "Libor1m", "Libor3m", "Libor6m", "Libor12m", "Prime", "Municipal")
RESIDUAL: Final = "Residual"
OTHER_CURRENCIES: Final = "*"
# Places after the twelve tenors in tables of one currency's rates.
INFLATION: Final = len(TENORS)
CROSS_CURRENCY_BASIS: Final = INFLATION + 1
# Volatility indexes: their equity options carry no curvature.
VOLATILITY_INDEX_BUCKET: Final = "12"


class Sheet(IntEnum):
    """What is aggregated together: the sensitivities of one risk class that share weights and correlations.

    A sheet of volatilities yields vega and curvature from the same sensitivities.
    """

    RATES = 0
    RATES_VOLATILITY = 1
    CREDIT_QUALIFYING = 2
    CREDIT_QUALIFYING_VOLATILITY = 3
    BASE_CORRELATION = 4
    CREDIT_NON_QUALIFYING = 5
    CREDIT_NON_QUALIFYING_VOLATILITY = 6
    EQUITY = 7
    EQUITY_VOLATILITY = 8
    COMMODITY = 9
    COMMODITY_VOLATILITY = 10
    FX = 11
    FX_VOLATILITY = 12


SHEET_OF_RISK_TYPE: Final = {
    "Risk_IRCurve": Sheet.RATES,
    "Risk_Inflation": Sheet.RATES,
    "Risk_XCcyBasis": Sheet.RATES,
    "Risk_IRVol": Sheet.RATES_VOLATILITY,
    "Risk_InflationVol": Sheet.RATES_VOLATILITY,
    "Risk_CreditQ": Sheet.CREDIT_QUALIFYING,
    "Risk_CreditVol": Sheet.CREDIT_QUALIFYING_VOLATILITY,
    "Risk_BaseCorr": Sheet.BASE_CORRELATION,
    "Risk_CreditNonQ": Sheet.CREDIT_NON_QUALIFYING,
    "Risk_CreditVolNonQ": Sheet.CREDIT_NON_QUALIFYING_VOLATILITY,
    "Risk_Equity": Sheet.EQUITY,
    "Risk_EquityVol": Sheet.EQUITY_VOLATILITY,
    "Risk_Commodity": Sheet.COMMODITY,
    "Risk_CommodityVol": Sheet.COMMODITY_VOLATILITY,
    "Risk_FX": Sheet.FX,
    "Risk_FXVol": Sheet.FX_VOLATILITY,
}  # fmt: skip
# Risk class of each sheet, as a place in RISK_CLASSES.
CLASS_OF_SHEET: Final = (0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
# Sheets of volatilities: their linear margin is vega, and they have curvature.
VOLATILITY_SHEETS: Final = frozenset(sheet for sheet in Sheet if sheet.name.endswith("VOLATILITY"))
NAMED_CLASSES: Final = {
    "credit_qualifying": (Sheet.CREDIT_QUALIFYING, Sheet.CREDIT_QUALIFYING_VOLATILITY),
    "credit_non_qualifying": (Sheet.CREDIT_NON_QUALIFYING, Sheet.CREDIT_NON_QUALIFYING_VOLATILITY),
    "equity": (Sheet.EQUITY, Sheet.EQUITY_VOLATILITY),
    "commodity": (Sheet.COMMODITY, Sheet.COMMODITY_VOLATILITY),
}  # fmt: skip


def margin_type(sheet: Sheet) -> str:
    """Of the sheet's linear margin."""
    if sheet is Sheet.BASE_CORRELATION:
        return "BaseCorr"
    return "Vega" if sheet in VOLATILITY_SHEETS else "Delta"
