"""Reads parameter files: the packaged ones, or a folder of the user's with the same names."""

from __future__ import annotations

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Product
from engine.market.scenarios import ScenarioSet, from_csv_lines
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.registry import silo_rulebook, unified_rulebook
from engine.state.policy import Policy, parse_assignments
from streams.call_rules import call_rules

UNIFIED_METHOD = "one-pot"
POLICY_FILE = "policy.toml"
SCENARIO_FILE = "scenarios-synthetic.csv"


def packaged() -> Traversable:
    """The parameter files that ship with the engine."""
    return resources.files("engine.rules") / "data"


def read_toml(name: str, folder: Path | None = None) -> dict[str, Any]:
    """A parameter file from the folder if it is there, else the packaged one.

    Raises:
        MarginError: BAD_PARAMETER naming the file and line if it is no TOML, or the file if there is none.
    """
    source = _source(name, folder)
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def read_scenarios(path: Path | None = None) -> ScenarioSet:
    """Scenario set from a file; without one the packaged synthetic set.

    Raises:
        MarginError: BAD_PARAMETER naming the file and row.
    """
    source = path if path is not None else packaged() / SCENARIO_FILE
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise MarginError(
            Reason.BAD_PARAMETER, f"scenario file {source}", f"cannot be read: {error}"
        ) from error
    return from_csv_lines(lines)


def load_policy(folder: Path | None = None, scenarios: Path | None = None) -> Policy:
    """The firm's policy with all rulebooks that it names.

    Args:
        folder: holds files that replace packaged ones of the same name.
        scenarios: scenario file for the unified candidate.

    Raises:
        MarginError: naming file, key and remedy.
    """
    mapping = read_toml(POLICY_FILE, folder)
    classification, assignments = parse_assignments(mapping)
    ids = sorted({assignment.rulebook_id for assignment in assignments})
    calls = mapping.get("call", {})
    if "default" not in calls or "default" not in mapping.get("stale_after_ms", {}):
        raise MarginError(
            Reason.BAD_PARAMETER, POLICY_FILE, "call.default or stale_after_ms.default is missing"
        )
    return Policy(
        classification=classification,
        collateral_only=frozenset(Product(product) for product in mapping.get("collateral_only", [])),
        assignments=assignments,
        rulebooks={
            rulebook_id: silo_rulebook(rulebook_id, read_rulebook(rulebook_id, folder)) for rulebook_id in ids
        },
        unified=unified_rulebook(
            UNIFIED_METHOD, read_toml(f"{UNIFIED_METHOD}.toml", folder), read_scenarios(scenarios)
        ),
        collateral=CollateralSchedule.from_mapping(read_toml("collateral.toml", folder)),
        call_rules=call_rules(calls),
        stale_after_ms=mapping["stale_after_ms"],
        rate=float(mapping["rate"]),
        revaluation_step_s=int(mapping["revaluation_step_s"]),
        price_tolerance=float(mapping.get("price_tolerance", 0.0)),
        volatility_tolerance=float(mapping.get("volatility_tolerance", 0.0)),
    )
