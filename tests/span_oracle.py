"""The SPAN-type rule from the text of a golden case alone: own formulas, own loops, nothing of the engine."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

MOVES = [0.0, 0.0, 1 / 3, 1 / 3, -1 / 3, -1 / 3, 2 / 3, 2 / 3, -2 / 3, -2 / 3, 1.0, 1.0, -1.0, -1.0]
SECONDS_PER_YEAR = 365 * 24 * 3600


def result_of(case: dict[str, Any]) -> dict[str, Any]:
    """What the golden case's ``result`` must be."""
    rules = case["rulebook"]
    by_commodity: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for record in case["instruments"]:
        quantity = case["positions"].get(record["instrument_id"], 0.0)
        if quantity:
            by_commodity.setdefault(record["combined_commodity"], []).append((record, quantity))
    commodities = {name: before_credits(case, name, held) for name, held in sorted(by_commodity.items())}
    left = {name: figures["net_delta"] for name, figures in commodities.items()}
    give_credits(rules.get("super_inter_commodity", []), commodities, left)
    for name, figures in commodities.items():
        used = figures["net_delta"] - left[name]
        figures |= months(rules["commodities"][name], figures.pop("month_deltas"), used)
    give_credits(rules["inter_commodity"], commodities, left)
    for name, figures in commodities.items():
        charges = figures["inter_month_usd"] + figures.get("delivery_usd", 0.0)
        net = figures["scanning_risk_usd"] + charges - figures["credit_usd"]
        figures["risk_usd"] = max(net, figures["short_option_minimum_usd"]) * factor(
            case, name, "risk_factor"
        )
        if figures.pop("long_options_only"):
            figures["risk_usd"] = min(figures["risk_usd"], figures["net_option_value_usd"])
    maintenance = sum(figures["risk_usd"] for figures in commodities.values())
    value = sum(figures["net_option_value_usd"] for figures in commodities.values())
    initial = sum(
        factor(case, name, "initial_factor") * figures["risk_usd"] for name, figures in commodities.items()
    )
    return {
        "maintenance_usd": maintenance,
        "initial_usd": initial,
        "published_usd": maintenance - value,
        "commodities": commodities,
    }


def factor(case: dict[str, Any], name: str, which: str) -> float:
    """Of the case's account class: what the commodity says of the class, then the file, then of speculators."""
    rules = case["rulebook"]
    places = [rules["commodities"][name], rules]
    of_class = [place.get("account_classes", {}).get(case.get("account_class"), {}) for place in places]
    return float(next((each[which] for each in (*of_class, *places) if which in each), 1.0))


def before_credits(
    case: dict[str, Any], name: str, held: list[tuple[dict[str, Any], float]]
) -> dict[str, Any]:
    terms = case["rulebook"]["commodities"][name]
    total, net_delta, slope, value = [0.0] * 16, 0.0, 0.0, 0.0
    minimum = {"call": 0.0, "put": 0.0}
    deltas: dict[str, float] = {}
    for record, quantity in held:
        pnl, delta, standard_scan = contract(case, terms, record)
        total = [sum_ + quantity * each for sum_, each in zip(total, pnl, strict=True)]
        month = record["contract_month"]
        deltas[month] = deltas.get(month, 0.0) + quantity * delta
        net_delta += quantity * delta
        slope += quantity * delta * standard_scan
        if record["product"] == "future_option":
            standard = record["multiplier"] / terms["contract_multiplier"]
            minimum[record["right"]] += max(-quantity, 0) * standard * terms["short_option_minimum_usd"]
            value += quantity * unit_usd(case, record) * price_of(case, record["instrument_id"])["mark"]
    scanning = max(0.0, -min(total))
    active = next(k for k in range(16) if total[k] <= min(total) + 1e-6)
    pair = [active] if active > 13 else [active, active + (1 if active % 2 == 0 else -1)]
    moved = -sum(total[k] for k in pair) / len(pair)
    price_risk = min(max(moved + (total[0] + total[1]) / 2, 0.0), scanning, abs(slope))
    combined = max if terms.get("short_options_counted") == "greater" else sum
    long_only = all(record["product"] == "future_option" and quantity > 0 for record, quantity in held)
    return {
        "pnl_usd": total,
        "active_scenario": active + 1,
        "scanning_risk_usd": scanning,
        "net_delta": net_delta,
        "price_risk_usd": price_risk,
        "month_deltas": deltas,
        "credit_usd": 0.0,
        "short_option_minimum_usd": combined(minimum.values()),
        "net_option_value_usd": value,
        "long_options_only": long_only,
    }


