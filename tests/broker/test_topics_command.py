"""`marginmon topics` on a real Kafka."""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner

from streams.contracts.command import topics
from streams.contracts.topics import TopicTable


def invoke(command: str, bootstrap: str, prefix: str, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(topics, [command, "--bootstrap", bootstrap, "--prefix", prefix, *more])
    return result.exit_code, result.output


def test_create_makes_what_is_missing_and_check_agrees(kafka_bootstrap: str, topic_prefix: str) -> None:
    code, output = invoke("check", kafka_bootstrap, topic_prefix)
    assert code == 1
    assert f"{topic_prefix}trades: missing; run `marginmon topics create`" in output
    number = len(list(TopicTable()))
    code, output = invoke("create", kafka_bootstrap, topic_prefix, "--partitions", "3")
    assert code == 0
    assert f"{number} topics created, 0 were there" in output
    assert invoke("check", kafka_bootstrap, topic_prefix, "--partitions", "3") == (
        0,
        f"{number} topics as expected\n",
    )
    code, output = invoke("create", kafka_bootstrap, topic_prefix, "--partitions", "3")
    assert f"0 topics created, {number} were there" in output


def test_check_reports_each_difference(kafka_bootstrap: str, topic_prefix: str) -> None:
    async def create_differently() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        configuration = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(f"{topic_prefix}trades", 5, 1, topic_configs=configuration)])
        await admin.close()

    asyncio.run(create_differently())
    invoke("create", kafka_bootstrap, topic_prefix, "--partitions", "3")
    code, output = invoke("check", kafka_bootstrap, topic_prefix, "--partitions", "3")
    assert code == 1
    assert f"{topic_prefix}trades: 5 partitions, expected 3" in output
    assert f"{topic_prefix}trades: cleanup.policy is compact, expected delete" in output
    assert len(output.splitlines()) == 2


def test_more_copies_than_brokers_is_one_clear_line(kafka_bootstrap: str, topic_prefix: str) -> None:
    result = CliRunner().invoke(
        topics,
        ["create", "--bootstrap", kafka_bootstrap, "--prefix", topic_prefix, "--replication", "99"],
    )
    assert result.exit_code == 2
    assert "was not created" in result.output
    assert "Traceback" not in result.output


def test_an_unreachable_broker_is_one_clear_line() -> None:
    code, output = invoke("check", "127.0.0.1:1", "x.")
    assert code == 2
    assert "127.0.0.1:1" in output
    assert "is the broker running" in output
