"""Aggregates over all live accounts: what boards show. Never a figure per account, but for the few worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS, Product
from engine.market.market import PRODUCT_CODE
from engine.shortfall.candidates import STATES
from engine.shortfall.case import OPEN, CallState
from engine.shortfall.liquidity import liquidity_columns
from engine.state.core import EngineCore
from engine.state.firm_limit_uses import FirmLimitUses, firm_limit_uses
from engine.state.intraday_book import IntradayTotals

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the accounts of live partitions, USD.

    Attributes:
        accounts: number by state: ``in_call``, ``warning``, ``clear`` (binding scopes) and, counted beside
            them, ``incomplete`` (a figure rests on missing or stale input).
        closing: accounts whose relation has ended and that are not empty yet.
        requirement, equity, deficit: by silo.
        utilisation: float64[n], maintenance over equity of each account's worst silo; infinite without equity.
        worst_deficits, worst_gaps: (account_id, USD), largest first.
        open_calls: number by (scope kind, state). open_amount: USD by scope kind.
        oldest_call_ns: when the oldest open binding call was issued; 0 if there is none.
        groups_over_allocated: counterparty groups whose records, on all workers, allocate more than the rule gives.
        oldest_price_ns: source time of the oldest price of a held instrument, by product.
        intraday: margin deficits within the day.
        firm_limits: how much of the firm's limits of collateral these accounts use.
    """

    accounts: dict[str, int]
    closing: int
    positions: int
    instruments: int
    requirement: dict[str, float]
    equity: dict[str, float]
    deficit: dict[str, float]
    unified_requirement: float
    unified_deficit: float
    accounts_in_silo_deficit: int
    accounts_in_unified_deficit: int
    trapped_excess: float
    rulebook_effect: float
    netting_effect: float
    add_ons: float
    utilisation: Float64s
    worst_deficits: list[tuple[str, float]]
    worst_gaps: list[tuple[str, float]]
    open_calls: dict[tuple[str, str], int]
    open_amount: dict[str, float]
    oldest_call_ns: int
    oldest_price_ns: dict[str, int]
    stale_instruments: int
    groups_over_allocated: int
    intraday: IntradayTotals
    firm_limits: FirmLimitUses

    @property
    def silo_requirement(self) -> float:
        return sum(self.requirement.values())

    @property
    def gap(self) -> float:
        return self.silo_requirement - self.unified_requirement


def totals(engine: EngineCore, worst: int = 0) -> Totals:
    """Aggregate the figures of the last evaluation; ``worst`` accounts are named in the top lists."""
    accounts = _live_accounts(engine)
    equity, maintenance = engine.equity[accounts], engine.maintenance[accounts]
    unified = engine.unified_requirement(accounts)
    liquidity = liquidity_columns(equity, maintenance, unified)
    gap = maintenance.sum(axis=1) - unified
    rulebook_effect, add_ons = _gap_parts(engine, accounts, maintenance)
    states = engine.cases.state[accounts]
    binding = states[:, : len(SILOS)]
    in_call = np.isin(binding, [STATES.index(state) for state in OPEN]).any(axis=1)
    warned = ~in_call & (binding == STATES.index(CallState.WARNING)).any(axis=1)
    held = np.flatnonzero(engine.holdings.holders[: engine.market.count] > 0)
    return Totals(
        accounts={
            "in_call": int(in_call.sum()),
            "warning": int(warned.sum()),
            "clear": int((~in_call & ~warned).sum()),
            "incomplete": int((~engine.trusted[accounts]).any(axis=1).sum()),
        },
        closing=int(engine.closing[accounts].sum()),
        positions=int(engine.holdings.held[: engine.accounts.count].sum()),
        instruments=engine.market.count,
        requirement=_by_silo(maintenance),
        equity=_by_silo(equity),
        deficit=_by_silo(np.maximum(maintenance - equity, 0.0)),
        unified_requirement=float(unified.sum()),
        unified_deficit=float(liquidity.unified_deficit_usd.sum()),
        accounts_in_silo_deficit=int((liquidity.silo_deficit_usd > 0).sum()),
        accounts_in_unified_deficit=int((liquidity.unified_deficit_usd > 0).sum()),
        trapped_excess=float(liquidity.trapped_usd.sum()),
        rulebook_effect=rulebook_effect,
        netting_effect=float(gap.sum()) - rulebook_effect + add_ons,
        add_ons=add_ons,
        utilisation=_utilisation(equity, maintenance),
        worst_deficits=_largest(engine, accounts, liquidity.silo_deficit_usd, worst),
        worst_gaps=_largest(engine, accounts, gap, worst),
        open_calls=_open_calls(engine, states),
        open_amount={
            "silo": float(engine.cases.open_usd[accounts, : len(SILOS)].sum()),
            "unified": float(engine.cases.open_usd[accounts, len(SILOS) :].sum()),
        },
        oldest_call_ns=engine.cases.oldest_ns(accounts),
        oldest_price_ns=_oldest_prices(engine, held),
        stale_instruments=int(engine.stale[held].sum()),
        groups_over_allocated=engine.group_thresholds.over_allocated,
        intraday=engine.intraday.totals(_live_partitions(engine), accounts),
        firm_limits=firm_limit_uses(engine, accounts),
    )


