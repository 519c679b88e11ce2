"""Tiered crypto margin, options included, for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.crypto_tiered_liquidation import liquidation_price, liquidation_price_in_coins
from engine.rules.crypto_tiered_parameters import OpenInterestScaling, Parameters, Schedule
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement

COVERED = frozenset({Product.PERPETUAL, Product.CRYPTO_FUTURE, Product.CRYPTO_OPTION})
Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Position:
    """The net position of an account in one contract; ``mark`` is None where there is no price."""

    instrument: Instrument
    quantity: float
    mark: float | None

    @property
    def units(self) -> float:
        """Of an inverse contract its face in USD."""
        return self.quantity * self.instrument.multiplier


@dataclass(frozen=True, slots=True)
class Charged:
    """A position with its requirement; ``parts`` add up to the maintenance."""

    position: Position
    initial_usd: float
    parts: tuple[Part, ...]
    facts: Facts

    @property
    def maintenance_usd(self) -> float:
        return math.fsum(part.amount_usd for part in self.parts)


def explain_account(
    parameters: Parameters, holdings: Sequence[Holding], market: MarketView, equity_usd: float | None = None
) -> Explained:
    """The account's requirement: the sum over its contracts, with the tree that adds up to it.

    Args:
        equity_usd: equity that stands behind these contracts alone; with it the facts name each contract's
            liquidation price.
    """
    charged = [
        _charge(parameters.schedules[position.instrument.margin_schedule], position, market)
        for position in net_positions(parameters.silo, holdings, market)
    ]
    maintenance_usd = math.fsum(one.maintenance_usd for one in charged)
    initial_usd = math.fsum(one.initial_usd for one in charged)
    parts = [
        Part(
            one.position.instrument.instrument_id,
            one.maintenance_usd,
            one.parts,
            one.facts | _liquidation(parameters, one, maintenance_usd, equity_usd),
        )
        for one in charged
    ]
    tree = Part.sum_of("tiered crypto margin", parts, version=parameters.version, initial_usd=initial_usd)
    return Explained(Requirement(initial_usd, tree.amount_usd), tree)


def net_positions(silo: str, holdings: Sequence[Holding], market: MarketView) -> list[Position]:
    """Long and short of one contract net; different contracts do not, even on the same coin."""
    instruments: dict[str, Instrument] = {}
    quantities: dict[str, list[float]] = {}
    for holding in holdings:
        if holding.silo == silo and holding.instrument.product in COVERED:
            instruments[holding.instrument.instrument_id] = holding.instrument
            quantities.setdefault(holding.instrument.instrument_id, []).append(holding.quantity)
    positions: list[Position] = []
    for name in sorted(instruments):
        slot = market.slot_of[name]
        mark = float(market.mark[slot]) if market.priced[slot] else None
        positions.append(Position(instruments[name], math.fsum(quantities[name]), mark))
    return positions


def _charge(schedule: Schedule, position: Position, market: MarketView) -> Charged:
    if position.instrument.is_inverse and position.mark is not None:
        return charge_inverse(schedule, position, position.mark, fx_rate(position.instrument, market))
    if schedule.option is None or position.mark is None:
        return charge_position(schedule, position)
    slot = market.slot_of[position.instrument.underlying]
    return charge_option(schedule, position, position.mark, float(market.mark[slot]))


def charge_option(schedule: Schedule, position: Position, mark: float, underlying: float) -> Charged:
    """An option bought requires its value; one sold max(rate x S - out of the money, floor x S), never less than for
    maintenance, which is rate x S, for a put rate x the larger of S and the option's value. The venue adds the premium.
    """
    rates, option = schedule.option, position.instrument
    assert rates is not None
    facts: Facts = {
        "quantity": position.quantity,
        "multiplier": option.multiplier,
        "schedule": schedule.name,
        "mark": mark,
        "underlying_price": underlying,
    }
    size = abs(position.units)
    if position.units > 0.0:
        value_usd = size * mark
        facts["initial_usd"] = value_usd
        return Charged(position, value_usd, (Part("value of options bought", value_usd),), facts)
    out = max(option.strike - underlying if option.right == "call" else underlying - option.strike, 0.0)
    maintenance = rates.maintenance_rate * (underlying if option.right == "call" else max(underlying, mark))
    initial = max(rates.initial_rate * underlying - out, rates.initial_floor_rate * underlying, maintenance)
    facts |= {
        "out_of_the_money": out,
        "initial_usd": size * initial,
        "published_initial_usd": size * (initial + mark),
        "published_maintenance_usd": size * (maintenance + mark),
    }
    return Charged(position, size * initial, (Part("options sold", size * maintenance),), facts)


def charge_position(schedule: Schedule, position: Position) -> Charged:
    """Initial = notional x initial rate; maintenance = notional x rate - deduction; of the tier reached."""
    facts: Facts = {
        "quantity": position.quantity,
        "multiplier": position.instrument.multiplier,
        "schedule": schedule.name,
    }
    if position.mark is None:
        facts["price"] = "missing: not in the figure"
        return Charged(position, 0.0, (Part("no price", 0.0),), facts)
    notional_usd = abs(position.units * position.mark)
    number = _tier_reached(schedule, notional_usd)
    tier = schedule.tiers[number - 1]
    parts = [Part("notional x maintenance rate", notional_usd * tier.maintenance_rate)]
    if tier.deduction > 0.0:
        parts.append(Part(f"deduction of tier {number}", -tier.deduction))
    if schedule.rounding_usd > 0.0:
        exact = math.fsum(part.amount_usd for part in parts)
        parts.append(Part("rounding up", round_up(exact, schedule.rounding_usd) - exact))
    scaling = _scaling(schedule, position.instrument, position.mark)
    initial_rate = tier.initial_rate if scaling is None else float(scaling.effective_initial())
    initial_usd = round_up(notional_usd * initial_rate, schedule.rounding_usd)
    facts |= {
        "mark": position.mark,
        "notional_usd": notional_usd,
        "tier": float(number),
        "tier_from_usd": tier.lower_bound,
        "maintenance_rate": tier.maintenance_rate,
        "initial_rate": initial_rate,
        "initial_usd": initial_usd,
    }
    facts |= _funding(position, notional_usd) | _schedule_facts(schedule, scaling, notional_usd)
    return Charged(position, initial_usd, tuple(parts), facts)


def _tier_reached(schedule: Schedule, notional: float) -> int:
    """Number of the highest tier that a notional in the schedule's unit reaches, from 1."""
    number = 1
    while number < len(schedule.tiers) and notional >= schedule.tiers[number].reached_at:
        number += 1
    return number


