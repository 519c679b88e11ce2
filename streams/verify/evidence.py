"""Evidence held against the inputs: positions and cash from start of day and trades, figures from the plain twins."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Final

from streams.verify.figures import Figures
from streams.verify.histories import Event
from streams.verify.holdings import Accounts, Offsets, by_name
from streams.verify.inputs import Inputs
from streams.verify.report import Kind, Report

_RELATIVE: Final = 1e-9
_CENT_USD: Final = 0.01


class EvidenceCheck:
    """Checks one evidence record after the other."""

    def __init__(self, inputs: Inputs, accounts: Accounts, figures: Figures, report: Report) -> None:
        self._inputs, self._accounts, self._figures, self._report = inputs, accounts, figures, report

    def holdings(self, event: Event, evidence: Event, timestamp_ms: int) -> None:
        """Positions, collateral and cash at the offsets that the event names."""
        offsets, account_id = Offsets.of(event["inputs"]), event["account_id"]
        if not self._accounts.known_at(account_id, offsets, timestamp_ms):
            self._report.checked["evidence whose inputs are compacted or were parked"] += 1
            return
        self._report.checked["positions recomputed"] += 1
        expected = self._accounts.at(account_id, offsets)
        for kind, name, ours, theirs in (
            (Kind.WRONG_POSITION, "position", by_name(expected.positions), _sums(evidence["positions"])),
            (Kind.WRONG_POSITION, "collateral", by_name(expected.collateral), _sums(evidence["collateral"])),
            (
                Kind.WRONG_CASH, "cash", by_name(expected.cash),
                _sums(evidence["cash"], "currency", "amount"),
            ),
        ):  # fmt: skip
            for key in sorted(ours.keys() | theirs.keys()):
                ours_is, theirs_is = ours.get(key, 0.0), theirs.get(key, 0.0)
                if not math.isclose(ours_is, theirs_is, rel_tol=_RELATIVE, abs_tol=_CENT_USD / 2):
                    self._report.found(
                        kind, evidence["place"],
                        f"{event['event_id']}: {name} {key} of {account_id} is {theirs_is:.12g}, the inputs up to "
                        f"trade {offsets.trades}, movement {offsets.collateral} give {ours_is:.12g}",
                    )  # fmt: skip

    def amounts(self, event: Event, evidence: Event) -> None:
        """Equity by addition, of all silos together under the unified candidate; requirement by the plain twins."""
        rows = (row for name in ("positions", "collateral", "cash") for row in evidence[name])
        silos = [event["scope"].removeprefix("silo:")] if event["binding"] else {row["silo"] for row in rows}
        equity = math.fsum(self._figures.equity_usd(silo, evidence) for silo in silos)
        self._compare(Kind.WRONG_EQUITY, "equity", event, evidence, equity)
        account = self._inputs.accounts.get(event["account_id"])
        # Evidence of the unified candidate does not say which rulebooks the silos had.
        known = event["binding"] or not self._inputs.published_live
        requirement = None
        if account is not None and known:
            requirement = self._figures.requirement_usd(event, evidence, account)
        self._compare(Kind.WRONG_REQUIREMENT, "requirement", event, evidence, requirement)

    def _compare(self, kind: Kind, name: str, event: Event, evidence: Event, ours: float | None) -> None:
        if ours is None:
            self._report.checked[f"{name} not recomputed"] += 1
            return
        self._report.checked[f"{name} recomputed"] += 1
        said = float(event[name])
        if abs(ours - said) > _CENT_USD + _RELATIVE * abs(said):
            self._report.found(
                kind,
                evidence["place"],
                f"{event['event_id']}: {name} {said:.2f}, its evidence gives {ours:.4f}",
            )


def _sums(
    rows: list[dict[str, Any]], key: str = "instrument_id", value: str = "quantity"
) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        sums[row[key]] += row[value]
    return {name: amount for name, amount in sums.items() if abs(amount) > 1e-9}
