"""Why: the plain twins' trees for one account, the gap's terms, the scenario losses; and the shadow check."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.base.units import start_of_day
from engine.market.instruments import SILO_INDEX
from engine.portfolio.account_class import AccountClass
from engine.rules.interface import Holding, LiquidationPrices, LooksBack, ScaledByClass, ShowsPairings
from engine.rules.requirement import Explained, Part
from engine.shortfall.gap import position_contributions
from engine.state.account_content import contents_of
from engine.state.books import SiloBook
from engine.state.collection import collection_facts
from engine.state.core import EngineCore
from engine.state.eligibility import minimum_equity_facts
from engine.state.equity_plain import explain_equity
from engine.state.statement import account_slot, gap_of, holdings_of, unified_units
from engine.state.transition import PositionLoss

Float64s = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AccountExplanation:
    """The same figures as the statement, as trees that add up.

    Attributes:
        silos: (silo, rulebook_id, tree).
        equity: (silo, tree): cash, market value, collateral with every haircut and its reason.
        unified: tree of the unified candidate over eligible positions.
        contributions: positions by their loss over the scenarios that decide the unified base.
        scenario_losses: (scenario, loss of the account in USD), worst first.
    """

    account_id: str
    silos: tuple[tuple[str, str, Explained], ...]
    equity: tuple[tuple[str, Part], ...]
    unified: Explained
    contributions: tuple[PositionLoss, ...]
    scenario_losses: tuple[tuple[str, float], ...]


def explanation(engine: EngineCore, account_id: str) -> AccountExplanation:
    """Explain an account.

    Raises:
        MarginError: UNKNOWN_ACCOUNT.
    """
    account = account_slot(engine, account_id)
    holdings = _priced(engine, holdings_of(engine, account))
    silos = tuple(
        (book.rulebook.silo, rulebook_id, _explain_silo(engine, account, book, margined))
        for rulebook_id, book in engine.silo_books.items()
        if (margined := _margined_by(engine, account, rulebook_id, holdings))
    )
    return AccountExplanation(
        account_id,
        silos,
        _equity(engine, account),
        _explain_unified(engine, account, holdings),
        _contributions(engine, account, holdings),
        _scenario_losses(engine, account),
    )


def _equity(engine: EngineCore, account: int) -> tuple[tuple[str, Part], ...]:
    at_ns = start_of_day(engine.market.valuation_time_ns)
    schedule = engine.policy.collateral
    return tuple(
        (content.silo, explain_equity(schedule, content, engine.market, at_ns))
        for content in contents_of(engine, account)
    )


def _explain_silo(engine: EngineCore, account: int, book: SiloBook, margined: list[Holding]) -> Explained:
    """The rulebook's explanation; beside it whether a minimum of equity is kept, and what of it is collected."""
    rulebook = book.rulebook
    if isinstance(rulebook, ScaledByClass):
        owner = AccountClass(int(engine.accounts.account_class[account]))
        explained = rulebook.explain_by_class(margined, engine.market.risk, owner)
    elif isinstance(rulebook, LooksBack):
        past_usd = engine.accounts.records[account].past_charges_usd
        explained = rulebook.explain_with_past(margined, engine.market.risk, past_usd)
    elif isinstance(rulebook, LiquidationPrices):
        explained = rulebook.explain(margined, engine.market.risk, _equity_behind(engine, account, book))
    else:
        explained = rulebook.explain(margined, engine.market.risk)
    facts = minimum_equity_facts(engine, account, book.rulebook)
    facts |= collection_facts(engine, account, book.rulebook.silo)
    return replace(explained, tree=replace(explained.tree, facts=explained.tree.facts | facts))


def _equity_behind(engine: EngineCore, account: int, book: SiloBook) -> float:
    """Equity of the silo less what its other rulebooks require for maintenance."""
    silo = SILO_INDEX[book.rulebook.silo]
    others_usd = float(engine.maintenance[account, silo] - book.requirement[account, 1])
    return float(engine.equity[account, silo]) - others_usd


def _priced(engine: EngineCore, holdings: list[Holding]) -> list[Holding]:
    """Holdings that have a value; the others are named in the statement as missing."""
    market = engine.market.risk
    return [h for h in holdings if market.priced[market.slot_of[h.instrument.instrument_id]]]


def _margined_by(
    engine: EngineCore, account: int, rulebook_id: str, holdings: list[Holding]
) -> list[Holding]:
    approved = bool(engine.accounts.portfolio_margin[account])
    assigned = [a for a in engine.policy.assignments if a.rulebook_id == rulebook_id]
    return [
        h
        for h in holdings
        if any(
            a.silo == h.silo and h.instrument.product in a.products and a.admits(approved) for a in assigned
        )
    ]


def _explain_unified(engine: EngineCore, account: int, holdings: list[Holding]) -> Explained:
    eligible = [h for h in holdings if h.instrument.product in engine.unified.rulebook.eligible_products]
    return engine.unified.rulebook.explain(eligible, engine.market.risk, engine.pot_silo_total(account))


def _contributions(engine: EngineCore, account: int, holdings: list[Holding]) -> tuple[PositionLoss, ...]:
    weights = gap_of(engine, account, unified_units(engine, account)).tail_weights
    eligible = [h for h in holdings if h.instrument.product in engine.unified.rulebook.eligible_products]
    if len(weights) == 0 or not eligible:
        return ()
    slots = [engine.market.slot_of[h.instrument.instrument_id] for h in eligible]
    quantities = np.array([h.quantity for h in eligible])
    losses = position_contributions(engine.unified.rows.values[slots], quantities, weights)
    order = np.argsort(-losses, kind="stable").tolist()
    return tuple(
        PositionLoss(eligible[i].instrument.instrument_id, eligible[i].quantity, float(losses[i]))
        for i in order
    )


def _scenario_losses(engine: EngineCore, account: int) -> tuple[tuple[str, float], ...]:
    exposures, _ = unified_units(engine, account)
    names = engine.unified.rulebook.scenarios.names
    losses = -exposures[:, : len(names)].sum(axis=0)
    order = np.argsort(-losses, kind="stable").tolist()
    return tuple((names[i], float(losses[i])) for i in order)


def shadow_check(engine: EngineCore, account_ids: list[str]) -> float:
    """Largest difference in USD between the incremental figures and the plain twins over a sample.

    The accounts' figures must be those of the last evaluation.
    """
    return max((_difference(engine, account_id) for account_id in account_ids), default=0.0)


def _pairing_error_usd(engine: EngineCore, account: int) -> float:
    """The plain twins of rulebooks that pair share the solver; what it found is shown apart."""
    holdings = _priced(engine, holdings_of(engine, account))
    return max(
        (
            book.rulebook.pairing_error_usd(margined, engine.market.risk)
            for rulebook_id, book in engine.silo_books.items()
            if isinstance(book.rulebook, ShowsPairings)
            and (margined := _margined_by(engine, account, rulebook_id, holdings))
        ),
        default=0.0,
    )


def _difference(engine: EngineCore, account_id: str) -> float:
    account = account_slot(engine, account_id)
    told = explanation(engine, account_id)
    plain = np.zeros(engine.maintenance.shape[1])
    for silo, _, explained in told.silos:
        plain[SILO_INDEX[silo]] += explained.requirement.maintenance_usd
    largest = max(
        float(np.abs(plain - engine.maintenance[account]).max()), _pairing_error_usd(engine, account)
    )
    if engine.accounts.unified_eligible[account]:
        unified = float(engine.unified.result[account, 0])
        largest = max(largest, abs(told.unified.requirement.maintenance_usd - unified))
    return largest
