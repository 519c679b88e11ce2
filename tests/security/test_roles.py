"""What each role may do on a real Kafka with an authorizer: its own, and nothing outside."""

from __future__ import annotations

import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.contracts.access import ROLES
from streams.contracts.topics import TopicTable
from tests.security.operations import filled, opens, reads
from tests.security.secure_kafka import SecureKafka, user_of

GROUP = "margin-workers"
REFERENCE, ACTIVITY = {"instruments", "accounts"}, {"positions", "trades", "collateral"}
LETTERS = {f"{name}.dlq" for name in (*REFERENCE, *ACTIVITY, "rulebooks", "prices", "call-responses")}
SOURCES = {name.removesuffix(".dlq") for name in LETTERS}
RESULTS = {"calls", "call-cases", "call-evidence", "intraday-deficits", "requirements"}
WRITES = {
    "worker": RESULTS | LETTERS,
    "web": set(),
    "web-answers": {"call-responses"},
    "desk": {"call-responses"},
    "repair": SOURCES,
    "administrator": set(),
    "reference-producer": REFERENCE,
    "rulebook-producer": {"rulebooks"},
    "activity-producer": ACTIVITY,
    "price-producer": {"prices"},
    "calls-consumer": set(),
    "simulator": REFERENCE | ACTIVITY | {"prices"},
    "replay": REFERENCE | ACTIVITY | {"prices"},
}
READS = {
    "worker": SOURCES | {"call-cases", "intraday-deficits"},
    "web": {"requirements", "call-cases", "calls"},
    "web-answers": {"requirements", "call-cases", "calls", "intraday-deficits", "call-responses.dlq"},
    "desk": {"call-cases", "calls", "intraday-deficits", "call-responses.dlq"},
    "repair": LETTERS,
    "calls-consumer": {"calls"},
    "simulator": {"calls"},
}


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"roles-{uuid.uuid4().hex[:8]}."


@pytest.fixture(scope="module")
def table(secured: SecureKafka, prefix: str) -> TopicTable:
    """Topics with a record each, and every role allowed what its list says."""
    import asyncio

    table = TopicTable(prefix, 1)
    asyncio.run(filled(secured.administrator, table))
    for role in ROLES:
        secured.allow(role, table, GROUP)
    return table


def test_every_role_has_its_expectation() -> None:
    assert set(WRITES) == set(ROLES)
    assert set(READS) <= set(ROLES)


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
@pytest.mark.parametrize("role", ROLES)
async def test_a_role_writes_its_own_topics_only(
    secured: SecureKafka, table: TopicTable, role: str, protocol: str
) -> None:
    allowed = set()
    # Not idempotent: a refusal of one record would end the producer.
    options = secured.connection(user_of(role), protocol).options() | {"enable_idempotence": False}
    async with AIOKafkaProducer(**options) as producer:
        for topic in table:
            try:
                await producer.send_and_wait(topic.name, b"{}", b"key", 0)
            except TopicAuthorizationFailedError:
                continue
            allowed.add(topic.name.removeprefix(table.prefix))
    assert allowed == WRITES[role]


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reads_its_own_topics_only(secured: SecureKafka, table: TopicTable, role: str) -> None:
    allowed = set()
    connection = secured.connection(user_of(role))
    for topic in table:
        if await reads(connection, topic.name):
            allowed.add(topic.name.removeprefix(table.prefix))
    assert allowed == READS.get(role, set())


@pytest.mark.parametrize("role", ROLES)
async def test_only_workers_have_the_workers_transactional_ids(
    secured: SecureKafka, table: TopicTable, role: str
) -> None:
    connection = secured.connection(user_of(role))
    assert await opens(connection, f"{table.transactional_prefix}0") is (role == "worker")
    assert not await opens(connection, "marginmon-other.calls-0")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("group", [GROUP, f"{GROUP}-broadcast", "another-group"])
async def test_only_workers_use_the_workers_groups(
    secured: SecureKafka, table: TopicTable, role: str, group: str
) -> None:
    consumer = AIOKafkaConsumer(
        **secured.connection(user_of(role)).options(), group_id=group, enable_auto_commit=False
    )
    used = True
    try:
        await consumer.start()
        consumer.assign([TopicPartition(table["trades"].name, 0)])
        await consumer.committed(TopicPartition(table["trades"].name, 0))
    except GroupAuthorizationFailedError:
        used = False
    except TopicAuthorizationFailedError:
        used = role == "worker"  # it may ask in the group, but not of this topic
    finally:
        await consumer.stop()
    assert used is (role == "worker" and group != "another-group")


async def test_a_wrong_password_and_a_foreign_certificate_are_refused(
    secured: SecureKafka, tmp_path: object
) -> None:
    options = secured.connection(user_of("worker")).options() | {"sasl_plain_password": "wrong"}
    admin = AIOKafkaAdminClient(**options)
    with pytest.raises(KafkaError):
        await admin.start()
    await admin.close()
