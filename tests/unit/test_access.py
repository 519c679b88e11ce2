"""Access lists: the files under deploy/ are what the command prints, and read as their tools want them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from streams.cli import main
from streams.contracts.access import ROLES, Resource, grants
from streams.contracts.topics import TopicTable

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["acls", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("form", "file"), [("kafka-acls", "kafka/acls.sh"), ("strimzi", "strimzi/users.yaml")]
)
def test_the_deployed_lists_are_current(form: str, file: str) -> None:
    assert (DEPLOY / file).read_text() == printed("--format", form), (
        f"run marginmon acls --format {form} again"
    )


def test_the_commands_are_a_script_with_every_grant() -> None:
    subprocess.run(["sh", "-n"], input=printed("--format", "kafka-acls"), text=True, check=True)
    lines = [
        line for line in printed("--role", "worker", "--format", "kafka-acls").splitlines() if "--add" in line
    ]
    assert len(lines) == len(grants("worker", TopicTable(), "marginmon"))
    [transactional] = [line for line in lines if "--transactional-id" in line]
    assert transactional.endswith(
        "--transactional-id marginmon-margin.calls- --resource-pattern-type prefixed"
    )


def test_strimzi_users_are_one_document_a_role() -> None:
    users = list(yaml.safe_load_all(printed("--format", "strimzi")))
    assert [user["metadata"]["name"] for user in users] == [f"marginmon-{role}" for role in ROLES]
    assert all(user["spec"]["authorization"]["acls"] for user in users)


def test_only_workers_have_groups_and_transactional_ids() -> None:
    shown = json.loads(printed("--format", "json", "--prefix", "p.", "--group", "g"))
    for role, listed in shown.items():
        other = {grant["name"] for grant in listed if grant["resource"] != Resource.TOPIC}
        assert other == ({"g", "g-broadcast", "marginmon-p.calls-"} if role == "worker" else set())
        assert all(grant["name"].startswith("p.") for grant in listed if grant["resource"] == Resource.TOPIC)
