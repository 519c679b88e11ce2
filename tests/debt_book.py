"""Debt for tests: the rulebooks that margin it, and their columns from rows to requirement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.market.market import Market
from engine.rules.interface import Float64s, Holding, PairingRulebook
from engine.rules.strategy.debt_parameters import DebtParameters
from engine.rules.strategy.debt_rule import FinraDebt
from engine.rules.strategy.live import RegT
from tests.rulebook_cases import shipped
from tests.strategy_book import PARAMETERS

DEBT_RULE = FinraDebt(DebtParameters.from_mapping(shipped("finra-4210-debt")))
REG_T = RegT(PARAMETERS)


def charged(rulebook: PairingRulebook, market: Market, holdings: Sequence[Holding]) -> Float64s:
    """float64[2]: requirement of one account by rows, charge and combine; one position an instrument."""
    return charges_of(rulebook, market, holdings)[0]


def charges_of(
    rulebook: PairingRulebook, market: Market, holdings: Sequence[Holding]
) -> tuple[Float64s, Float64s]:
    """Requirement float64[2], and charges float64[u, c] by netting set in the order of their names."""
    members: dict[str, list[Holding]] = {}
    for held in holdings:
        members.setdefault(rulebook.netting_set(held.instrument), []).append(held)
    names = sorted(members)
    rulebook.bind(names)
    ordered = [held for name in names for held in members[name]]
    slots = market.slots([held.instrument.instrument_id for held in ordered])
    rows = np.zeros((market.count, len(rulebook.column_kinds)))
    rows[slots] = rulebook.rows(market, slots)
    first = np.cumsum([0, *(len(members[name]) for name in names)])
    quantities = np.array([held.quantity for held in ordered])
    sets = np.arange(len(names))
    charges = rulebook.charge_positions(rows, slots, quantities, first, sets)
    return rulebook.combine(charges, sets, np.array([0, len(names)]))[0], charges
