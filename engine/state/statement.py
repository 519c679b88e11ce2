"""One account's figures side by side: today's silos, the unified candidate, the gap between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_MILLISECOND, start_of_day
from engine.market.instruments import SILOS
from engine.portfolio.collateral import matured
from engine.portfolio.holdings import Held
from engine.rules.interface import Holding
from engine.shortfall.gap import GapAttribution, attribute_gap
from engine.shortfall.intraday_account import deficit_id, freeze_due_day
from engine.shortfall.intraday_standing import Standing
from engine.shortfall.liquidity import LiquidityView, liquidity_view
from engine.state.collection import allocation_text, exception_text, threshold_and_minimum_usd
from engine.state.core import EngineCore
from engine.state.eligibility import below_minimum_equity
from engine.state.pairing_book import PairingBook
from engine.state.partitions import Inputs
from engine.state.position_problems import position_problems

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Units = tuple[Float64s, Int64s]  # exposures float64[u, k] and silo indices int64[u]


@dataclass(frozen=True, slots=True)
class SiloFigures:
    """One silo under today's rulebooks, USD.

    ``below_minimum_equity``: a rulebook that the account is approved for asks for more equity than there is.
    ``exception``: why less than is required is collected from this counterparty; empty if it is not.
    ``threshold_usd``: requirement up to this is not collected. ``allocation``: where it and the minimum transfer amount
    come from if not from the rule alone.
    """

    silo: str
    rulebook: str
    rulebook_version: str
    initial_usd: float
    maintenance_usd: float
    equity_usd: float
    below_minimum_equity: bool = False
    exception: str = ""
    threshold_usd: float = 0.0
    minimum_transfer_usd: float = 0.0
    allocation: str = ""

    @property
    def excess_usd(self) -> float:
        return self.equity_usd - self.maintenance_usd


@dataclass(frozen=True, slots=True)
class UnifiedFigures:
    """The account under the unified candidate; ``parts`` add up to the requirement."""

    rulebook_id: str
    rulebook_version: str
    eligible: bool
    requirement_usd: float
    equity_usd: float
    parts: tuple[tuple[str, float], ...]
    worst_scenario: str

    @property
    def excess_usd(self) -> float:
        return self.equity_usd - self.requirement_usd


@dataclass(frozen=True, slots=True)
class Quality:
    """How far the figures can be trusted; ``incomplete`` names what is missing."""

    oldest_price_age_ms: int
    stale: bool
    incomplete: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeficitFigures:
    """A deficit that an exception can be granted for; ``state`` is ``today`` for that of the day under way."""

    deficit_id: str
    day: int
    amount_usd: float
    state: Literal["today", "outstanding", "satisfied", "expired"]
    counts: bool
    late: bool
    extended_until_day: int


@dataclass(frozen=True, slots=True)
class IntradayFigures:
    """The account under the intraday margin rule; days are days since 1970, -1 for none.

    Attributes:
        open_deficits, outstanding_usd: of earlier days. freeze_due_day, expires_day: of the oldest of them.
        freeze_violations: transactions that the present freeze forbids, so far.
    """

    deficit_today_usd: float
    open_deficits: int
    outstanding_usd: float
    freeze_due_day: int
    expires_day: int
    frozen: bool
    frozen_until_day: int
    freeze_violations: int
    deficits: tuple[DeficitFigures, ...]


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """Everything about one account at the last evaluation, under the policy of that version."""

    account_id: str
    owner: str
    desk: str
    business_day: int
    as_of_ns: int
    policy_version: str
    silos: tuple[SiloFigures, ...]
    unified: UnifiedFigures
    gap: GapAttribution
    liquidity: LiquidityView
    utilisation: float
    quality: Quality
    inputs: Inputs
    intraday: IntradayFigures | None = None


def statement(engine: EngineCore, account_id: str, now_ns: int) -> AccountStatement:
    """The account's statement.

    Raises:
        MarginError: UNKNOWN_ACCOUNT if the account is not known or its partition is not owned.
    """
    account = account_slot(engine, account_id)
    record = engine.accounts.records[account]
    equity, maintenance = engine.equity[account], engine.maintenance[account]
    active = np.flatnonzero((equity != 0.0) | (maintenance != 0.0) | ~engine.trusted[account])
    silos = tuple(
        SiloFigures(
            SILOS[silo].value,
            "+".join(engine.rulebooks_of(SILOS[silo])),
            engine.rulebook_version(SILOS[silo]),
            float(engine.initial[account, silo]),
            float(maintenance[silo]),
            float(equity[silo]),
            below_minimum_equity(engine, account, SILOS[silo]),
            exception_text(engine, account, SILOS[silo]),
            *threshold_and_minimum_usd(engine, account, f"silo:{SILOS[silo]}"),
            allocation_text(engine, account, SILOS[silo]),
        )
        for silo in active.tolist()
    )
    units = unified_units(engine, account)
    gap = gap_of(engine, account, units)
    weights = gap.tail_weights if len(gap.tail_weights) else tail_weights_of(engine, units)
    unified = unified_figures(engine, account, worst_scenario(engine, units, weights))
    return AccountStatement(
        record.account_id,
        record.owner,
        record.desk,
        int(engine.accounts.business_day[account]),
        now_ns,
        engine.policy.version,
        silos,
        unified,
        gap,
        liquidity_view(equity.tolist(), maintenance.tolist(), unified.requirement_usd),
        worst_utilisation(silos),
        quality_of(engine, account, held_by(engine, account), now_ns),
        engine.inputs_of(account),
        intraday_figures(engine, account),
    )


def intraday_figures(engine: EngineCore, account: int) -> IntradayFigures | None:
    """None before the account's first transaction under the rule."""
    partition, account_id = (
        int(engine.accounts.partition[account]),
        engine.accounts.records[account].account_id,
    )
    standing, rule = engine.intraday.standing(partition, account_id), engine.intraday.rule
    if standing is None or rule is None:
        return None
    outstanding = standing.outstanding
    oldest = min(outstanding, key=lambda each: each.day, default=None)
    business, parameters = rule.trading.business, rule.parameters
    return IntradayFigures(
        standing.amount_usd,
        len(outstanding),
        math.fsum(each.amount_usd for each in outstanding),
        -1 if oldest is None else freeze_due_day(oldest, business, parameters),
        -1 if oldest is None else business.after(oldest.day, parameters.outstanding_business_days),
        standing.is_frozen(),
        standing.account.frozen_until_day,
        standing.violations,
        _deficits_of(standing),
    )