def charge_inverse(schedule: Schedule, position: Position, mark: float, coin_usd: float) -> Charged:
    """As a linear contract, but all of it in coins: the notional is face / mark; USD at the coin's rate."""
    notional_coin = abs(position.units) / mark
    number = _tier_reached(schedule, notional_coin)
    tier = schedule.tiers[number - 1]
    parts = [Part("notional x maintenance rate", notional_coin * tier.maintenance_rate * coin_usd)]
    if tier.deduction > 0.0:
        parts.append(Part(f"deduction of tier {number}", -tier.deduction * coin_usd))
    initial_coin = notional_coin * tier.initial_rate
    facts: Facts = {
        "quantity": position.quantity,
        "face_usd": position.instrument.multiplier,
        "schedule": schedule.name,
        "coin": schedule.unit,
        "coin_usd": coin_usd,
        "mark": mark,
        "notional_coin": notional_coin,
        "notional_usd": notional_coin * coin_usd,
        "tier": float(number),
        "tier_from_coin": tier.lower_bound,
        "maintenance_rate": tier.maintenance_rate,
        "maintenance_coin": notional_coin * tier.maintenance_rate - tier.deduction,
        "initial_rate": tier.initial_rate,
        "initial_coin": initial_coin,
        "initial_usd": initial_coin * coin_usd,
    }
    funding = _funding(position, notional_coin * coin_usd)
    if funding:
        funding["next_funding_coin"] = float(funding["next_funding_usd"]) / coin_usd
    if notional_coin > schedule.maximum_notional:
        facts["above_maximum_notional_coin"] = schedule.maximum_notional
    return Charged(position, initial_coin * coin_usd, tuple(parts), facts | funding)


def _funding(position: Position, notional_usd: float) -> Facts:
    """What the account pays (positive) or gets at the next funding time if nothing moves: longs pay a positive rate."""
    rate = position.instrument.funding_rate
    if rate == 0.0:
        return {}
    return {
        "funding_rate": rate,
        "funding_interval_h": position.instrument.funding_interval_h,
        "next_funding_usd": math.copysign(notional_usd, position.units) * rate,
    }


def round_up(amount_usd: float, unit_usd: float) -> float:
    """The next multiple of the unit; a float's noise above a multiple does not count. Unit 0: unchanged."""
    if unit_usd == 0.0:
        return amount_usd
    return math.ceil(amount_usd / unit_usd * (1.0 - 1e-12)) * unit_usd


def _scaling(schedule: Schedule, instrument: Instrument, mark: float) -> OpenInterestScaling | None:
    """At the contract's own open interest, if its record has one."""
    if schedule.scaling is None:
        return None
    return schedule.scaling.at(instrument.open_interest * instrument.multiplier * abs(mark))


def _schedule_facts(schedule: Schedule, scaling: OpenInterestScaling | None, notional_usd: float) -> Facts:
    facts: Facts = {}
    if notional_usd > schedule.maximum_notional:
        facts["above_maximum_notional_usd"] = schedule.maximum_notional
    if scaling is not None:
        facts["open_interest_usd"] = scaling.open_interest_usd
        facts["base_initial_ppm"] = float(scaling.base_initial_ppm)
        facts["adjusted_initial_ppm"] = float(scaling.adjusted_initial_ppm())
        facts["maintenance_ppm"] = float(scaling.maintenance_ppm())
    return facts


def _liquidation(
    parameters: Parameters, one: Charged, maintenance_usd: float, equity_usd: float | None
) -> Facts:
    position = one.position
    schedule = parameters.schedules[position.instrument.margin_schedule]
    if equity_usd is None or position.mark is None or position.units == 0.0 or schedule.option is not None:
        return {}
    others_usd, units, mark = maintenance_usd - one.maintenance_usd, position.units, position.mark
    if position.instrument.is_inverse:
        coin_usd = float(one.facts["coin_usd"])
        price = liquidation_price_in_coins(
            schedule, equity_usd / coin_usd, others_usd / coin_usd, units, mark
        )
        survives, in_deficit = "none: the account survives any rise", units > 0.0
    else:
        price = liquidation_price(schedule, equity_usd, others_usd, units, mark)
        survives, in_deficit = "none: the account survives a fall to zero", units < 0.0
    if price is not None:
        return {"liquidation_price": price}
    return {"liquidation_price": "none: in deficit at any price" if in_deficit else survives}
