"""Another policy while it runs: what follows its product, what stays, calls, refusals, the record that brings it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX
from engine.state.engine import Engine
from engine.state.transition import Transition
from streams.contracts.reference import RulebookRecord
from streams.contracts.results import RequirementStatement
from streams.inbound.intake import Intake
from streams.outbound.requirements import requirement_statement
from streams.parameters import load_policy, read_rulebooks, read_toml, take_policy
from streams.replay.file_engine import FileRecord
from streams.replay.messages import FileMessage
from tests.engine_book import MARKS, NOW_NS, TODAY, movements, new_engine, prices, trades
from tests.policy_book import CLEARED, RULEBOOKS, SECURITY_BASED, UNCLEARED, with_swaps_in

FROM, TO = SILO_INDEX[SECURITY_BASED], SILO_INDEX[UNCLEARED]
MOVED = with_swaps_in({"credit_default_swap": (UNCLEARED, "schedule-im")})


@pytest.fixture
def engine() -> Engine:
    engine = new_engine(("A",))
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    return engine


def trade(engine: Engine, version: int, quantity: float, silo: int = -1, number: int = 1) -> None:
    columns = trades(engine, [(f"T{number}", version, "A", "ACME-5Y", quantity, 0.08, False, TODAY)])
    columns.silo[:] = silo
    assert not engine.apply_trades(0, columns).any()


def deposit(engine: Engine, usd: float, silo: int) -> None:
    row = ("C1", 1, "A", "", "USD", usd, False, TODAY, silo)
    assert not engine.apply_collateral(0, movements(engine, [row])).any()


def shown(engine: Engine) -> RequirementStatement:
    engine.evaluate(NOW_NS)
    return requirement_statement(engine.statement("A", NOW_NS), 0, "test")


def moves(engine: Engine) -> list[Transition]:
    return [one for one in engine.evaluate(NOW_NS).transitions if one.binding]


def test_a_correction_after_the_move_takes_the_trade_out_of_where_it_lies(engine: Engine) -> None:
    trade(engine, 1, -10.0)
    take_policy(engine, MOVED, RULEBOOKS)
    trade(engine, 2, -4.0)
    engine.evaluate(NOW_NS)
    assert engine.holdings.cash[0, FROM, 0] == pytest.approx(0.0, abs=1e-6)
    assert engine.holdings.cash[0, TO, 0] == pytest.approx(4e6 * 0.08)
    assert engine.maintenance[0, FROM] == 0.0
    assert engine.maintenance[0, TO] == pytest.approx(4e6 * 0.05)


def test_what_was_booked_with_a_silo_of_its_own_and_deposits_stay(engine: Engine) -> None:
    trade(engine, 1, -10.0, silo=FROM)
    deposit(engine, 5e6, FROM)
    take_policy(engine, MOVED, RULEBOOKS)
    engine.evaluate(NOW_NS)
    assert engine.maintenance[0].sum() == 0.0, "nothing margins a credit default swap there any more"
    assert engine.unsupported[0, FROM]
    assert not engine.trusted[0, FROM]
    assert engine.holdings.cash[0, FROM, 0] == pytest.approx(5e6 + 10e6 * 0.08)
    assert any("NO_RULEBOOK" in text for text in engine.statement("A", NOW_NS).quality.incomplete)


def test_there_and_back_is_as_before(engine: Engine) -> None:
    trade(engine, 1, -10.0)
    before = shown(engine)
    take_policy(engine, MOVED, RULEBOOKS)
    assert shown(engine).policy_version == "moved"
    take_policy(engine, read_toml("policy.toml"), RULEBOOKS)
    assert shown(engine) == before


def test_the_call_of_a_silo_that_empties_is_met_by_the_change_of_rule(engine: Engine) -> None:
    # Protection on 1,200 million sold at 0.08 and marked at 0.0825: 3 million of exposure beside 15 % under the grid,
    # 5 % under the schedule; 50 million are not collected in either silo. The 2 million lie where they move to.
    trade(engine, 1, -1200.0)
    deposit(engine, 2e6, TO)
    [issued] = [one for one in moves(engine) if one.state == "issued"]
    assert issued.scope == f"silo:{SECURITY_BASED}"
    assert issued.amount_usd == pytest.approx(3e6 + 180e6 - 50e6)
    take_policy(engine, MOVED, RULEBOOKS)
    after = {one.scope: one for one in moves(engine)}
    assert (after[f"silo:{SECURITY_BASED}"].state, after[f"silo:{SECURITY_BASED}"].reason) == (
        "met",
        "RULE_CHANGED",
    )
    assert after[f"silo:{UNCLEARED}"].state == "issued"
    assert after[f"silo:{UNCLEARED}"].amount_usd == pytest.approx(3e6 - 2e6 + 60e6 - 50e6)
    assert engine.totals().requirement[SECURITY_BASED] == 0.0
    assert engine.totals().requirement[UNCLEARED] == pytest.approx(60e6)


def test_the_cleared_silo_takes_swaps_too(engine: Engine) -> None:
    trade(engine, 1, 10.0)
    take_policy(engine, with_swaps_in({"credit_default_swap": (CLEARED, "schedule-im")}), RULEBOOKS)
    engine.evaluate(NOW_NS)
    # Bought, and worth something to the account: nothing for the firm to replace, so the ratio is 1.
    assert engine.maintenance[0, SILO_INDEX[CLEARED]] == pytest.approx(10e6 * 0.05)


def _without(product: str) -> dict[str, Any]:
    policy = with_swaps_in({})
    del policy["classification"][product]
    return policy


def _without_schedule() -> list[dict[str, Any]]:
    return [each for each in read_toml("policy.toml")["assignment"] if each["rulebook"] != "schedule-im"]


def _assigned(**entry: Any) -> dict[str, Any]:
    policy = with_swaps_in({})
    policy["assignment"].append(entry)
    return policy


@pytest.mark.parametrize(
    ("policy", "reason", "detail"),
    [
        (_without("credit_default_swap"), Reason.NO_RULEBOOK, "product credit_default_swap would be in no silo"),
        (
            with_swaps_in({}) | {"collateral_only": ["gold", "equity_swap"]},
            Reason.NO_RULEBOOK,
            "product equity_swap would be in no silo",
        ),
        (
            MOVED | {"assignment": _without_schedule()},
            Reason.NO_RULEBOOK,
            "product credit_default_swap in silo uncleared_swaps has no rulebook assigned",
        ),
        (
            _assigned(silo=UNCLEARED, products=["credit_default_swap"], rulebook="isda-simm"),
            Reason.BAD_PARAMETER,
            "is assigned to schedule-im and to isda-simm: it would be margined twice",
        ),
        (
            _assigned(silo="futures", products=["etf"], rulebook="reg-t", approval="hedger"),
            Reason.BAD_PARAMETER,
            "assignment of reg-t: approval is 'hedger'; 'portfolio_margin' is what rulebooks are selected by",
        ),
        (MOVED | {"rate": 0.05}, Reason.BAD_PARAMETER, "rate is 0.05 and was 0.04: a change of it takes a start"),
        (MOVED | {"colour": "red"}, Reason.BAD_PARAMETER, "is not a parameter; known are"),
        (MOVED | {"call": {"silo:futures": {}}}, Reason.BAD_PARAMETER, "default is missing"),
        (
            _assigned(silo=UNCLEARED, products=["equity_swap"], rulebook="simm"),
            Reason.UNKNOWN_RULEBOOK,
            "known are",
        ),
        (
            _assigned(silo=UNCLEARED, products=["equity_swap"], rulebook="sec-18a-3-equity"),
            Reason.BAD_PARAMETER,
            "one silo a rulebook",
        ),
        (
            with_swaps_in({"credit_default_swap": ("futures", "schedule-im")}),
            Reason.BAD_PARAMETER,
            "'futures' is not security_based_swaps",
        ),
        (
            with_swaps_in(
                {
                    "credit_default_swap": (UNCLEARED, "sec-18a-3-equity"),
                    "equity_swap": (UNCLEARED, "schedule-im"),
                }
            ),
            Reason.NO_RULEBOOK,
            "sec-18a-3-equity covers",
        ),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_hold_is_refused_and_the_old_one_stays(
    engine: Engine, policy: dict[str, Any], reason: Reason, detail: str
) -> None:
    trade(engine, 1, -10.0)
    before, held = shown(engine), engine.policy
    with pytest.raises(MarginError) as caught:
        take_policy(engine, policy, RULEBOOKS)
    assert caught.value.reason is reason
    assert detail in caught.value.detail
    assert engine.policy is held
    assert shown(engine) == before
    assert engine.shadow_check(["A"]) < 1e-6


def record(rulebook_id: str, method: str, parameters: dict[str, Any], version: str = "2") -> FileMessage:
    message = RulebookRecord(rulebook_id=rulebook_id, version=version, method=method, parameters=parameters)
    return FileMessage("rulebooks", 0, rulebook_id.encode(), message.model_dump_json().encode(), 0, "")


RECORDS = {
    "policy": record("policy", "policy", MOVED),
    "schedule-im": record(
        "schedule-im", "schedule-im", read_toml("schedule-im.toml") | {"gross_share": {"value": 0.5}}
    ),
    "sec-18a-3": record("sec-18a-3", "sec-18a-3", read_toml("sec-18a-3.toml")),
}  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(RECORDS)))
def test_policy_and_rulebooks_may_come_in_any_order(order: tuple[str, ...]) -> None:
    """As after a restart, when the topic holds the latest of each."""
    engine = Engine(load_policy())
    intake = Intake(engine, read_rulebooks(), 3, 10, 5000)
    taken = intake.take_reference(
        "rulebooks", [FileRecord(RECORDS[name], i) for i, name in enumerate(order)], 0
    )
    assert (taken.counts[("rulebooks", "applied")], taken.refusals) == (3, [])
    rulebook = engine.silo_books["schedule-im"].rulebook
    assert (rulebook.silo, rulebook.version) == (UNCLEARED, "2")
    assert rulebook.parameters.gross_share == 0.5  # type: ignore[attr-defined]
    assert "sec-18a-3" not in engine.silo_books


def test_a_record_that_is_refused_says_why_and_leaves_the_policy() -> None:
    engine = Engine(load_policy())
    intake = Intake(engine, read_rulebooks(), 3, 10, 5000)
    held = engine.policy
    wrong = [record("policy", "policy", _without("future")), record("regime", "policy", MOVED)]
    taken = intake.take_reference("rulebooks", [FileRecord(one, i) for i, one in enumerate(wrong)], 0)
    assert [reason for _, reason, _ in taken.refusals] == [Reason.NO_RULEBOOK, Reason.BAD_PARAMETER]
    assert engine.policy is held
