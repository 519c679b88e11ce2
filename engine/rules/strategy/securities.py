"""Stocks and funds by themselves: requirements per unit as pure functions of price and parameters.

A requirement of a short position stands beside its buy-back cost, which equity counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.rules.strategy.parameters import StockRates


class Stage(StrEnum):
    """When a requirement is asked for."""

    INITIAL = "initial"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Stock:
    """What an underlying's own requirement rests on.

    Attributes:
        price: USD per share, > 0.
        leverage: of a leveraged fund, sign included; else 1.
        marginable: it has loan value.
    """

    price: float
    leverage: float = 1.0
    marginable: bool = True


def long_stock_rate(rates: StockRates, stock: Stock, stage: Stage) -> float:
    """Share of the market value asked for a long position; initial is never below maintenance."""
    if not stock.marginable:
        return rates.non_margin
    maintenance = min(rates.long_maintenance * _scale(rates, stock), 1.0)
    return max(rates.long_initial, maintenance) if stage is Stage.INITIAL else maintenance


def short_stock_usd(rates: StockRates, stock: Stock, stage: Stage) -> float:
    """USD a share asked for a short position beside its buy-back cost; initial is never below maintenance."""
    if stock.price < rates.low_price:
        maintenance = max(rates.low_short_rate * stock.price, rates.low_short_least)
    else:
        rate = min(rates.short_maintenance * _scale(rates, stock), max(rates.short_maintenance, 1.0))
        maintenance = max(rate * stock.price, rates.short_least)
    if stage is Stage.MAINTENANCE:
        return maintenance
    return max(rates.short_initial * stock.price, maintenance)


def leverage_scale(rates: StockRates, leverage: float) -> float:
    """Factor on the rates of a leveraged fund and of options on it; never below 1."""
    return max(abs(leverage), 1.0) if rates.scale_by_leverage else 1.0


def _scale(rates: StockRates, stock: Stock) -> float:
    return leverage_scale(rates, stock.leverage)
