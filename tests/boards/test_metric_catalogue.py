"""docs/metrics.md, boards, rules and runbooks speak of the same metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.boards.alert_rules import RUNBOOKS, alerts, recordings
from tests.boards.board_lint import BOARDS, queries
from tests.boards.board_promql import Selector, base_name, selectors
from tests.boards.metric_table import catalogue, recorded
from tests.boards.worker_registry import worker_metrics

METRICS = {metric.name: metric for metric in catalogue()}
ATTACHED_LABELS = {"job", "instance", "le"}
AD_HOC = frozenset({"ad hoc"})


def _through_recordings(expr: str) -> set[str]:
    """All series that an expression reads, directly or through recorded ones, those included."""
    names: set[str] = set()
    for selector in selectors(expr):
        names.add(base_name(selector.metric, set(METRICS)))
        if selector.metric in recordings():
            names |= _through_recordings(recordings()[selector.metric])
    return names


@cache
def _users() -> dict[str, set[str]]:
    """Series -> boards and alerts that read it."""
    users: dict[str, set[str]] = {name: set() for name in (*METRICS, *recordings())}
    for board in BOARDS.values():
        for _, query in queries(board):
            for name in _through_recordings(query["expr"]):
                users.setdefault(name, set()).add("board")
    for alert in alerts():
        for name in _through_recordings(alert["expr"]):
            users.setdefault(name, set()).add(alert["alert"])
    return users


def _runbook_expressions() -> Iterator[str]:
    for path in RUNBOOKS.glob("*.md"):
        for block in re.findall(r"```promql\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            yield block.strip()


def _all_selectors() -> list[Selector]:
    board_expressions = [query["expr"] for board in BOARDS.values() for _, query in queries(board)]
    rule_expressions = [alert["expr"] for alert in alerts()] + list(recordings().values())
    expressions = [*board_expressions, *rule_expressions, *_runbook_expressions()]
    return [selector for expr in expressions for selector in selectors(expr)]


def test_every_metric_that_is_read_is_documented() -> None:
    read = {base_name(selector.metric, set(METRICS)) for selector in _all_selectors()}
    assert read - set(METRICS) - set(recordings()) == {"up"}


def test_every_matcher_uses_a_documented_label() -> None:
    for selector in _all_selectors():
        metric = METRICS.get(base_name(selector.metric, set(METRICS)))
        if metric is not None:
            assert selector.labels() <= metric.labels | ATTACHED_LABELS, selector


@pytest.mark.parametrize("name", METRICS)
def test_the_table_says_who_uses_a_metric(name: str) -> None:
    assert METRICS[name].used_by == (_users()[name] or AD_HOC)


def test_the_table_says_who_uses_a_recorded_series() -> None:
    assert recorded() == {name: _users()[name] or AD_HOC for name in recordings()}


def test_the_table_is_what_a_worker_exports() -> None:
    """Names, types and labels of the real registry, in both directions."""
    exported = {}
    for family in worker_metrics().registry.collect():
        labels = {label for sample in family.samples for label in sample.labels}
        name = family.name + ("_total" if family.type == "counter" else "")
        exported[name] = (family.type, frozenset(labels - {"le"}))
    described = {
        metric.name: (metric.type.replace("gauge histogram", "gaugehistogram"), metric.labels)
        for metric in METRICS.values()
    }
    assert exported == described


def test_names_follow_the_naming_rules() -> None:
    for metric in METRICS.values():
        assert re.fullmatch(r"marginmon_[a-z0-9_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name
        assert metric.meaning, metric.name
        if metric.unit in {"USD", "seconds", "ratio"}:
            assert metric.name.endswith(f"_{metric.unit.lower()}"), metric.name