def _deficits_of(standing: Standing) -> tuple[DeficitFigures, ...]:
    """Those that are remembered and that of today, oldest first."""
    account_id = standing.account.account_id
    found = [
        DeficitFigures(
            deficit_id(account_id, each.day), each.day, each.amount_usd, each.state.value, each.counts, each.late,
            each.extended_until_day,
        )
        for each in standing.account.deficits
    ]  # fmt: skip
    if standing.amount_usd > 0.0:
        own_id, counts = deficit_id(account_id, standing.day), not standing.extraordinary
        found.append(DeficitFigures(own_id, standing.day, standing.amount_usd, "today", counts, False, -1))
    return tuple(found)


def account_slot(engine: EngineCore, account_id: str) -> int:
    """Slot of an account whose partition is owned.

    Raises:
        MarginError: UNKNOWN_ACCOUNT.
    """
    slot = engine.accounts.slot_of.get(account_id)
    if slot is None or int(engine.accounts.partition[slot]) not in engine.partitions:
        raise MarginError(Reason.UNKNOWN_ACCOUNT, f"account {account_id}", "is not held by this worker")
    return slot


def worst_utilisation(silos: tuple[SiloFigures, ...]) -> float:
    """Maintenance over equity of the silo that uses most; infinite where there is no equity."""
    worst = 0.0
    for silo in silos:
        if silo.equity_usd > 0:
            worst = max(worst, silo.maintenance_usd / silo.equity_usd)
        elif silo.maintenance_usd > 0 or silo.equity_usd < 0:
            worst = float("inf")
    return worst


def unified_figures(engine: EngineCore, account: int, worst: str) -> UnifiedFigures:
    """The unified candidate's figures; an account that is not eligible keeps the sum of its silos."""
    rulebook = engine.unified.rulebook
    one = np.array([account], np.int64)
    eligible = bool(engine.accounts.unified_eligible[account])
    requirement = float(engine.unified_requirement(one)[0])
    if not eligible:
        parts: list[tuple[str, float]] = [("silo_sum", requirement)]
    else:
        names = rulebook.result_columns[1:-1]
        parts = list(zip(names, engine.unified.result[account, 1:-1].tolist(), strict=True))
        parts.append(("outside", float(engine.unified.outside_usd[account])))
    return UnifiedFigures(
        rulebook.rulebook_id,
        rulebook.version,
        eligible,
        requirement,
        float(engine.equity[account].sum()),
        tuple(parts),
        worst,
    )


def unified_units(engine: EngineCore, account: int) -> Units:
    """Exposures float64[u, k] of the account's silos under the unified candidate, and their silo indices."""
    return engine.unified.of_account(account, engine.holdings)


def tail_weights_of(engine: EngineCore, units: Units) -> Float64s:
    """float64[S]: which scenarios decide the unified base of these units; empty without positions."""
    exposures, _ = units
    return engine.unified.rulebook.tail_weights(exposures) if len(exposures) else np.zeros(0)


def worst_scenario(engine: EngineCore, units: Units, weights: Float64s) -> str:
    """Name of the scenario that weighs most in the tail; empty without positions."""
    exposures, _ = units
    if len(exposures) == 0:
        return ""
    losses = -exposures[:, : len(weights)].sum(axis=0) * weights
    worst = int(np.argmax(losses))
    return engine.unified.rulebook.scenarios.names[worst] if losses[worst] > 0 else ""


