"""Rulebook methods by name: how parameters become a rulebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.market.scenarios import ScenarioSet
from engine.rules import (
    cleared_swaps_parameters,
    crypto_scenario_matrix_parameters,
    crypto_tiered_parameters,
    digital_assets_spot_parameters,
    event_contracts_parameters,
    finra_4210g_parameters,
    schedule_im_parameters,
    sec_18a_3_equity_parameters,
    sec_18a_3_parameters,
    security_futures_parameters,
    span_parameters,
    treasury_clearing_parameters,
)
from engine.rules.cleared_swaps import ClearedSwaps
from engine.rules.crypto_scenario_matrix import CryptoScenarioMatrix
from engine.rules.crypto_tiered import CryptoTiered
from engine.rules.digital_assets_spot import DigitalAssetsSpot
from engine.rules.event_contracts import EventContracts
from engine.rules.finra_4210g import Finra4210g
from engine.rules.interface import SiloRulebook
from engine.rules.schedule_im import ScheduleIm
from engine.rules.sec_18a_3 import Sec18a3
from engine.rules.sec_18a_3_equity import Sec18a3Equity
from engine.rules.security_futures import SecurityFutures
from engine.rules.simm import live_parameters as simm_parameters
from engine.rules.simm.live import IsdaSimm
from engine.rules.span import SpanFutures
from engine.rules.strategy import debt_parameters
from engine.rules.strategy import parameters as strategy_parameters
from engine.rules.strategy.debt_rule import FinraDebt
from engine.rules.strategy.live import RegT
from engine.rules.treasury_clearing import TreasuryClearing
from engine.rules.unified.interface import UnifiedRulebook
from engine.rules.unified.one_pot import OnePot
from engine.rules.unified.one_pot_parameters import OnePotParameters

SILO_METHODS: dict[str, Callable[[Mapping[str, Any]], SiloRulebook]] = {
    "finra-4210g": lambda mapping: Finra4210g(finra_4210g_parameters.Parameters.from_mapping(mapping)),
    "finra-4210-debt": lambda mapping: FinraDebt(debt_parameters.DebtParameters.from_mapping(mapping)),
    "reg-t": lambda mapping: RegT(strategy_parameters.Parameters.from_mapping(mapping)),
    "span-futures": lambda mapping: SpanFutures(span_parameters.Parameters.from_mapping(mapping)),
    "crypto-tiered": lambda mapping: CryptoTiered(crypto_tiered_parameters.Parameters.from_mapping(mapping)),
    "crypto-scenario-matrix": lambda mapping: CryptoScenarioMatrix(
        crypto_scenario_matrix_parameters.Parameters.from_mapping(mapping)
    ),
    "digital-assets-spot": lambda mapping: DigitalAssetsSpot(
        digital_assets_spot_parameters.Parameters.from_mapping(mapping)
    ),
    "event-contracts": lambda mapping: EventContracts(
        event_contracts_parameters.Parameters.from_mapping(mapping)
    ),
    "sec-18a-3": lambda mapping: Sec18a3(sec_18a_3_parameters.Parameters.from_mapping(mapping)),
    "sec-18a-3-equity": lambda mapping: Sec18a3Equity(
        sec_18a_3_equity_parameters.Parameters.from_mapping(mapping)
    ),
    "security-futures": lambda mapping: SecurityFutures(
        security_futures_parameters.Parameters.from_mapping(mapping)
    ),
    "isda-simm": lambda mapping: IsdaSimm(simm_parameters.Parameters.from_mapping(mapping)),
    "schedule-im": lambda mapping: ScheduleIm(schedule_im_parameters.Parameters.from_mapping(mapping)),
}
# Methods that rest on a scenario set.
SCENARIO_METHODS: dict[str, Callable[[Mapping[str, Any], ScenarioSet], SiloRulebook]] = {
    "cleared-swaps": lambda mapping, scenarios: ClearedSwaps(
        cleared_swaps_parameters.Parameters.from_mapping(mapping), scenarios
    ),
    "treasury-clearing": lambda mapping, scenarios: TreasuryClearing(
        treasury_clearing_parameters.Parameters.from_mapping(mapping), scenarios
    ),
}
UNIFIED_METHODS: dict[str, Callable[[Mapping[str, Any], ScenarioSet], UnifiedRulebook]] = {
    "one-pot": lambda mapping, scenarios: OnePot(OnePotParameters.from_mapping(mapping), scenarios),
}


def silo_rulebook(
    method: str, mapping: Mapping[str, Any], silo: str = "", scenarios: ScenarioSet | None = None
) -> SiloRulebook:
    """Build a silo rulebook.

    Args:
        silo: where it is to stand; without one it stands where its parameters say.
        scenarios: what a method of :data:`SCENARIO_METHODS` rests on; others need none.

    Raises:
        MarginError: UNKNOWN_RULEBOOK for an unknown method; BAD_PARAMETER from the method's own checks, also where it
            cannot stand for that silo, or where a scenario set is missing.
    """
    placed = {**mapping, "silo": silo} if silo else mapping
    if method in SCENARIO_METHODS:
        if scenarios is None:
            thing = f"rulebook {mapping.get('rulebook_id') or method}: scenario_file"
            raise MarginError(
                Reason.BAD_PARAMETER, thing, "the rulebook rests on a scenario set: name its file"
            )
        return SCENARIO_METHODS[method](placed, scenarios)
    if method not in SILO_METHODS:
        raise _unknown(method, sorted({*SILO_METHODS, *SCENARIO_METHODS}))
    return SILO_METHODS[method](placed)


def unified_rulebook(method: str, mapping: Mapping[str, Any], scenarios: ScenarioSet) -> UnifiedRulebook:
    """Build a unified rulebook on a scenario set.

    Raises:
        MarginError: UNKNOWN_RULEBOOK for an unknown method; BAD_PARAMETER from the method's own checks.
    """
    if method not in UNIFIED_METHODS:
        raise _unknown(method, sorted(UNIFIED_METHODS))
    return UNIFIED_METHODS[method](mapping, scenarios)


def _unknown(method: str, known: list[str]) -> MarginError:
    return MarginError(Reason.UNKNOWN_RULEBOOK, f"method {method}", f"known methods are {', '.join(known)}")
