"""One secured Kafka for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.broker.errors import BrokerError
from tests.security.secure_kafka import SecureKafka, secure_kafka


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """Embedded, whatever KAFKA_BOOTSTRAP says: another one has other certificates."""
    kafka = secure_kafka(tmp_path_factory.mktemp("secured"))
    try:
        kafka.broker.start()
    except BrokerError as error:
        pytest.skip(f"NO EMBEDDED KAFKA: {error}")
    yield kafka
    kafka.broker.stop()