def gap_of(engine: EngineCore, account: int, units: Units) -> GapAttribution:
    """Where the difference between the silo sum and the unified requirement comes from.

    ``units``: the account's, of :func:`unified_units`. An account that is not eligible has no gap.
    """
    if not engine.accounts.unified_eligible[account]:
        return GapAttribution(0.0, (), (), np.zeros(0))
    exposures, sets = units
    maintenance = engine.maintenance[account]
    charged = np.flatnonzero(maintenance)
    return attribute_gap(
        engine.unified.rulebook,
        exposures,
        [SILOS[silo].value for silo in sets.tolist()],
        {SILOS[silo].value: float(maintenance[silo]) for silo in charged.tolist()},
        add_on_usd=float(engine.unified.add_on.requirement[account, 1]),
        silo_total_usd=engine.pot_silo_total(account),
        outside_usd=_outside_usd(engine, account),
    )


def _outside_usd(engine: EngineCore, account: int) -> dict[str, float]:
    """Requirement of the positions that are not in the pot, by silo; silos without any are left out."""
    outside: dict[str, float] = {}
    for book in engine.unified.outside:
        requirement_usd = float(book.requirement[account, 1])
        if requirement_usd:
            outside[book.rulebook.silo] = outside.get(book.rulebook.silo, 0.0) + requirement_usd
    return outside


def quality_of(engine: EngineCore, account: int, held: Held, now_ns: int) -> Quality:
    """Age of the oldest price that the account's holdings rest on, and what is missing."""
    instruments = held.instrument
    times = engine.market.source_time_ns[instruments]
    known = times[times >= 0]
    age_ns = max(now_ns - int(known.min()), 0) if len(known) else 0
    unpriced = np.unique(instruments[~engine.market.priced[instruments]])
    missing = [_without_price(engine, i) for i in unpriced.tolist()]
    missing += [
        f"NO_RULEBOOK: silo {SILOS[silo]}: holds products that no rulebook margins there for this account"
        for silo in np.flatnonzero(engine.unsupported[account]).tolist()
    ]
    named = {error.thing: error for error in (*left_out(engine, account), *position_problems(engine, held))}
    missing += [f"{error.reason}: {error.thing}: {error.detail}" for error in named.values()]
    missing += _matured(engine, held)
    return Quality(
        age_ns // NANOSECONDS_PER_MILLISECOND,
        bool(engine.stale[instruments].any()),
        tuple(sorted(missing)),
    )


def _without_price(engine: EngineCore, slot: int) -> str:
    refusal = engine.refusals.get(slot)
    if refusal is not None:
        return f"{refusal.reason}: {refusal.thing}: {refusal.detail}"
    return f"NO_PRICE: instrument {engine.market.instruments[slot].instrument_id}"


def _matured(engine: EngineCore, held: Held) -> list[str]:
    """Pledged debt whose principal is due: it counts nothing, and the money has not come."""
    at_ns = start_of_day(engine.market.valuation_time_ns)
    pledged = held.only(held.collateral)
    due = [
        (engine.market.instruments[instrument], SILOS[silo])
        for instrument, silo in zip(pledged.instrument.tolist(), pledged.silo.tolist(), strict=True)
        if matured(engine.market.instruments[instrument], at_ns)
    ]
    return [
        f"{Reason.EXPIRED}: collateral {asset.instrument_id} in silo {silo}: matured on "
        f"{np.datetime64(asset.expiry_ns, 'ns').astype('datetime64[D]')}, counts nothing until its redemption "
        "is booked"
        for asset, silo in due
    ]


def left_out(engine: EngineCore, account: int) -> list[MarginError]:
    """Why positions that have a price cannot be margined by their rulebook all the same; each names its position."""
    market = engine.market.risk
    books = [
        book
        for book in engine.silo_books.values()
        if isinstance(book, PairingBook) and book.incomplete[account]
    ]
    priced = [
        h for h in holdings_of(engine, account) if market.priced[market.slot_of[h.instrument.instrument_id]]
    ]
    return [error for book in books for error in book.rulebook.refusals(priced, market)]


def held_by(engine: EngineCore, account: int) -> Held:
    """The account's holdings, collateral included, sorted by instrument slot."""
    return engine.holdings.of(np.array([account], np.int64))


def holdings_of(engine: EngineCore, account: int) -> list[Holding]:
    """The account's positions (no collateral) by instrument slot, for the plain twins."""
    held = held_by(engine, account)
    positions = held.only(~held.collateral)
    return [
        Holding(engine.market.instruments[instrument], quantity, SILOS[silo].value)
        for instrument, quantity, silo in zip(
            positions.instrument.tolist(), positions.quantity.tolist(), positions.silo.tolist(), strict=True
        )
    ]
