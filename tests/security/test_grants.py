"""Each operation of each grant is needed: with it the role does what it is for, without it that one thing fails."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.access import (
    CREATE,
    DESCRIBE,
    DESCRIBE_CONFIGS,
    READ,
    ROLES,
    WRITE,
    Grant,
    Resource,
    grants,
)
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from tests.security.operations import commits, creates, describes, filled, opens, reads, writes
from tests.security.secure_kafka import SecureKafka, administering, give, principals, take_back, user_of

GROUP = "grants"
DEADLINE_S = 20.0


@pytest.fixture(scope="module")
def table(secured: SecureKafka) -> TopicTable:
    """Topics with a record each; every role is allowed what its list says."""
    table = TopicTable(f"grants-{uuid.uuid4().hex[:8]}.", 1)
    asyncio.run(filled(secured.administrator, table))
    for role in ROLES:
        secured.allow(role, table, GROUP)
    return table


@dataclass
class Role:
    """A role's connections and its operations."""

    connection: Connection
    table: TopicTable
    admin: AIOKafkaAdminClient
    producer: AIOKafkaProducer

    async def can(self, grant: Grant, operation: str) -> bool:
        """Do what the operation of the grant is for."""
        if grant.resource is Resource.TRANSACTIONAL_ID:
            return await opens(self.connection, f"{grant.name}0")
        if grant.resource is Resource.GROUP:
            return await commits(self.connection, grant.name, self.table["trades"].name)
        if operation == CREATE:
            name = f"{grant.name}{uuid.uuid4().hex[:8]}"
            return await creates(self.admin, replace(self.table["trades"], name=name))
        topics = {topic.name: topic for topic in self.table}
        topic = topics[grant.name] if not grant.prefixed else self.table["trades"]
        if operation == READ:
            return await reads(self.connection, topic.name)
        if operation == WRITE:
            return await writes(self.producer, topic.name)
        assert operation in (DESCRIBE, DESCRIBE_CONFIGS)
        return await describes(self.admin, topic)


@pytest.fixture
async def act_as(secured: SecureKafka, table: TopicTable) -> AsyncIterator[Callable[[str], Awaitable[Role]]]:
    """Gives a role's connections; they end with the test."""
    started: list[Role] = []

    async def connected(role: str) -> Role:
        connection = secured.connection(user_of(role))
        options = connection.options()
        made = Role(
            connection,
            table,
            AIOKafkaAdminClient(**options),
            AIOKafkaProducer(**options, enable_idempotence=False),
        )
        started.append(made)
        await made.admin.start()
        await made.producer.start()
        return made

    yield connected
    for role in started:
        await role.producer.stop()
        await role.admin.close()


async def until(role: Role, grant: Grant, operation: str, allowed: bool) -> None:
    """The broker's authorizer hears of a change a moment later."""
    deadline = time.monotonic() + DEADLINE_S
    while await role.can(grant, operation) is not allowed:
        assert time.monotonic() < deadline, f"{operation} on {grant.name}: allowed is not {allowed}"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", ROLES)
async def test_each_operation_of_each_grant_is_needed(
    secured: SecureKafka, table: TopicTable, act_as: Callable[[str], Awaitable[Role]], name: str
) -> None:
    role, (principal, _) = await act_as(name), principals(name)
    listed = [(grant, operation) for grant in grants(name, table, GROUP) for operation in grant.operations]
    assert listed
    async with administering(secured.administrator) as administrator:
        for grant, operation in listed:
            await until(role, grant, operation, allowed=True)
            await take_back(administrator, principal, grant, operation)
            await until(role, grant, operation, allowed=False)
            await give(administrator, principal, grant, operation)
    for grant, operation in listed:
        await until(role, grant, operation, allowed=True)
