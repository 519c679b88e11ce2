"""Grafana's provisioning fits the boards and the Prometheus configuration."""

from __future__ import annotations

from streams.contracts.topics import DEFAULT_PARTITIONS
from streams.web.settings import DEFAULT_PORT
from streams.worker.settings import WorkerSettings
from tests.boards.alert_rules import PROMETHEUS, ROOT, alerts, load, recordings
from tests.boards.board_lint import BOARDS

PROVISIONING = ROOT / "grafana" / "provisioning"


def test_data_source_has_a_fixed_uid_and_the_scrape_interval() -> None:
    (source,) = load(PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    assert source["uid"] == "marginmon-prometheus"
    assert (source["type"], source["isDefault"], source["editable"]) == ("prometheus", True, False)
    scrape_interval = load(PROMETHEUS / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape_interval


def test_boards_come_from_files_and_stay_as_they_are() -> None:
    (provider,) = load(PROVISIONING / "dashboards" / "marginmon.yaml")["providers"]
    assert (provider["type"], provider["allowUiUpdates"], provider["disableDeletion"]) == (
        "file",
        False,
        True,
    )
    assert provider["options"]["foldersFromFilesStructure"] is True
    # Grafana ignores foldersFromFilesStructure as soon as a folder is named.
    assert "folder" not in provider
    assert "folderUid" not in provider


def test_the_scraped_job_is_the_one_that_the_rules_ask_for() -> None:
    jobs = [job["job_name"] for job in load(PROMETHEUS / "prometheus.yml")["scrape_configs"]]
    assert jobs == ["marginmon"]


def test_defaults_of_board_and_rules_are_those_of_the_product() -> None:
    """Where a rule or the board repeats a default of the code, both say the same."""
    variables = BOARDS["margin-overview.json"]["templating"]["list"]
    assert [v["query"] for v in variables if v["name"] == "ui_url"] == [f"http://127.0.0.1:{DEFAULT_PORT}"]
    assert recordings()["marginmon:partitions_expected:count"] == f"vector({DEFAULT_PARTITIONS})"
    skew_limit_s = WorkerSettings.model_fields["clock_skew_limit_ms"].default / 1000
    (skew,) = (alert for alert in alerts() if alert["alert"] == "MarginClockSkew")
    assert skew["expr"].endswith(f" > {skew_limit_s:g}")
