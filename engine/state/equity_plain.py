"""Equity of one silo of one account, in the order in which a clerk works it out: what counts, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.market.instruments import Instrument
from engine.market.plain import contract_value, fx_rate
from engine.market.view import MarketView
from engine.portfolio.collateral import HOME_CURRENCY, CollateralSchedule
from engine.portfolio.names import name_of, side_of
from engine.rules.interface import Holding
from engine.rules.requirement import Part

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class SiloContent:
    """What an account has in one silo.

    Attributes:
        cash: balance by currency. positions: held outright. pledged: assets deposited as collateral.
        issuer: name of the account's owner as an issuer, empty if none.
        settlement: currency that the account settles in.
    """

    silo: str
    cash: Mapping[str, float]
    positions: Sequence[Holding]
    pledged: Sequence[Holding]
    issuer: str = ""
    settlement: str = HOME_CURRENCY


def explain_equity(
    schedule: CollateralSchedule, content: SiloContent, market: MarketView, at_ns: int
) -> Part:
    """Cash, market value of positions, collateral after haircut and limits; the parts add up to the silo's equity.

    Args:
        at_ns: from where time to maturity counts.
    """
    settled: dict[str, list[Part]] = {}
    positions: list[Part] = []
    for holding in content.positions:
        line, instrument = _position(holding, market), holding.instrument
        if instrument.settles_in_foreign_balance:
            settled.setdefault(instrument.currency, []).append(line)
        else:
            positions.append(line)
    cash = [
        _cash(schedule, content, currency, settled.get(currency, []), market)
        for currency in sorted({*content.cash, *settled})
    ]
    pledged = [_pledged(schedule, content, holding, market, at_ns) for holding in content.pledged]
    parts = [
        Part.sum_of(name, lines)
        for name, lines in (("cash", cash), ("market value", positions), ("collateral", pledged))
        if lines
    ]
    before_usd = math.fsum(part.amount_usd for part in parts)
    parts += _over_limits(schedule, content, pledged, before_usd)
    return Part.sum_of("equity", parts)


def _cash(
    schedule: CollateralSchedule,
    content: SiloContent,
    currency: str,
    contracts: Sequence[Part],
    market: MarketView,
) -> Part:
    """A credit balance in a foreign currency bears the currency's haircut, a debit balance counts in full; contracts
    that settle in the currency day by day are part of the balance.
    """
    balance = content.cash.get(currency, 0.0)
    if currency == HOME_CURRENCY:
        haircut = schedule.fx_haircut(currency, content.silo, content.settlement) if balance > 0.0 else 0.0
        if haircut == 0.0:
            return Part(f"cash {currency}", balance)
        lines = [Part("balance", balance), Part("haircut of the currency", -balance * haircut)]
        return Part(f"cash {currency}", balance * (1.0 - haircut), tuple(lines), {"haircut": haircut})
    slot = market.slot_of.get(f"{currency}USD", -1)
    if slot < 0 or not market.priced[slot]:
        return Part(f"cash {currency}", 0.0, (), {"balance": balance, "rate": "missing: counts nothing"})
    rate = max(float(market.mark[slot]), 0.0)
    lines = [Part("at the rate", balance * rate), *contracts]
    left_usd = math.fsum(line.amount_usd for line in lines)
    haircut = schedule.fx_haircut(currency, content.silo, content.settlement) if left_usd > 0.0 else 0.0
    lines.append(Part("haircut of the currency", -left_usd * haircut))
    facts: Facts = {"balance": balance, "rate": rate, "haircut": haircut}
    return Part(f"cash {currency}", left_usd * (1.0 - haircut), tuple(lines), facts)


def _value_usd(instrument: Instrument, market: MarketView, facts: Facts) -> float:
    """Of one unit (contract); 0 without a price, which the facts then say."""
    slot = market.slot_of[instrument.instrument_id]
    if not market.priced[slot]:
        facts["price"] = "missing: counts nothing"
        return 0.0
    facts["mark"] = float(market.mark[slot])
    return contract_value(instrument, float(market.mark[slot])) * fx_rate(instrument, market)


def _position(holding: Holding, market: MarketView) -> Part:
    facts: Facts = {"quantity": holding.quantity}
    value_usd = _value_usd(holding.instrument, market, facts)
    return Part(holding.instrument.instrument_id, holding.quantity * value_usd, (), facts)


def _pledged(
    schedule: CollateralSchedule, content: SiloContent, holding: Holding, market: MarketView, at_ns: int
) -> Part:
    """Market value of an asset less its haircut by cause. More withdrawn than deposited counts against the account."""
    instrument, quantity, silo = holding.instrument, holding.quantity, content.silo
    facts: Facts = {"quantity": quantity}
    unit_usd = _value_usd(instrument, market, facts)
    value_usd = quantity * unit_usd
    if quantity <= 0.0:
        return Part(instrument.instrument_id, value_usd, (), facts)
    terms = schedule.terms(instrument, silo, at_ns, content.settlement)
    facts["haircut"] = terms.reason
    if instrument.issuer or content.issuer:
        facts["issuer"] = name_of(instrument, market)
    for number, source in enumerate(terms.sources, 1):
        facts[f"source {number}"] = source
    lines = [Part("market value", value_usd)]
    counted = min(quantity, schedule.most_units(instrument, silo))
    if counted < quantity:
        lines.append(Part("beyond the days of its volume that count", (counted - quantity) * unit_usd))
        facts["units_that_count"] = counted
    own, same = wrong_way(schedule, content, instrument, market)
    left = 1.0
    for cause, haircut in (
        ("haircut", terms.own),
        ("add-on of the token", terms.token),
        ("currency", terms.currency),
        ("wrong way: issued by the account's owner", own),
        ("wrong way: the positions rest on the same name", same),
    ):
        taken = min(haircut, left)
        if taken > 0.0:
            lines.append(Part(f"{cause} {100.0 * taken:g} %", -taken * counted * unit_usd))
        left -= taken
    return Part.sum_of(instrument.instrument_id, lines, **facts)


def wrong_way(
    schedule: CollateralSchedule, content: SiloContent, instrument: Instrument, market: MarketView
) -> tuple[float, float]:
    """Haircuts on top: for the owner's own securities, and for those of a name whose fall the positions lose from."""
    rates, name = schedule.limits.of_silo(content.silo), name_of(instrument, market)
    if not name:
        return 0.0, 0.0
    falls_with = any(
        name_of(held.instrument, market) == name and held.quantity * side_of(held.instrument) > 0.0
        for held in content.positions
    )
    return rates.own_issuer if name == content.issuer else 0.0, rates.same_name if falls_with else 0.0


def _over_limits(
    schedule: CollateralSchedule, content: SiloContent, pledged: Sequence[Part], before_usd: float
) -> list[Part]:
    """What groups of assets count beyond the most that they may."""
    amounts: dict[int, list[float]] = {}
    for holding, part in zip(content.pledged, pledged, strict=True):
        group = schedule.group(holding.instrument, content.silo)
        if group >= 0 and holding.quantity > 0.0:
            amounts.setdefault(group, []).append(part.amount_usd)
    parts = []
    for group in sorted(amounts):
        limit, counted_usd = schedule.limits.groups[group], math.fsum(amounts[group])
        most_usd = limit.largest_usd
        if math.isfinite(limit.largest_share):
            most_usd = min(most_usd, limit.largest_share * max(before_usd, 0.0))
        if counted_usd > most_usd:
            facts: Facts = {
                "counted_usd": counted_usd,
                "most_usd": most_usd,
                "largest_share": limit.largest_share,
                "equity_before_usd": before_usd,
                "source": limit.source,
            }
            parts.append(Part(f"beyond the limit of {limit.name}", most_usd - counted_usd, (), facts))
    return parts
