"""The verifier recomputes every figure of every customer of the demo from what would be its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from engine.market.instruments import SILO_INDEX
from engine.state.evidence import evidence_of
from streams.contracts.reference import AccountRecord
from streams.outbound.calls import OF_ACCOUNT_AND_FIRM
from streams.simulator.settings import SimulationSettings
from streams.verify.figures import Figures
from tests.simulated_firm import TICK_NS, Firm

SETTINGS = SimulationSettings(accounts=500, prices_per_s=800, trades_per_s=100)


class Told(NamedTuple):
    """An account, its slot, and its evidence."""

    account: AccountRecord
    slot: int
    evidence: dict[str, Any]


@pytest.fixture(scope="module")
def firm() -> Firm:
    """Options wait: some prices came after the risk of what is on them was renewed."""
    firm = Firm(SETTINGS)
    firm.open()
    firm.now_ns += TICK_NS
    firm.take(firm.simulation.advance(firm.now_ns))
    firm.engine.evaluate(firm.now_ns, options=False)
    market = firm.engine.market
    held_back = market.risk.mark[: market.count] != market.mark[: market.count]
    assert np.count_nonzero(held_back & ~np.isnan(market.mark[: market.count])) > 10
    return firm


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures(None)


def told(firm: Firm, figures: Figures) -> Iterator[Told]:
    for each in firm.simulation.accounts:
        [slot] = firm.engine.account_slots([each.account_id])
        evidence = evidence_of(firm.engine, int(slot), firm.engine.holdings.of(np.array([slot])))
        known = figures.parameters() | {name: evidence[name] for name in OF_ACCOUNT_AND_FIRM}
        yield Told(
            each.record, int(slot), json.loads(json.dumps(evidence | {"parameters": known}, default=str))
        )


def test_requirements_of_silos_and_of_the_pot_and_equity_follow_from_evidence(
    firm: Firm, figures: Figures
) -> None:
    engine, checked = firm.engine, 0
    for account, slot, evidence in told(firm, figures):
        for silo, index in SILO_INDEX.items():
            usd = figures.requirement_usd({"scope": f"silo:{silo}"}, evidence, account)
            assert usd == pytest.approx(engine.maintenance[slot, index], rel=1e-9, abs=0.01), (account, silo)
            assert figures.equity_usd(silo, evidence) == pytest.approx(
                engine.equity[slot, index], rel=1e-9, abs=0.01
            ), (account, silo)
            checked += usd > 0.0
        if engine.accounts.unified_eligible[slot]:
            usd = figures.requirement_usd({"scope": "unified:one-pot"}, evidence, account)
            [pot_usd] = engine.unified_requirement(np.array([slot]))
            assert usd == pytest.approx(pot_usd, rel=1e-9, abs=0.01), account
    assert checked > SETTINGS.accounts
