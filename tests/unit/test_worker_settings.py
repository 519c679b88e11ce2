"""Settings: flags before environment before file; a bad one is a single line that names key and remedy."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.worker.command import worker
from streams.worker.logs import RateLimit
from streams.worker.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP", "MARGINMON_BOOTSTRAP", "MARGINMON_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)


def test_flags_win_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "worker.toml"
    config.write_text('partitions = 3\nhttp_port = 3\nbootstrap = "localhost:1"\n')
    assert load_settings(config, {}).partitions == 3
    monkeypatch.setenv("MARGINMON_PARTITIONS", "5")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:2")
    assert load_settings(config, {}).partitions == 5
    settings = load_settings(config, {"partitions": "7"})
    assert (settings.partitions, settings.http_port) == (7, 3)
    assert settings.bootstrap == "127.0.0.1:2"


def test_nothing_binds_a_public_address_by_default() -> None:
    assert load_settings(None, {}).http_host == "127.0.0.1"


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "out of range": ({"http_port": "99999"}, ["http_port", "99999", "--http-port", "MARGINMON_HTTP_PORT"]),
    "not a number": ({"partitions": "many"}, ["partitions", "many", "--partitions"]),
    "not finite": ({"statement_threshold_usd": "nan"}, ["statement_threshold_usd", "nan"]),
    "no such folder": ({"parameters": "/does/not/exist"}, ["parameters", "/does/not/exist"]),
    "bad prefix": ({"topic_prefix": "a b"}, ["topic_prefix", "a b"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_is_one_line_and_exit_code_2(name: str) -> None:
    flags, words = BAD[name]
    arguments = [text for key, value in flags.items() for text in (f"--{key.replace('_', '-')}", value)]
    result = CliRunner().invoke(worker, arguments)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    for word in words:
        assert word in result.output


FILES = {
    "not TOML": ("partitions = = 3", "correct the file"),
    "unknown key": ("partition = 3", "partition: is not known; known are"),
    "wrong type": ('partitions = "x"', "partitions = 'x'"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    text, expected = FILES[name]
    config = tmp_path / "worker.toml"
    config.write_text(text)
    result = CliRunner().invoke(worker, ["--config", str(config)])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert expected in result.output


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_settings_can_be_shown() -> None:
    result = CliRunner().invoke(worker, ["--show-settings", "--group", "g7"])
    assert result.exit_code == 0
    assert json.loads(result.output)["group"] == "g7"


def test_help_shows_an_example() -> None:
    result = CliRunner().invoke(worker, ["--help"])
    assert "marginmon worker --bootstrap" in result.output
    assert "--evaluation-interval-ms" in result.output


def record(name: str, level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, "f", 1, text, (), None)


def test_a_flood_of_the_same_error_is_written_once() -> None:
    limit = RateLimit(every_s=3600)
    flood = [limit.filter(record("aiokafka.conn", logging.ERROR, "no broker")) for _ in range(100)]
    assert flood == [True] + [False] * 99
    assert limit.filter(record("aiokafka.conn", logging.ERROR, "something else"))
    assert limit.filter(record("streams.worker", logging.ERROR, "no broker"))


def test_held_back_lines_are_counted() -> None:
    limit = RateLimit(every_s=0.0)
    limit._last[("aiokafka.conn", "no broker")] = (0.0, 41)
    line = record("aiokafka.conn", logging.ERROR, "no broker")
    assert limit.filter(line)
    assert line.getMessage() == "no broker (and 41 more like it)"