def _live_partitions(engine: EngineCore) -> list[int]:
    return [number for number, partition in engine.partitions.items() if partition.live]


def _live_accounts(engine: EngineCore) -> Int64s:
    live = _live_partitions(engine)
    return np.flatnonzero(np.isin(engine.accounts.partition[: engine.accounts.count], live))


def _gap_parts(engine: EngineCore, accounts: Int64s, maintenance: Float64s) -> tuple[float, float]:
    """Rulebook effect (silo rules against stand-alone unified) and what the unified rule adds on top.

    Accounts that are not eligible have no gap and take no part; positions outside count the same on both sides.
    """
    eligible = accounts[engine.accounts.unified_eligible[accounts]]
    columns = engine.unified.rulebook.result_columns
    result = engine.unified.result[eligible]
    add_ons = sum(
        float(result[:, columns.index(name)].sum()) for name in ("add_on", "cap_top_up", "floor_top_up")
    )
    silo_sum = float(maintenance[engine.accounts.unified_eligible[accounts]].sum())
    standalone = float(result[:, columns.index("standalone_sum")].sum())
    outside = float(engine.unified.outside_usd[eligible].sum())
    return silo_sum - outside - standalone, add_ons


def _by_silo(amounts: Float64s) -> dict[str, float]:
    return {silo.value: float(total) for silo, total in zip(SILOS, amounts.sum(axis=0), strict=True)}


def _utilisation(equity: Float64s, maintenance: Float64s) -> Float64s:
    """float64[n]: worst silo's maintenance over equity; accounts without requirement count 0."""
    equity, maintenance = np.ascontiguousarray(equity.T), np.ascontiguousarray(maintenance.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(equity > 0, maintenance / equity, np.inf)
    ratio = np.where((maintenance > 0) | (equity < 0), ratio, 0.0)
    worst: Float64s = ratio.max(axis=0)
    return worst


def _largest(engine: EngineCore, accounts: Int64s, amounts: Float64s, number: int) -> list[tuple[str, float]]:
    number = min(number, len(accounts))
    if number == 0:
        return []
    top = np.argpartition(-amounts, number - 1)[:number]
    top = top[np.argsort(-amounts[top], kind="stable")]
    return [
        (engine.accounts.records[int(accounts[i])].account_id, float(amounts[i]))
        for i in top.tolist()
        if amounts[i] > 0
    ]


def _open_calls(engine: EngineCore, states: NDArray[np.int8]) -> dict[tuple[str, str], int]:
    number: dict[tuple[str, str], int] = {}
    for kind, part in (("silo", states[:, : len(SILOS)]), ("unified", states[:, len(SILOS) :])):
        for code, state in enumerate(STATES):
            if state is not CallState.CLEAR:
                number[(kind, state.value)] = int((part == code).sum())
    return number


def _oldest_prices(engine: EngineCore, held: Int64s) -> dict[str, int]:
    oldest = {}
    for product in Product:
        times = engine.market.source_time_ns[held[engine.market.product[held] == PRODUCT_CODE[product]]]
        times = times[times >= 0]
        if len(times):
            oldest[product.value] = int(times.min())
    return oldest
