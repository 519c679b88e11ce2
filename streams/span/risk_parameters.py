"""What is read from an exchange's SPAN risk parameter file, whatever its format, and how it becomes our parameters.

The price scan range of a commodity is the largest of the first fourteen losses of its future's risk array, which is in
money; the scan range that the file states may be in quoted prices. The volatility scan range is a share of the implied
volatility here and absolute in most files: it is divided by the base volatility that the file states beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from engine.market.instruments import Instrument
from streams.span.legs import inter_legs, month_legs

SCENARIOS: Final = 16
_REGULAR: Final = 14
_LEAST_SCAN_USD: Final = 1e-6
_LARGEST_VOLATILITY_SCAN: Final = 0.99


@dataclass(slots=True)
class FutureRisk:
    """One contract month of a future: its array in money, losses positive as published, and how it is scaled."""

    month: str
    losses: list[float]

    @property
    def price_scan(self) -> float:
        return max(abs(loss) for loss in self.losses[:_REGULAR])


@dataclass(slots=True)
class OptionRisk:
    """One option of the standard contract's size.

    Attributes:
        month: of its future. expiry: YYYY-MM-DD, empty where the file does not say.
        right: ``call`` or ``put``. losses: as published. delta: composite.
    """

    month: str
    expiry: str
    right: str
    strike: float
    losses: list[float]
    delta: float


@dataclass(slots=True)
class Spread:
    """A spread in the file's words.

    Attributes:
        legs: (commodity, tier or 0, month or "", side, delta per spread, credit rate or None).
        amount: charge in money, or credit as a fraction.
        problem: why it cannot be used; empty where it can.
    """

    priority: int
    legs: list[tuple[str, int, str, str, float, float | None]]
    amount: float
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.priority}: " + ":".join(dict.fromkeys(leg[0] for leg in self.legs))


@dataclass(slots=True)
class CommodityRisk:
    """A combined commodity as the file describes it; money in ``currency``.

    Attributes:
        tiers: (number, first month, last month).
        delivery: (month, per delta in spreads, per delta outright).
        factors: by account class, (risk, initial / maintenance).
        problem: why it cannot be used; empty where it can.
    """

    name: str
    currency: str = "USD"
    multiplier: float = 0.0
    futures: list[FutureRisk] = field(default_factory=list)
    options: list[OptionRisk] = field(default_factory=list)
    volatility_scans: list[float] = field(default_factory=list)
    short_option_minimum: float = 0.0
    short_options_counted: str = "sum"
    factors: dict[str, tuple[float, float]] = field(default_factory=dict)
    tiers: list[tuple[int, str, str]] = field(default_factory=list)
    inter_month: list[Spread] = field(default_factory=list)
    delivery: list[tuple[str, float, float]] = field(default_factory=list)
    problem: str = ""


@dataclass(slots=True)
class RiskParameters:
    """A whole file.

    Attributes:
        date: business date, YYYY-MM-DD. scan: extreme multiple, cover fraction and delta weights, where stated.
    """

    source: str
    date: str
    commodities: dict[str, CommodityRisk] = field(default_factory=dict)
    inter_commodity: list[Spread] = field(default_factory=list)
    super_inter_commodity: list[Spread] = field(default_factory=list)
    scan: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Converted:
    """A parameter file's content; ``left_out`` says line by line what of the source is not in it."""

    mapping: dict[str, Any]
    left_out: list[str]


def converted(
    risk: RiskParameters, base: Mapping[str, Any], instruments: Sequence[Instrument] = ()
) -> Converted:
    """Parameters from a file; what it does not state (month columns, scenario weights) comes from ``base``.

    Args:
        instruments: those whose published risk arrays are wanted.
    """
    left_out: list[str] = []
    commodities: dict[str, Any] = {}
    for name, commodity in sorted(risk.commodities.items()):
        problem = commodity.problem or _unusable(commodity)
        if problem:
            left_out.append(f"commodity {name}: {problem}")
        else:
            commodities[name] = _commodity(commodity, risk.source, left_out)
    mapping = {
        "rulebook_id": base["rulebook_id"],
        "version": f"{risk.date} {risk.source}",
        "silo": base["silo"],
        "effective_from": risk.date,
        "currency": base["currency"],
        "month_columns": base["month_columns"],
        "initial_factor": base["initial_factor"],
        "scan": {**base["scan"], **risk.scan, "source": risk.source},
        "commodities": commodities,
    }
    for key, spreads in (
        ("super_inter_commodity", risk.super_inter_commodity),
        ("inter_commodity", risk.inter_commodity),
    ):
        mapping[key] = _inter_commodity(sorted(spreads, key=_priority), commodities, risk.source, left_out)
    arrays, without = risk_arrays(risk, instruments)
    mapping["risk_arrays"] = arrays
    return Converted(mapping, left_out + [f"risk array of {each}" for each in without])


