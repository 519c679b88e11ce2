"""Where collateral is kept: a movement to a place that does not keep its silo's property apart is refused, no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from streams.contracts.activity import CollateralRecord
from streams.verify.inputs import Inputs, Taken
from streams.verify.logs import Logs, place_of, places_refused
from streams.verify.report import Kind, Report

_REASON = b"NOT_SEGREGATED"
Locations = Mapping[str, Collection[str]]  # the silos that each keeps apart


def check_locations(logs: Logs, inputs: Inputs, locations: Locations, settled: bool, report: Report) -> None:
    """Movements of collateral against their dead letters; one whose account or asset is not known waits for it."""
    for taken in inputs.activity["collateral"]:
        movement: CollateralRecord = taken.body
        assets = {movement.instrument_id, movement.released_instrument_id} - {None}
        known = movement.account_id in inputs.accounts and assets <= inputs.instruments.keys()
        report.checked["locations of collateral"] += bool(movement.location)
        if settled and known and not _is_apart(movement, locations):
            detail = f"{movement.collateral_id} is kept at {movement.location}, and no dead letter says so"
            report.found(Kind.BAD_RECORD_LOST, place_of(taken.record), detail)
    letters = places_refused(logs, "collateral")
    for record in logs.of("collateral"):
        letter = letters.get((record.partition, record.offset))
        if letter is None or dict(letter.headers)["dlq.reason"] != _REASON:
            continue
        report.checked["locations of collateral"] += 1
        movement = Taken("", CollateralRecord, record).body
        if _is_apart(movement, locations):
            detail = (
                f"{movement.collateral_id} is refused at {movement.location or 'no place that is stated'}"
            )
            report.found(Kind.GOOD_RECORD_REFUSED, place_of(record), detail)


def _is_apart(movement: CollateralRecord, locations: Locations) -> bool:
    """Taking something out is always possible, and a place that is not stated is not looked at."""
    adds = movement.quantity > 0.0 and movement.status == "new"
    return not adds or not movement.location or movement.silo in locations.get(movement.location, ())
