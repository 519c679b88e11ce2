"""SEC Rule 18a-3 standardized margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.credit import credit_spread, gain_per_basis_point
from engine.market.credit_pricing import BASIS_POINT
from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.held import by_name, covered
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.sec_18a_3_parameters import Parameters

COVERED = frozenset({Product.CREDIT_DEFAULT_SWAP})
Cell = tuple[int, int]  # maturity and spread category
Facts = dict[str, float | str]


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over its reference entities, with the tree that adds up to it."""
    swaps = covered(holdings, parameters.silo, COVERED)
    by_entity = by_name(swaps, lambda instrument: instrument.reference_entity)
    parts = [_entity(parameters, name, mine, market) for name, mine in by_entity.items()]
    tree = Part.sum_of("SEC 18a-3 standardized margin", parts, version=parameters.version)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _entity(parameters: Parameters, name: str, holdings: list[Holding], market: MarketView) -> Part:
    """Deductions of all cells, less the smaller side of each pair in adjacent cells."""
    facts: Facts = {}
    net = _net_by_cell(parameters, holdings, market, facts)
    deductions = [_deduction(parameters, cell, net[cell]) for cell in sorted(net) if net[cell] != 0.0]
    return Part.sum_of(name, [*deductions, *_pairs(parameters, dict(net))], **facts)


def _net_by_cell(
    parameters: Parameters, holdings: list[Holding], market: MarketView, facts: Facts
) -> dict[Cell, float]:
    """Notional in USD, protection bought less sold; what it rests on goes into the facts."""
    notionals: dict[Cell, list[float]] = {}
    for holding in holdings:
        instrument = holding.instrument
        slot = market.slot_of[instrument.instrument_id]
        if not market.priced[slot]:
            facts[f"mark of {instrument.instrument_id}"] = "missing: not in the figure"
            continue
        spread, months = credit_spread(market, slot), _months(instrument, market)
        cell = parameters.grid.cell(months, spread)
        notional_usd = holding.quantity * instrument.multiplier * fx_rate(instrument, market)
        notionals.setdefault(cell, []).append(notional_usd)
        per_basis_point = gain_per_basis_point(market, slot, spread)
        facts |= {
            f"notional_usd of {instrument.instrument_id}": notional_usd,
            f"mark of {instrument.instrument_id}": float(market.mark[slot]),
            f"spread_bp of {instrument.instrument_id}": spread / BASIS_POINT,
            f"months of {instrument.instrument_id}": months,
            f"cell of {instrument.instrument_id}": parameters.grid.label(*cell),
            f"cr01_usd of {instrument.instrument_id}": notional_usd * per_basis_point,
        }
    return {cell: math.fsum(parts) for cell, parts in notionals.items()}


def _months(instrument: Instrument, market: MarketView) -> int:
    """Started calendar months to maturity."""
    today, maturity = _date(market.valuation_time_ns), _date(instrument.expiry_ns)
    months = 12 * (maturity.year - today.year) + maturity.month - today.month
    return max(months + (maturity.day > today.day), 0)


def _date(time_ns: int) -> date:
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).date()


def _rate(parameters: Parameters, cell: Cell, bought: bool) -> float:
    maturity, spread = cell
    return parameters.grid.rates[maturity][spread] * (parameters.long_share if bought else 1.0)


def _deduction(parameters: Parameters, cell: Cell, notional_usd: float) -> Part:
    bought = notional_usd > 0.0
    rate = _rate(parameters, cell, bought)
    name = f"protection {'bought' if bought else 'sold'}, {parameters.grid.label(*cell)}"
    facts: Facts = {"notional_usd": abs(notional_usd), "rate": rate}
    return Part(name, rate * abs(notional_usd), (), facts)


def _pairs(parameters: Parameters, left: dict[Cell, float]) -> Iterator[Part]:
    """The smaller side of each pair is not charged. Nearest cells first; then from the shortest and tightest on."""
    for apart in range(1, parameters.adjacent_maturities + parameters.adjacent_spreads + 1):
        for bought in sorted(left):
            for sold in sorted(left):
                maturities, spreads = abs(sold[0] - bought[0]), abs(sold[1] - bought[1])
                if maturities > parameters.adjacent_maturities or spreads > parameters.adjacent_spreads:
                    continue
                if maturities + spreads != apart or left[bought] <= 0.0 or left[sold] >= 0.0:
                    continue
                paired_usd = min(left[bought], -left[sold])
                left[bought] -= paired_usd
                left[sold] += paired_usd
                yield _credit(parameters, bought, sold, paired_usd)


def _credit(parameters: Parameters, bought: Cell, sold: Cell, notional_usd: float) -> Part:
    rate = min(_rate(parameters, bought, True), _rate(parameters, sold, False))
    label = parameters.grid.label
    name = f"pair: bought {label(*bought)}; sold {label(*sold)}"
    return Part(name, -rate * notional_usd, (), {"notional_usd": notional_usd, "rate": rate})
