"""Which rates of a rulebook are in force at an instant."""

from __future__ import annotations

from datetime import date
from typing import Final

from engine.base.units import NANOSECONDS_PER_DAY
from engine.rules.interface import DatedRulebook, SiloRulebook

_EPOCH: Final = date(1970, 1, 1).toordinal()


def in_force(rulebook: SiloRulebook, time_ns: int) -> SiloRulebook:
    """The rulebook with the rates of the UTC day of an instant; itself where it has no dates, or at time 0."""
    if time_ns > 0 and isinstance(rulebook, DatedRulebook):
        return rulebook.on(date.fromordinal(_EPOCH + time_ns // NANOSECONDS_PER_DAY))
    return rulebook
