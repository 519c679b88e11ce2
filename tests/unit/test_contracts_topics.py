"""The topic table, the partitioner and the generated document."""

from __future__ import annotations

import json
from pathlib import Path

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.asyncapi import document
from streams.contracts.cluster import Existing, differences
from streams.contracts.topics import TopicTable, case_key, partition_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def test_all_account_topics_share_the_number_of_partitions() -> None:
    table = TopicTable("x.", 7)
    by_account = {topic.name for topic in table if topic.by_account}
    assert {"x.trades", "x.collateral", "x.positions", "x.calls", "x.call-cases"} <= by_account
    assert {topic.partitions for topic in table if topic.by_account} == {7}


def test_every_topic_read_from_outside_has_dead_letters() -> None:
    table = TopicTable()
    names = {topic.name for topic in table}
    for short in ("instruments", "accounts", "rulebooks", "positions", "trades", "collateral", "prices"):
        assert f"margin.{short}.dlq" in names
        assert table[f"{short}.dlq"].partitions == table[short].partitions
    assert "margin.calls.dlq" not in names


@given(st.text(min_size=1), st.integers(1, 64))
def test_partition_is_the_client_librarys(account_id: str, partitions: int) -> None:
    ids = list(range(partitions))
    try:
        key = account_id.encode()
    except UnicodeEncodeError:
        return
    assert partition_of(account_id, partitions) == DefaultPartitioner()(key, ids, ids)


def test_partition_is_the_java_clients() -> None:
    # murmur2 vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2
    vectors = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    for text, murmur2 in vectors.items():
        assert partition_of(text, 1000) == (murmur2 & 0x7FFFFFFF) % 1000


def test_case_keys_differ_by_scope() -> None:
    assert case_key("A1", "silo:futures") == b"A1|silo:futures"


def test_the_document_is_current() -> None:
    assert json.loads(DOCUMENT.read_text()) == document(TopicTable()), (
        "docs/asyncapi.json is out of date: run `python -m streams.contracts.asyncapi`"
    )


def test_every_reference_in_the_document_leads_somewhere() -> None:
    whole = json.loads(DOCUMENT.read_text())
    references: list[str] = []

    def collect(node: object) -> None:
        if isinstance(node, dict):
            references.extend(v for k, v in node.items() if k == "$ref")
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(whole)
    assert len(references) > 40
    for reference in references:
        node = whole
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    assert whole["asyncapi"] == "3.0.0"
    assert set(whole["channels"]) == {topic.name.removeprefix("margin.") for topic in TopicTable()}


def test_differences_name_topic_and_remedy() -> None:
    table = TopicTable(partitions=3)
    present = {t.name: Existing(t.partitions, t.configuration) for t in table}
    assert differences(table, present) == []
    present["margin.trades"] = Existing(5, {"cleanup.policy": "compact", "retention.ms": "604800000"})
    del present["margin.prices"]
    lines = differences(table, present)
    assert len(lines) == 3
    assert any("margin.trades: 5 partitions, expected 3" in line for line in lines)
    assert any("cleanup.policy is compact, expected delete" in line for line in lines)
    assert any("margin.prices: missing; run `marginmon topics create`" in line for line in lines)
