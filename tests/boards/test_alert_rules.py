"""Every alert is complete: words, labels, a runbook, a unit test that fires it and one that does not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.boards.alert_rules import RUNBOOKS, TEST_FILES, alert_names, alerts, load, recordings
from tests.boards.board_lint import BOARDS, panels
from tests.boards.board_promql import selectors

RUNBOOK_URL = "https://github.com/marginmon/marginmon/blob/main/docs/runbooks/{}.md"
SEVERITIES = {"critical", "warning", "none"}
TEAMS = {"margin-ops", "platform"}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
# It always fires: there is no situation in which it must not.
ALWAYS_FIRING = {"Watchdog"}


def _expectations(name: str) -> list[list[Any]]:
    """What the unit tests expect of an alert: one list of firing alerts per point in time tested."""
    cases = [
        case
        for path in TEST_FILES
        for test in load(path)["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    return [case["exp_alerts"] for case in cases if case["alertname"] == name]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_says_what_whom_and_what_to_do(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(text.strip() for text in alert["annotations"].values())
    assert alert["annotations"]["runbook_url"] == RUNBOOK_URL.format(alert["alert"])
    assert alert["labels"]["severity"] in SEVERITIES
    assert alert["labels"]["team"] in TEAMS


@pytest.mark.parametrize("name", alert_names())
def test_alert_has_a_complete_runbook(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    bodies = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(body.strip() for body in bodies)


def test_no_runbook_without_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alert_names())


@pytest.mark.parametrize("name", alert_names())
def test_unit_tests_see_the_alert_fire_and_stay_silent(name: str) -> None:
    expectations = _expectations(name)
    assert any(expectations), "no unit test in which it fires"
    assert name in ALWAYS_FIRING or not all(expectations), "no unit test in which it stays silent"


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_runbook_points_to_exists(path: Any) -> None:
    text = path.read_text("utf-8")
    titles = {panel["title"] for board in BOARDS.values() for panel in panels(board)}
    assert set(re.findall(r"panel\s+\*\*(.+?)\*\*", text)) <= titles
    for link in re.findall(r"\]\((.+?)\)", text):
        assert (RUNBOOKS / link).is_file(), link


def test_panels_name_runbooks_that_exist() -> None:
    named = {
        name
        for board in BOARDS.values()
        for panel in panels(board)
        for name in re.findall(r"\b(Margin[A-Z]\w+)", panel["description"])
    }
    assert named
    assert named <= set(alert_names())


def test_recorded_names_are_level_metric_operation() -> None:
    for name in recordings():
        assert re.fullmatch(r"\w+:marginmon_\w+:\w+|marginmon:\w+:\w+", name), name


def test_alerts_compare_with_something() -> None:
    """An alert's expression must be able to be empty; only the watchdog never is."""
    for alert in alerts():
        can_be_empty = re.search(r"[<>]|==|!=", alert["expr"]) is not None
        assert can_be_empty != (alert["alert"] in ALWAYS_FIRING), alert["alert"]


def test_rules_parse_independently_of_promtool() -> None:
    for alert in alerts():
        assert selectors(alert["expr"]) or alert["alert"] in ALWAYS_FIRING
