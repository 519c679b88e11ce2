"""Where an instrument's moves stand in a scenario set: the one place that reads factor names.

Price: ``risk_factor`` at ``beta``, plus ``basis_factor`` at 1. An option without ``risk_factor`` of its own
moves as its underlying does. A factor that the set lacks follows its proxy, if the parameters give one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument
from engine.market.scenarios import ScenarioSet, ShockKind
from engine.rules.unified.one_pot_parameters import Proxy


@dataclass(frozen=True, slots=True)
class FactorMove:
    """A multiple of one scenario column.

    Attributes:
        column: of the scenario set; -1 = does not move.
        scale: the shock is multiplied by it.
        absolute: the shock adds to the level; otherwise it multiplies it.
        residual: size of the move that the scenario set does not describe, in the unit of the shock, >= 0.
    """

    column: int
    scale: float
    absolute: bool
    residual: float


NO_MOVE = FactorMove(-1, 0.0, False, 0.0)


@dataclass(frozen=True, slots=True)
class InstrumentMoves:
    """What moves one instrument; ``inherits_price``: as its underlying."""

    price: FactorMove
    basis: FactorMove
    volatility: FactorMove
    inherits_price: bool


class FactorMap:
    """Resolves factor names of instruments against one scenario set and its proxies."""

    def __init__(self, scenarios: ScenarioSet, proxies: Mapping[str, Proxy], rulebook_id: str) -> None:
        self._label = scenarios.label
        self._column = scenarios.factor_index
        self._absolute = [kind is ShockKind.ABSOLUTE for kind in scenarios.kinds]
        self._proxies = proxies
        for factor, proxy in proxies.items():
            if proxy.factor not in self._column:
                raise MarginError(
                    Reason.BAD_PARAMETER,
                    f"rulebook {rulebook_id}: proxies.{factor}.factor",
                    f"{proxy.factor!r} is not a factor of scenario set {self._label}",
                )

    def moves(self, instrument: Instrument) -> InstrumentMoves:
        """The instrument's moves.

        Raises:
            MarginError: BAD_PARAMETER naming instrument and factor: unknown and without proxy, or missing.
        """
        inherits = instrument.is_option and not instrument.risk_factor
        if not inherits and not instrument.risk_factor:
            raise self._error(instrument, "it has no risk_factor")
        volatility = NO_MOVE
        if instrument.is_option and instrument.volatility_factor:
            volatility = self._move(instrument, instrument.volatility_factor, 1.0)
            if volatility.residual:
                raise self._error(
                    instrument, f"volatility_factor {instrument.volatility_factor}: its proxy has a residual"
                )
        basis = instrument.basis_factor
        return InstrumentMoves(
            price=NO_MOVE if inherits else self._move(instrument, instrument.risk_factor, instrument.beta),
            basis=self._move(instrument, basis, 1.0) if basis and not inherits else NO_MOVE,
            volatility=volatility,
            inherits_price=inherits,
        )

    def _move(self, instrument: Instrument, factor: str, beta: float) -> FactorMove:
        column = self._column.get(factor)
        if column is not None:
            return FactorMove(column, beta, self._absolute[column], 0.0)
        proxy = self._proxies.get(factor)
        if proxy is None:
            raise self._error(
                instrument, f"factor {factor} is not in scenario set {self._label}; give it a proxy"
            )
        column = self._column[proxy.factor]
        return FactorMove(column, beta * proxy.beta, self._absolute[column], abs(beta) * proxy.residual_shock)

    def _error(self, instrument: Instrument, detail: str) -> MarginError:
        return MarginError(Reason.BAD_PARAMETER, f"instrument {instrument.instrument_id}", detail)
