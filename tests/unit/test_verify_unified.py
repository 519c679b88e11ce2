"""The verifier recomputes requirements of the unified candidate from evidence and the packaged scenario set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.portfolio.accounts import Account
from engine.state.engine import Engine
from engine.state.evidence import evidence_of
from streams.contracts.reference import AccountRecord
from streams.parameters import SCENARIO_FILE, load_policy, packaged, read_toml
from streams.verify.figures import Figures
from tests.engine_book import APPROVED, HELD, INSTRUMENTS, MARKS, MORE_HELD, NOW_NS, TODAY, prices, trades

EVENT = {"scope": "unified:one-pot"}


def engine_with(approvals: frozenset[str], policy_scenarios: Path | None = None) -> Engine:
    """Account A holds one of everything, short where the place in the list is odd."""
    engine = Engine(load_policy(scenarios=policy_scenarios))
    engine.put_account(Account("A", approvals=approvals), 0)
    for instrument in INSTRUMENTS:
        engine.put_instrument(instrument)
    engine.take_partition(0)
    engine.go_live(0)
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    held = [*HELD, *MORE_HELD]
    rows = [
        (f"T{name}", 1, "A", name, -10.0 if place % 2 else 10.0, 0.0, False, TODAY)
        for place, name in enumerate(held)
    ]
    engine.apply_trades(0, trades(engine, rows))
    engine.evaluate(NOW_NS)
    return engine


def told(engine: Engine) -> tuple[dict[str, Any], float]:
    """Evidence as its topic has it, and the engine's requirement."""
    slot = engine.account_slots(["A"])
    evidence = evidence_of(engine, int(slot[0]), engine.holdings.of(np.array(slot)))
    parameters = {"one-pot": read_toml("one-pot.toml"), "rate": evidence["rate"]}
    return json.loads(json.dumps(evidence | {"parameters": parameters})), float(
        engine.unified_requirement(np.array(slot))[0]
    )


@pytest.mark.parametrize("approvals", [APPROVED, frozenset[str]()])
def test_a_requirement_of_the_pot_and_what_stays_outside_is_recomputed(approvals: frozenset[str]) -> None:
    """An account that is not eligible keeps the sum of its silos."""
    evidence, requirement = told(engine_with(approvals))
    account = AccountRecord(account_id="A", approvals=tuple(approvals))
    figure = Figures(None).requirement_usd(EVENT, evidence, account)
    assert requirement > 10_000.0
    assert figure == pytest.approx(requirement, rel=1e-9)


def test_another_scenario_set_gives_another_figure(tmp_path: Path) -> None:
    """The worker's set is given to the verifier, too."""
    lines = (packaged() / SCENARIO_FILE).read_text().splitlines()
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("\n".join(lines[: len(lines) // 2]) + "\n")
    evidence, requirement = told(engine_with(APPROVED, fewer))
    account = AccountRecord(account_id="A", approvals=tuple(APPROVED))
    assert Figures(None, fewer).requirement_usd(EVENT, evidence, account) == pytest.approx(
        requirement, rel=1e-9
    )
    assert Figures(None).requirement_usd(EVENT, evidence, account) != pytest.approx(requirement, rel=1e-6)


def test_another_version_of_the_candidate_is_not_recomputed() -> None:
    evidence, _ = told(engine_with(APPROVED))
    evidence["parameters"]["one-pot"]["version"] = "another"
    account = AccountRecord(account_id="A", approvals=tuple(APPROVED))
    assert Figures(None).requirement_usd(EVENT, evidence, account) is None
