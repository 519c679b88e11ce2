"""Reads parameter files: the packaged ones, or a folder of the user's with the same names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from engine.base.business_days import BusinessDays
from engine.base.errors import MarginError, Reason
from engine.market.rate_conventions import conventions_of
from engine.market.scenarios import ScenarioSet, from_csv_lines
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.registry import SCENARIO_METHODS, SILO_METHODS, unified_rulebook
from engine.shortfall.intraday_parameters import RULE_ID, TIME_ZONE, IntradayParameters, IntradayRule, Method
from engine.state.engine import Engine
from engine.state.policy import Policy, RulebookParameters
from streams.business_days import exchange_days, trading_days
from streams.call_rules import call_rules

UNIFIED_METHOD = "one-pot"
POLICY_FILE = "policy.toml"
SCENARIO_FILE = "scenarios-synthetic.csv"
# The rule came into force in 2026; the calendar library knows the rules of later holidays.
_CALENDAR = (date(2026, 1, 1), date(2045, 12, 31))


def packaged() -> Traversable:
    """The parameter files that ship with the engine."""
    return resources.files("engine.rules") / "data"


def read_toml(name: str, folder: Path | None = None) -> dict[str, Any]:
    """A parameter file from the folder if it is there, else the packaged one.

    Raises:
        MarginError: BAD_PARAMETER naming the file and line if it is no TOML, or the file if there is none.
    """
    return read_toml_file(_source(name, folder))


def read_toml_file(source: Path | Traversable) -> dict[str, Any]:
    """A parsed parameter file.

    Raises:
        MarginError: BAD_PARAMETER naming the file and line if it is no TOML, or the file if it cannot be read.
    """
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except RecursionError:
        raise MarginError(Reason.BAD_PARAMETER, f"file {source}", "is nested too deeply") from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise MarginError(Reason.BAD_PARAMETER, f"file {source}", f"is not TOML: {error}") from error
    except OSError as error:
        raise MarginError(Reason.BAD_PARAMETER, f"file {source}", f"cannot be read: {error}") from error


def read_rulebook(rulebook_id: str, folder: Path | None = None) -> dict[str, Any]:
    """A rulebook's parameter file; the one that its ``calibration_file`` names becomes its table ``calibration``.

    Raises:
        MarginError: BAD_PARAMETER as :func:`read_toml`.
    """
    mapping = read_toml(f"{rulebook_id}.toml", folder)
    if "calibration_file" in mapping:
        mapping["calibration"] = read_toml(str(mapping.pop("calibration_file")), folder)
    return mapping


def _source(name: str, folder: Path | None) -> Path | Traversable:
    own = folder / name if folder else None
    return own if own is not None and own.exists() else packaged() / name


def read_scenarios(path: Path | Traversable | None = None) -> ScenarioSet:
    """Scenario set from a file; without one the packaged synthetic set.

    Raises:
        MarginError: BAD_PARAMETER naming the file and row.
    """
    source = path if path is not None else packaged() / SCENARIO_FILE
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MarginError(
            Reason.BAD_PARAMETER, f"scenario file {source}", f"cannot be read: {error}"
        ) from error
    return from_csv_lines(lines)


def read_rulebooks(folder: Path | None = None) -> dict[str, RulebookParameters]:
    """Parameters of every silo rulebook there is, assigned or not, by id.

    Args:
        folder: holds files that replace packaged ones of the same name.

    Raises:
        MarginError: naming file and line.
    """
    return {name: _rulebook(name, folder) for name in (*SILO_METHODS, *SCENARIO_METHODS)}


def _rulebook(name: str, folder: Path | None) -> RulebookParameters:
    """Parameters from their file; the scenario set that it names lies beside it."""
    mapping = read_rulebook(name, folder)
    file = mapping.get("scenario_file")
    scenarios = read_scenarios(_source(str(file), folder)) if file else None
    return RulebookParameters(name, mapping, scenarios)


def load_policy(folder: Path | None = None, scenarios: Path | None = None) -> Policy:
    """The firm's policy with all rulebooks that it names.

    Args:
        folder: holds files that replace packaged ones of the same name.
        scenarios: scenario file for the unified candidate.

    Raises:
        MarginError: naming file, key and remedy.
    """
    unified = unified_rulebook(
        UNIFIED_METHOD, read_toml(f"{UNIFIED_METHOD}.toml", folder), read_scenarios(scenarios)
    )
    collateral = CollateralSchedule.from_mapping(read_toml("collateral.toml", folder))
    mapping = read_toml(POLICY_FILE, folder)
    return Policy.from_mapping(
        mapping,
        read_rulebooks(folder),
        call_rules(mapping),
        unified,
        collateral,
        load_intraday_rule(folder),
        conventions_of(read_toml("curves.toml", folder)),
    )


def take_policy(
    engine: Engine, mapping: Mapping[str, Any], rulebooks: Mapping[str, RulebookParameters]
) -> None:
    """Another policy takes effect in a running engine.

    Args:
        mapping: what ``policy.toml`` holds. rulebooks: parameters of every rulebook that it may name, by id.

    Raises:
        MarginError: it cannot; the policy in force stays.
    """
    engine.take_policy(mapping, rulebooks, call_rules(mapping))


def load_intraday_rule(folder: Path | None = None) -> IntradayRule | None:
    """The rule on intraday margin deficits with the days of the exchange; None if its method is ``off``.

    Raises:
        MarginError: BAD_PARAMETER naming the parameter and its value.
    """
    parameters = IntradayParameters.from_mapping(read_toml(f"{RULE_ID}.toml", folder))
    if parameters.method is Method.OFF:
        return None
    return IntradayRule(parameters, trading_days(_business_days(), parameters.day_end, TIME_ZONE))


@cache
def _business_days() -> BusinessDays:
    return exchange_days(*_CALENDAR)
