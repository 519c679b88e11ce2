"""Spot digital assets for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.base.units import start_of_day
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.portfolio.collateral import asset_of
from engine.rules.digital_assets_spot_parameters import AssetRates, Parameters, SideRates
from engine.rules.held import by_name, covered
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement

COVERED = frozenset({Product.CRYPTO_SPOT, Product.STABLECOIN, Product.TOKENISED})
Facts = dict[str, float | str]


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over its assets, with the tree that adds up to it."""
    by_asset = by_name(covered(holdings, parameters.silo, COVERED), _name)
    charged = [_charge_asset(parameters, asset, mine, market) for asset, mine in by_asset.items()]
    initial_usd = math.fsum(initial for initial, _ in charged)
    parts = [part for _, part in charged]
    tree = Part.sum_of("spot digital assets", parts, version=parameters.version, initial_usd=initial_usd)
    return Explained(Requirement(initial_usd, tree.amount_usd), tree)


def _name(instrument: Instrument) -> str:
    """The asset; a token stands by itself."""
    token = instrument.product is Product.TOKENISED
    return instrument.instrument_id if token else asset_of(instrument)


def _charge_asset(
    parameters: Parameters, asset: str, holdings: list[Holding], market: MarketView
) -> tuple[float, Part]:
    """Initial requirement and maintenance part of one asset: the greater of its long and its short side."""
    facts: Facts = {}
    values_usd = _values_usd(holdings, market, facts)
    long_usd = math.fsum(value for value in values_usd if value > 0.0)
    short_usd = -math.fsum(value for value in values_usd if value < 0.0)
    rates = _rates(parameters, asset, holdings[0].instrument, market)
    initial_usd = max(rates.long.initial * long_usd, rates.short.initial * short_usd)
    long_charge = rates.long.maintenance * long_usd
    short_charge = rates.short.maintenance * short_usd
    facts |= {
        "long_value_usd": long_usd,
        "short_value_usd": short_usd,
        "long_maintenance_rate": rates.long.maintenance,
        "short_maintenance_rate": rates.short.maintenance,
        "initial_usd": initial_usd,
    }
    parts = [
        Part("haircut of the long side", long_charge),
        Part("top-up to the short side", max(short_charge - long_charge, 0.0)),
    ]
    return initial_usd, Part.sum_of(asset, parts, **facts)


def _rates(parameters: Parameters, asset: str, instrument: Instrument, market: MarketView) -> AssetRates:
    """Of a coin as the file says; of a token that of what it stands for plus the add-on, on either side."""
    if instrument.product is not Product.TOKENISED:
        return parameters.assets[asset]
    rate = parameters.tokens[instrument.tokenised_product].rate(
        instrument, start_of_day(market.valuation_time_ns)
    )
    return AssetRates(SideRates(rate, rate), SideRates(rate, rate))


def _values_usd(holdings: list[Holding], market: MarketView, facts: Facts) -> list[float]:
    """Signed market value of each instrument's net position; quantities and prices go into the facts."""
    values_usd: list[float] = []
    for name in sorted({holding.instrument.instrument_id for holding in holdings}):
        same = [holding for holding in holdings if holding.instrument.instrument_id == name]
        quantity = math.fsum(holding.quantity for holding in same)
        facts[f"quantity of {name}"] = quantity
        slot = market.slot_of[name]
        if not market.priced[slot]:
            facts[f"mark of {name}"] = "missing: not in the figure"
            continue
        instrument = same[0].instrument
        mark = float(market.mark[slot])
        facts[f"mark of {name}"] = mark
        fx = fx_rate(instrument, market)
        if instrument.currency != "USD":
            facts[f"fx rate of {name}"] = fx
        values_usd.append(quantity * instrument.multiplier * mark * fx)
    return values_usd
