"""The committed boards are what the code builds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.build import BOARD_DIRECTORY, differences, rendered, write


def test_committed_boards_are_current() -> None:
    assert differences() == []


def test_the_command_finds_them_current() -> None:
    check = [sys.executable, "-m", "grafana.build", "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_missing_outdated_and_leftover_boards_are_named(tmp_path: Path) -> None:
    assert differences(tmp_path) == ["margin-overview.json: missing"]
    write(tmp_path)
    assert differences(tmp_path) == []
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "margin-overview.json").write_text("{}")
    assert differences(tmp_path) == [
        "margin-overview.json: differs from the code",
        "old.json: no such board in grafana.build",
    ]


def test_building_twice_gives_the_same_text() -> None:
    assert rendered() == rendered()


def test_boards_are_valid_in_the_classic_model() -> None:
    """Reading a board into the model and writing it again loses and adds nothing."""
    register_default_plugins()
    for path in BOARD_DIRECTORY.glob("*.json"):
        board = json.loads(path.read_text("utf-8"))
        again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
        assert _without_placement(again) == _without_placement(board)


def _without_placement(board: dict[str, Any]) -> dict[str, Any]:
    """Placement is a constant of the SDK's reader: it forgets what the file says."""
    for item in (*board["links"], *board["annotations"]["list"]):
        assert item.pop("placement") in {"", "inControlsMenu"}
    return board


def test_boards_need_no_newer_schema_than_the_sdk_emits() -> None:
    assert [json.loads(text)["schemaVersion"] for text in rendered().values()] == [42]
