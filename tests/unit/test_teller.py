"""Which statements are made between two passes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from engine.state.engine import Engine
from streams.contracts.results import RequirementStatement
from streams.inbound.intake import Intake
from streams.worker.engine_thread import EngineThread
from streams.worker.settings import WorkerSettings
from streams.worker.teller import Teller
from tests.unit.test_intake import NOW_NS, PARTITION, intake, trade  # noqa: F401
from tests.unit.test_outbound_requirements import live  # noqa: F401

NOBODY = np.zeros(0, np.int64)


def always() -> bool:
    return True


async def tell(teller: Teller, engine: Engine) -> None:
    """After a pass: make what is due, as soon as the teller may."""
    accounts, _ = engine.evaluate_moves(NOW_NS)
    teller.note(NOW_NS, accounts, NOBODY, [])
    await told_by(teller)


async def told_by(teller: Teller) -> None:
    telling = teller.start()
    while telling is None:
        await asyncio.sleep(0.01)
        telling = teller.start()
    await telling


@pytest.mark.usefixtures("live")
async def test_no_statement_is_made_of_figures_older_than_the_inputs_that_it_names(
    intake: Intake,  # noqa: F811
) -> None:
    engine, thread = intake.engine, EngineThread()
    told: list[RequirementStatement] = []
    teller = Teller(WorkerSettings(), engine, thread, told.extend, always)
    teller.note(NOW_NS, np.array([0]), NOBODY, [])
    intake.take_activity("trades", PARTITION, [trade(5, business_date="2026-11-21")])  # after the pass
    await told_by(teller)
    assert told == []
    await tell(teller, engine)
    (statement,) = told
    assert statement.inputs.trades_offset == 5
    thread.stop()


class StoppedClock:
    """A clock that runs on by eight seconds at every look, while the process is stopped and spends none of them."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0

    def perf_counter(self) -> float:
        self._elapsed_s += 8.0
        return self._elapsed_s

    def thread_time(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 100.0


@pytest.mark.usefixtures("live")
async def test_a_process_that_was_stopped_does_not_keep_silent_afterwards(
    intake: Intake,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.worker.teller.time", StoppedClock())
    thread = EngineThread()
    told: list[RequirementStatement] = []
    teller = Teller(WorkerSettings(), intake.engine, thread, told.extend, always)
    intake.take_activity("trades", PARTITION, [trade(5, business_date="2026-11-21")])
    await tell(teller, intake.engine)
    assert told
    assert teller._next_s < 101.0
    thread.stop()


@pytest.mark.usefixtures("live")
async def test_nothing_is_told_while_another_worker_may_own_the_partitions_and_all_of_it_later(
    intake: Intake,  # noqa: F811
) -> None:
    thread, told, answers = EngineThread(), list[RequirementStatement](), [False, True, False]
    teller = Teller(
        WorkerSettings(), intake.engine, thread, told.extend, lambda: answers.pop(0) if answers else True
    )
    intake.take_activity("trades", PARTITION, [trade(5, business_date="2026-11-21")])
    accounts, _ = intake.engine.evaluate_moves(NOW_NS)
    teller.note(NOW_NS, accounts, NOBODY, [])
    assert teller.start() is None  # not to begin with
    telling = teller.start()
    assert telling is not None
    await telling  # made, and stopped before they were told
    assert told == []
    assert answers == []
    await told_by(teller)
    assert [statement.inputs.trades_offset for statement in told] == [5]
    thread.stop()
