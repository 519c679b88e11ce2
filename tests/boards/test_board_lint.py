"""Every board passes every lint rule, and every rule finds its fault in a board that has it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.boards.board_lint import BOARDS, RULES, Board, panels


def _variable(board: Board, name: str) -> dict[str, Any]:
    return next(v for v in board["templating"]["list"] if v["name"] == name)


def _panel(board: Board, title: str) -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["title"] == title)


def _replace(old: str, new: str) -> Callable[[Board], None]:
    """Replaces in one expression that has the text."""

    def damage(board: Board) -> None:
        target = next(t for panel in panels(board) for t in panel["targets"] if old in t["expr"])
        target["expr"] = target["expr"].replace(old, new)

    return damage


# One fault per rule.
FAULTS: dict[str, Callable[[Board], Any]] = {
    "template-datasource": lambda b: _variable(b, "datasource").update(name="source"),
    "template-job": lambda b: _variable(b, "job").update(allValue=".*"),
    "template-instance": lambda b: _variable(b, "instance").update(multi=False),
    "template-label-promql": lambda b: _variable(b, "job").update(
        query="label_values(marginmon_build_info{, job)"
    ),
    "template-on-time-change-reload": lambda b: _variable(b, "instance").update(refresh=1),
    "panel-datasource": lambda b: panels(b)[0]["targets"][0]["datasource"].update(uid="some-uid"),
    "panel-title-description": lambda b: panels(b)[0].update(description="Accounts in deficit."),
    "panel-units": lambda b: panels(b)[0]["fieldConfig"]["defaults"].pop("unit"),
    "panel-no-targets": lambda b: panels(b)[0].update(targets=[]),
    "target-promql": _replace("sum(", "sum(("),
    "target-rate-interval": _replace("[$__rate_interval]", "[5m]"),
    "target-job": _replace('job=~"$job"', 'job="marginmon"'),
    "target-instance": _replace(', instance=~"$instance"', ""),
    "target-counter-agg": _replace(
        "rate(marginmon_input_messages_total", "deriv(marginmon_input_messages_total"
    ),
    "uneditable": lambda b: b.update(editable=True),
    "target-prometheus": lambda b: panels(b)[0]["targets"][0]["datasource"].update(type="loki"),
    "target-one-view-of-requirement": _replace(', silo="all"', ""),
    "panel-not-by-colour-alone": lambda b: _panel(b, "Data freshness")["fieldConfig"]["defaults"].pop(
        "mappings"
    ),
    "panel-layout": lambda b: panels(b)[1]["gridPos"].update(x=0),
    "links": lambda b: _panel(b, "Largest gap")["fieldConfig"]["defaults"].update(links=[]),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", BOARDS)
def test_board_follows_the_rule(name: str, rule: str) -> None:
    assert RULES[rule](BOARDS[name]) == []


@pytest.mark.parametrize("rule", RULES)
def test_rule_finds_its_fault(rule: str) -> None:
    board = deepcopy(BOARDS["margin-overview.json"])
    FAULTS[rule](board)
    assert RULES[rule](board)