def risk_arrays(
    risk: RiskParameters, instruments: Sequence[Instrument]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Arrays of instruments, gains positive, and the instruments for which the file has none.

    A contract is found by commodity and contract month, an option by expiry, right and strike too; one of another
    size than the standard contract takes its share.
    """
    found: dict[str, dict[str, Any]] = {}
    without = []
    for instrument in instruments:
        commodity = risk.commodities.get(instrument.combined_commodity)
        contract = None if commodity is None else _contract_of(commodity, instrument)
        if commodity is None or contract is None or commodity.multiplier <= 0.0:
            without.append(instrument.instrument_id)
            continue
        share = instrument.multiplier / commodity.multiplier
        delta = contract.delta if isinstance(contract, OptionRisk) else 1.0
        found[instrument.instrument_id] = {
            "values_usd": [-loss * share + 0.0 for loss in contract.losses],
            "delta": delta * share,
        }
    return found, without


def _contract_of(commodity: CommodityRisk, instrument: Instrument) -> FutureRisk | OptionRisk | None:
    if not instrument.is_option:
        futures = (each for each in commodity.futures if each.month == instrument.contract_month)
        return next(futures, None)
    expiry = datetime.fromtimestamp(instrument.expiry_ns // 1_000_000_000, UTC).date().isoformat()
    options = (
        each
        for each in commodity.options
        if (each.month, each.right) == (instrument.contract_month, instrument.right)
        and each.expiry in {"", expiry}
        and math.isclose(each.strike, instrument.strike, rel_tol=1e-9)
    )
    return next(options, None)


def _unusable(commodity: CommodityRisk) -> str:
    if commodity.currency != "USD":
        return f"its figures are in {commodity.currency}, not USD"
    if not commodity.futures:
        return "it has no future with a risk array"
    if commodity.multiplier <= 0.0:
        return "its contract value factor is missing"
    if commodity.futures[0].price_scan < _LEAST_SCAN_USD:
        return "the risk array of its nearest future is zero"
    return ""


def _priority(spread: Spread) -> int:
    return spread.priority


def _commodity(commodity: CommodityRisk, source: str, left_out: list[str]) -> dict[str, Any]:
    futures = sorted(commodity.futures, key=lambda each: each.month)
    scan = futures[0].price_scan
    table: dict[str, Any] = {
        "contract_multiplier": commodity.multiplier,
        "price_scan_usd": scan,
        "volatility_scan": min(max(commodity.volatility_scans, default=0.0), _LARGEST_VOLATILITY_SCAN),
        "short_option_minimum_usd": commodity.short_option_minimum,
        "short_options_counted": commodity.short_options_counted,
        "source": source,
    }
    own = [each for each in futures if each.price_scan != scan and each.price_scan >= _LEAST_SCAN_USD]
    if own:
        table["month_scans"] = [{"month": each.month, "price_scan_usd": each.price_scan} for each in own]
    if "speculator" in commodity.factors:
        risk, initial = commodity.factors["speculator"]
        table |= {"risk_factor": risk, "initial_factor": initial}
    classes = {name: pair for name, pair in commodity.factors.items() if name != "speculator"}
    if classes:
        table["account_classes"] = {
            name: {"risk_factor": risk, "initial_factor": initial}
            for name, (risk, initial) in classes.items()
        }
    tiers = sorted(commodity.tiers, key=lambda tier: tier[1])
    if len(tiers) > 1:
        table["tier_last_months"] = [last for _, _, last in tiers[:-1]]
    place = {number: index for index, (number, _, _) in enumerate(tiers, start=1)}
    table["inter_month"] = []
    for spread in sorted(commodity.inter_month, key=_priority):
        legs, problem = month_legs(spread.legs, place) if not spread.problem else ([], spread.problem)
        if problem:
            left_out.append(f"inter-month spread {spread.name}: {problem}")
        else:
            table["inter_month"].append({"legs": legs, "charge_usd": spread.amount})
    if commodity.delivery:
        table["delivery"] = [
            {"month": month, "spread_usd": spread, "outright_usd": outright}
            for month, spread, outright in commodity.delivery
        ]
    return table


def _inter_commodity(
    spreads: list[Spread], commodities: Mapping[str, Any], source: str, left_out: list[str]
) -> list[dict[str, Any]]:
    found = []
    for spread in spreads:
        legs, problem = inter_legs(spread, commodities)
        if problem:
            left_out.append(f"inter-commodity spread {spread.name}: {problem}")
        else:
            found.append({"name": spread.name, "legs": legs, "source": source})
    return found
