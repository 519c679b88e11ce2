"""The one-pot rule for one account in plain Python, step by step as a clerk would work it out.

Nothing is shared with the vectorised rulebook but the scalar pricing functions and the reading of factor
names: sums, sorts and limits stand here a second time, on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.plain import contract_value, fx_rate
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.unified.liquidity_add_on import explain_liquidity
from engine.rules.unified.minimum import PER_UNIT, SHARE_OF_NOTIONAL
from engine.rules.unified.one_pot_parameters import OnePotParameters
from engine.rules.unified.plain_repricing import PlainRepricing


def explain_one_pot(
    parameters: OnePotParameters,
    scenarios: ScenarioSet,
    holdings: Sequence[Holding],
    market: MarketView,
    silo_total_usd: float = 0.0,
) -> Explained:
    """Requirement of one account's eligible positions, as a tree of parts that add up to it.

    An instrument without price counts as nothing.

    Raises:
        MarginError: NO_RULEBOOK for a product that may not enter the pot; BAD_PARAMETER for an instrument
            whose factors the scenario set lacks.
    """
    for holding in holdings:
        _require_eligible(parameters, holding)
    priced = [h for h in holdings if market.priced[market.slot_of[h.instrument.instrument_id]]]
    repricing = PlainRepricing(parameters, scenarios, market)
    silos = {
        silo: _measure(
            parameters, scenarios, _pnl(repricing, scenarios, [h for h in priced if h.silo == silo])
        )
        for silo in sorted({h.silo for h in priced})
    }
    account = _measure(parameters, scenarios, _pnl(repricing, scenarios, priced))

    core = _core_part(parameters, scenarios, account)
    stress = _stress_part(parameters, scenarios, account)
    minimum = Part.sum_of(
        "minimum charges", [_minimum_part(parameters, market, repricing, holding) for holding in priced]
    )
    add_on = explain_liquidity(parameters.liquidity, priced, market).tree
    cap = _cap_part(parameters, account, silos)
    unified = math.fsum(part.amount_usd for part in (core, stress, minimum, add_on, cap))
    floor = Part(
        "floor top-up",
        max(parameters.floor_share_of_silos * silo_total_usd - unified, 0.0),
        facts={"floor_share_of_silos": parameters.floor_share_of_silos, "silo_total_usd": silo_total_usd},
    )
    tree = Part.sum_of("one-pot requirement", [core, stress, minimum, add_on, cap, floor])
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree, account.decisive)


@dataclass(frozen=True, slots=True)
class _Measured:
    """One book's P&L per scenario, measured; ``decisive`` is empty where nothing can be lost."""

    pnl: list[float]
    core: float
    stress: float
    base: float
    decisive: str


def _require_eligible(parameters: OnePotParameters, holding: Holding) -> None:
    product = holding.instrument.product
    if product not in parameters.eligible_products:
        raise MarginError(
            Reason.NO_RULEBOOK,
            f"instrument {holding.instrument.instrument_id} in silo {holding.silo}",
            f"{product.value} is not an eligible product of {parameters.rulebook_id}",
        )


def _pnl(repricing: PlainRepricing, scenarios: ScenarioSet, holdings: Sequence[Holding]) -> list[float]:
    """P&L of a book in every scenario, USD, losses negative."""
    positions = [
        [holding.quantity * pnl for pnl in repricing.contract_pnl(holding.instrument)] for holding in holdings
    ]
    return [math.fsum(position[s] for position in positions) for s in range(scenarios.count)]


def _measure(parameters: OnePotParameters, scenarios: ScenarioSet, pnl: list[float]) -> _Measured:
    """The tail loss of the historical scenarios against the weighted worst stress loss."""
    historical = scenarios.historical_count
    ranked = sorted(range(historical), key=lambda scenario: pnl[scenario])  # the largest loss first
    # Ten digits: 240 x (1 - 0.975) is 6 scenarios, not 6 and a rest of 1e-15.
    tail = round(historical * (1.0 - parameters.confidence), 10)
    whole = math.floor(tail)
    if parameters.measure == "var":
        decisive = ranked[min(whole, historical - 1)]
        core = -pnl[decisive]
    else:
        decisive = ranked[0]
        losses = [-pnl[scenario] for scenario in ranked[:whole]]
        if tail > whole:
            losses.append(-pnl[ranked[whole]] * (tail - whole))
        core = math.fsum(losses) / tail
    core = max(core, 0.0)
    stress = 0.0
    for scenario in range(historical, scenarios.count):
        loss = -pnl[scenario] * parameters.stress_weight
        if loss > stress:
            stress = loss
            decisive = scenario if loss > core else decisive
    base = max(core, stress)
    return _Measured(pnl, core, stress, base, scenarios.names[decisive] if base > 0.0 else "")


def _core_part(parameters: OnePotParameters, scenarios: ScenarioSet, account: _Measured) -> Part:
    facts: dict[str, float | str] = {
        "measure": parameters.measure,
        "confidence": parameters.confidence,
        "scenario_set": scenarios.label,
        "historical_scenarios": scenarios.historical_count,
    }
    return Part("core", account.core, facts=facts | _pnl_facts(scenarios, account.pnl, stress=False))


def _stress_part(parameters: OnePotParameters, scenarios: ScenarioSet, account: _Measured) -> Part:
    facts: dict[str, float | str] = {
        "stress_weight": parameters.stress_weight,
        "weighted_worst_stress_loss_usd": account.stress,
    }
    top_up = account.base - account.core
    return Part("stress top-up", top_up, facts=facts | _pnl_facts(scenarios, account.pnl, stress=True))


def _pnl_facts(scenarios: ScenarioSet, pnl: list[float], *, stress: bool) -> dict[str, float | str]:
    return {
        f"pnl {name}": amount
        for name, amount, is_stress in zip(scenarios.names, pnl, scenarios.is_stress.tolist(), strict=True)
        if is_stress == stress
    }


def _cap_part(parameters: OnePotParameters, account: _Measured, silos: dict[str, _Measured]) -> Part:
    base_sum = math.fsum(silo.base for silo in silos.values())
    facts: dict[str, float | str] = {
        "offset_cap": parameters.offset_cap,
        "sum_of_standalone_bases_usd": base_sum,
    }
    for name, silo in silos.items():
        facts[f"standalone base {name}"] = silo.base
    return Part(
        "offset cap top-up", max((1.0 - parameters.offset_cap) * base_sum - account.base, 0.0), facts=facts
    )


def _minimum_part(
    parameters: OnePotParameters, market: MarketView, repricing: PlainRepricing, holding: Holding
) -> Part:
    """Per contract, whatever hedges it: the minimum, and the residual move of a proxied factor."""
    instrument = holding.instrument
    contracts = abs(holding.quantity)
    slot = np.array([market.slot_of[instrument.instrument_id]])
    per_contract = 0.0
    if instrument.product in PER_UNIT:
        per_contract = parameters.option_minimum_usd_per_unit * instrument.multiplier
    elif instrument.product in SHARE_OF_NOTIONAL:
        notional = abs(contract_value(instrument, float(market.underlying_price(slot)[0])))
        per_contract = parameters.futures_minimum_share * notional * fx_rate(instrument, market)
    minimum = Part(
        "contract minimum",
        contracts * per_contract,
        facts={"contracts": contracts, "per_contract_usd": per_contract},
    )
    residual = Part("proxy residual", repricing.residual_charge(instrument, holding.quantity))
    return Part.sum_of(f"{holding.silo} {instrument.instrument_id}", [minimum, residual])
