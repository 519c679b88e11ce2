"""Statements: their sums, and on a settled system their equity, their calls, and that each account has one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from engine.base.units import NANOSECONDS_PER_MILLISECOND
from streams.verify.account_record import UNIFIED, NotKnownError, account_record, has_options
from streams.verify.figures import Figures
from streams.verify.histories import CaseKey, Event
from streams.verify.holdings import Accounts, Offsets
from streams.verify.inputs import Inputs
from streams.verify.legality import OPEN
from streams.verify.report import Kind, Report
from streams.verify.thresholds import Thresholds

_CENT_USD: Final = 0.01
_RELATIVE: Final = 1e-9


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


class StatementCheck:
    """Recomputes statements from the start of day, trades and movements that they name, and the latest prices."""

    def __init__(self, inputs: Inputs, accounts: Accounts, figures: Figures, report: Report) -> None:
        self._inputs, self._accounts, self._figures, self._report = inputs, accounts, figures, report

    def figures(self, statement: Event) -> None:
        """Equity of each silo, and requirements by the plain twins where they hang on marks alone."""
        record = self._record(statement)
        if record is None:
            return
        self._report.checked["statements' equity recomputed"] += 1
        silos = {silo["silo"]: silo for silo in statement["silos"]}
        rows = (row for name in ("positions", "collateral", "cash") for row in record[name])
        for name in sorted(silos.keys() | {row["silo"] for row in rows}):
            ours = self._figures.equity_usd(name, record)
            said = float(silos[name]["equity"]) if name in silos else 0.0
            self._compare(Kind.WRONG_EQUITY, statement, f"silo:{name}: equity", said, ours)
        for name, silo in silos.items():
            versions = (silo["rulebook_id"], silo["rulebook_version"])
            self._requirement(statement, record, f"silo:{name}", versions, float(silo["maintenance"]))
        unified = statement["unified"]
        versions = (unified["rulebook_id"], unified["rulebook_version"])
        self._requirement(statement, record, UNIFIED, versions, float(unified["requirement"]))

    def _record(self, statement: Event) -> dict[str, Any] | None:
        account_id = statement["account_id"]
        account = self._inputs.accounts.get(account_id)
        offsets, as_of_ns = Offsets.of(statement["inputs"]), statement["as_of_ns"]
        reason = "the account is not known"
        if as_of_ns > statement["written_ms"] * NANOSECONDS_PER_MILLISECOND:
            reason = "a clock that is ahead of the topic's"
        elif statement["quality"]["incomplete"]:
            reason = "something is missing"
        elif not self._accounts.known_at(account_id, offsets, as_of_ns // NANOSECONDS_PER_MILLISECOND):
            reason = "inputs are compacted or were parked"
        elif account is not None:
            try:
                held = self._accounts.at(account_id, offsets)
                return account_record(self._inputs, account, held, as_of_ns)
            except NotKnownError as error:
                reason = str(error)
        self._report.checked[f"statements not recomputed: {reason}"] += 1
        return None

    def _requirement(
        self, statement: Event, record: dict[str, Any], scope: str, named: tuple[str, str], said: float
    ) -> None:
        """``named``: ids and versions of the rulebooks that the statement names."""
        ours = None
        versions = "+".join(self._figures.version(one) for one in named[0].split("+"))
        # The unified candidate's statement does not say which rulebooks the silos had.
        current = versions == named[1] and (scope != UNIFIED or not self._inputs.published_live)
        if current and self._figures.follows_every_price and not has_options(record, scope):
            ours = self._figures.requirement_usd(
                {"scope": scope},
                record | {"parameters": record["parameters"] | self._figures.parameters()},
                self._inputs.accounts[statement["account_id"]],
            )
        if ours is None:
            self._report.checked["statements' requirements not recomputed"] += 1
            return
        self._report.checked["statements' requirements recomputed"] += 1
        self._compare(Kind.WRONG_REQUIREMENT, statement, f"{scope}: requirement", said, ours)

    def _compare(self, kind: Kind, statement: Event, name: str, said: float, ours: float) -> None:
        if abs(ours - said) > _CENT_USD + _RELATIVE * abs(said):
            self._report.found(
                kind, statement["place"],
                f"{statement['account_id']} {name} {said:.2f}, the inputs give {ours:.4f}",
            )  # fmt: skip


def check_calls(
    statement: Event, histories: dict[CaseKey, list[Event]], thresholds: Thresholds, report: Report
) -> None:
    """On a settled system a deficit is called and a call without a deficit has ended."""
    if statement["quality"]["stale"] or statement["quality"]["incomplete"]:
        report.checked["statements on stale or missing prices"] += 1
        return
    for silo in statement["silos"]:
        scope = f"silo:{silo['silo']}"
        least = thresholds.least_deficit_usd(statement["account_id"], silo["silo"])
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
