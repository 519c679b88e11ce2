"""The risk array and composite delta of one contract in plain floats: the first half of the twin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.market.instruments import Instrument
from engine.market.plain import fx_rate, option_value
from engine.market.view import MarketView
from engine.rules.span_commodity import Commodity
from engine.rules.span_parameters import (
    REGULAR_THIRDS,
    SCENARIOS,
    VOLATILITY_DIRECTIONS,
    Parameters,
    Scan,
)

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class ContractRisk:
    """One long contract.

    Attributes:
        priced: False where a price is missing; all figures are then 0.
        pnl_usd: 16 results, losses negative.
        delta: composite delta in standard contracts.
        standard_scan_usd: price scan range of one standard contract.
        minimum_usd: short option minimum of one contract; value_usd: of one option, 0 for a future.
    """

    priced: bool
    pnl_usd: tuple[float, ...]
    delta: float
    standard_scan_usd: float
    minimum_usd: float
    value_usd: float
    facts: Facts


def contract_risk(parameters: Parameters, instrument: Instrument, market: MarketView) -> ContractRisk:
    """Revalue one contract in the sixteen scenarios; zero throughout where a price is missing."""
    commodity = parameters.commodities[instrument.combined_commodity]
    slot = market.slot_of[instrument.instrument_id]
    if not market.priced[slot]:
        missing: Facts = {"price": "missing: not in the figure"}
        return ContractRisk(False, (0.0,) * SCENARIOS, 0.0, 0.0, 0.0, 0.0, missing)
    unit_usd = instrument.multiplier * fx_rate(instrument, market)
    standard_contracts = instrument.multiplier / commodity.contract_multiplier
    mark = float(market.mark[slot])
    price = float(market.mark[market.slot_of[instrument.underlying]]) if instrument.is_option else mark
    scan_usd = _price_scan_usd(commodity, instrument.contract_month, standard_contracts, price, unit_usd)
    facts: Facts = {"mark": mark, "price_scan_range": scan_usd / unit_usd, "price_scan_usd": scan_usd}
    published = parameters.risk_arrays.get(instrument.instrument_id)
    if published is not None:
        pnl_usd = published.values_usd
        facts["risk_array"] = "published"
    elif instrument.is_option:
        volatility = float(market.volatility[slot])
        facts |= {"underlying_price": price, "implied_volatility": volatility}
        of_month = commodity.month_scans.get(instrument.contract_month)
        volatility_scan = commodity.volatility_scan if of_month is None else of_month.volatility_scan
        facts["volatility_scan"] = volatility_scan
        pnl_usd = _option_pnl_usd(
            parameters.scan, volatility_scan, instrument, market, price, volatility, scan_usd
        )
    else:
        moves = zip(parameters.scan.price_moves, parameters.scan.cover, strict=True)
        pnl_usd = tuple(scan_usd * move * cover for move, cover in moves)
    if published is not None and published.delta is not None:
        delta = published.delta
    else:
        slope_usd = _composite_slope_usd(parameters.scan, pnl_usd)
        delta = standard_contracts * slope_usd / scan_usd if scan_usd > 0.0 else 0.0
    facts["delta"] = delta
    return ContractRisk(
        True,
        pnl_usd,
        delta,
        scan_usd / standard_contracts,
        commodity.short_option_minimum_usd * standard_contracts if instrument.is_option else 0.0,
        mark * unit_usd if instrument.is_option else 0.0,
        facts,
    )


def _price_scan_usd(
    commodity: Commodity, month: str, standard_contracts: float, price: float, unit_usd: float
) -> float:
    """Price scan range of one contract: a rate per standard contract, or a fraction of the notional."""
    if month in commodity.month_scans:
        return commodity.month_scans[month].price_scan_usd * standard_contracts
    if commodity.price_scan_rate > 0.0:
        return commodity.price_scan_rate * abs(price) * unit_usd
    return commodity.price_scan_usd * standard_contracts


def _option_pnl_usd(
    scan: Scan,
    volatility_scan: float,
    option: Instrument,
    market: MarketView,
    price: float,
    volatility: float,
    scan_usd: float,
) -> tuple[float, ...]:
    """Model value in each scenario less the model value now."""
    unit_usd = option.multiplier * fx_rate(option, market)
    now = option_value(option, market, price, volatility)
    results = []
    for move, cover, direction in zip(scan.price_moves, scan.cover, VOLATILITY_DIRECTIONS, strict=True):
        moved_price = price + move * scan_usd / unit_usd
        moved_volatility = volatility * (1.0 + direction * volatility_scan)
        moved = option_value(option, market, moved_price, moved_volatility)
        results.append(unit_usd * (moved - now) * cover)
    return tuple(results)


def _composite_slope_usd(scan: Scan, pnl_usd: tuple[float, ...]) -> float:
    """P&L per full price scan range: slopes at the seven prices, averaged with the delta weights.

    Each price counts with the mean of its two volatilities; a slope is the difference of the neighbouring
    prices divided by their distance, one-sided at the ends of the range.
    """
    level = dict.fromkeys(range(-3, 4), 0.0)
    for thirds, pnl in zip(REGULAR_THIRDS, pnl_usd, strict=False):  # without the two extreme moves
        level[thirds] += pnl / 2.0
    weighted, weights = [], []
    for thirds in range(-3, 4):
        above, below = min(thirds + 1, 3), max(thirds - 1, -3)
        slope = (level[above] - level[below]) / ((above - below) / 3.0)
        weights.append(scan.delta_weights[abs(thirds)])
        weighted.append(weights[-1] * slope)
    return math.fsum(weighted) / math.fsum(weights)
