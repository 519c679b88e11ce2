"""Statements: their sums, and on a settled system their equity, their calls, and that each account has one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from streams.verify.figures import Figures
from streams.verify.histories import CaseKey, Event
from streams.verify.holdings import Accounts, by_name
from streams.verify.inputs import Inputs
from streams.verify.legality import OPEN
from streams.verify.report import Kind, Report

_CENT_USD: Final = 0.01
_DEFAULT: Final = "default"


def check_sums(statement: Event, report: Report) -> None:
    """Every figure that follows from others."""
    report.checked["statements"] += 1
    unified, gap = statement["unified"], statement["gap"]
    wrong = [
        f"{silo['silo']}: excess {silo['excess']} is not {silo['equity']} less {silo['maintenance']}"
        for silo in statement["silos"]
        if Decimal(silo["excess"]) != Decimal(silo["equity"]) - Decimal(silo["maintenance"])
        or Decimal(silo["maintenance"]) < 0
    ]
    silo_sum = sum((Decimal(silo["maintenance"]) for silo in statement["silos"]), Decimal(0))
    for name, said, expected in (
        ("silo_sum", gap["silo_sum"], silo_sum),
        ("unified excess", unified["excess"], Decimal(unified["equity"]) - Decimal(unified["requirement"])),
        ("gap", gap["gap"], silo_sum - Decimal(unified["requirement"])),
        ("sum of the gap's terms", gap["gap"], _sum(gap["terms"])),
        ("sum of the unified parts", unified["requirement"], _sum(unified["parts"])),
    ):
        if Decimal(said) != expected and (name != "sum of the unified parts" or unified["parts"]):
            wrong.append(f"{name}: {said}, expected {expected}")
    for fault in wrong:
        report.found(Kind.WRONG_SUM, statement["place"], f"{statement['account_id']}: {fault}")


def _sum(terms: list[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(term["amount"]) for term in terms), Decimal(0))


def check_equity(statement: Event, inputs: Inputs, accounts: Accounts, report: Report) -> None:
    """Equity of all silos together, from start of day, trades and the latest prices; accounts in USD without assets
    pledged, whose prices came before the statement."""
    account_id = statement["account_id"]
    held = accounts.at(account_id, accounts.last_offsets(account_id))
    positions, cash = by_name(held.positions), by_name(held.cash)
    prices = {name: inputs.prices.get(name) for name in positions}
    usd = all(inputs.instruments[name].currency == "USD" for name in positions) and cash.keys() <= {"USD"}
    before_ms = statement["as_of_ns"] // 1_000_000 - 1_000
    fresh = all(price and inputs.price_ms[name] < before_ms for name, price in prices.items())
    if not usd or by_name(held.collateral) or not fresh:
        report.checked["statements' equity not recomputed"] += 1
        return
    report.checked["statements' equity recomputed"] += 1
    ours = sum(cash.values())
    for name, quantity in positions.items():
        ours += quantity * inputs.instruments[name].multiplier * _mark(prices[name])
    said = sum(float(silo["equity"]) for silo in statement["silos"])
    if abs(ours - said) > _CENT_USD * (len(statement["silos"]) + 1) + 1e-9 * abs(said):
        report.found(
            Kind.WRONG_EQUITY,
            statement["place"],
            f"{account_id}: equity {said:.2f}, the inputs give {ours:.4f}",
        )


def _mark(price: Any) -> float:
    """The mark, else the mid, else the one side there is."""
    if price.mark is not None:
        return float(price.mark)
    sides = [side for side in (price.bid, price.ask) if side is not None]
    return float(sum(sides)) / len(sides)


def check_calls(
    statement: Event, histories: dict[CaseKey, list[Event]], figures: Figures, report: Report
) -> None:
    """On a settled system a deficit is called and a call without a deficit has ended."""
    if statement["quality"]["stale"] or statement["quality"]["incomplete"]:
        report.checked["statements on stale or missing prices"] += 1
        return
    for silo in statement["silos"]:
        scope = f"silo:{silo['silo']}"
        rule = figures.policy["call"].get(scope, figures.policy["call"][_DEFAULT])
        least = max(rule.get("minimum_transfer_usd", 0.0), rule.get("threshold_usd", 0.0))
        least += rule.get("uncollected_usd", 0.0)
        history = histories.get((statement["account_id"], scope), [])
        state = history[-1]["state"] if history else "clear"
        excess = float(silo["excess"])
        report.checked["silos held against their calls"] += 1
        if -excess > least and state not in OPEN | {"cancelled"} and not silo["exception"]:
            report.found(
                Kind.CALL_LOST, statement["place"],
                f"{statement['account_id']} {scope}: deficit {-excess:.2f}, but the case is {state}",
            )  # fmt: skip
        if excess >= 0 and state in OPEN:
            report.found(
                Kind.CALL_NOT_ENDED, statement["place"],
                f"{statement['account_id']} {scope}: excess {excess:.2f}, but the case is {state}",
            )  # fmt: skip
