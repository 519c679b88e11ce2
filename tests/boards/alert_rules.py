"""The Prometheus files, read for the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULE_FILES = sorted(PROMETHEUS.glob("rules/*.yml"))
TEST_FILES = sorted(PROMETHEUS.glob("tests/*.yml"))


@cache
def load(path: Path) -> Any:
    """A YAML file's content."""
    return yaml.safe_load(path.read_text("utf-8"))


@cache
def rules() -> list[dict[str, Any]]:
    """All rules of all groups."""
    return [rule for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """All alerting rules; a name may occur more than once."""
    return [rule for rule in rules() if "alert" in rule]


@cache
def recordings() -> dict[str, str]:
    """Recorded series -> expression."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def alert_names() -> list[str]:
    """Each alert's name once, in the order of the file."""
    return list(dict.fromkeys(alert["alert"] for alert in alerts()))
