"""What threshold and minimum transfer leave of a CRIF's figures, by groups of counterparties (TOML)."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Final

from engine.shortfall.uncleared_group import Collection, Group, ScopeRule, collect, groups_of
from streams.parameters import read_toml
from streams.replay.files import FileError

_RULE: Final = "uncleared-scope.toml"


def add_collections(
    file: Path, documents: list[dict[str, Any]], units: float, as_of: date | None, folder: Path | None
) -> list[str]:
    """Add ``collection`` to each document, in its currency, and say which portfolios are in no group.

    Args:
        units: of the documents' currency for one USD. as_of: the day that the figures are of.

    Raises:
        FileError: the file is no TOML, or the day is not given. MarginError: BAD_PARAMETER naming group and value.
    """
    if as_of is None:
        raise FileError(file, "", "which AANA is in force depends on the day", "give --as-of 2026-11-27")
    rule = ScopeRule.from_mapping(read_toml(_RULE, folder))
    groups = groups_of(_read(file), rule)
    required: dict[str, float] = {}
    for document in documents:
        name = document["portfolio_id"]
        required[name] = required.get(name, 0.0) + document["total"] / units
    collections = {name: collect(rule, group, as_of, required) for name, group in groups.items()}
    for document in documents:
        name = document["portfolio_id"]
        found = collections.get(name)
        document["collection"] = None if found is None else _entry(name, groups[name], found, units)
    return [f"in no group: portfolio {name}: nothing is taken off" for name in required if name not in groups]


def _entry(name: str, group: Group, found: Collection, units: float) -> dict[str, Any]:
    return {
        "group": found.group,
        "in_scope": found.in_scope,
        "reason": found.reason,
        "group_required": found.required_usd * units,
        "threshold": found.threshold_usd * units,
        "to_hold": found.hold_usd[name] * units,
        "held": group.held_usd[name] * units,
        "transfer": found.transfer_usd[name] * units,
        "below_minimum_transfer": found.below_minimum,
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FileError(file, "", f"is not TOML: {error}", "correct it") from None
    except UnicodeDecodeError:
        raise FileError(file, "", "is not UTF-8", "save it as UTF-8") from None
