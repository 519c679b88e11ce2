"""Prometheus' own tool accepts configuration, rules, unit tests and every board expression."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from tests.boards.alert_rules import PROMETHEUS, RULE_FILES, TEST_FILES, load
from tests.boards.board_lint import BOARDS, queries
from tests.boards.board_promql import filled
from tests.boards.metric_table import catalogue
from tests.boards.worker_registry import worker_metrics

pytestmark = pytest.mark.prometheus


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not on PATH; on Debian: apt-get install prometheus")
    return path


def _run(promtool: str, *arguments: str, directory: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    command = [promtool, *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=60)


def test_configuration_is_valid(promtool: str) -> None:
    result = _run(promtool, "check", "config", "prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 rule files found" in result.stdout


def test_rules_are_valid(promtool: str) -> None:
    result = _run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, RULE_FILES))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_rules_behave(promtool: str, path: Path) -> None:
    result = _run(promtool, "test", "rules", path.name, directory=path.parent)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_rule_that_never_fires_fails_its_unit_test(promtool: str, tmp_path: Path) -> None:
    """The unit tests notice a dead rule: here the worker's alert looks at a job that does not exist."""
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    rules = tmp_path / "prometheus" / "rules" / "marginmon.yml"
    rules.write_text(rules.read_text("utf-8").replace('up{job="marginmon"} == 0', 'up{job="nobody"} == 0'))
    result = _run(promtool, "test", "rules", "workers.yml", directory=tmp_path / "prometheus" / "tests")
    assert result.returncode == 1
    assert "MarginWorkerDown" in result.stderr + result.stdout


@pytest.mark.parametrize("name", BOARDS)
def test_board_expressions_are_valid(promtool: str, name: str, tmp_path: Path) -> None:
    """Each one as a recording rule: the check parses and type-checks it."""
    expressions = [filled(query["expr"]) for _, query in queries(BOARDS[name])]
    rules = [{"record": f"board:expression:{n}", "expr": expr} for n, expr in enumerate(expressions)]
    path = tmp_path / "board.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    result = _run(promtool, "check", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(expressions)} rules found" in result.stdout


def test_exported_metrics_pass_the_linter(promtool: str) -> None:
    exposition = generate_latest(worker_metrics().registry)
    assert exposition.count(b"# TYPE") > len(catalogue()) // 2
    result = subprocess.run(
        [promtool, "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")


def test_unit_tests_load_the_shipped_rules() -> None:
    for path in TEST_FILES:
        assert [(path.parent / file).resolve() for file in load(path)["rule_files"]] == RULE_FILES