def contract(
    case: dict[str, Any], terms: dict[str, Any], record: dict[str, Any]
) -> tuple[list[float], float, float]:
    """P&L in the 16 scenarios, delta in standard contracts, USD scan range of a standard contract."""
    scan_terms = case["rulebook"]["scan"]
    multiple, cover = scan_terms["extreme_move_multiple"], scan_terms["extreme_cover_fraction"]
    unit = unit_usd(case, record)
    standard = record["multiplier"] / terms["contract_multiplier"]
    option = record["product"] == "future_option"
    price = price_of(case, record["underlying"] if option else record["instrument_id"])["mark"]
    own = next(
        (each for each in terms.get("month_scans", []) if each["month"] == record["contract_month"]), {}
    )
    volatility_scan = own.get("volatility_scan", terms["volatility_scan"])
    if "price_scan_rate" in terms:
        move = terms["price_scan_rate"] * abs(price)
    else:
        move = own.get("price_scan_usd", terms["price_scan_usd"]) * standard / unit
    points = [(m, +1 if k % 2 == 0 else -1, 1.0) for k, m in enumerate(MOVES)]
    points += [(multiple, 0, cover), (-multiple, 0, cover)]
    published = case["rulebook"].get("risk_arrays", {}).get(record["instrument_id"])
    if published:
        pnl = [float(each) for each in published["values_usd"]]
    elif option:
        sigma = price_of(case, record["instrument_id"])["implied_volatility"]
        now = value(case, record, price, sigma)
        pnl = [
            unit * share * (value(case, record, price + m * move, sigma * (1 + v * volatility_scan)) - now)
            for m, v, share in points
        ]
    else:
        pnl = [unit * share * m * move for m, _, share in points]
    delta = published["delta"] if published and "delta" in published else None
    if delta is None:
        delta = standard * composite_slope(pnl, scan_terms["delta_weights"]) / (move * unit)
    return pnl, delta, move * unit / standard


def composite_slope(pnl: list[float], weights: list[float]) -> float:
    """USD per full scan range; levels from -3/3 to +3/3 are means of volatility up and down."""
    first = [12, 8, 4, 0, 2, 6, 10]
    level = [(pnl[k] + pnl[k + 1]) / 2 for k in first]
    slopes = [3 * (level[1] - level[0])]
    slopes += [1.5 * (level[k + 1] - level[k - 1]) for k in range(1, 6)]
    slopes += [3 * (level[6] - level[5])]
    w = [weights[abs(k)] for k in range(-3, 4)]
    return sum(a * b for a, b in zip(w, slopes, strict=True)) / sum(w)


def value(case: dict[str, Any], record: dict[str, Any], price: float, sigma: float) -> float:
    """Black-76 or Bachelier value of a European option on a future."""
    begin, end = (datetime.fromisoformat(t) for t in (case["market"]["valuation_time"], record["expiry"]))
    years = (end - begin).total_seconds() / SECONDS_PER_YEAR
    discount, strike = math.exp(-case["market"]["rate"] * years), record["strike"]
    sign = 1 if record["right"] == "call" else -1
    deviation = sigma * math.sqrt(years)
    if record.get("price_model") == "normal":
        d = sign * (price - strike) / deviation
        density = math.exp(-d * d / 2) / math.sqrt(2 * math.pi)
        return discount * deviation * (d * cdf(d) + density)
    if price <= 0:
        return discount * max(sign * (price - strike), 0.0)
    d1 = math.log(price / strike) / deviation + deviation / 2
    return discount * sign * (price * cdf(sign * d1) - strike * cdf(sign * (d1 - deviation)))


def cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def months(terms: dict[str, Any], deltas: dict[str, float], used: float) -> dict[str, float]:
    """Inter-month and delivery charge; ``used``: delta that went into other spreads before, nearest month first."""
    left = dict(deltas)
    eat(left, sorted(left), used)
    total = 0.0
    for spread in terms["inter_month"]:
        legs = spread.get("legs") or [
            {"tier": tier, "side": side, "delta_per_spread": 1.0}
            for tier, side in zip(spread["tiers"], "AB", strict=True)
        ]
        for long_side in "AB":
            signs = [1 if leg["side"] == long_side else -1 for leg in legs]
            usable = [sorted(month for month in left if belongs(terms, leg, month)) for leg in legs]
            count = min(
                sum(max(0.0, sign * left[month]) for month in at) / leg["delta_per_spread"]
                for leg, sign, at in zip(legs, signs, usable, strict=True)
            )
            for leg, sign, at in zip(legs, signs, usable, strict=True):
                eat(left, at, sign * count * leg["delta_per_spread"])
            total += count * spread["charge_usd"]
    result = {"inter_month_usd": total}
    for each in terms.get("delivery", []):
        month = each["month"]
        outright = abs(left.get(month, 0.0))
        spread = abs(deltas.get(month, 0.0)) - outright
        charge = spread * each["spread_usd"] + outright * each["outright_usd"]
        result["delivery_usd"] = result.get("delivery_usd", 0.0) + charge
    return result


def eat(left: dict[str, float], at: list[str], amount: float) -> None:
    """Take a signed amount from the months' deltas of that sign, in the order given."""
    for month in at:
        if left[month] * amount > 0:
            part = min(abs(left[month]), abs(amount)) * (1 if amount > 0 else -1)
            left[month] -= part
            amount -= part


def belongs(terms: dict[str, Any], leg: dict[str, Any], month: str) -> bool:
    tier = 1 + len([last for last in terms.get("tier_last_months", []) if last < month])
    return bool(month == leg["month"]) if "month" in leg else bool(tier == leg["tier"])


def give_credits(
    spreads: list[dict[str, Any]], commodities: dict[str, dict[str, Any]], left: dict[str, float]
) -> None:
    for spread in spreads:
        legs = spread["legs"]
        if not all(leg["commodity"] in left for leg in legs):
            continue
        for long_side in "AB":
            wanted = [1 if leg["side"] == long_side else -1 for leg in legs]
            pairs = list(zip(legs, wanted, strict=True))
            count = min(max(0.0, w * left[leg["commodity"]]) / leg["delta_per_spread"] for leg, w in pairs)
            if count == 0.0:
                continue
            for leg, w in pairs:
                figures = commodities[leg["commodity"]]
                used = count * leg["delta_per_spread"]
                left[leg["commodity"]] -= w * used
                share = used / abs(figures["net_delta"])
                figures["credit_usd"] += (
                    share * figures["price_risk_usd"] * leg.get("credit_rate", spread.get("credit_rate"))
                )


def price_of(case: dict[str, Any], instrument_id: str) -> dict[str, Any]:
    return next(price for price in case["prices"] if price["instrument_id"] == instrument_id)


def unit_usd(case: dict[str, Any], record: dict[str, Any]) -> float:
    currency = record.get("currency", "USD")
    rate = 1.0 if currency == "USD" else price_of(case, f"{currency}USD")["mark"]
    return float(record["multiplier"] * rate)
