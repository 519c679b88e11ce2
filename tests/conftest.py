"""Fixtures that all tests share: a real Kafka, isolated topic names, the reference data."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.broker.kafka import EmbeddedBroker
from streams.broker.readiness import answers
from tests.broker.worker_harness import Harness

REPOSITORY = Path(__file__).resolve().parents[1]
KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"
MARKER_OF_FIXTURE = {"kafka_bootstrap": "broker", "reference_dir": "reference"}


@cache
def kafka_rung() -> str:
    """The Kafka of the tests: external (KAFKA_BOOTSTRAP), container (a Docker engine answers) or embedded."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        return "external"
    return "container" if docker_answers() else "embedded"


def docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env(timeout=3).ping()
    except (DockerException, OSError):
        return False
    return True


def reference_directory() -> Path:
    """The folder of the published reference data; need not exist."""
    named = os.environ.get("MARGINMON_REFERENCE")
    return Path(named).expanduser() if named else REPOSITORY.parent / "shared" / "reference"


def pytest_report_header() -> list[str]:
    there = "found" if reference_directory().is_dir() else "ABSENT: its tests are skipped"
    return [f"kafka: {kafka_rung()}", f"reference data: {there}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they use, so that `-m 'not broker'` needs no care of authors.

    Where several processes share the run, the tests of one file stay together, and those of `tests/broker` all
    do: they start workers of their own, which need a core.
    """
    for item in items:
        for fixture, marker in MARKER_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
        folder_or_file = item.path.parent if item.path.parent.name == "broker" else item.path
        item.add_marker(pytest.mark.xdist_group(folder_or_file.relative_to(REPOSITORY).as_posix()))


@pytest.fixture(scope="session")
def warm_kernels() -> None:
    """Compiled kernels: on a fresh checkout the first worker would take minutes until it is ready.

    Compiled as where the product runs: one that needs what only tests have ends the run.
    """
    subprocess.run([sys.executable, "-m", "tests.run_lock", "warmup"], cwd=REPOSITORY, check=True)


@pytest.fixture(scope="session")
def kafka_bootstrap(warm_kernels: None) -> Iterator[str]:
    """host:port of a real Kafka, one for the whole run; use `topic_prefix` for names."""
    rung = kafka_rung()
    if rung == "external":
        yield external_kafka()
    elif rung == "container":
        yield from kafka_container()
    else:
        with EmbeddedBroker() as broker:
            yield broker.bootstrap


def external_kafka() -> str:
    bootstrap = os.environ["KAFKA_BOOTSTRAP"]
    if not answers(bootstrap):
        pytest.fail(
            f"KAFKA_BOOTSTRAP={bootstrap} does not answer: start it, or unset the variable", pytrace=False
        )
    return bootstrap


def kafka_container() -> Iterator[str]:
    from testcontainers.community.kafka import KafkaContainer

    with KafkaContainer(KAFKA_IMAGE).with_kraft() as container:
        yield container.get_bootstrap_server()


@pytest.fixture
def topic_prefix(kafka_bootstrap: str) -> Iterator[str]:
    """A prefix for topics, groups and transactional ids of one test; its topics are deleted afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}-"
    yield prefix
    asyncio.run(delete_topics(kafka_bootstrap, prefix))


@pytest.fixture
async def harness(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """Topics of one test and worker processes on them."""
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as running:
        yield running


@pytest.fixture
async def ordered_harness(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Harness]:
    """The same with all prices in the order in which they are sent."""
    made = Harness(kafka_bootstrap, topic_prefix, tmp_path)
    await made.prices_in_order()
    async with made as running:
        yield running


async def delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The published reference data, read-only."""
    folder = reference_directory()
    if not folder.is_dir():
        pytest.skip("REFERENCE DATA ABSENT: set MARGINMON_REFERENCE to its folder to run this test")
    return folder
