"""The vectorised pre-filter never misses a case that moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.shortfall.call import Figures, decide
from engine.shortfall.call_rule import CallRule, CollectionException
from engine.shortfall.candidates import STATE_CODES, ScopeFigures, may_move
from engine.shortfall.case import OPEN, CallCase, CallReason, CallState
from engine.shortfall.collection_terms import CollectionTerms

amounts = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 100.0, 1000.0])
rules = st.builds(
    CallRule,
    warning_at=st.just(0.9) | st.just(1.0),
    clear_below=st.just(0.85) | st.just(0.9),
    threshold_usd=st.sampled_from([0.0, 500.0]),
    uncollected_usd=st.sampled_from([0.0, 800.0]),
    minimum_transfer_usd=st.sampled_from([0.0, 1000.0]),
    minimum_share=st.sampled_from([0.0, 0.3]),
    recall_step_usd=st.sampled_from([0.0, 100.0]),
    recall_step_share=st.sampled_from([0.0, 0.1]),
    restore_to=st.sampled_from(["maintenance", "initial"]),
    exceptions=st.just(
        {
            "affiliate": CollectionException("exposure", "", False),
            "legacy": CollectionException("nothing", "", False),
        }
    ),
)
counterparties = st.sampled_from(["", "affiliate", "legacy"])


@settings(deadline=None)  # the first example compiles
@given(
    state=st.sampled_from(CallState),
    open_usd=st.floats(0, 1e6),
    maintenance=st.floats(0, 1e6) | st.sampled_from([0.0, 900.0, 1000.0]),
    equity=amounts,
    trusted=st.booleans(),
    rule=st.builds(CallRule.towards, rules, counterparties),
    allocated=st.none() | st.sampled_from([0.0, 400.0]),
)
def test_every_move_is_a_candidate(
    state: CallState,
    open_usd: float,
    maintenance: float,
    equity: float,
    trusted: bool,
    rule: CallRule,
    allocated: float | None,
) -> None:
    terms = CollectionTerms.alike(rule, 1)
    if allocated is not None:
        one = np.array([allocated])
        terms = CollectionTerms(replace(rule, per_counterparty_group=True), one, one)
    case = CallCase("A", "silo:futures", state, 1, 1, open_usd, "1")
    open_usd = open_usd if state in OPEN else 0.0  # as the column has it
    figures = Figures(1.1 * maintenance, maintenance, equity, "1", trusted)
    decision = decide(case, figures, terms.of(0), 0)
    # The account is the second of three, its scope the second of two, its figures in the first row.
    columns = (np.array([[0.0, amount]]) for amount in (figures.initial_usd, maintenance, equity))
    candidates = may_move(
        np.array([1]),
        np.full((3, 2), STATE_CODES[state], np.int8),
        np.full((3, 2), open_usd),
        1,
        ScopeFigures(np.array([0]), 1, *columns, np.array([[False, trusted]])),
        terms.rule,
        terms.uncollected_usd,
    )
    assert candidates.tolist() == [0] or decision.reason is CallReason.NOTHING
